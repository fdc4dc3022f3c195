"""``act_only``: the next title, without a word about it."""

from __future__ import annotations

from ilrec_agents.llm.teachers.teacher import Teacher


class ActOnlyAgent(Teacher):
    """A language model names the next film from what it knows of the viewer and the session, without a thought."""

    name = "act_only"
    source = "Yao et al., ReAct, ICLR 2023 (its baseline)"
