"""``billp``: a planner with reflections, and an actor whose critic encourages and discourages films."""

from __future__ import annotations

from ilrec_agents.llm.teachers.parts import Parts
from ilrec_agents.llm.teachers.teacher import Teacher


class BiLLPAgent(Teacher):
    """A language model plans with its reflections, and acts with advice from what its critic found in training."""

    name = "billp"
    source = "Shi et al., BiLLP, SIGIR 2024"
    learns_from = "env"
    parts = Parts(plans=True, reflects=True, criticises=True)
