"""What grounding and modules do for teachers, from the runs of a benchmark.

``python benchmarks/teachers_table.py FOLDER`` prints two Markdown tables for each environment of the folder, in which
teachers stand as ``NAME:grounding=GROUNDING``: each teacher beside the rules, and what a module adds, as the paired
difference of two teachers that differ in it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ilrec_agents.benchmark.report.numbers import cell, milliseconds, number, with_interval, with_sign
from ilrec_agents.benchmark.report.results import EnvResults, Results
from ilrec_agents.benchmark.report.table import Row
from ilrec_agents.benchmark.runs.folder import Folder

RULES = ("retriever_random", "retriever_top1", "mmr")
GROUNDINGS = ("constrained", "likelihood", "free_text")
ADDED = {
    "a thought: `react` − `act_only`": ("react:{}", "act_only:{}"),
    "reflections: `reflexion` − `react`": ("reflexion:{}", "react:{}"),
    "plan, reflections and critic: `billp` − `act_only`": ("billp:{}", "act_only:{}"),
    "the critic alone: `billp` less its `advice`": ("billp:{}", "billp:{},advice=0"),
    "the plan alone: `billp` less its `max_plan_tokens`": ("billp:{}", "billp:{},max_plan_tokens=0"),
    "reflections alone: `billp` less its `reflections`": ("billp:{}", "billp:{},reflections=0"),
}


def beside_rules(found: EnvResults) -> list[str]:
    """A row per teacher and rule, by falling return."""
    heads = ["agent", "R_traj", *(f"− `{rule}`" for rule in RULES[:2]), "outside", "repeated", "read", "written", "ms"]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for row in found.table.rows:
        if ":" in row.label or row.label in RULES:
            gaps = [found.table.differences_to(rule)[row.label] for rule in RULES[:2]]
            cells = [with_interval(row.evaluation.R_traj, 1), *map(with_sign, gaps), *_words(row)]
            lines.append(f"| `{cell(row.label)}` | {' | '.join(cells)} |")
    return lines


def added(found: EnvResults) -> list[str]:
    """A row per module, a column per grounding."""
    there = {row.label for row in found.table.rows}
    lines = [f"| what is added | {' | '.join(GROUNDINGS)} |", "|---|" + "---:|" * len(GROUNDINGS)]
    for name, (more, less) in ADDED.items():
        pairs = [(more.format(f"grounding={how}"), less.format(f"grounding={how}")) for how in GROUNDINGS]
        cells = [with_sign(found.table.difference(*pair)) if there.issuperset(pair) else "–" for pair in pairs]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _words(row: Row) -> list[str]:
    facts = getattr(row.evaluation, "facts", {})
    shares = [f"{100 * facts[name]:.0f}%" if name in facts else "" for name in ("outside", "repeated")]
    tokens = [number(facts[name], 0) if name in facts else "" for name in ("tokens_in", "tokens_out")]
    return [*shares, *tokens, milliseconds(row.evaluation.ms_per_decision)]


def main(folder: str) -> None:
    """Print both tables for each environment."""
    for found in Results(Folder(Path(folder))).envs:
        print("\n".join([*beside_rules(found), "", *added(found)]))


if __name__ == "__main__":
    main(sys.argv[1])
