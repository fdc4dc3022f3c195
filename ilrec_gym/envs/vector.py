"""The native vector environments: many sessions in lock-step, on NumPy arrays or on torch tensors of a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space

from ilrec_gym.data import InteractionData
from ilrec_gym.envs.dict_observation import DictObservation
from ilrec_gym.envs.setting import Setting, SettingOptions
from ilrec_gym.envs.user_queue import UserQueue
from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.simulation.backend import backend_of, copied, rows_where, to_host
from ilrec_gym.simulation.scenario import Scenario

AUTORESET_MODES = {"next_step": "NextStep", "same_step": "SameStep", "disabled": "Disabled"}
"""Argument -> value of Gymnasium's ``AutoresetMode``, which Gymnasium 1.0 does not have."""
RESET_OPTIONS = ("user_id", "reset_mask")

Step = tuple[Any, Any, Any, Any, dict[str, Any]]


class MovieLensVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """n sessions of :class:`~ilrec_gym.envs.movielens.MovieLensEnv` side by side, stepped as arrays.

    ``gym.make_vec("ilrec/MovieLens-v0", num_envs=n, vectorization_mode="vector_entry_point")`` makes it. Row i plays
    what one environment plays after ``reset(seed=seed + i)``, whatever n is and wherever the arrays live.

    Infos follow Gymnasium's batched convention: for every key of the scalar info an array with first axis n, and a mask
    ``_key`` of the rows that have it.

    Args:
        num_envs: Number of rows n.
        dataset: As in the scalar form, like all arguments that are not named here.
        autoreset_mode: ``"next_step"`` (the step after the end begins the next session, with reward 0),
            ``"same_step"`` (the last observation is in ``info["final_obs"]``) or ``"disabled"`` (rows are reset by
            ``reset(options={"reset_mask": mask})``). Gymnasium 1.0 knows the first only.
        copy: Whether observations are copied out of the buffer that the next step writes to.
        device: None for NumPy arrays; a torch device for tensors there. On a device, actions are torch tensors too,
            those outside the space are clipped into it, and the info has ``exit_code`` (0 stays, k: the k-th of
            ``user_model.exit_reasons``) in place of ``exit_reason``.
        observation: ``"box"`` or ``"dict"``.
        info: Optional parts of the info.
    """

    def __init__(
        self,
        num_envs: int = 1,
        dataset: str | InteractionData | Scenario = "ml-latest-small",
        *,
        autoreset_mode: str = "next_step",
        copy: bool = True,
        device: str | None = None,
        observation: str = "box",
        info: Sequence[str] = (),
        render_mode: str | None = None,
        **options: Unpack[SettingOptions],
    ) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, (int, np.integer)) or num_envs < 1:
            raise UsageError("num_envs must be a whole number, at least 1", received=num_envs)
        if autoreset_mode not in AUTORESET_MODES:
            raise unknown_name("autoreset_mode", autoreset_mode, AUTORESET_MODES)
        if observation not in ("box", "dict"):
            raise unknown_name("observation", observation, ("box", "dict"))
        if render_mode is not None:
            raise UsageError(
                "sessions side by side are not rendered", received=render_mode, fix="render the scalar form"
            )
        self.num_envs, self.autoreset_mode, self.copy, self.render_mode = int(num_envs), autoreset_mode, copy, None
        self.metadata = {"render_modes": [], **_metadata(autoreset_mode)}
        self.setting = Setting.of(dataset, **options)
        self.sessions = self.setting.batch(self.num_envs, info, backend_of(device))
        self.queue = UserQueue(self.setting, self.num_envs, self.sessions.backend)
        history = DictObservation(self.setting.scenario, self.sessions.layout, self.setting.max_steps)
        self._as_dict = history if observation == "dict" else None
        self.single_observation_space = self._as_dict.space() if self._as_dict else self.sessions.layout.space()
        self.single_action_space = self.sessions.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._all = self.sessions.backend.array(np.arange(self.num_envs))
        self._begun = False

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin a session in every row.

        Args:
            seed: Row i gets seed + i, or the i-th of a list. None goes on with the next session of each row's seed.
            options: ``{"user_id": id}``, one for all rows or one each; ``{"reset_mask": mask}`` for some rows only.

        Raises:
            UsageError: An unknown option, a user who is not of the split, or a mask or list of another length.
        """
        options = dict(options or {})
        for option in options:
            if option not in RESET_OPTIONS:
                raise unknown_name("option of reset()", option, RESET_OPTIONS)
        mask = self._mask(options.get("reset_mask"))
        rows = self._all if mask is None else self._all[self.sessions.backend.array(mask)]
        self._seed(seed, mask)
        self._begin(rows, self._users(options.get("user_id"), rows) if "user_id" in options else None)
        return self._emit(), self._infos(mask)

    def step(self, actions: Any) -> Step:
        """Play one action ``(n,)`` in every row.

        Returns:
            Observations ``(n, d)`` float32, rewards ``(n,)`` float64, terminations and truncations ``(n,)`` bool,
            infos.

        Raises:
            UsageError: An action is outside the space, nothing was reset, or, without autoreset, a row has ended.
        """
        sessions = self.sessions
        if not self._begun:
            raise UsageError("a step needs sessions that run", cause="they were never reset", fix="call reset() first")
        ended = rows_where(~sessions.running)
        if len(ended) and self.autoreset_mode == "disabled":
            raise UsageError(
                "without autoreset, a row that has ended must be reset before the next step",
                received=f"rows {to_host(ended).tolist()}",
                fix='reset(options={"reset_mask": terminations | truncations})',
            )
        played = rows_where(sessions.running)
        outcome = sessions.advance(sessions.items_of(sessions.checked(actions)))
        if len(ended):  # these rows were played for nothing, which is cheaper than leaving them out
            outcome.rating[ended], outcome.terminated[ended], outcome.truncated[ended] = 0.0, False, False
            self._begin(ended)
        sessions.offer(played)
        final = self._same_step() if self.autoreset_mode == "same_step" else {}
        return self._emit(), outcome.rating, outcome.terminated, outcome.truncated, self._infos() | final

    def action_masks(self) -> Any:
        """``(n, n_actions)`` bool, False for films that the viewer has seen, in the profile or in this session."""
        return self.sessions.action_mask()

    def _begin(self, rows: Any, users: Any = None) -> None:
        drawn = self.queue.next(rows)
        self._begun = True
        self.sessions.begin(
            drawn if users is None else users, rows, seeds=self.queue.seeds[rows], episodes=self.queue.episodes[rows]
        )

    def _same_step(self) -> dict[str, Any]:
        """Begin the next session in the rows that ended, and keep what they ended with."""
        over = ~self.sessions.running
        rows = rows_where(over)
        if not len(rows):
            return {}
        observations, facts = self._emit(copy=True), self._infos(over)  # the buffer is written over by what begins
        self._begin(rows)
        return {
            "final_obs": self._ragged(observations, rows),
            "_final_obs": over,
            "final_info": facts,
            "_final_info": over,
        }

    def _ragged(self, observations: Any, rows: Any) -> Any:
        """Gymnasium gives last observations as an object array, None where there is none; tensors stay a batch."""
        if not self.sessions.backend.on_host:
            return observations
        ragged = np.full(self.num_envs, None, dtype=object)
        for row in rows:
            one = {key: part[row] for key, part in observations.items()} if self._as_dict else observations[row].copy()
            ragged[row] = one
        return ragged

    def _emit(self, *, copy: bool = False) -> Any:
        observations = copied(self.sessions.observations) if self.copy or copy else self.sessions.observations
        return self._as_dict(observations, self.sessions.state) if self._as_dict else observations

    def _infos(self, mask: Any = None) -> dict[str, Any]:
        infos = self.sessions.infos()
        del infos["running"]
        has = self.sessions.backend.full(self.num_envs, True, "bool") if mask is None else mask
        return infos | {f"_{key}": has for key in infos}

    def _seed(self, seed: Any, mask: Any) -> None:
        if seed is None and self._begun:
            return
        seed = [None] * self.num_envs if seed is None else seed
        seeds = [int(seed) + i for i in range(self.num_envs)] if isinstance(seed, (int, np.integer)) else list(seed)
        whole = all(s is None or (isinstance(s, (int, np.integer)) and s >= 0) for s in seeds)
        if len(seeds) != self.num_envs or not whole:
            raise UsageError(f"seed must be a whole number >= 0 or a list of {self.num_envs} of them", received=seed)
        if not self._begun:  # a row without a seed plays one that nobody knows
            drawn = np.random.default_rng().integers(2**31, size=self.num_envs).tolist()
            seeds = [d if s is None else s for s, d in zip(seeds, drawn, strict=True)]
        chosen = [row for row, s in enumerate(seeds) if s is not None and (mask is None or mask[row])]
        self.queue.seed(self.sessions.backend.array(chosen, "int64"), [seeds[row] for row in chosen])

    def _mask(self, mask: Any) -> Any:
        if mask is None:
            return None
        mask = to_host(mask) if not isinstance(mask, (list, tuple)) else np.array(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise UsageError(
                f"reset_mask must be {self.num_envs} booleans, one of them True",
                received=f"{mask.dtype} array of shape {mask.shape}, {int(np.count_nonzero(mask))} True",
            )
        if not self._begun and not mask.all():
            raise UsageError("the first reset must be of every row", received=mask)
        return mask

    def _users(self, user_id: Any, rows: Any) -> Any:
        if np.ndim(user_id) == 0:
            return self.sessions.backend.array(np.full(len(rows), self.setting.user_of(user_id)))
        if len(user_id) != self.num_envs:
            raise UsageError(f"user_id must be one id, or {self.num_envs}", received=user_id)
        return self.sessions.backend.array([self.setting.user_of(user_id[int(row)]) for row in rows], "int64")


class MovieLensCandidatesVectorEnv(MovieLensVectorEnv):
    """n sessions of :class:`~ilrec_gym.envs.movielens.MovieLensCandidatesEnv` side by side.

    Args:
        num_envs: Number of rows n.
        n_candidates: How many films are offered.
        options: As in :class:`MovieLensVectorEnv`.
    """

    def __init__(self, num_envs: int = 1, *args: Any, n_candidates: int = 20, **options: Any) -> None:
        super().__init__(num_envs, *args, n_candidates=n_candidates, **options)


class MovieLensSlateVectorEnv(MovieLensVectorEnv):
    """n sessions of :class:`~ilrec_gym.envs.movielens.MovieLensSlateEnv` side by side.

    Args:
        num_envs: Number of rows n.
        slate_size: How many films are shown at once.
        options: As in :class:`MovieLensVectorEnv`.
    """

    def __init__(self, num_envs: int = 1, *args: Any, slate_size: int = 3, **options: Any) -> None:
        super().__init__(num_envs, *args, slate_size=slate_size, **({"user_model": "recsim"} | options))


def _metadata(mode: str) -> dict[str, Any]:
    modes = getattr(gym.vector, "AutoresetMode", None)
    return {"autoreset_mode": modes(AUTORESET_MODES[mode])} if modes else {}
