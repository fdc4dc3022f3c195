"""A scripted model: it replays given answers, for tests and demonstrations without any model."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ilrec_agents.llm.backends.text_context import TextBackend
from ilrec_gym.errors import ArtefactError, UsageError


class ScriptedBackend(TextBackend):
    """Gives answers in their order: one for each row of each call, row by row.

    Args:
        answers: The answers, or a ``.jsonl`` file with one per line: a JSON string, or an object with ``text``.
        context_length: Characters that a text may have.

    Attributes:
        asked: Every text that was continued, in order.
    """

    def __init__(self, answers: Sequence[str] | str | os.PathLike[str], *, context_length: int = 32768) -> None:
        super().__init__(context_length)
        if isinstance(answers, (str, os.PathLike)):
            self._source, self._answers = Path(answers).name, _read(Path(answers))
        else:
            self._source, self._answers = "list", _checked(answers)
        self.asked: list[str] = []

    @property
    def left(self) -> int:
        """Answers that were not given yet."""
        return len(self._answers) - len(self.asked)

    def facts(self) -> dict[str, Any]:
        """That this is no model."""
        return {"model": "scripted", "source": self._source, "answers": len(self._answers)}

    def _continued(self, texts: Sequence[str], limit: int, ends: str) -> list[str]:
        if len(texts) > self.left:
            raise UsageError(
                "a scripted model must have an answer for every text that it is asked to continue",
                received=f"{len(self._answers)} answers, of which {self.left} are left, for {len(texts)} texts",
                cause="more sessions or steps than the script was written for",
                fix=f"write more answers; the first without one is {texts[self.left][-200:]!r}",
            )
        start = len(self.asked)
        self.asked += texts
        return self._answers[start : start + len(texts)]


def _checked(answers: Sequence[str]) -> list[str]:
    found = list(answers)
    if not all(isinstance(answer, str) for answer in found):
        raise UsageError("answers must be texts", received=found)
    return found


def _read(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        values = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{path} must be a readable file of JSON Lines",
            received=str(error),
            cause="a wrong path, or a damaged file",
        ) from error
    texts = []
    for number, value in enumerate(values, start=1):
        text = value.get("text") if isinstance(value, dict) else value
        if not isinstance(text, str):
            raise ArtefactError(
                f'answer {number} of {path} must be a JSON string, or an object with "text"', received=value
            )
        texts.append(text)
    return texts
