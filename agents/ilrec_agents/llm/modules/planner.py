"""The planner: what to show over the next few films, with the lessons of earlier evenings in mind.

Shi et al., "Large Language Models are Learnable Planners for Long-Term Recommendation" (BiLLP), SIGIR 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.modules.speech import Speech, answered


@dataclass(frozen=True)
class Planner:
    """Writes a plan in every row.

    Attributes:
        backend: The model.
        speech: The words around a plan.
    """

    backend: Backend
    speech: Speech

    def plan(self, context: Context, lessons: Sequence[Tokens]) -> list[Tokens]:
        """Plans of all rows, possibly empty. The context is left as it was.

        Args:
            context: B rows, behind what was shown so far.
            lessons: What each row reads first.
        """
        return answered(self.backend, self.speech, context, lessons)
