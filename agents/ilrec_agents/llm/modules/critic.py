"""The critic: how well a session goes, as a number from -5 to 5, and what a choice changed about it.

    A_t = r_t + gamma V(s_{t+1}) - V(s_t)

V is the expectation of a whole number that the model would write, read off the probabilities of all eleven; BiLLP (see
planner.py) samples one. Rewards are scaled so that values of sessions that go as well as can be reach 5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.grounding.trie import Tokens, Trie

MOST = 5
_GRADES = np.arange(-MOST, MOST + 1)
_WRITTEN = 4  # tokens in which a grade is looked for where it has to be written
_NUMBER = re.compile(r"-?\d{1,9}")  # longer ones are cut: Python refuses to read thousands of digits


@dataclass(frozen=True)
class Critic:
    """Grades every row.

    Attributes:
        backend: The model.
        ask: The words that ask for a grade.
    """

    backend: Backend
    ask: Tokens

    def values(self, context: Context) -> NDArray[np.float64]:
        """``(B,)`` the expected grade of each row. The context is left as it was.

        A back-end without probabilities writes its grade; what holds no number counts as 0.
        """
        start = context.mark()
        context.append([self.ask] * context.rows)
        graded = self._read(context) if self.backend.scores_tries else self._written(context)
        context.rewind(start)
        return graded

    def _read(self, context: Context) -> NDArray[np.float64]:
        trie, rows = self._trie, context.rows
        found = context.reader([trie] * rows).of([np.arange(len(trie))] * rows)
        return np.array([expectation(trie.totals(log, trie.leaves)) for log in found])

    def _written(self, context: Context) -> NDArray[np.float64]:
        texts = [self.backend.decode(w) for w in context.write(_WRITTEN, frozenset({self.backend.end}))]
        return np.array([grade(text) for text in texts])

    @cached_property
    def _trie(self) -> Trie:
        return Trie.of([self.backend.encode(f" {number}") for number in _GRADES], self.backend.end)


def expectation(log_probabilities: NDArray[np.float64]) -> float:
    """The mean grade, given the log-probability ``(11,)`` of each."""
    weights = np.exp(log_probabilities - log_probabilities.max())
    return float(weights @ _GRADES / weights.sum())


def grade(text: str) -> float:
    """The first whole number of a text, within -5 and 5; 0 where there is none."""
    found = _NUMBER.search(text.replace("\N{MINUS SIGN}", "-"))
    return float(np.clip(int(found.group()), -MOST, MOST)) if found else 0.0


def rewards(ratings: Sequence[float], middle: float, half: float, gamma: float) -> NDArray[np.float64]:
    """``(T,)`` ratings as rewards whose discounted sums stay within -5 and 5.

    r = 5 (1 - gamma) (y - middle) / half, cut at what a sum of which would be 5.

    Args:
        ratings: ``(T,)`` y, in rating units.
        middle: The rating that the viewer gives on average.
        half: Half the width of the rating scale.
        gamma: The discount.
    """
    scaled = np.clip((np.asarray(ratings, np.float64) - middle) / half, -1, 1)
    return np.asarray(MOST * (1 - gamma) * scaled)


def advantages(rewards: NDArray[np.float64], values: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """``(T,)`` advantages of rewards ``(T,)`` and values ``(T + 1,)``, the last one of the state at the end."""
    return rewards + gamma * values[1:] - values[:-1]


def calibrated(
    grades: Sequence[NDArray[np.float64]], rewards: Sequence[NDArray[np.float64]], gamma: float
) -> list[NDArray[np.float64]]:
    """Grades of sessions ``(T + 1,)`` each as values: the line through all of them that meets what followed best.

        V = a + b grade, b >= 0, with the least squares of V(s_t) - sum over k of gamma^k r_{t+k}

    A language model ranks situations better than it knows their scale: one says 2 or 3 of all of them, another 0.

    Args:
        grades: Of each session's situations; the last one is that at its end.
        rewards: ``(T,)`` of each session.
        gamma: The discount.
    """
    given = np.concatenate([mine[:-1] for mine in grades])
    followed = np.concatenate([_discounted(mine, gamma) for mine in rewards])
    spread = given - given.mean()
    slope = max(0.0, float(spread @ followed)) / max(float(spread @ spread), 1e-12)
    return [np.clip(followed.mean() + slope * (mine - given.mean()), -MOST, MOST) for mine in grades]


def _discounted(rewards: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    sums = np.zeros(len(rewards) + 1)
    for t in reversed(range(len(rewards))):
        sums[t] = rewards[t] + gamma * sums[t + 1]
    return sums[:-1]
