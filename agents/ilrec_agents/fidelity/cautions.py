"""What to beware of under a user model, read off its ladder: each caution rests on a difference paired by user."""

from __future__ import annotations

from dataclasses import dataclass

from ilrec_agents.benchmark.report.numbers import number, with_interval
from ilrec_agents.fidelity.ladder import CHANCE, Ladder
from ilrec_gym.evaluation import Interval

BLIND = "blind"
"""The rule does not tell good from bad: knowing the user, or the truth, earns no more than chance."""
TASTE = "taste"
"""Knowing every true rating earns next to nothing of what is possible."""
LIST_WINS = "list wins"
"""The best list for everybody earns more than the best rule that knows the user's profile."""
LIST_TIES = "list ties"
"""The two cannot be told apart."""
LENGTH = "length"
"""Hardly anything that is shown makes sessions longer; only the ratings given differ."""
HORIZON = "horizon"
"""The horizon ends sessions that chance plays."""
PLANNER = "planner"
"""The planning oracle finds clearly less than looking one step ahead does."""

LITTLE = 0.1
"""Less than this share of what is possible is next to nothing."""
LONGER = 0.25
"""Sessions must become longer by this share of what chance gets."""
SLIGHT = 0.01
"""A planner may lose this share to one step without a word: with nothing to plan for, it is a matter of ties."""
TWINS = (("best_average", "greedy"), ("playlist", "mmr"))
"""Lists, and the personal rules that differ from them in nothing but the user's profile."""


@dataclass(frozen=True)
class Caution:
    """Something to beware of.

    Attributes:
        kind: One of the kinds above.
        text: A sentence.
    """

    kind: str
    text: str


def cautions(ladder: Ladder) -> list[Caution]:
    """All cautions of a ladder, the gravest first."""
    return [*_blind(ladder), *_taste(ladder), *_lists(ladder), *_length(ladder), *_horizon(ladder), *_planner(ladder)]


def _blind(ladder: Ladder) -> list[Caution]:
    """Policies that know the user, or the truth, must earn more than chance."""
    found = []
    for name in ladder.of_kind("oracle") + ladder.of_kind("personal"):
        unbeaten = [chance for chance in ladder.of_kind("chance") if ladder.difference(name, chance).verdict != "above"]
        if unbeaten:
            chance = max(unbeaten, key=lambda other: ladder.mean(other).mean)
            knows = "knows every true rating" if name in ladder.of_kind("oracle") else "knows the user's profile"
            told = _compared(ladder.difference(name, chance), chance)
            found.append(Caution(BLIND, f"This rule cannot tell good from bad: `{name}`, which {knows}, {told}."))
    return found


def _taste(ladder: Ladder) -> list[Caution]:
    """Where true ratings earn more than chance at all, they must earn more than a little."""
    share = ladder.headroom("oracle_greedy")
    if not share < LITTLE or ladder.difference("oracle_greedy", CHANCE).verdict != "above":
        return []
    text = (
        f"Taste hardly counts: `oracle_greedy`, which knows every true rating, earns {number(share * 100, 0)}% of what "
        f"`{ladder.best('oracle')}` earns beyond chance."
    )
    return [Caution(TASTE, text)]


def _lists(ladder: Ladder) -> list[Caution]:
    """The best list for everybody must earn less than the best agent that knows the user's profile."""
    common, personal = ladder.best("list"), ladder.best("personal")
    difference = ladder.difference(common, personal)
    told = _compared(difference, personal)
    if difference.verdict == "above":
        return [Caution(LIST_WINS, f"A list without personal input wins: `{common}` {told}, the best personal rule.")]
    if difference.verdict == "not separated":
        return [
            Caution(LIST_TIES, f"A list without personal input does as well as any personal rule: `{common}` {told}.")
        ]
    return [
        Caution(LIST_WINS, f"A list without personal input beats the personal rule of its kind: `{common}` "
                           f"{_compared(ladder.difference(common, personal), personal)}.")
        for common, personal in TWINS if ladder.difference(common, personal).verdict == "above"
    ]  # fmt: skip


def _length(ladder: Ladder) -> list[Caution]:
    """Better choices must keep users longer, unless chance keeps them to the horizon already."""
    top, chance = ladder.best("oracle"), ladder.mean(CHANCE, "Len").mean
    difference = ladder.difference(top, CHANCE, "Len")
    longer = difference.verdict == "above" and difference.mean >= LONGER * chance
    if longer or ladder.horizon(CHANCE) >= 0.5:
        return []
    text = (
        f"Sessions hardly become longer by better choices: those of `{top}` differ from those of `{CHANCE}` by "
        f"{with_interval(difference, 1, signed=True)} steps of {number(chance, 1)}. Ratings alone tell rules apart."
    )
    return [Caution(LENGTH, text)]


def _horizon(ladder: Ladder) -> list[Caution]:
    share = ladder.horizon(CHANCE)
    if share < 0.5:
        return []
    text = (
        f"The horizon, not the user, ends sessions: {number(share * 100, 0)}% of those that `{CHANCE}` plays last "
        f"{ladder.max_steps} steps."
    )
    return [Caution(HORIZON, text)]


def _planner(ladder: Ladder) -> list[Caution]:
    difference, enough = ladder.difference("oracle_plan", "oracle_one_step"), ladder.mean("oracle_one_step").mean
    if difference.verdict != "below" or -difference.mean < SLIGHT * enough:
        return []
    told = _compared(difference, "oracle_one_step")
    text = f"`oracle_plan` {told}: its search is too narrow here, and what is possible is underrated."
    return [Caution(PLANNER, text)]


def _compared(difference: Interval, other: str) -> str:
    words = {"above": "earns more than", "below": "earns less than", "not separated": "is not separated from"}
    return f"{words[difference.verdict]} `{other}` ({with_interval(difference, 1, signed=True)})"
