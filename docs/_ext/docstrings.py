"""Makes docstrings that read well as plain text fit for reStructuredText: tables, equations, and bars."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import gymnasium as gym
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

_GOOGLE = Config(
    napoleon_use_ivar=True,
    napoleon_use_rtype=False,
    napoleon_custom_sections=[("Class attributes", "attributes")],
)


def prepare(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite the lines of one docstring in place; a handler of ``autodoc-process-docstring``."""
    if isinstance(obj, type) and issubclass(obj, gym.Env):
        # It is Markdown, and has a page of its own.
        lines[:] = [lines[0], "", "Its page under :doc:`/environments/index` says all about it."]
        return
    if what == "module":
        lines[:] = _equations(lines)
    lines[:] = _tables(lines)
    lines[:] = _bars(lines)
    # Of a variable, napoleon would take the words before a colon for its type.
    kind = "function" if what in ("data", "attribute", "property") else what
    parsed = GoogleDocstring(lines, _GOOGLE, app, kind, name, obj, options).lines()
    # Types of fields as they are written: a name such as np.bool_ is no reference.
    lines[:] = [re.sub(r"^(\s*:vartype \w+: )(.+)$", r"\1``\2``", line) for line in parsed]


def _tables(lines: Iterable[str]) -> Iterator[str]:
    """Markdown tables as list tables."""
    inside = False
    for line in lines:
        if not re.match(r"\|[ :-]", line):
            inside = False
            yield line
        elif not re.fullmatch(r"[|:\- ]+", line):
            if not inside:
                yield from (".. list-table::", "   :header-rows: 1", "")
            inside = True
            for number, cell in enumerate(line.strip("| ").split(" | ")):
                yield f"   {' ' if number else '*'} - {cell}"


def _equations(lines: Iterable[str]) -> Iterator[str]:
    """Indented paragraphs of a module's docstring as literal blocks: equations and examples."""
    previous, inside = "", False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not inside and not previous:
            yield from ("::", "")
        inside = indented or (inside and not line)
        previous = line
        yield line


def _bars(lines: Iterable[str]) -> Iterator[str]:
    """Bars are absolute values here, not substitutions."""
    literal = False
    for line in lines:
        literal = literal and (line.startswith(" ") or not line)
        if not literal and not line.lstrip().startswith(".."):
            parts = re.split(r"(``.*?``)", line)
            line = "".join(part if part.startswith("``") else part.replace("|", "\\|") for part in parts)
            literal = line.endswith("::")
        yield line
