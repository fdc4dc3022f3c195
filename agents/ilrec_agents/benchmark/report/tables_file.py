"""``results.md``: the tables of a benchmark, one environment after another."""

from __future__ import annotations

from ilrec_agents.benchmark.report.estimates_summary import summary
from ilrec_agents.benchmark.report.metrics_table import words
from ilrec_agents.benchmark.report.results import EnvResults, Results


def benchmark(results: Results) -> str:
    """The tables of a benchmark, one per environment, best agent first, and what failed."""
    parts = [f"### {env.env.label}\n\n{env.table.to_markdown()}{_more(env)}" for env in results.envs]
    failed = [f"- {text}" for text in results.failures]
    parts += ["Failed:\n\n" + "\n".join(failed) + "\n"] if failed else []
    parts += [f"{results.gaps}\n"] if results.gaps else []
    return "\n".join(parts)


def _more(env: EnvResults) -> str:
    tables = (words(env.table), summary(env.study.to_records()) if env.study else None)
    found = [shown.to_markdown() for shown in tables if shown is not None]
    found += ["\n".join(f"- {text}" for text in env.unanswered) + "\n"] if env.unanswered else []
    return "".join(f"\n{text}" for text in found)
