"""Pushing an exported dataset to a dataset repository of the Hugging Face hub, where its terms allow it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilrec_demos.cards import markdown_path, terms_of
from ilrec_demos.places import artefact_of, files_of, transcript_path
from ilrec_demos.validation import Report, validate
from ilrec_demos.validation.validate import kind_of
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError, StorageError, UsageError, require

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_PAGE = "README.md"


@dataclass(frozen=True)
class Parcel:
    """What would be pushed.

    Attributes:
        repo: ``owner/name``.
        files: Path in the repository -> file here.
        private: Whether a repository that is made for it is private.
        report: What validation found: nothing.
    """

    repo: str
    files: Mapping[str, Path]
    private: bool
    report: Report

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files.values())


def pack(
    path: str | os.PathLike[str], repo: str, *, private: bool = True, may_share: bool = False, replay: bool = True
) -> Parcel:
    """See that a dataset is whole and may be passed on, and list what would be pushed.

    Args:
        path: What ``ilrec demos export`` wrote: a file or a folder.
        repo: ``owner/name``.
        private: Whether a repository that is made for it is private.
        may_share: That whoever calls has the right to pass on data whose terms do not give it.
        replay: Whether validation plays the sessions again.

    Raises:
        UsageError: Not a repository's name, or data that may not be passed on.
        ArtefactError: Not an exported dataset, or a damaged one.
    """
    place = Path(path)
    if not _REPO.fullmatch(repo):
        raise UsageError("--repo must be owner/name", received=repo)
    if kind_of(place) == "journal":
        raise UsageError(
            "a dataset can be pushed, not a journal",
            received=str(place),
            fix="ilrec demos export it first, for example with --format jsonl",
        )
    _check_terms(place, read_card(artefact_of(place), verify=False), may_share)
    report = validate(place, replay=replay)
    if not report.fine:
        raise ArtefactError(
            f"only a sound dataset can be pushed; {place} has {len(report.findings)} findings",
            received=str(report.findings[0]),
            cause="it was damaged or edited after it was exported",
            fix=f"ilrec demos validate {place} lists them all; export it again",
        )
    return Parcel(repo, _named(place), private, report)


def push(parcel: Parcel, *, message: str = "Sessions with simulated viewers, made with ILRec-Gym") -> str:
    """Make the repository where there is none yet, and upload the files; the token is the hub's own login's.

    Args:
        parcel: What :func:`pack` gave.
        message: Of the commit.

    Returns:
        The address of the commit or of the repository.

    Raises:
        StorageError: The hub refuses, or cannot be reached; says what it said.
        MissingExtraError: The extra "llm", which brings the hub's library, is not installed.
    """
    hub = require("huggingface_hub", "llm")
    errors = (require("huggingface_hub.errors", "llm").HfHubHTTPError, OSError, ValueError)
    api = hub.HfApi()
    try:
        api.create_repo(parcel.repo, repo_type="dataset", private=parcel.private, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            for name, path in parcel.files.items():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            done = api.upload_folder(
                repo_id=parcel.repo, folder_path=folder, repo_type="dataset", commit_message=message
            )
    except errors as error:
        raise StorageError(
            f"the hub must take the dataset as {parcel.repo}",
            received=str(error).strip(),
            cause="no login, no right to write there, or no connection",
            fix="hf auth login, or HF_TOKEN with the right to write; nothing was changed here",
        ) from error
    return str(getattr(done, "commit_url", done))


def rows_held(place: Path, card: Mapping[str, Any]) -> Iterator[str]:
    """The parts of a dataset that hold rows of the data set that it was made from."""
    if transcript_path(place).is_file():
        yield f"{transcript_path(place).name}: films that viewers had rated, with their ratings"
    columns = card.get("columns", {}).get("steps", ())
    if "prompt" in columns:
        yield "steps.jsonl, column prompt: films that viewers had rated"
    yield "ids and titles of films, ids of users"
    if card.get("kind") != "jsonl":
        yield "observations: numbers computed from viewers' first ratings"


def _check_terms(place: Path, card: Mapping[str, Any], may_share: bool) -> None:
    name = str(card.get("task", {}).get("description", {}).get("dataset"))
    terms = terms_of(name)
    if may_share or terms.shareable:
        return
    raise UsageError(
        f"what is made from {name} may be passed on only by those who have the right to",
        received="; ".join(rows_held(place, card)),
        cause=terms.summary,
        fix="ask for permission, then --i-have-the-right (may_share=True); or demonstrate on ml-latest-small",
    )


def _named(place: Path) -> dict[str, Path]:
    """Path in the repository -> file: the Markdown card is its README."""
    page = markdown_path(place)
    if not page.is_file():
        raise ArtefactError(
            f"{place} must have its card {page.name}", cause="written by another version", fix="export it again"
        )
    files = {path.relative_to(page.parent).as_posix(): path for path in files_of(place)}
    return {_PAGE if path == page else name: path for name, path in files.items()}
