"""Proximal policy optimisation by playing: the online reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.base import Infos, Observations, ScoringAgent
from ilrec_agents.devices import reproducible, torch_device
from ilrec_agents.online.quiet import import_sb3
from ilrec_agents.online.source import playable
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import ArtefactError, ILRecError, UsageError, require
from ilrec_gym.files import read_json, write_json

MODEL, HISTORY = "ppo.zip", "history.json"
_WARM_UP = 50  # steps of random play in every row that the scaling of observations is fitted on


@dataclass(frozen=True)
class PPOConfig:
    """Settings of ``ppo``. r is the ratio of the new to the old probability of an action, A its advantage.

    Attributes:
        total_timesteps: Decisions to play, rounded up to whole rounds of ``n_envs`` x ``n_steps``.
        n_envs: Sessions side by side; row i plays users drawn from seed + i.
        n_steps: Steps of each row per round.
        batch_size: Decisions per gradient step; divides ``n_envs`` x ``n_steps``.
        n_epochs: Passes over a round.
        learning_rate: Of Adam, falling in a straight line to 0.
        gamma: Discount of the step after the next.
        gae_lambda: A_t = sum_k (gamma lambda)^k delta_{t+k}, delta_t = y_t + gamma V(s_{t+1}) - V(s_t)
            (Schulman et al., "High-dimensional continuous control using generalized advantage estimation", 2016).
        clip_range: epsilon in E[min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)].
        ent_coef: Weight of the policy's entropy, which is added.
        vf_coef: Weight of the squared error of V.
        max_grad_norm: Longer gradients are cut to this length.
        network: Of the policy: "candidates" (one small network that all places on offer share), "towers" (one for
            observations, one for items), "flat" (one output per action), or "auto": the first that fits the task.
        hidden: Width of the hidden layers, of the policy and of V.
        threads: Threads of torch while it learns on a CPU. More than one gains nothing for networks as small as these.
        allow_test_users: Whether it may play with test users, on whom agents are evaluated.
    """

    total_timesteps: int = 300_000
    n_envs: int = 64
    n_steps: int = 64
    batch_size: int = 512
    n_epochs: int = 6
    learning_rate: float = 1e-3
    gamma: float = 0.95
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    network: str = "auto"
    hidden: int = 64
    threads: int = 1
    allow_test_users: bool = False

    def __post_init__(self) -> None:
        for name in ("total_timesteps", "n_envs", "n_steps", "batch_size", "n_epochs", "hidden", "threads"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} must be a whole number, at least 1", received=value)
        if self.batch_size < 2 or self.round % self.batch_size:
            raise UsageError(
                f"batch_size must be at least 2 and divide n_envs x n_steps = {self.round}", received=self.batch_size
            )
        if not all(value > 0 for value in (self.learning_rate, self.clip_range, self.max_grad_norm)):
            raise UsageError("learning_rate, clip_range and max_grad_norm must be positive", received=self)
        if not 0 <= self.gamma <= 1 or not 0 <= self.gae_lambda <= 1:
            raise UsageError("gamma and gae_lambda must lie in [0, 1]", received=self)
        if not (self.ent_coef >= 0 and self.vf_coef >= 0):
            raise UsageError("ent_coef and vf_coef must not be negative", received=self)

    @property
    def round(self) -> int:
        """Decisions per round."""
        return self.n_envs * self.n_steps


class PPOAgent(ScoringAgent):
    """Learns by playing with train users, and takes the action that its policy finds most likely.

    L = -E[min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)]  +  c_v (V - V_target)^2  -  c_e H(pi)

    The algorithm is stable-baselines3's; sessions run side by side in the engine, and rewards are divided by the
    running standard deviation of the discounted return (SB3's ``VecNormalize``). No mask is applied while it learns.

    Attributes:
        history: Per round of play ``timesteps`` so far, ``sessions`` that ended, and their mean ``return`` and
            ``length``. Actions are drawn in these, so the curve lies below what the best action reaches.
    """

    name = "ppo"
    family = "online"
    learns_from = "env"
    source = "Schulman et al., 2017"
    extra = "online"
    Config = PPOConfig
    config: PPOConfig

    _algorithm: Any = None
    history: list[dict[str, float]]

    def fit(self, source: Any = None) -> Self:
        """Learn by playing in an environment; where it is wrapped in ``LearnedReward``, from that reward.

        Raises:
            UsageError: Not the environment that the agent is made for, other wrappers, test users without leave,
                or no such device.
            MissingExtraError: The extra "online" is not installed.
        """
        env, reward = playable(source, self.task, allow_test_users=self.config.allow_test_users)
        sb3 = import_sb3()
        from stable_baselines3.common.vec_env import VecNormalize

        from ilrec_agents.online.sb3_parts import Curve
        from ilrec_agents.online.vec_env import SessionsVecEnv

        config, device = self.config, torch_device(self.device, self.extra)
        sessions = SessionsVecEnv(env, config.n_envs, seed=self.seed, reward=reward)
        scaled = VecNormalize(sessions, norm_obs=False, gamma=config.gamma)
        total = -(-config.total_timesteps // config.round) * config.round
        with self._seeded(), tqdm(total=total, desc="ppo", unit="step", disable=None, leave=False) as bar:
            algorithm, curve = self._new(sb3, scaled, self._typical(env), device), Curve(bar)
            try:
                algorithm.learn(total, callback=curve, log_interval=None)
            except ILRecError:
                raise
            except (ValueError, RuntimeError) as error:
                # Which of the two torch raises for logits that are not finite depends on what else was imported.
                if isinstance(error, RuntimeError) and "probability tensor" not in str(error):
                    raise
                raise UsageError(
                    "the policy must stay finite",
                    received=str(error),
                    cause="a learning rate that is too high",
                    fix="lower learning_rate",
                ) from error
        algorithm.policy.set_training_mode(False)
        self._algorithm, self.history = algorithm, curve.history
        return self

    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Logits of the policy."""
        if self._algorithm is None:
            raise UsageError(f"the agent {self.name!r} must have learned before it acts", fix="call fit(env)")
        torch = require("torch", self.extra)
        policy = self._algorithm.policy
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(observations, np.float32)).to(policy.device)
            logits: NDArray[np.floating] = policy.mlp_extractor.forward_actor(x).cpu().numpy()
        return logits

    def _typical(self, env: MovieLensEnv) -> NDArray[np.float32]:
        """Observations ``(N, d)`` of random play, which scaling is fitted on."""
        from ilrec_agents.online.vec_env import SessionsVecEnv

        rng, n = np.random.default_rng(self.seed), self.config.n_envs
        sessions = SessionsVecEnv(env, n, seed=self.seed)
        observations: list[Any] = [sessions.reset()]
        for _ in range(_WARM_UP):
            observations.append(sessions.step(rng.integers(self.task.n_actions, size=n))[0])
        return np.concatenate(observations)

    def _new(self, sb3: Any, env: Any, observations: NDArray[np.float32] | None, device: Any) -> Any:
        """SB3's algorithm; without an environment its parameters are still to be made."""
        from stable_baselines3.common.utils import LinearSchedule

        from ilrec_agents.online.sb3_parts import ScoresPolicy, actor_critic

        config = self.config
        networks = partial(actor_critic, self.task, config.network, config.hidden, observations)
        return sb3.PPO(
            ScoresPolicy,
            env,
            learning_rate=LinearSchedule(config.learning_rate, 0.0, 1.0),
            n_steps=config.n_steps,
            batch_size=config.batch_size,
            n_epochs=config.n_epochs,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
            clip_range=config.clip_range,
            ent_coef=config.ent_coef,
            vf_coef=config.vf_coef,
            max_grad_norm=config.max_grad_norm,
            policy_kwargs={"networks": networks},
            device=device,
            _init_setup_model=env is not None,
        )

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

    def _save_learned(self, folder: Path) -> None:
        if self._algorithm is None:
            raise UsageError(f"the agent {self.name!r} must have learned before it is saved", fix="call fit(env)")
        # The networks are made from the task, which holds more than anybody should find in an agent's folder.
        self._algorithm.save(folder / MODEL, exclude=["policy_kwargs", "_last_obs", "_last_original_obs"])
        write_json(folder / HISTORY, self.history)

    def _load_learned(self, folder: Path) -> None:
        sb3, device, path = import_sb3(), torch_device(self.device, self.extra), folder / MODEL
        with self._seeded():
            algorithm = self._new(sb3, None, None, device)
            algorithm.observation_space, algorithm.n_envs = self.task.layout.space(), 1
            algorithm.action_space = gym.spaces.Discrete(self.task.n_actions)
            algorithm._setup_model()
        try:
            algorithm.set_parameters(path, device=device)  # reads tensors only; nothing is unpickled
        except Exception as error:  # zipfile, zlib, torch and SB3 each raise their own kinds
            raise ArtefactError(
                f"{path} must be a readable model of stable-baselines3 that fits its folder",
                received=f"{type(error).__name__}: {error}",
                cause="a damaged or foreign file",
                fix="train again, or restore the file",
            ) from error
        algorithm.policy.set_training_mode(False)
        self._algorithm, self.history = algorithm, read_json(folder / HISTORY)
