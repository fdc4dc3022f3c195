"""The engine: a row plays as it would alone, whatever plays beside it; what is public stays public."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Reference

from ilrec_gym.envs.observation import FAST, SLOW, Observer
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.factorization import FactorModel
from ilrec_gym.simulation.scenario import load_scenario

IDS = ["ilrec/MovieLens-v0", "ilrec/MovieLens-Candidates-v0"]


@pytest.fixture(scope="module", params=IDS)
def env(request):
    return gym.make(request.param, max_steps=12).unwrapped


@given(seed=st.integers(0, 10_000), n=st.integers(1, 6))
def test_batch_equals_scalar(env, seed, n):
    """n rows in lock-step give what n environments give one after the other, ends at different times included."""
    sessions = env.batch(n)
    users = env.draw_users(seed + np.arange(n))
    actions = np.random.default_rng(seed).integers(sessions.n_actions, size=(12, n))
    observations, _ = sessions.reset(users)
    together = [[row] for row in observations]
    while sessions.running.any():
        t, running = int(sessions.state.steps.max()), sessions.running.copy()
        observations, rewards, terminated, truncated, infos = sessions.step(actions[t])
        for b in np.flatnonzero(running):
            together[b].append((observations[b], rewards[b], terminated[b], truncated[b], infos["exit_reason"][b]))
    for b in range(n):
        observation, info = env.reset(seed=seed + b)
        assert info["user_index"] == users[b] and np.array_equal(observation, together[b][0])
        for t, (expected, *rest) in enumerate(together[b][1:]):
            observation, reward, terminated, truncated, info = env.step(actions[t, b])
            assert np.array_equal(observation, expected)
            assert (reward, terminated, truncated, info["exit_reason"]) == tuple(rest)
        assert terminated or truncated


def test_real_sessions_equal_the_oracle():
    """On the bundled data, through the public class: every rating and flag, by the plain-Python user model."""
    env = gym.make(IDS[0], split="all").unwrapped
    scenario, rng = env.scenario, np.random.default_rng(0)
    for user in rng.integers(len(scenario.users), size=12):
        liked = np.clip(scenario.truth.predict_all(np.array([user]))[0], *scenario.rating_scale)
        reference = Reference(
            scenario.catalogue.vectors.tolist(), liked.tolist(), float(np.quantile(liked, 0.98)),
            0.25, 0.8, 2.0, 3.0, 1.0, *scenario.rating_scale, 100,
        )  # fmt: skip
        env.reset(options={"user_id": int(scenario.users.ids[user])})
        favourites = np.argsort(-liked)[:60]
        ended = False
        while not ended:
            item = int(rng.choice(favourites))  # long sessions, with repeats
            _, reward, terminated, truncated, _ = env.step(item)
            rating, _, left, reached = reference.step(item)
            assert reward == pytest.approx(rating, abs=1e-6)
            assert (terminated, truncated) == (left, reached)
            ended = terminated or truncated


def test_the_observation_holds_what_its_layout_says(env):
    observation, _ = env.reset(seed=4)
    vectors, shown, ratings = env.scenario.catalogue.vectors, [], []
    low, high = env.scenario.rating_scale
    for _ in range(5):
        observation, reward, terminated, truncated, info = env.step(1)
        shown.append(vectors[info["item_index"]])
        ratings.append((reward - (low + high) / 2) / ((high - low) / 2))
        if terminated or truncated:
            break
    part, n = env.layout.part, len(shown)
    for name, decay in (("memory_fast", FAST), ("memory_slow", SLOW)):
        expected = sum(decay ** (n - 1 - j) * vector for j, vector in enumerate(shown))
        assert part(observation, name) == pytest.approx(expected, abs=1e-4)
    average = ratings[0]
    for rating in ratings[1:]:
        average = FAST * average + (1 - FAST) * rating
    assert part(observation, "ratings")[:2] == pytest.approx([ratings[-1], average], abs=1e-5)
    assert part(observation, "steps") == pytest.approx([np.log1p(n)])


def test_the_first_observation_does_not_depend_on_anything_hidden():
    """Another truth, another aspiration: the same observation."""
    import dataclasses

    scenario = load_scenario()
    truth = scenario.truth
    other = FactorModel(truth.mean, -truth.user_bias, truth.item_bias, truth.user_factors, -truth.item_factors)
    changed = dataclasses.replace(scenario, truth=other, aspiration=scenario.aspiration - 1)
    for env_id in IDS:
        a, b = gym.make(env_id, dataset=scenario), gym.make(env_id, dataset=changed)
        assert np.array_equal(a.reset(seed=1)[0], b.reset(seed=1)[0])
        first, second = a.step(3), b.step(3)
        assert first[1] != second[1], "the hidden half did change"


def test_observations_follow_from_profile_films_and_ratings_alone(env):
    """Somebody who knows no truth and no aspiration writes the same observations from what was shown and said."""
    import dataclasses

    hidden = {"truth": None, "aspiration": np.full(len(env.scenario.users), np.nan)}
    observer = Observer(dataclasses.replace(env.scenario, **hidden), env.layout)
    observation, info = env.reset(seed=6)
    buffer, row, user = np.zeros((1, env.layout.size), np.float32), np.array([0]), np.array([info["user_index"]])
    public = slice(0, env.layout.slices["steps"].stop)
    observer.begin(buffer, row, user)
    for step in range(1, 8):
        assert np.array_equal(buffer[0, public], observation[public])
        observation, rating, terminated, truncated, info = env.step(2 * step)
        if terminated or truncated:
            break
        observer.update(buffer, np.array([info["item_index"]]), np.array([rating]), np.array([step]))
    assert step > 3


def test_candidates_are_new_and_the_best_of_the_retriever():
    env = gym.make(IDS[1]).unwrapped
    _, info = env.reset(seed=2)
    seen = set(env.scenario.users.profile_items[info["user_index"]].tolist())
    ended = False
    while not ended:
        offered = info["candidates"]
        assert len(set(offered.tolist())) == 20 and not seen & set(offered.tolist())
        memory = env.layout.part(env.sessions.observations, "memory_fast")
        scores = env.sessions.retriever.scores(np.array([info["user_index"]]), memory)[0]
        others = np.setdiff1d(np.arange(len(scores)), [*offered, *seen])
        assert (np.diff(scores[offered]) <= 0).all() and scores[offered].min() >= scores[others].max()
        assert env.layout.candidates(env.sessions.observations)[0, :, 4] == pytest.approx(
            (env.scenario.public.mean + env.scenario.public.item_bias[offered] - 2.75) / 2.25, abs=1e-5
        )
        _, _, terminated, truncated, info = env.step(7)
        assert info["item_index"] == offered[7]
        seen.add(int(offered[7]))
        ended = terminated or truncated


def test_a_catalogue_that_runs_out_offers_seen_items_last_and_masks_them():
    env = gym.make(IDS[1], catalogue_size=25, n_candidates=20, profile_length=1, max_steps=20).unwrapped
    for seed in range(30):
        _, info = env.reset(seed=seed)
        ended = False
        while not ended:
            mask = env.action_masks()
            assert (np.diff(mask.astype(int)) <= 0).all(), "unseen first"
            _, _, terminated, truncated, info = env.step(0)
            ended = terminated or truncated
        if not mask.all():
            return
    raise AssertionError("no session ran out of items")


def test_masked_items_are_those_of_profile_and_session(env):
    env.reset(seed=3)
    *_, info = env.step(2)
    mask = env.sessions.unseen()[0]  # over items, in both forms
    seen = {*env.scenario.users.profile_items[info["user_index"]].tolist(), info["item_index"]} - {-1}
    assert set(np.flatnonzero(~mask).tolist()) == seen


def test_only_running_rows_play(env):
    sessions = env.batch(2)
    sessions.reset(env.users[:2])
    while sessions.running.all():
        sessions.step([0, 1])
    before = sessions.state.steps.copy()
    if sessions.running.any():
        ended = int(np.flatnonzero(~sessions.running)[0])
        _, rewards, *_ = sessions.step([0, 1])
        assert rewards[ended] == 0 and sessions.state.steps[ended] == before[ended]
    while sessions.running.any():
        sessions.step([0, 1])
    with pytest.raises(UsageError, match="session that runs"):
        sessions.step([0, 1])
    sessions.reset(env.users[5:6], rows=np.array([1]))
    assert sessions.running.tolist() == [False, True] and sessions.state.steps[1] == 0


@pytest.mark.parametrize("actions", [[0.5, 1.0], [0], [0, 10**6], [0, -1], [[0, 1]]])
def test_bad_actions(env, actions):
    sessions = env.batch(2)
    sessions.reset(env.users[:2])
    with pytest.raises(UsageError, match="action"):
        sessions.step(np.array(actions))
    assert (sessions.state.steps == 0).all(), "nothing was half done"


@pytest.mark.parametrize("action", [np.array(3), np.int32(3), np.uint8(3), 3])
def test_whole_numbers_of_every_kind_are_actions(env, action):
    """Stable-Baselines3's ``predict`` gives arrays without axes."""
    first, second = (env.reset(seed=1) and env.step(chosen) for chosen in (3, action))
    assert first[1] == second[1] and first[4]["item_index"] == second[4]["item_index"] and second[4]["step"] == 1


@pytest.mark.parametrize("action", [True, 1.0, "1", None, [1]])
def test_what_is_no_whole_number_is_refused_and_plays_nothing(env, action):
    env.reset(seed=1)
    with pytest.raises(UsageError, match="action"):
        env.step(action)
    assert env.sessions.state.steps[0] == 0


def test_users_of_ones_choice_do_not_shift_those_that_are_drawn(env):
    """Also where the choice falls on a session at which the next users would have been drawn."""
    chosen = int(env.scenario.users.ids[env.users[0]])
    env.reset(seed=5)
    met = [env.reset(options={"user_id": chosen} if n % 64 == 0 else None)[1]["user_index"] for n in range(1, 131)]
    expected = env.draw_users(5, np.arange(1, 131))
    assert [user for n, user in enumerate(met, start=1) if n % 64] == expected[np.arange(1, 131) % 64 > 0].tolist()
