"""Which modules a teacher has, and how much they may say."""

from __future__ import annotations

from dataclasses import dataclass

from ilrec_agents.llm.teachers.config import TeacherConfig


@dataclass(frozen=True)
class Parts:
    """The modules of a teacher.

    Attributes:
        thinks: Writes a thought before each choice.
        plans: Writes a plan every few films.
        reflects: Writes a reflection after each training session. They are recalled before each plan, or where there
            are no plans when a session begins.
        criticises: A critic grades situations, and what it found encourages and discourages films later.
    """

    thinks: bool = False
    plans: bool = False
    reflects: bool = False
    criticises: bool = False

    def within(self, config: TeacherConfig) -> Parts:
        """The modules that the settings leave anything to say."""
        return Parts(
            thinks=self.thinks and config.max_thought_tokens > 0,
            plans=self.plans and config.max_plan_tokens > 0,
            reflects=self.reflects and config.max_reflection_tokens > 0 and config.reflections > 0,
            criticises=self.criticises and config.advice > 0,
        )
