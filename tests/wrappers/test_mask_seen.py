"""Masks of what was seen: told, refused, or replaced by the nearest."""

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.errors import UsageError
from ilrec_gym.wrappers import MaskSeen
from ilrec_gym.wrappers.item_embedding import public_vectors, scaled

from .conftest import OFFERED, WHOLE


@pytest.mark.parametrize("env_id", [WHOLE, OFFERED])
def test_every_info_has_the_mask_of_the_environment(env_id):
    env, plain = MaskSeen(gym.make(env_id)), gym.make(env_id, info=["action_mask"])
    assert np.array_equal(env.reset(seed=1)[1]["action_mask"], plain.reset(seed=1)[1]["action_mask"])
    for action in range(5):
        masks = [each.step(action)[4]["action_mask"] for each in (env, plain)]
        assert np.array_equal(*masks) and np.array_equal(masks[0], env.action_masks())
    assert not masks[0].all() or env_id == OFFERED


def test_refused_actions_play_nothing():
    env = MaskSeen(gym.make(WHOLE), "refuse")
    env.reset(seed=1)
    unseen = int(np.flatnonzero(env.action_masks())[0])
    env.step(unseen)
    with pytest.raises(UsageError, match="not seen"):
        env.step(unseen)
    *_, info = env.step(int(np.flatnonzero(env.action_masks())[0]))
    assert info["step"] == 2


def test_replaced_by_the_nearest_film_that_was_not_seen():
    env = MaskSeen(gym.make(WHOLE), "replace")
    env.reset(seed=1)
    vectors = scaled(public_vectors(env.unwrapped.scenario), env.action_space.n).astype(float)
    wanted = int(np.flatnonzero(env.action_masks())[10])
    shown = []
    for _ in range(4):
        allowed = env.action_masks()
        *_, info = env.step(wanted)
        played = info["action"]
        assert played == info["item_index"] and allowed[played]
        distances = np.where(allowed, np.linalg.norm(vectors - vectors[wanted], axis=1), np.inf)
        assert distances[played] == pytest.approx(distances.min(), abs=1e-5)
        shown.append(played)
    assert shown[0] == wanted and len(set(shown)) == 4


def test_places_are_replaced_by_the_nearest_place():
    env = MaskSeen(gym.make(OFFERED, catalogue_size=25, profile_length=1, max_steps=20), "replace")
    for seed in range(40):
        env.reset(seed=seed)
        ended = False
        while not ended:
            mask = env.action_masks()
            *_, terminated, truncated, info = env.step(19)
            ended = terminated or truncated
            if mask.any():
                assert info["action"] == np.flatnonzero(mask)[-1]
        if not mask.all():
            return
    raise AssertionError("no session ran out of items")


def test_without_masks_actions_of_the_session_are_masked(foreign):
    env = MaskSeen(foreign, "replace")
    env.reset()
    for action in (3, 3, 3, 0):
        *_, info = env.step(action)
    assert foreign.played[0] == 3 and set(foreign.played[1:3]) == {2, 4} and foreign.played[3] == 0
    assert np.flatnonzero(~info["action_mask"]).tolist() == [0, 2, 3, 4]
    assert env.reset()[1]["action_mask"].all()


@pytest.mark.parametrize("on_seen", ["refuse", "replace"])
def test_where_everything_was_seen_anything_goes(foreign, on_seen):
    env = MaskSeen(foreign, on_seen)
    env.reset()
    for action in [*range(7), 2, 5]:
        *_, info = env.step(action)
    assert foreign.played == [*range(7), 2, 5] and not info["action_mask"].any()


def test_what_does_not_fit(foreign):
    with pytest.raises(UsageError, match="did you mean 'refuse'"):
        MaskSeen(foreign, "refused")
    with pytest.raises(UsageError, match="7, k"):
        MaskSeen(foreign, "replace", vectors=np.eye(3))
    env = MaskSeen(gym.make(WHOLE), "replace")
    env.reset(seed=0)
    with pytest.raises(UsageError, match="Discrete"):
        env.step(10**6)
