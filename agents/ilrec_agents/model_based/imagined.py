"""The world model as an environment: its viewers live in it in the simulator's place, all else is the public engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.model_based.steps import Asked, Before, scaled, window
from ilrec_agents.model_based.world_model import Prediction, WorldModel
from ilrec_agents.task import Task
from ilrec_gym.envs.candidates import CandidateSessions
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.observation import Observer
from ilrec_gym.envs.sessions import Sessions
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.draws import EXIT, uniform
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.simulation.simulator import Outcome
from ilrec_gym.simulation.state import SimulatorState
from ilrec_gym.simulation.user_models import UserModel
from ilrec_gym.simulation.world import World

Penalty = Callable[[Prediction, Before, NDArray[np.int64]], NDArray[np.float64]]
"""What is taken off each reward: of the prediction, the sessions before the step, and the items ``(B,)`` shown."""


def public_half(task: Task) -> Scenario:
    """The scenario of a task with nothing hidden in it: where the truth was, the public factors stand."""
    return Scenario(
        name=task.description["dataset"],
        catalogue=task.catalogue,
        users=task.users,
        public=task.public,
        truth=task.public,
        aspiration=np.zeros(len(task.users)),
        rating_scale=task.rating_scale,
        holdout={},
        fingerprint=task.description["scenario"],
    )


@dataclass(frozen=True)
class ImaginedViewers(UserModel):
    """A world model in the place of a user model: viewers give the mean predicted rating, and leave as predicted.

    Attributes:
        world_model: The one that imagines them.
        penalty: What is taken off each reward; the sessions remember the rating itself.
        threshold: Viewers leave where the probability is above it; None: they leave by a draw with that probability.
        seed: The world model's.
    """

    exit_reasons = ("predicted",)

    world_model: InitVar[WorldModel]
    penalty: InitVar[Penalty | None] = None
    threshold: float | None = None
    seed: int = 0

    def __post_init__(self, world_model: WorldModel, penalty: Penalty | None) -> None:
        object.__setattr__(self, "_given", (world_model, penalty))
        task = world_model.task
        object.__setattr__(self, "_watching", Observer(public_half(task), task.layout.context))

    def check(self, world: World) -> None:
        """World models play on the host.

        Raises:
            UsageError: Sessions on a device.
        """
        if not isinstance(world.item_vectors, np.ndarray):
            raise UsageError("imagined sessions are played on the host", received="a device", fix="leave device out")

    def fresh(self, world: World, users: Any) -> dict[str, Any]:
        """The observation without items on offer, which viewers carry along, and nothing taken off yet."""
        model, _ = self._parts
        context = np.zeros((len(users), model.task.layout.context.size), np.float32)
        self._observer.begin(context, np.arange(len(users)), users)
        return {"context": context, "penalty": np.zeros(len(users))}

    def respond(self, world: World, state: SimulatorState, items: Any) -> tuple[Any, Any]:
        """Ratings and exits by the world model."""
        model, penalty = self._parts
        ratings = scaled(model.task, state.ratings)
        context = state.hidden["context"]
        asked = Asked(context, items, *window(state.shown, ratings, state.steps, model.config.window))
        said = model.predict(asked)
        if penalty is not None:
            state.hidden["penalty"][...] = penalty(said, state, items)
        self._observer.update(context, items, said.mean, state.steps + 1)
        bar = self.threshold
        draw = uniform(state.seeds, state.episodes, EXIT, state.steps, lane=self.seed) if bar is None else bar
        return said.mean, (said.leaves > draw).astype(np.int8)

    @property
    def _observer(self) -> Observer:
        observer: Observer = self.__dict__["_watching"]
        return observer

    @property
    def _parts(self) -> tuple[WorldModel, Penalty | None]:
        parts: tuple[WorldModel, Penalty | None] = self.__dict__["_given"]
        return parts


class _Penalised:
    """Rewards are what the penalty leaves of the ratings; observations and infos keep the ratings."""

    state: SimulatorState

    def advance(self, items: Any) -> Outcome:
        outcome: Outcome = super().advance(items)  # type: ignore[misc]
        return replace(outcome, rating=outcome.rating - self.state.hidden["penalty"])


class _ImaginedSessions(_Penalised, Sessions):
    pass


class _ImaginedCandidates(_Penalised, CandidateSessions):
    pass


class ImaginedEnv(MovieLensEnv):
    """The environment that a world model stands in for, with its viewers imagined.

    Actions, observations, infos and, where items are on offer, the retriever are those of the real environment. The
    step's reward is the predicted rating less a penalty.

    Args:
        world_model: Fitted.
        split: Whose profiles sessions begin with.
        max_steps: The horizon; the real environment's if None.
        penalty: What is taken off each reward.
        threshold: See :class:`ImaginedViewers`.
        observation: As in :class:`MovieLensEnv`.
        info: As in :class:`MovieLensEnv`.
        render_mode: As in :class:`MovieLensEnv`.
    """

    def __init__(
        self,
        world_model: WorldModel,
        *,
        split: str = "train",
        max_steps: int | None = None,
        penalty: Penalty | None = None,
        threshold: float | None = None,
        observation: str = "box",
        info: Sequence[str] = (),
        render_mode: str | None = None,
    ) -> None:
        task = world_model.task
        super().__init__(
            public_half(task),
            user_model=ImaginedViewers(world_model, penalty, threshold, world_model.seed),
            split=split,
            max_steps=task.description["max_steps"] if max_steps is None else max_steps,
            n_candidates=task.n_candidates or None,
            observation=observation,
            info=info,
            render_mode=render_mode,
        )

    def batch(self, n: int, info: Sequence[str] = ()) -> Sessions:
        """The engine for n imagined sessions in lock-step."""
        setting = self.setting
        simulator = setting.scenario.simulator(setting.user_model, setting.max_steps)
        if setting.n_candidates is not None:
            return _ImaginedCandidates(setting.scenario, simulator, n, info, setting.n_candidates)
        return _ImaginedSessions(setting.scenario, simulator, n, info)
