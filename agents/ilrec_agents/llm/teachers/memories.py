"""What a teacher remembers of its training sessions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ilrec_agents.llm.memory.encoder import Encoder
from ilrec_agents.llm.memory.encouragement import Advice, Encouragement
from ilrec_agents.llm.memory.reflections import Reflections
from ilrec_agents.llm.memory.store import Store
from ilrec_agents.llm.teachers.config import TeacherConfig


class Memories:
    """Reflections by situation, and how items did in situations. Acting only reads them.

    Args:
        encoder: Of situations.
        config: How much is recalled, and how alike situations must be.
    """

    def __init__(self, encoder: Encoder, config: TeacherConfig) -> None:
        self._config, keep = config, config.memory_size or None
        self.reflections = Reflections(encoder, keep, config.similarity)
        self.encouragement = Encouragement(encoder, keep, config.similarity, config.nearest, config.advice)

    def lessons(self, situations: Sequence[str]) -> list[list[str]]:
        """Texts of the reflections recalled in each situation."""
        found = self.reflections.recall(situations, self._config.reflections)
        return [[reflection.text for reflection in mine] for mine in found]

    def advice(self, situations: Sequence[str], offered: Sequence[Sequence[int]]) -> list[Advice]:
        """Items on offer that are encouraged or discouraged in each situation."""
        return self.encouragement.advice(situations, offered)

    def clear(self) -> None:
        """Forget everything."""
        for memory in (self.reflections, self.encouragement):
            memory.store = Store(memory.store.keep)

    def save(self, folder: Path) -> None:
        """Write both memories into a folder."""
        self.reflections.save(folder)
        self.encouragement.save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote, in place of what is here."""
        self.reflections.load(folder)
        self.encouragement.load(folder)
