"""What grounding and modules do for teachers, from the runs of a benchmark.

``python benchmarks/teachers_table.py FOLDER`` prints three tables for each environment of the folder, in which teachers
are labelled ``NAME:grounding=GROUNDING``: each teacher beside the rules, what its decisions take, and what a module
adds, as the paired difference of two teachers that differ in it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ilrec_agents.benchmark.report.numbers import milliseconds, number, with_interval, with_sign
from ilrec_agents.benchmark.report.pooled import Pooled
from ilrec_agents.benchmark.report.results import EnvResults, Results
from ilrec_agents.benchmark.report.table import Row
from ilrec_agents.benchmark.runs.folder import Folder

RULES = ("retriever_random", "retriever_top1", "mmr")
GROUNDINGS = ("constrained", "likelihood", "free_text")
_TEACHERS = {f"{name}:grounding={how}" for name in ("act_only", "react", "reflexion", "billp") for how in GROUNDINGS}
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
    gaps = [found.table.differences_to(rule) for rule in RULES[:2]]
    lines = _heads("R_traj", *(f"− `{rule}`" for rule in RULES[:2]))
    for row in _shown(found):
        cells = [with_interval(row.evaluation.R_traj, 1), *(with_sign(gap[row.label]) for gap in gaps)]
        lines.append(f"| {_name(row)} | {' | '.join(cells)} |")
    return lines


def in_words(found: EnvResults) -> list[str]:
    """A row per teacher: what a decision takes."""
    lines = _heads("outside", "repeated", "tokens read", "tokens written", "ms")
    for row in (row for row in _shown(found) if row.label in _TEACHERS):
        assert isinstance(row.evaluation, Pooled)
        facts = row.evaluation.facts
        shares = [f"{100 * facts[name]:.0f}%" for name in ("outside", "repeated")]
        tokens = [number(facts[name], 0) for name in ("tokens_in", "tokens_out")]
        cells = [*shares, *tokens, milliseconds(row.evaluation.ms_per_decision)]
        lines.append(f"| {_name(row)} | {' | '.join(cells)} |")
    return lines


def added(found: EnvResults) -> list[str]:
    """A row per module of which something is known, a column per grounding."""
    there = {row.label for row in found.table.rows}
    lines = [f"| what is added | {' | '.join(GROUNDINGS)} |", "|---|" + "---:|" * len(GROUNDINGS)]
    for name, (more, less) in ADDED.items():
        pairs = [(more.format(f"grounding={how}"), less.format(f"grounding={how}")) for how in GROUNDINGS]
        cells = [with_sign(found.table.difference(*pair)) if there.issuperset(pair) else "–" for pair in pairs]
        if set(cells) != {"–"}:
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _shown(found: EnvResults) -> list[Row]:
    return [row for row in found.table.rows if row.label in RULES or row.label in _TEACHERS]


def _name(row: Row) -> str:
    agent, _, grounding = row.label.partition(":grounding=")
    return f"`{agent}` | {grounding}"


def _heads(*names: str) -> list[str]:
    return [f"| agent | grounding | {' | '.join(names)} |", "|---|---|" + "---:|" * len(names)]


def main(folder: str) -> None:
    """Print the tables of each environment."""
    for found in Results(Folder(Path(folder))).envs:
        print("\n".join([*beside_rules(found), "", *in_words(found), "", *added(found)]))


if __name__ == "__main__":
    main(sys.argv[1])
