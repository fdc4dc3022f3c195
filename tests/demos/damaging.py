"""What tests of validation share: damaging files, and what is found then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ilrec_demos.validation import validate

Record = dict[str, Any]


def found(path: Path, env: Any = None, **options: Any) -> list[str]:
    return [str(finding) for finding in validate(path, env, **options).findings]


def rewrite(path: Path, line: int, change: Callable[[Record], object]) -> None:
    """Change the record of one line, counted from 1."""
    lines = path.read_bytes().splitlines(keepends=True)
    record = json.loads(lines[line - 1])
    change(record)
    lines[line - 1] = json.dumps(record, ensure_ascii=False).encode() + b"\n"
    path.write_bytes(b"".join(lines))


def change_json(path: Path, change: Callable[[Record], object]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
