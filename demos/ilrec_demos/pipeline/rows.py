"""The rows of the quickstart's table, and what each one teaches."""

from __future__ import annotations

from dataclasses import dataclass

from ilrec_demos.pipeline.settings import ENV_ID, WHOLE_ENV_ID

OFFERED, WHOLE = "offered 20", "whole catalogue"
ENV_OF = {OFFERED: ENV_ID, WHOLE: WHOLE_ENV_ID}


@dataclass(frozen=True)
class RowPlan:
    """One row.

    Attributes:
        label: In the table.
        agent: Name in the registry.
        group: What it chooses from.
        mark: What it is, see ``ilrec_agents.benchmark.MARKS``.
        note: What the row teaches.
        trained: Name of the trained agent; "" for agents that learn from nothing.
    """

    label: str
    agent: str
    group: str
    mark: str
    note: str
    trained: str = ""

    @property
    def file(self) -> str:
        """Name of the result's file."""
        return "".join(c if c.isalnum() else "_" for c in self.label) + ".npz"


def teacher_row(agent: str) -> RowPlan:
    """The row of the teacher."""
    return RowPlan(f"{agent} (teacher)", agent, OFFERED, "teacher", "What the demonstrations are worth by themselves.")


def _rule(agent: str, note: str, group: str = OFFERED, mark: str = "reference") -> RowPlan:
    return RowPlan(agent if group == OFFERED else f"{agent} (whole)", agent, group, mark, note)


def _learner(label: str, trained: str, mark: str, note: str) -> RowPlan:
    return RowPlan(label, trained.split("-")[0], OFFERED, mark, note, trained)


RULES = (
    _rule("retriever_random", "What choosing without any thought gets: the yardstick."),
    _rule("retriever_top1", "What the retriever gets alone: choosers have to beat it."),
    _rule("popular", "Popularity is no substitute for variety."),
    _rule("playlist", "How far variety goes without any personal input."),
    _rule("mmr", "Taste and variety by rule; among the offered it is retriever_top1."),
)
LEARNERS = (
    _learner("bc", "bc", "student", "How much of the teacher a small network can copy."),
    _learner("cql true reward", "cql-true", "reference", "What offline RL gets when it is told the true rating."),
    _learner("cql learned reward", "cql-learned", "student", "What the reward learned from the teacher is worth."),
    _learner("cql shuffled reward", "cql-shuffled", "control", "The learned reward's numbers without their meaning."),
    _learner(
        "cql constant reward", "cql-constant", "control", "A reward that says nothing but that the viewer stayed."
    ),
)
ORACLE = _rule("oracle_one_step", "The best next step among the offered, by hidden knowledge.", mark="sees truth")
WHOLE_ROWS = (
    _rule("popular", "The same rule, free to choose from every film.", WHOLE),
    _rule("playlist", "One genre-rotating list for everybody.", WHOLE),
    _rule("mmr", "The retriever's ranking over every film.", WHOLE),
    _rule("oracle_one_step", "The best next step over every film.", WHOLE, "sees truth"),
)
