"""``react``: a thought, then a title."""

from __future__ import annotations

from ilrec_agents.llm.teachers.parts import Parts
from ilrec_agents.llm.teachers.teacher import Teacher


class ReActAgent(Teacher):
    """A language model writes what the viewer wants now, then names the next film."""

    name = "react"
    source = "Yao et al., ReAct, ICLR 2023"
    parts = Parts(thinks=True)
