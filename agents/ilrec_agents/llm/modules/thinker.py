"""The thinker: one sentence about what the viewer wants now, before each choice.

Yao et al., "ReAct: Synergizing Reasoning and Acting in Language Models", ICLR 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.modules.speech import Speech, said


@dataclass(frozen=True)
class Thinker:
    """Writes a thought in every row.

    Attributes:
        backend: The model.
        speech: The words around a thought.
    """

    backend: Backend
    speech: Speech

    def think(self, context: Context) -> list[Tokens]:
        """Thoughts of all rows; the context stands behind them. An empty one is left out, words and all."""
        start = context.mark()
        written = self.speech.answers(context)
        thoughts = said(self.backend, written)
        if thoughts == written and all(thoughts):
            context.append([self.speech.ends] * context.rows)
        else:
            context.rewind(start)
            context.append([self.speech.told(thought) for thought in thoughts])
        return thoughts
