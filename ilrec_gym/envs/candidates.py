"""Sessions in which a public retriever offers n items per step and the action picks one of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.envs.observation import Layout
from ilrec_gym.envs.retriever import Retriever
from ilrec_gym.envs.sessions import Index, Infos, Sessions
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.simulation.simulator import Simulator


class CandidateSessions(Sessions):
    """B sessions whose action is a place among the items on offer, best first by the retriever's score.

    Attributes:
        offered: ``(B, n_candidates)`` int64 item indices on offer.
    """

    def __init__(
        self, scenario: Scenario, simulator: Simulator, n: int, info: Sequence[str] = (), n_candidates: int = 20
    ) -> None:
        size = len(scenario.catalogue)
        if (
            isinstance(n_candidates, bool)
            or not isinstance(n_candidates, (int, np.integer))
            or not 1 <= n_candidates <= size
        ):
            raise UsageError(
                f"n_candidates must be a whole number between 1 and the catalogue's size {size}", received=n_candidates
            )
        self.retriever = Retriever(scenario, n_candidates)
        self.offered = np.zeros((n, n_candidates), np.int64)
        super().__init__(scenario, simulator, n, info)

    @property
    def n_actions(self) -> int:
        """Number of items on offer."""
        return self.retriever.n

    def items_of(self, actions: Index, rows: NDArray[np.integer]) -> Index:
        """The offered items at those places."""
        return self.offered[rows, actions]

    def infos(self) -> Infos:
        """As in :class:`Sessions`, with ``candidates``: the item indices on offer."""
        return super().infos() | {"candidates": self.offered.copy()}

    def action_mask(self) -> NDArray[np.bool_]:
        """``(B, n_candidates)`` bool, False for an offered item that the viewer has seen (a catalogue that ran out)."""
        return np.take_along_axis(super().action_mask(), self.offered, axis=1)

    def _layout(self) -> Layout:
        return Layout.of(self.scenario, self.retriever.n)

    def _offer(self, rows: NDArray[np.integer]) -> None:
        users = self.state.users[rows]
        memory = self.layout.part(self._buffer[rows], "memory_fast")
        self.offered[rows] = self.retriever.offer(users, memory, self.seen()[rows])
        predicted = self.scenario.public.predict_some(users, self.offered[rows])
        self.observer.offer(self._buffer, rows, self.offered[rows], predicted)
