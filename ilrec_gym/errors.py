"""Errors that say four things: the rule, the value received, the likely cause, and what to do."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class ILRecError(Exception):
    """Base class of every error that the project raises on purpose.

    Args:
        rule: What has to hold.
        received: The value that broke it; shown with ``repr`` and shortened.
        cause: The likely reason, if there is one worth naming.
        fix: What the reader can do now.
    """

    def __init__(self, rule: str, *, received: object = None, cause: str = "", fix: str = "") -> None:
        self.rule, self.received, self.cause, self.fix = rule, received, cause, fix
        parts = [rule]
        if received is not None:
            parts.append(f"received: {_shorten(received)}")
        if cause:
            parts.append(f"likely cause: {cause}")
        if fix:
            parts.append(f"what to do: {fix}")
        super().__init__("\n  ".join(parts))


class DataError(ILRecError, ValueError):
    """A data set is missing, damaged, or breaks the schema."""


class UsageError(ILRecError, ValueError):
    """A call or an option does not fit: wrong type, range, or order of calls."""


class UnknownNameError(UsageError):
    """A name is not in a registry."""


class UnknownArgumentError(UnknownNameError, TypeError):
    """A keyword argument that there is not: a TypeError too, as Python's own; libraries that probe rely on it."""


class ArtefactError(ILRecError, ValueError):
    """A file that the project wrote is damaged, foreign, or does not belong here."""


class StorageError(ILRecError, OSError):
    """A file could not be read or written: no space, no permission, no such folder."""


class ServerError(ILRecError, OSError):
    """A server cannot be reached, fails, or answers with something else than it should."""


class MissingExtraError(ILRecError, ImportError):
    """An optional part is not installed."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that no registry holds, with the nearest one that it does hold."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    return UnknownNameError(
        f"{kind} must be one of: {', '.join(known)}",
        received=name,
        cause="a misspelt name, or a plugin that is not installed",
        fix=f"did you mean {near[0]!r}?" if near else "choose one of the names above",
    )


def unknown_argument(name: str, known: Iterable[str]) -> UnknownArgumentError:
    """The error for a keyword argument that there is not, with the nearest one that there is."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return UnknownArgumentError(
        f"unexpected keyword argument {name!r}; arguments are: {', '.join(known)}",
        received=name,
        cause="a misspelt name, or an argument of another environment",
        fix=f"did you mean {near[0]!r}?" if near else "choose one of the names above",
    )


def require(module: str, extra: str) -> ModuleType:
    """Import an optional module, or say which extra brings it.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"this part needs the package {module.split('.')[0]!r}",
            cause=f"the extra {extra!r} is not installed",
            fix=f"pip install 'ilrec-gym[{extra}]'",
        ) from error


def _shorten(value: object, limit: int = 200) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
