"""What linear bandits share: learning the model by playing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.bandit.linear import LinearAgent, LinearConfig
from ilrec_agents.base import Infos, Watch
from ilrec_agents.checks import flag, whole
from ilrec_agents.learning import Watched
from ilrec_agents.online.source import first_session, playable
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError


@dataclass(frozen=True)
class BanditConfig(LinearConfig):
    """Settings that all linear bandits have, besides those of their model.

    Attributes:
        total_timesteps: Decisions that are learned from, rounded up to whole groups of sessions.
        n_envs: Sessions side by side.
        allow_test_users: Whether it may play with test users, on whom agents are evaluated.
    """

    total_timesteps: int = 20_000
    n_envs: int = 64
    allow_test_users: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "total_timesteps", "n_envs")
        flag(self, "allow_test_users")


class LinearBandit(LinearAgent):
    """Learns the linear model of ratings by playing, and explores where it is not sure.

    Attributes:
        history: Per group of sessions ``timesteps`` so far, and their mean ``return`` and ``length``.
    """

    family = "bandit"
    learns_from = "env"
    Config: ClassVar[type[Any]] = BanditConfig

    def fit(self, source: Any = None, *, watch: Watch | None = None) -> Self:
        """Learn theta and b by playing with train users, exploring as it does when it acts.

        Raises:
            UsageError: Not the environment that the agent is made for, wrappers, or test users without leave.
        """
        env, reward = playable(source, self.task, allow_test_users=self.config.allow_test_users)
        if reward is not None:
            raise UsageError("a bandit must learn from the ratings themselves", received="a LearnedReward wrapper")
        config, first = self.config, first_session(self.seed)
        self._regression, self.history = self._ignorant(), []
        watched = Watched(watch, self, config.total_timesteps)
        with tqdm(total=config.total_timesteps, desc=self.name, unit="step", disable=None, leave=False) as bar:
            while (done := self.known.count) < config.total_timesteps:
                infos = self._play(env, first + np.arange(config.n_envs))
                self.known.learn(self._features.past(infos))
                first, done = first + config.n_envs, self.known.count
                bar.update(done - bar.n)
                lengths, returns = infos["step"], np.nansum(infos["history_ratings"], axis=1)
                record = {"timesteps": done, "return": returns.mean(), "length": lengths.mean()}
                self.history.append({name: float(value) for name, value in record.items()})
                if watched.due(done):
                    watched.show(done)
        return self

    def _play(self, env: MovieLensEnv, seeds: NDArray[np.int64]) -> Infos:
        """One session for each seed; the infos at their ends."""
        sessions = env.batch(len(seeds), self.info)
        observations, infos = sessions.reset(env.draw_users(seeds), seeds=seeds)
        while sessions.running.any():
            observations, *_, infos = sessions.step(self.act(observations, infos))
        return infos
