"""What a module says to the model: the words that ask, and those that follow its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.grounding.trie import Tokens

_ENDS = ".!?\n"  # where an answer ends


@dataclass(frozen=True)
class Speech:
    """The words around an answer, as tokens.

    Attributes:
        ask: Before it.
        ends: Behind it.
        limit: Tokens of the answer, at most.
        stop: Tokens that end it.
    """

    ask: Tokens
    ends: Tokens
    limit: int
    stop: frozenset[int]

    def answers(self, context: Context) -> list[Tokens]:
        """What the model answers in every row. A looping answer is cut at the limit; it may also be empty."""
        context.append([self.ask] * context.rows)
        return context.write(self.limit, self.stop)

    def told(self, answer: Tokens) -> Tokens:
        """An answer between its words; nothing where it is empty."""
        return (*self.ask, *answer, *self.ends) if answer else ()


def stops(backend: Backend) -> frozenset[int]:
    """The tokens that end an answer: the ends of sentences and lines, and all control tokens."""
    control = (backend.encode(text) for text in backend.special)
    return backend.holding(_ENDS) | {backend.end} | {token for tokens in control for token in tokens[:1]}


def said(backend: Backend, answers: Sequence[Tokens]) -> list[Tokens]:
    """The answers that say something; blank ones become empty."""
    return [answer if backend.decode(answer).strip() else () for answer in answers]


def answered(backend: Backend, speech: Speech, context: Context, first: Sequence[Tokens]) -> list[Tokens]:
    """What every row answers after it has read something first; possibly empty. The context is left as it was."""
    start = context.mark()
    context.append(first)
    answers = said(backend, speech.answers(context))
    context.rewind(start)
    return answers
