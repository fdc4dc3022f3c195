"""Agents that learn: what they end up with is one network that scores every action of an observation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Agent, Infos, Observations, ScoringAgent, Watch
from ilrec_agents.checks import one_of, whole
from ilrec_agents.devices import torch_device
from ilrec_agents.weights import load_weights, save_weights
from ilrec_gym.errors import ArtefactError, UsageError, require
from ilrec_gym.files import read_json, write_json

WEIGHTS, HISTORY = "weights.safetensors", "history.json"
NETWORKS = ("auto", "guided", "candidates", "towers", "flat")
"""Kinds of networks, see :class:`LearningConfig`."""
WITH_BODY = ("auto", "candidates", "towers", "flat")
"""Those of them that are a scaling and a body behind it, which other parts can be joined to."""


@dataclass(frozen=True)
class LearningConfig:
    """Settings that all agents with a network have.

    Attributes:
        network: "candidates" (one small network that all places on offer share), "towers" (one for observations, one
            for items), "flat" (one output per action), "guided" (begins as the public ranking and learns what to
            change about it), or "auto": the first where a few items are on offer, and over a whole catalogue what the
            agent's ``over_catalogues`` names.
        hidden: Width of the hidden layers.
        threads: Threads of torch while it learns on a CPU. More than one gains nothing for networks as small as these,
            and costs a lot where other programs run.
    """

    network: str = "auto"
    hidden: int = 64
    threads: int = 1

    def __post_init__(self) -> None:
        one_of(self, "network", NETWORKS)
        whole(self, "hidden", "threads")


class LearningAgent(ScoringAgent):
    """Learns a network from observations ``(B, d)`` to scores ``(B, n_actions)``; takes the best allowed action.

    A family implements ``fit``; in it :meth:`_learned` takes the network. Everything else is here.

    Attributes:
        estimates_values: Whether scores are values; otherwise only their differences matter.
        over_catalogues: The network that "auto" is over a whole catalogue.
        history: How learning went, one record per report, in order. Each has ``timesteps`` or ``updates``.
    """

    Config: ClassVar[type[Any]] = LearningConfig
    estimates_values: ClassVar[bool] = False
    over_catalogues: ClassVar[str] = "towers"

    _network: Any = None
    history: list[dict[str, float]]

    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """One pass of the network for all rows and actions: Q values or logits ``(B, n_actions)``."""
        if self._network is None:
            raise self._unlearned("acts")
        torch = require("torch", self.extra)
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(observations, np.float32))
            scores: NDArray[np.floating] = self._scored(x.to(_device_of(self._network)), infos).cpu().numpy()
        return scores

    def _scored(self, x: Any, infos: Infos) -> Any:
        """The network's scores of all actions, as tensors."""
        return self._network(x)

    def _learned(self, network: Any) -> None:
        """Act by this network from now on."""
        self._network = network.eval().requires_grad_(False)

    def _fresh_network(self, observations: Observations | None = None) -> Any:
        """The network with fresh weights; its scaling is fitted on observations ``(N, d)``, or left to be loaded."""
        return self._scores_network(observations, self.estimates_values)

    def _scores_network(self, observations: Observations | None, value: bool) -> Any:
        """A network of the kind that the settings name, with a V of its own or without."""
        from ilrec_agents.networks import score_network

        return score_network(self.task, self.kind, self.config.hidden, observations=observations, value=value)

    @property
    def kind(self) -> str:
        """The kind of network; "auto" where a few items are on offer."""
        kind: str = self.config.network
        return self.over_catalogues if kind == "auto" and not self.task.n_candidates else kind

    def _unlearned(self, does: str) -> UsageError:
        return UsageError(
            f"the agent {self.name!r} must have learned before it {does}",
            fix=f"call fit({self.learns_from}), or load a saved one",
        )

    def _save_learned(self, folder: Path) -> None:
        if self._network is None:
            raise self._unlearned("is saved")
        save_weights(self._network, folder / WEIGHTS)
        write_json(folder / HISTORY, self.history)

    def _load_learned(self, folder: Path) -> None:
        device, network = torch_device(self.device, self.extra), self._fresh_network()
        load_weights(network, folder / WEIGHTS)
        self._learned(network.to(device))
        self.history = read_json(folder / HISTORY)
        if not isinstance(self.history, list):
            raise ArtefactError(f"{folder / HISTORY} must be a list of records", received=type(self.history).__name__)


class Watched:
    """Lets somebody look on at ten even points of learning, the end among them.

    Args:
        watch: Who looks on; None: nobody.
        agent: Who learns.
        total: Steps or updates of the whole.
        times: How often.
    """

    def __init__(self, watch: Watch | None, agent: Agent, total: int, times: int = 10) -> None:
        self._watch, self._agent = watch, agent
        self._points = [round(total * (k + 1) / times) for k in range(times)]

    def due(self, done: int) -> bool:
        """Whether a point was reached that nobody has looked on at yet."""
        return self._watch is not None and bool(self._points) and done >= self._points[0]

    def show(self, done: int) -> None:
        """Let them look on; the agent is ready to act."""
        while self._points and done >= self._points[0]:
            self._points.pop(0)
        if self._watch is not None:
            self._watch(self._agent, done)


def _device_of(network: Any) -> Any:
    return next(network.parameters()).device
