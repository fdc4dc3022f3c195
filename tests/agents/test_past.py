"""The past that is made again from public histories is what was really observed, to the last bit."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from ilrec_agents.past import Past
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError

PATIENCE = {"ilrec/MovieLens-Candidates-v0": 0.5, "ilrec/MovieLens-v0": 4.0}  # some users leave early, some do not
ROWS, HORIZON = 24, 9


class Played:
    """Random sessions: everything that was observed, and the infos of every step."""

    def __init__(self, env_id: str, seed: int = 0) -> None:
        self.env = gym.make(env_id, max_steps=HORIZON, user_model={"name": "satiation", "patience": PATIENCE[env_id]})
        base, rng, seeds = self.env.unwrapped, np.random.default_rng(seed), seed + np.arange(ROWS)
        sessions = base.batch(ROWS, ["action_mask", "history"])
        observations, infos = sessions.reset(base.draw_users(seeds), seeds=seeds)
        self.observations, self.infos, self.actions = [observations], [infos], []
        while sessions.running.any():
            self.actions.append(rng.integers(min(20, sessions.n_actions), size=ROWS))
            observations, *_, infos = sessions.step(self.actions[-1])
            self.observations.append(observations)
            self.infos.append(infos)
        self.lengths = sessions.state.steps
        assert self.lengths.min() < HORIZON == self.lengths.max(), "some left early, some stayed"

    def at(self, step, rows=slice(None)):
        return self.observations[step][rows], {name: part[rows] for name, part in self.infos[step].items()}

    def check(self, past, step, rows=slice(None)):
        """The past of step ``step`` is what was recorded."""
        rows = np.arange(ROWS)[rows]
        found, shown = past.follow(*self.at(step, rows)), np.minimum(step, self.lengths[rows])
        assert np.array_equal(found.lengths, shown + 1)
        width = shown.max() + 1
        assert found.observations.shape[:2] == found.actions.shape == found.ratings.shape == (len(rows), width)
        ratings = self.infos[step]["history_ratings"]
        for place, (row, n) in enumerate(zip(rows, shown, strict=True)):
            seen = np.array(self.observations)[: n + 1, row]
            assert np.array_equal(found.observations[place, : n + 1], seen)
            assert not found.observations[place, n + 1 :].any()
            assert found.actions[place, :n].tolist() == [actions[row] for actions in self.actions[:n]]
            assert (found.actions[place, n:] == -1).all()
            assert np.array_equal(found.ratings[place, :n], ratings[row, :n])
            assert np.isnan(found.ratings[place, n:]).all()


@pytest.fixture(scope="module", params=PATIENCE)
def played(request):
    return Played(request.param)


def test_sessions_are_followed_to_their_end(played):
    past = Past(Task.of(played.env))
    for step in range(len(played.infos)):
        played.check(past, step)
        played.check(past, step)  # asked twice, told twice


@pytest.mark.parametrize("step", [0, 1, 5, HORIZON])
def test_sessions_under_way_are_made_again(played, step):
    played.check(Past(Task.of(played.env)), step)
    played.check(Past(Task.of(played.env)), step, slice(3, 4))


def test_steps_may_be_left_out_and_taken_back(played):
    past = Past(Task.of(played.env))
    for step in (2, 7, 3, HORIZON, 0):
        played.check(past, step)


def test_other_batches_may_come_between(played):
    """As many rows of other sessions, fewer, and the same in another order."""
    past, other = Past(Task.of(played.env)), Played(played.env.spec.id, seed=1)
    order = np.random.default_rng(0).permutation(ROWS)
    for step in (1, 2, 3, 8):
        played.check(past, step)
        other.check(past, step)
        played.check(past, step, slice(0, 5))
        played.check(past, step, order)


def test_rows_begin_anew_while_others_go_on(played):
    """As in an environment that resets ended rows by itself: the next session takes the row over."""
    past, other = Past(Task.of(played.env)), Played(played.env.spec.id, seed=1)
    past.follow(*played.at(6))
    new = np.arange(ROWS) % 3 == 0
    mixed = {
        k: np.where(new if a.ndim == 1 else new[:, None], other.infos[1][k], a) for k, a in played.infos[7].items()
    }
    observations = np.where(new[:, None], other.observations[1], played.observations[7])
    found = past.follow(observations, mixed)
    for row in range(ROWS):
        source, n = (other, 1) if new[row] else (played, min(7, played.lengths[row]))
        expected = np.array(source.observations)[: n + 1, row]
        assert np.array_equal(found.observations[row, : n + 1], expected)
        assert not found.observations[row, n + 1 :].any() and (found.actions[row, n:] == -1).all()


def test_what_cannot_be_followed_is_told(played):
    past, (observations, infos) = Past(Task.of(played.env)), played.at(3)
    with pytest.raises(UsageError, match="history"):
        past.follow(observations, {name: part for name, part in infos.items() if not name.startswith("history")})
    if "candidates" in infos:
        foreign = infos["history_items"].copy()
        foreign[2, 1] = foreign[2, 0]
        with pytest.raises(UsageError, match="on offer"):
            past.follow(observations, infos | {"history_items": foreign})
