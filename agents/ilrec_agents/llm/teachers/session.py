"""A running session as prompts see it, and which of its films a prompt shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ilrec_agents.base import Infos


@dataclass(frozen=True)
class Session:
    """The public side of one session.

    Attributes:
        seed: Its own seed.
        episode: Its number among the sessions of that seed, from 0.
        user: User index.
        items: Item indices shown so far, in order.
        ratings: What the viewer gave each, in rating units.
    """

    seed: int
    episode: int
    user: int
    items: tuple[int, ...]
    ratings: tuple[float, ...]

    @classmethod
    def of(cls, infos: Infos, row: int) -> Session:
        """The session in one row of infos that have the history."""
        steps = int(infos["step"][row])
        items = infos["history_items"][row, :steps].tolist()
        ratings = infos["history_ratings"][row, :steps].tolist()
        seed, episode, user = (int(infos[name][row]) for name in ("seed", "session", "user_index"))
        return cls(seed, episode, user, tuple(items), tuple(ratings))

    @property
    def key(self) -> tuple[int, int, int]:
        """Seed, episode and user: what stays the same while it goes on."""
        return self.seed, self.episode, self.user

    def __len__(self) -> int:
        return len(self.items)

    def until(self, step: int) -> Session:
        """As it was when ``step`` films had been shown."""
        return replace(self, items=self.items[:step], ratings=self.ratings[:step])

    def continues(self, other: Session) -> bool:
        """Whether the other one is this session at an earlier step, or at the same."""
        return self.until(len(other)) == other


class Window(NamedTuple):
    """Which films of a session a prompt shows.

    Attributes:
        start: The first of them.
        lost: Films before it that were left out only because the model's context is short.
    """

    start: int
    lost: int

    @classmethod
    def of(cls, sizes: Sequence[int], most: int, room: int) -> Window:
        """The window behind the last film. It depends on nothing but what was shown.

        What is dropped makes all that follows be read anew. So where a film too many comes, the older half goes at
        once, and the next films only add to what was read.

        Args:
            sizes: Tokens of each film's line.
            most: Films that may be shown.
            room: Tokens that they may take.
        """
        start = wanted = used = 0
        for end, size in enumerate(sizes, 1):
            used += size
            wanted = _halved(wanted, end, most)
            least = _halved(start, end, most)
            used -= sum(sizes[start:least])
            start = least
            if used > room:
                while start < end and (used > room // 2 and end - start > 1 or used > room):
                    used -= sizes[start]
                    start += 1
        return cls(start, max(0, start - wanted))


def _halved(start: int, end: int, most: int) -> int:
    return start if end - start <= most else end - -(-most // 2)
