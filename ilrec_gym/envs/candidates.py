"""Sessions in which a public retriever offers n items per step and the action picks one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ilrec_gym.envs.observation import Layout
from ilrec_gym.envs.retriever import Retriever
from ilrec_gym.envs.sessions import Infos, Sessions
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.backend import copied
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
        self.retriever = Retriever(scenario, n_candidates, backend=simulator.backend)
        self.offered = simulator.backend.full((n, n_candidates), 0, "int64")
        super().__init__(scenario, simulator, n, info)

    @property
    def n_actions(self) -> int:
        """Number of items on offer."""
        return self.retriever.n

    def items_of(self, actions: Any) -> Any:
        """The offered items ``(B,)`` at those places."""
        return self.backend.xp.take_along_axis(self.offered, actions[:, None], axis=1)[:, 0]

    def infos(self) -> Infos:
        """As in :class:`Sessions`, with ``candidates``: the item indices on offer."""
        return super().infos() | {"candidates": copied(self.offered)}

    def action_mask(self) -> Any:
        """``(B, n_candidates)`` bool, False for an offered item that the viewer has seen (a catalogue that ran out)."""
        return self.backend.xp.take_along_axis(self.unseen(), self.offered, axis=1)

    def _layout(self) -> Layout:
        return Layout.of(self.scenario, self.retriever.n)

    def offer(self, rows: Any) -> None:
        """Let the retriever offer items for the next step in these rows."""
        if not len(rows):
            return
        users = self.state.users[rows]
        memory = self.layout.part(self.observations[rows], "memory_fast")
        offered = self.offered[rows] = self.retriever.offer(users, memory, self.seen(rows))
        predicted = self.retriever.public.predict_some(users, offered)
        self.observer.offer(self.observations, rows, offered, predicted)
