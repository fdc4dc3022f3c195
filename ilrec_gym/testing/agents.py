"""What every agent must do, as a pytest class: subclass it, give ``make`` and ``load``, and the tests run.

    class TestMine(AgentContract):
        def make(self, env, *, seed=0, **config):
            return make_agent("mine", env, seed=seed, **config).fit(...)

        def load(self, path, env):
            return load_agent(path, env)

It works for agents of other packages too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.sessions import Infos, Sessions
from ilrec_gym.errors import ArtefactError, UsageError

ROWS, STEPS = 8, 6


class AgentContract:
    """The tests. Agents are anything with ``act(observations, infos)``, ``info``, ``save`` and ``explain``."""

    env_id = "ilrec/MovieLens-Candidates-v0"

    def make(self, env: gym.Env[Any, Any], *, seed: int = 0, **config: Any) -> Any:
        """An agent for that environment that is ready to act."""
        raise NotImplementedError

    def load(self, path: Path, env: gym.Env[Any, Any]) -> Any:
        """A saved agent."""
        raise NotImplementedError

    def env(self, **options: Any) -> gym.Env[Any, Any]:
        """The environment."""
        return gym.make(self.env_id, **options)

    def test_actions_are_actions(self) -> None:
        """One whole number per row, within the action space, at every step; also where some rows have ended."""
        env = self.env(max_steps=3)
        agent = self.make(env)
        sessions, observations, infos = begin(env, agent)
        while sessions.running.any():
            actions = agent.act(observations, infos)
            assert actions.shape == (ROWS,)
            assert actions.dtype == np.int64
            assert ((actions >= 0) & (actions < sessions.n_actions)).all()
            observations, *_, infos = sessions.step(actions)
        assert agent.act(observations, infos).shape == (ROWS,)

    def test_masked_actions_are_never_taken(self) -> None:
        """Whatever the mask leaves: one action, a few, and nothing but the last."""
        env = self.env()
        agent = self.make(env)
        sessions, observations, infos = begin(env, agent)
        rng = np.random.default_rng(0)
        for left in (1, 2, 5, sessions.n_actions - 1):
            mask = rng.permuted(np.tile(np.arange(sessions.n_actions) < left, (ROWS, 1)), axis=1)
            actions = agent.act(observations, infos | {"action_mask": mask})
            assert mask[np.arange(ROWS), actions].all()

    def test_same_seed_same_sessions(self) -> None:
        """Two agents made alike play alike."""
        env = self.env()
        first, second = (trace(env, self.make(env, seed=3)) for _ in range(2))
        assert_array_equal(first, second)

    def test_a_row_does_not_depend_on_the_others(self) -> None:
        """A batch of one chooses what the same row of a batch chooses."""
        env = self.env()
        agent = self.make(env)
        _, observations, infos = begin(env, agent)
        together = agent.act(observations, infos)
        alone = [
            agent.act(observations[[row]], {name: part[[row]] for name, part in infos.items()})[0]
            for row in range(ROWS)
        ]
        assert_array_equal(together, alone)

    def test_inputs_are_left_alone(self) -> None:
        """Observations and infos are not written to."""
        env = self.env()
        agent = self.make(env)
        _, observations, infos = begin(env, agent)
        before = observations.copy(), {name: part.copy() for name, part in infos.items()}
        agent.act(observations, infos)
        assert_array_equal(observations, before[0])
        for name, part in infos.items():
            assert_array_equal(part, before[1][name])

    def test_explains_every_row_or_nothing(self) -> None:
        """``explain()`` gives None, or one dictionary per row of the last batch."""
        env = self.env()
        agent = self.make(env)
        _, observations, infos = begin(env, agent)
        agent.act(observations, infos)
        explained = agent.explain()
        assert explained is None or [type(row) for row in explained] == [dict] * ROWS

    def test_a_saved_agent_plays_the_same(self, tmp_path: Path) -> None:
        """Saving and loading change no choice."""
        env = self.env()
        agent = self.make(env, seed=5)
        agent.save(tmp_path / "agent")
        assert_array_equal(trace(env, self.load(tmp_path / "agent", env)), trace(env, agent))

    def test_saving_again_replaces(self, tmp_path: Path) -> None:
        """A folder that is there is replaced as a whole."""
        env = self.env()
        for _ in range(2):
            self.make(env).save(tmp_path / "agent")
        assert [path.name for path in tmp_path.iterdir()] == ["agent"]

    def test_another_environment_is_refused(self, tmp_path: Path) -> None:
        """An agent is loaded only where it was made for."""
        self.make(self.env()).save(tmp_path / "agent")
        with pytest.raises(ArtefactError, match="max_steps"):
            self.load(tmp_path / "agent", self.env(max_steps=7))

    @pytest.mark.parametrize("damage", ["empty", "no json", "foreign json"])
    def test_a_damaged_folder_is_refused(self, tmp_path: Path, damage: str) -> None:
        """A folder that is not an agent gives a clear error."""
        (tmp_path / "agent").mkdir()
        if damage != "empty":
            text = "{" if damage == "no json" else '{"some": "thing"}'
            (tmp_path / "agent" / "agent.json").write_text(text)
        with pytest.raises(ArtefactError, match=r"agent\.json|saved agent"):
            self.load(tmp_path / "agent", self.env())

    def test_unknown_settings_are_refused(self) -> None:
        """A misspelt setting is not swallowed."""
        with pytest.raises(UsageError, match="setting"):
            self.make(self.env(), no_such_setting=1)


def begin(env: gym.Env[Any, Any], agent: Any, steps: int = 2) -> tuple[Sessions, Any, Infos]:
    """Some sessions under way, with everything in the infos that the agent asks for."""
    base = env.unwrapped
    assert isinstance(base, MovieLensEnv)
    sessions = base.batch(ROWS, sorted({*getattr(agent, "info", ()), "action_mask"}))
    seeds = np.arange(ROWS)
    observations, infos = sessions.reset(base.draw_users(seeds), seeds=seeds)
    for step in range(steps):
        observations, *_, infos = sessions.step((seeds + step) % sessions.n_actions)
    return sessions, observations, infos


def trace(env: gym.Env[Any, Any], agent: Any) -> np.ndarray:
    """``(STEPS, ROWS)`` the actions of an agent over some steps."""
    sessions, observations, infos = begin(env, agent, steps=0)
    taken = []
    for _ in range(STEPS):
        taken.append(agent.act(observations, infos))
        observations, *_, infos = sessions.step(taken[-1])
    return np.array(taken)
