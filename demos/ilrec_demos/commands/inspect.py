"""``ilrec demos inspect``: sessions in the terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ilrec_demos.commands.printing import print_statistics
from ilrec_gym.errors import ArtefactError, UsageError

if TYPE_CHECKING:
    from ilrec_demos.journal import Journal


def add(commands: Any) -> None:
    """Add the subcommand."""
    inspect = commands.add_parser("inspect", help="print sessions of a journal, or of a dataset in JSON Lines")
    inspect.add_argument("journal", type=Path, metavar="FOLDER", help="the journal's or the dataset's folder")
    inspect.add_argument("--session", type=int, action="append", metavar="I", help="this session; may be repeated")
    inspect.add_argument("--first", type=int, default=3, metavar="N", help="the first so many (%(default)s)")
    inspect.add_argument("--prompts", action="store_true", help="also what the model read and wrote, word by word")
    inspect.add_argument("--width", type=int, metavar="N", help="columns (those of the terminal, 100 at most)")
    inspect.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="(%(default)s)")
    inspect.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ilrec_demos.replay import environment_of
    from ilrec_demos.terminal import Screen, SessionView

    if options.first < 0:
        raise UsageError("--first must be a whole number, at least 0", received=options.first)
    journal = _journal(options.journal)
    by_number = {session.number: session for session in journal.sessions}
    for number in options.session or []:
        if number not in by_number:
            raise UsageError(
                f"--session must be a finished session of {options.journal}",
                received=number,
                cause=f"{len(by_number)} of {journal.header.sessions} sessions are finished",
            )
    chosen = [by_number[number] for number in options.session] if options.session else journal.sessions[: options.first]
    view = SessionView(
        environment_of(journal.header).scenario, Screen.of(options.width, options.color), prompts=options.prompts
    )
    print_statistics(journal)
    for session in chosen:
        print()
        for line in view.lines(session):
            print(line)
    return 0


def _journal(path: Path) -> Journal:
    """A journal, or what a dataset in JSON Lines says of the one that it was made from."""
    from ilrec_demos.header import header_of_card
    from ilrec_demos.journal import Journal
    from ilrec_demos.jsonl import KIND, STEPS, read_jsonl
    from ilrec_gym.cards import read_card

    if path.is_file():
        raise UsageError(
            "inspect shows the folders of journals and of datasets in JSON Lines",
            received=str(path),
            cause="a dataset in another form, or a file of such a folder",
            fix="name the folder of the journal; ilrec demos validate checks datasets of every form",
        )
    if not (path / STEPS).exists():
        return Journal.read(path)
    sessions = read_jsonl(path)
    try:
        return Journal(path, header_of_card(read_card(path / STEPS, kind=KIND)), sessions)
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(
            f"the card of {path} must say what the sessions were exported from",
            received=repr(error),
            cause="a damaged card",
        ) from error
