"""Oracles: they look at what the simulator hides. Upper bounds, not agents."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Actions, Agent, Infos, ItemScoringAgent, Observations
from ilrec_agents.checks import number
from ilrec_agents.heuristic.options import Options, OptionsMaker, best_now
from ilrec_agents.heuristic.twin import Rows, Twin
from ilrec_agents.task import Task
from ilrec_gym.simulation.state import SimulatorState


class OracleGreedyAgent(ItemScoringAgent):
    """The item with the highest true rating, without a thought of satiation or of when the user leaves."""

    name = "oracle_greedy"
    family = "oracle"
    sees_truth = True

    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """R(u, i), clipped to the scale."""
        return np.clip(self.task.truth.scenario.truth.predict_all(infos["user_index"]), *self.task.rating_scale)


class LookingOracle(Agent):
    """An oracle that tries items on copies of the simulator, under whatever user model there is."""

    family = "oracle"
    sees_truth = True
    info = ("action_mask", "history")

    def __init__(self, task: Task, config: Any, *, seed: int = 0, device: str = "auto") -> None:
        super().__init__(task, config, seed=seed, device=device)
        self._twin, self._options = Twin(task), OptionsMaker(task)

    def act(self, observations: Observations, infos: Infos) -> Actions:
        """What :meth:`choose` finds in the rows that run; the most liked allowed item in the others."""
        options = self._options(infos)
        places = options.open.argmax(axis=1)
        rows = np.flatnonzero(infos["running"])
        if len(rows):
            places[rows] = self.choose(self._twin.follow(infos), options, rows)
        return np.take_along_axis(options.actions, places[:, None], axis=1)[:, 0].astype(np.int64)

    @abstractmethod
    def choose(self, state: SimulatorState, options: Options, rows: Rows) -> Rows:
        """Columns of the options, one for each of these rows."""


@dataclass(frozen=True)
class OracleOneStepConfig:
    """Settings of ``oracle_one_step``.

    Attributes:
        foresight: How often what spoils the rating counts: 1 is the rating of this step, 2 also spares later ones.
    """

    foresight: float = 1.0

    def __post_init__(self) -> None:
        number(self, "foresight")


class OracleOneStepAgent(LookingOracle):
    """The item that will get the highest rating at this step, among those after which the user stays.

    Where the user leaves whatever is shown, the highest rating alone decides. Under ``satiation`` the highest rating
    also costs the least patience, so there it is simply the true rating minus satiation.
    """

    name = "oracle_one_step"
    Config = OracleOneStepConfig

    def choose(self, state: SimulatorState, options: Options, rows: Rows) -> Rows:
        """The best option now."""
        return best_now(self._twin, state, options, rows, 1, self.config.foresight).places[:, 0]
