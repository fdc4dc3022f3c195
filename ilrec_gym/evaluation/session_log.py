"""Recorded sessions: what was shown to whom, how it was rated, and how each session ended."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ilrec_gym.cards import read_card, write_card
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.files import read_arrays, write_arrays

KIND = "sessions"


@dataclass(frozen=True, eq=False)
class SessionLog:
    """N finished sessions of at most T steps each, as arrays; the rules below are checked at construction.

    Attributes:
        user_ids: (N,) int64, the data set's own user ids. A user may have several sessions.
        items: (N, T) int32 item indices into the catalogue, padded with -1 after the session's end.
        ratings: (N, T) float64, the rating of each item = the reward of each step, padded with nan.
        lengths: (N,) int64, steps of each session, at least 1.
        terminated: (N,) bool, the user left; the last step is then the leaving step.
        truncated: (N,) bool, the session reached its horizon. Each session has ended in just one of the two ways.
        exit_reasons: (N,) str, why the user left; empty where the session was truncated.
        seconds_per_decision: One float (the mean over all decisions), or (N, T) float64; nan: not measured.
    """

    user_ids: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    lengths: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    exit_reasons: np.ndarray
    seconds_per_decision: float | np.ndarray = math.nan

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            object.__setattr__(self, name, _converted(name, getattr(self, name), kind))
        seconds = np.asarray(self.seconds_per_decision, np.float64)
        object.__setattr__(self, "seconds_per_decision", float(seconds) if seconds.ndim == 0 else seconds)
        _check_shapes(self)
        _check_steps(self)
        _check_ends(self)

    def __len__(self) -> int:
        return len(self.user_ids)

    @property
    def steps(self) -> np.ndarray:
        """(N, T) bool: the places that hold a step."""
        return np.arange(self.items.shape[1]) < self.lengths[:, None]

    def take(self, rows: np.ndarray) -> SessionLog:
        """The sessions of these rows (indices or a mask), in the order given."""
        return SessionLog(**{name: part[rows] if part.ndim else part for name, part in self.to_arrays().items()})

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The log as named arrays."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], source: str = "the archive") -> SessionLog:
        """The log from named arrays that a file held; further arrays are left alone.

        Raises:
            ArtefactError: An array is missing, or they break a rule of the log.
        """
        missing = [field.name for field in fields(cls) if field.name not in arrays]
        if missing:
            raise ArtefactError(
                f"{source} must hold the arrays of a session log",
                received=f"missing: {', '.join(missing)}",
                cause="a file of another kind",
            )
        try:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})
        except UsageError as error:
            raise ArtefactError(
                f"{source} must hold a valid session log", received=str(error), cause="a damaged or foreign file"
            ) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the log as ``.npz`` with its card beside it."""
        write_arrays(path, self.to_arrays())
        write_card(path, kind=KIND, parameters={"sessions": len(self), "steps": int(self.lengths.sum())})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SessionLog:
        """Read what :meth:`save` wrote.

        Raises:
            ArtefactError: The file or its card is missing, damaged, or of another kind.
        """
        read_card(path, kind=KIND)
        return cls.from_arrays(read_arrays(path), source=str(Path(path)))


_KINDS: dict[str, type] = {
    "user_ids": np.int64,
    "items": np.int32,
    "ratings": np.float64,
    "lengths": np.int64,
    "terminated": np.bool_,
    "truncated": np.bool_,
    "exit_reasons": np.str_,
}


_PADDING: dict[str, float] = {"items": -1, "ratings": np.nan, "seconds_per_decision": np.nan}


def joined(logs: Sequence[SessionLog]) -> SessionLog:
    """The sessions of several logs, one after the other."""
    if len(logs) == 1:
        return logs[0]
    width = max(log.items.shape[1] for log in logs)
    parts = [log.to_arrays() for log in logs]
    for part, log in zip(parts, logs, strict=True):
        part["seconds_per_decision"] = np.broadcast_to(part["seconds_per_decision"], log.items.shape)
        for name, padding in _PADDING.items():
            missing = width - log.items.shape[1]
            part[name] = np.pad(part[name], ((0, 0), (0, missing)), constant_values=padding)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if all(isinstance(log.seconds_per_decision, float) for log in logs):
        weights = [log.lengths.sum() for log in logs]
        columns["seconds_per_decision"] = np.average([log.seconds_per_decision for log in logs], weights=weights)
    return SessionLog(**columns)


def _converted(name: str, value: object, kind: type) -> np.ndarray:
    array = np.asarray(value)
    if kind is np.str_ and array.dtype == object:  # pandas and ragged lists give objects
        array = array.astype(np.str_)
    if array.size == 0:
        return array.astype(kind)
    same_family = {"i": "iu", "f": "fiu", "b": "b", "U": "U"}[np.dtype(kind).kind]
    if array.dtype.kind not in same_family:
        raise UsageError(
            f"SessionLog.{name} must be an array of {np.dtype(kind).name}",
            received=array.dtype.name,
            cause="arrays given in another order",
        )
    return array.astype(kind)


def _refuse(rule: str, rows: np.ndarray, cause: str) -> None:
    """Raise when some session breaks the rule, and name the first ones."""
    if rows.any():
        first = np.flatnonzero(rows)
        shown = ", ".join(map(str, first[:5])) + (", …" if len(first) > 5 else "")
        raise UsageError(rule, received=f"{len(first)} session(s) that break it, at row {shown}", cause=cause)


def _check_shapes(log: SessionLog) -> None:
    n, width = len(np.atleast_1d(log.user_ids)), log.items.shape[-1] if log.items.ndim else 0
    expected: dict[str, tuple[int, ...]] = dict.fromkeys(_KINDS, (n,))
    expected |= {"items": (n, width), "ratings": (n, width)}
    if isinstance(log.seconds_per_decision, np.ndarray):
        expected["seconds_per_decision"] = (n, width)
    for name, shape in expected.items():
        if getattr(log, name).shape != shape:
            raise UsageError(
                f"SessionLog.{name} must have shape {shape}: one row per session",
                received=getattr(log, name).shape,
                cause="arrays of different batches",
            )


def _check_steps(log: SessionLog) -> None:
    width = log.items.shape[1]
    outside = (log.lengths < 1) | (log.lengths > width)
    _refuse(f"lengths must lie in [1, {width}]", outside, "a session that never started")
    steps = log.steps
    _refuse(
        "items must hold an index >= 0 for every step and -1 after the last",
        ((log.items >= 0) != steps).any(1) | (log.items < -1).any(1),
        "lengths that do not count the steps",
    )
    _refuse(
        "ratings must be finite for every step and nan after the last",
        (np.isfinite(log.ratings) != steps).any(1) | np.isinf(log.ratings).any(1),
        "a reward that is nan, or padding with zeros",
    )
    seconds = np.atleast_1d(log.seconds_per_decision)
    if (seconds < 0).any() or np.isinf(seconds).any():
        raise UsageError("seconds_per_decision must be finite and >= 0, or nan: not measured", received=seconds)


def _check_ends(log: SessionLog) -> None:
    _refuse(
        "every session must have ended in just one way: terminated or truncated",
        log.terminated == log.truncated,
        "sessions that were still running when the log was made",
    )
    _refuse(
        "a terminated session must say why in exit_reasons, and a truncated one must leave it empty",
        (log.exit_reasons == "") == log.terminated,
        "exit reasons of another batch",
    )
