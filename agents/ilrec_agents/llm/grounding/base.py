"""What a grounding is: from a context that was asked for a title to one of the titles on offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.grounding.choice import Offer
from ilrec_agents.llm.grounding.trie import Tokens, Trie
from ilrec_gym.errors import UsageError

if TYPE_CHECKING:
    from ilrec_agents.llm.memory.encoder import Encoder


@dataclass(frozen=True)
class Choice:
    """What one row recommends, and how it came to that.

    Attributes:
        place: Index into the row's offer, 0 to S - 1; always a free one.
        score: The grounding's own measure: a log-probability in nats, nats per token, or a cosine.
        propensity: Probability with which this place was chosen.
        proposed: What the model said, or the title.
        named: Items that what it said names, several where films share a name; none where it is no title.
        read: Tokens read for it.
        written: Tokens written for it.
    """

    place: int
    score: float
    propensity: float
    proposed: str
    named: tuple[int, ...]
    read: int
    written: int


@dataclass(frozen=True)
class Titles:
    """The titles of a catalogue, as text and as tokens. One object serves all rows and steps.

    Attributes:
        texts: ``(I,)`` titles on one line, without control tokens.
        title: From an item to its title as it goes on from the words that ask for one, in tokens, and how many of them
            are its name without the year. :meth:`Wording.title` is one.
        end: The token that ends a text.
    """

    texts: tuple[str, ...]
    title: Callable[[int], tuple[Tokens, int]]
    end: int

    def offer(self, items: Iterable[int]) -> Offer:
        """A few of the titles, to be scored one by one."""
        return Offer.of([self._something(int(item)) for item in items], self.end)

    @cached_property
    def trie(self) -> Trie:
        """All titles; ``trie.leaves`` (I,) is the node at which each ends."""
        return Trie.of([self._something(item)[0] for item in range(len(self.texts))], self.end)

    def _something(self, item: int) -> tuple[Tokens, int]:
        """At least one token: a title of nothing is the end at once."""
        tokens, name = self.title(item)
        return (tokens, name) if tokens else ((self.end,), 1)


@dataclass(frozen=True)
class Material:
    """What groundings are made from. Each takes what it needs, and what costs something is made when it is.

    Attributes:
        backend: The language model.
        titles: The catalogue.
        everybody: Makes a context of its own: viewers who stand for everybody, asked for a title.
        encoder: Makes the encoder of texts.
        correction: w in log p(title | viewer) - w log p(title | everybody); ``likelihood`` only.
        shortlist: Titles that ``likelihood`` scores with their year.
        temperature: 0 takes the best; above, what is chosen is drawn.
        max_title_tokens: Length of a title that ``free_text`` writes, at most.
    """

    backend: Backend
    titles: Titles
    everybody: Callable[[], Context]
    encoder: Callable[[], Encoder]
    correction: float = 0.0
    shortlist: int = 6
    temperature: float = 0.0
    max_title_tokens: int = 24


class Grounding(Protocol):
    """Chooses a title in every row. Made from :class:`Material`, by :func:`~.make_grounding`."""

    name: str

    def choose(
        self,
        context: Context,
        offered: NDArray[np.integer],
        free: NDArray[np.bool_],
        draws: NDArray[np.float64],
        prior: NDArray[np.float64] | float = 0.0,
    ) -> list[Choice]:
        """One choice per row; what it reads and writes stays in the context until the caller rewinds it.

        Args:
            context: B rows, right behind the words that ask for a title.
            offered: ``(B, S)`` items.
            free: ``(B, S)`` which of them may be chosen; at least one in each row.
            draws: ``(B,)`` uniform numbers from [0, 1), for temperatures above 0.
            prior: ``(S,)`` or ``(B, S)`` added to the scores of the titles, in the grounding's own unit.
        """


def checked_offer(
    context: Context, offered: NDArray[np.integer], free: NDArray[np.bool_], prior: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """The prior as ``(B, S)``, after checking that the shapes agree and that each row has something free.

    Raises:
        UsageError: They do not, or a row has nothing to choose.
    """
    if offered.shape != free.shape or offered.ndim != 2 or len(offered) != context.rows:
        raise UsageError(
            "offered and free must both have the shape (rows of the context, titles on offer)",
            received=f"offered {offered.shape}, free {free.shape}, {context.rows} rows",
        )
    empty = np.flatnonzero(~free.any(axis=1))
    if len(empty):
        raise UsageError(
            "every row must have a title that is free",
            received=f"nothing in row {int(empty[0])}",
            cause="a mask that leaves nothing",
            fix="ilrec_agents.base.allowed(infos, shape) opens such rows again",
        )
    return np.broadcast_to(np.asarray(prior, np.float64), free.shape)


def needs_reader(material: Material, name: str) -> None:
    """Refuse a back-end that only writes.

    Raises:
        UsageError: The back-end cannot score tokens that it is given.
    """
    if not material.backend.scores_tries:
        raise UsageError(
            f'grounding="{name}" needs a back-end that scores given tokens',
            cause="a model behind a server, which only writes",
            fix='grounding="free_text", or backend="transformers"',
        )
