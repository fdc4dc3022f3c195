"""The reflector: a lesson from a session that has ended, for the sessions to come.

Shinn et al., "Reflexion: Language Agents with Verbal Reinforcement Learning", NeurIPS 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.modules.speech import Speech, answered


@dataclass(frozen=True)
class Reflector:
    """Writes a reflection in every row.

    Attributes:
        backend: The model.
        speech: The words around a reflection.
    """

    backend: Backend
    speech: Speech

    def reflect(self, context: Context, outcomes: Sequence[Tokens]) -> list[Tokens]:
        """Reflections of all rows, possibly empty. The context is left as it was.

        Args:
            context: B rows, behind whole sessions.
            outcomes: How each session ended.
        """
        return answered(self.backend, self.speech, context, outcomes)
