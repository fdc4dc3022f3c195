"""An oracle that plans: beam search over copies of the simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import whole
from ilrec_agents.heuristic.options import Options, best_now
from ilrec_agents.heuristic.oracle import LookingOracle
from ilrec_agents.heuristic.twin import AT_ONCE, Rows, Twin, pieces
from ilrec_gym.simulation.state import SimulatorState


@dataclass(frozen=True)
class OraclePlanConfig:
    """Settings of ``oracle_plan``.

    Attributes:
        width: Paths that are kept per session at every depth.
        depth: Steps that are looked ahead.
        shortlist: Items that a path may be made of: the best of this step, by what ``oracle_one_step`` goes by.
    """

    width: int = 8
    depth: int = 6
    shortlist: int = 24

    def __post_init__(self) -> None:
        whole(self, "width", "depth", "shortlist")


class OraclePlanAgent(LookingOracle):
    """The first item of the best path found by beam search over the true dynamics; planned anew at every step.

    Paths on which the user stays come before those on which they leave, and among them the sum of ratings decides. An
    item stands in a path once. What chance will bring (noise in ratings, leaving by chance) is not known to it: it
    plans with dice of its own. The search is not exhaustive, so its return is no upper bound in the strict sense.
    """

    name = "oracle_plan"
    source = "beam search: Lowerre, The HARPY speech recognition system, 1976"
    Config = OraclePlanConfig

    def choose(self, state: SimulatorState, options: Options, rows: Rows) -> Rows:
        """The first step of each row's best path."""
        config = self.config
        m = min(config.shortlist, options.actions.shape[1])
        found = best_now(self._twin, state, options, rows, m)
        items = np.where(np.isfinite(found.scores), options.items[rows[:, None], found.places], -1)
        first = np.zeros(len(rows), np.int64)
        for part in pieces(len(rows), max(1, AT_ONCE // (m * config.width))):
            first[part] = plan(self._twin, state.take(rows[part]), items[part], config.width, config.depth)
        return np.take_along_axis(found.places, first[:, None], axis=1)[:, 0]


def plan(twin: Twin, state: SimulatorState, items: NDArray[np.integer], width: int, depth: int) -> NDArray[np.int64]:
    """Columns of ``items`` with which the best path of each session begins.

    Args:
        twin: Plays copies.
        state: S sessions.
        items: ``(S, m)`` what paths may be made of, padded with -1 behind.
        width: Paths kept per session.
        depth: Steps looked ahead.
    """
    best = np.zeros(len(items), np.int64)
    owner, first = np.arange(len(items)), np.full(len(items), -1)
    total, used = np.zeros(len(items)), items < 0
    for _ in range(depth):
        path, step = np.nonzero(~used)
        copies, outcome = twin.tried(state, path, items[owner[path], step])
        child = np.where(first[path] < 0, step, first[path])
        summed, stays, own = total[path] + outcome.rating, ~outcome.terminated, owner[path]
        order = np.lexsort((-summed, ~stays, own))
        rank = np.arange(len(order)) - np.searchsorted(own[order], own[order])
        top = order[rank == 0]
        best[own[top]] = child[top]
        kept = order[(rank < width) & (stays & ~outcome.truncated)[order]]
        if not len(kept):
            break
        used = used[path[kept]]
        used[np.arange(len(kept)), step[kept]] = True
        state, owner, first, total = copies.take(kept), own[kept], child[kept], summed[kept]
    return best
