"""The header of a journal: everything that decides its sessions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from ilrec_gym.errors import ArtefactError
from ilrec_gym.evaluation.records import check_record, plain
from ilrec_gym.files import read_json

FORMAT = 1
NAME = "journal.json"


@dataclass(frozen=True)
class Header:
    """What decides every session of a journal.

    Attributes:
        env: Gymnasium's spec as JSON; None where the environment was made without one.
        task: What decides sessions there, as ``env.unwrapped.describe()`` gives it.
        fingerprint: Hash of ``task``.
        split: The users that were drawn from.
        agent: ``name``, ``config``, ``seed``, and ``facts`` (model, prompts) where the agent has some.
        seed: Session i has the seed ``seed + i``.
        sessions: How many were wanted.
        batch_size: How many were played side by side.
        users: The user of each session, by id; None where they were drawn by seed.
        format: Version of the journal.
    """

    env: dict[str, Any] | None
    task: dict[str, Any]
    fingerprint: str
    split: str
    agent: dict[str, Any]
    seed: int
    sessions: int
    batch_size: int
    users: tuple[int, ...] | None = None
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """The header as it lies in ``journal.json``: plain JSON values, as they come back from the file."""
        record = {"format": self.format} | {f.name: getattr(self, f.name) for f in fields(self)}
        values: dict[str, Any] = json.loads(json.dumps(record, default=plain))
        return values

    @classmethod
    def from_json(cls, record: Any) -> Self:
        """The header of a parsed file.

        Raises:
            ValueError, KeyError, TypeError: It is not one.
        """
        check_record(record, {
            "task": dict, "fingerprint": str, "split": str, "agent": dict, "seed": int, "sessions": int,
            "batch_size": int, "format": int,
        })  # fmt: skip
        values = {f.name: record[f.name] for f in fields(cls)}
        return cls(**values | {"users": None if values["users"] is None else tuple(values["users"])})

    def differences(self, other: Header) -> dict[str, tuple[Any, Any]]:
        """Field -> (here, there), for the fields that differ; parts of ``env``, ``task`` and ``agent`` by name."""
        return dict(_differences("", self.to_json(), other.to_json()))


def read_header(path: Path) -> Header:
    """The header of a journal's folder.

    Raises:
        ArtefactError: Not a journal, one of another version, or a damaged one.
    """
    record = read_json(path / NAME)
    try:
        header = Header.from_json(record)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(
            f"{path / NAME} must be the header of a journal", received=repr(error), cause="a damaged or foreign file"
        ) from error
    if header.format != FORMAT:
        raise ArtefactError(
            f"a journal must have format {FORMAT}",
            received=header.format,
            cause="another version of ilrec-gym wrote it",
        )
    return header


def header_of_card(card: Mapping[str, Any]) -> Header:
    """The header of the journal that a dataset was exported from, as far as its card says it."""
    task, journal = card["task"], card["journal"]
    return Header(
        env=task["env_spec"], task=task["description"], fingerprint=task["fingerprint"],
        split=card["environment"].get("split", ""), agent=card["agent"], seed=card["seed"],
        sessions=journal["sessions"], batch_size=card.get("seeding", {}).get("batch_size", 1),
        users=None if card.get("viewers") is None else tuple(card["viewers"]),
    )  # fmt: skip


def _differences(prefix: str, ours: Any, theirs: Any) -> Iterable[tuple[str, tuple[Any, Any]]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in dict.fromkeys([*ours, *theirs]):
            yield from _differences(f"{prefix}.{key}" if prefix else key, ours.get(key), theirs.get(key))
    elif ours != theirs:
        yield prefix, (ours, theirs)
