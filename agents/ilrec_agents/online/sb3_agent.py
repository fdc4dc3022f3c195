"""What agents that learn by playing through stable-baselines3 share: sessions side by side, the loop, the seeds."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.base import Watch
from ilrec_agents.checks import flag, number, whole
from ilrec_agents.devices import reproducible, torch_device
from ilrec_agents.learning import LearningAgent, LearningConfig, Watched
from ilrec_agents.online.quiet import import_sb3
from ilrec_agents.online.source import first_session, playable
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import ILRecError, UsageError
from ilrec_gym.wrappers.learned_reward import RewardFunction

if TYPE_CHECKING:
    from ilrec_agents.online.ledger import Ledger

_WARM_UP = 50  # steps of random play in every row that the scaling of observations is fitted on


@dataclass(frozen=True)
class OnlineConfig(LearningConfig):
    """Settings that all online agents have, besides those of every network.

    Attributes:
        total_timesteps: Decisions to play, rounded up to whole rounds.
        n_envs: Sessions side by side; row i plays users drawn from 2^20 x seed + i.
        learning_rate: Of the optimiser, falling in a straight line to 0.
        gamma: Discount of the step after the next.
        max_grad_norm: Longer gradients are cut to this length.
        allow_test_users: Whether it may play with test users, on whom agents are evaluated.
    """

    total_timesteps: int = 300_000
    n_envs: int = 64
    learning_rate: float = 1e-3
    gamma: float = 0.95
    max_grad_norm: float = 0.5
    allow_test_users: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "total_timesteps", "n_envs")
        number(self, "learning_rate", "max_grad_norm", open_low=True)
        number(self, "gamma", high=1.0)
        flag(self, "allow_test_users")

    @property
    def round(self) -> int:
        """Decisions between two looks at what was learned; the total is a multiple of it."""
        return self.n_envs


class SB3Agent(LearningAgent):
    """Learns by playing with train users, through one of stable-baselines3's algorithms.

    Sessions run side by side in the engine. Over a whole catalogue what a viewer has seen is masked while it learns,
    too: it is never drawn, and never the best next action.

    Attributes:
        knows_masks: Whether the algorithm applies masks by itself.
        history: At most a hundred times ``timesteps`` so far, ``sessions`` that ended since, and their mean ``return``
            and ``length``. Actions are drawn in these, so the curve lies below what the best action reaches.
    """

    family = "online"
    learns_from = "env"
    extra = "online"
    over_catalogues = "guided"
    knows_masks: ClassVar[bool] = False
    Config: ClassVar[type[Any]] = OnlineConfig
    config: OnlineConfig

    @abstractmethod
    def _parts(self, sb3: Any) -> tuple[type[Any], type[Any]]:
        """SB3's algorithm and the policy that it learns."""

    @abstractmethod
    def _networks(self, observations: NDArray[np.float32], ledger: Ledger | None) -> Any:
        """Makes what the policy is made of; scaling is fitted on observations ``(N, d)``.

        Over a whole catalogue the ledger tells what masks forbid.
        """

    @abstractmethod
    def _options(self) -> dict[str, Any]:
        """The algorithm's own settings, as it names them."""

    @abstractmethod
    def _scores_of(self, algorithm: Any) -> Any:
        """The module of the algorithm that scores actions."""

    def _algorithm(self, sb3: Any, env: Any, networks: Any, device: Any) -> Any:
        """SB3's algorithm on the environment."""
        from stable_baselines3.common.utils import LinearSchedule

        config, (algorithm, policy) = self.config, self._parts(sb3)
        return algorithm(
            policy,
            env,
            learning_rate=LinearSchedule(config.learning_rate, 0.0, 1.0),
            gamma=config.gamma,
            max_grad_norm=config.max_grad_norm,
            policy_kwargs={"networks": networks},
            device=device,
            **self._options(),
        )

    def _scaled(self, sessions: Any, rewards: NDArray[np.float32]) -> Any:
        """Sessions whose rewards suit the algorithm, given some ``(N,)`` of random play.

        Here they are divided by the running standard deviation of the discounted return.
        """
        from stable_baselines3.common.vec_env import VecNormalize

        return VecNormalize(sessions, norm_obs=False, gamma=self.config.gamma)

    def fit(self, source: Any = None, *, watch: Watch | None = None) -> Self:
        """Learn by playing in an environment; where it is wrapped in ``LearnedReward``, from that reward.

        Raises:
            UsageError: Not the environment that the agent is made for, other wrappers, test users without leave,
                or no such device.
            MissingExtraError: The extra "online" is not installed.
        """
        env, reward = playable(source, self.task, allow_test_users=self.config.allow_test_users)
        sb3 = import_sb3()
        from stable_baselines3.common.logger import Logger

        from ilrec_agents.online.ledger import Ledger
        from ilrec_agents.online.sb3_parts import Curve
        from ilrec_agents.online.vec_env import SessionsVecEnv

        config, device, first = self.config, torch_device(self.device, self.extra), first_session(self.seed)
        observations, rewards = self._typical(env, reward)
        ledger = None if self.task.n_candidates or self.knows_masks else Ledger(self.task, config.n_envs)
        sessions = SessionsVecEnv(env, config.n_envs, seed=first, reward=reward, ledger=ledger)
        total = -(-config.total_timesteps // config.round) * config.round
        watched = Watched(watch, self, total)
        with self._seeded(), tqdm(total=total, desc=self.name, unit="step", disable=None, leave=False) as bar:
            algorithm = self._algorithm(
                sb3, self._scaled(sessions, rewards), self._networks(observations, ledger), device
            )
            algorithm.set_logger(Logger(None, []))  # SB3's own leaves a folder among the temporary files
            curve = Curve(bar, watched, total // 100, lambda: self._look(algorithm))
            self.history = curve.history
            try:
                with np.errstate(invalid="ignore", over="ignore"):  # values that run away are told of below
                    algorithm.learn(total, callback=curve, log_interval=None)
            except ILRecError:
                raise
            except (ValueError, RuntimeError) as error:
                # Which of the two torch raises for logits that are not finite depends on what else was imported.
                if isinstance(error, RuntimeError) and "probability tensor" not in str(error):
                    raise
                raise _not_finite(str(error)) from error
        self._look(algorithm)
        watched.show(total)
        return self

    def _look(self, algorithm: Any) -> None:
        """Act by what is learned so far, while learning may go on.

        Raises:
            UsageError: Weights that are not finite.
        """
        network = copy.deepcopy(self._scores_of(algorithm))
        if not all(weight.isfinite().all() for weight in network.parameters()):
            raise _not_finite("weights that are not numbers")
        self._learned(network)

    def _typical(
        self, env: MovieLensEnv, reward: RewardFunction | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Observations ``(N, d)`` and rewards ``(M,)`` of random play, which scaling is fitted on."""
        from ilrec_agents.online.vec_env import SessionsVecEnv

        rng, n = np.random.default_rng(self.seed), self.config.n_envs
        sessions = SessionsVecEnv(env, n, seed=first_session(self.seed), reward=reward)
        observations: list[Any] = [sessions.reset()]
        rewards = list[NDArray[np.float32]]()
        for _ in range(_WARM_UP):
            after, paid, *_ = sessions.step(rng.integers(self.task.n_actions, size=n))
            observations.append(after)
            rewards.append(paid)
        return np.concatenate(observations), np.concatenate(rewards)

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Seed what SB3 draws from, torch and numpy's global generator; both are as before when the block ends."""
        before = np.random.get_state()
        try:
            with reproducible(self.seed, self.config.threads, self.extra):
                np.random.seed(self.seed)
                yield
        finally:
            np.random.set_state(before)


def _not_finite(found: str) -> UsageError:
    return UsageError(
        "what is learned must stay finite",
        received=found,
        cause="a learning rate that is too high",
        fix="lower learning_rate",
    )
