"""What a saved agent, world model or reward model says of itself: a JSON file of one form, checked key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ilrec_agents.descriptions import differing
from ilrec_agents.task import Task
from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import read_json

FORMAT = 1
"""Of the file. One without a format was written before it was noted, in the form of format 1, and is read as such."""

_KEYS: dict[str, type] = {"config": dict, "seed": int, "task": dict}


def description(task: Task, config: Any, seed: int) -> dict[str, Any]:
    """The part of the file that is the same for everything that is saved."""
    return {"format": FORMAT, "config": asdict(config), "seed": seed, "task": task.description}


def read_description(path: Path, what: str, **keys: type) -> dict[str, Any]:
    """Read the file.

    Args:
        path: The file.
        what: What is saved, such as "agent".
        keys: Further keys that it must have, and the types of their values.

    Raises:
        ArtefactError: It is missing, damaged, of another format, or something else.
    """
    about = read_json(path)
    wanted = _KEYS | keys
    missing = sorted(wanted.keys() - about.keys()) if isinstance(about, dict) else None
    if missing != []:
        raise ArtefactError(
            f"{path.parent} must be a saved {what}",
            received=f"without {', '.join(missing)}" if missing else type(about).__name__,
            cause=f"a damaged or foreign {path.name}",
        )
    if about.get("format", FORMAT) != FORMAT:
        raise ArtefactError(
            f"{path} must have format {FORMAT}",
            received=about["format"],
            cause="another version of ilrec-gym wrote it, or it is damaged",
            fix="read it with the version that made it, or make it again",
        )
    wrong = [f"{key} {about[key]!r}" for key, kind in wanted.items() if type(about[key]) is not kind]
    if wrong or about["seed"] < 0:
        raise ArtefactError(
            f"{path.parent} must be a saved {what}, each key of {path.name} with a value of its type",
            received=wrong[0] if wrong else f"seed {about['seed']}",
            cause="a damaged or edited file",
        )
    return dict(about)


def check_task(about: Mapping[str, Any], task: Task, what: str) -> None:
    """Refuse what was made for another environment.

    Raises:
        ArtefactError: It was.
    """
    theirs, ours = about["task"], task.description
    differs = differing(ours, theirs)
    if differs:
        raise ArtefactError(
            f"the {what} must have been made for this environment; it differs in: {', '.join(differs)}",
            received={key: theirs.get(key) for key in differs},
            cause=f"here it is { ({key: ours.get(key) for key in differs}) }",
            fix="make the same environment again",
        )


def config_of(cls: type[Any], about: Mapping[str, Any], path: Path) -> Any:
    """The settings as they were saved: all that there are and no others, so that no default of today slips in.

    Raises:
        ArtefactError: Settings of another version, or out of range.
    """
    given, known = about["config"].keys(), {field.name for field in fields(cls)}
    if given != known:
        raise ArtefactError(
            f"the settings in {path} must be those of {cls.__name__}",
            received=f"unknown: {', '.join(sorted(given - known)) or 'none'}; "
            f"missing: {', '.join(sorted(known - given)) or 'none'}",
            cause="another version of ilrec-gym wrote it, or it was edited",
            fix="read it with the version that made it, or make it again",
        )
    try:
        return cls(**about["config"])
    except (TypeError, ValueError) as error:
        raise ArtefactError(
            f"the settings in {path} must be valid", received=str(error), cause="a damaged or edited file"
        ) from error
