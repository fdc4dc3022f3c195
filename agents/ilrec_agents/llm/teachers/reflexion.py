"""``reflexion``: a thought, then a title, with the lessons of training sessions read first."""

from __future__ import annotations

from ilrec_agents.llm.teachers.parts import Parts
from ilrec_agents.llm.teachers.teacher import Teacher


class ReflexionAgent(Teacher):
    """As ``react``, with what the model wrote after training sessions of similar viewers read first."""

    name = "reflexion"
    source = "Shinn et al., Reflexion, NeurIPS 2023"
    learns_from = "env"
    parts = Parts(thinks=True, reflects=True)
