"""Off-policy estimates beside the truth, where an estimation has left them in a benchmark's folder."""

from __future__ import annotations

from pathlib import Path

from ilrec_agents.benchmark.exhibits import PlainTable
from ilrec_agents.benchmark.results import EnvResults


def estimates(env: EnvResults, out: Path) -> PlainTable | None:
    """The table of estimates for an environment; None where there is none."""
    return None
