"""``ilrec demos push``: put an exported dataset into a dataset repository of the Hugging Face hub."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the subcommand."""
    push = commands.add_parser("push", help="put an exported dataset into a Hugging Face dataset repository")
    push.add_argument("path", type=Path, metavar="PATH", help="what export wrote: a file or a folder")
    push.add_argument("--repo", required=True, metavar="OWNER/NAME", help="the repository; made if there is none")
    push.add_argument("--public", action="store_true", help="a repository that is made is public; private otherwise")
    push.add_argument("--dry-run", action="store_true", help="check everything and list the files, push nothing")
    push.add_argument(
        "--i-have-the-right", action="store_true",
        help="to pass on what is made from a data set whose terms do not allow it (ml-1m, ml-100k, data of your own)",
    )  # fmt: skip
    push.add_argument("--no-replay", action="store_true", help="validate without playing the sessions again")
    push.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ilrec_demos.push import pack, push

    parcel = pack(
        options.path, options.repo, private=not options.public, may_share=options.i_have_the_right,
        replay=not options.no_replay,
    )  # fmt: skip
    for name, path in parcel.files.items():
        print(f"{path.stat().st_size:>12,}  {name}")
    how = "private" if parcel.private else "public"
    print(f"{parcel.size:>12,}  bytes for {parcel.repo} ({how} if it is new); {parcel.report.summary}")
    if options.dry_run:
        print("nothing was pushed: --dry-run")
        return 0
    print(f"pushed: {push(parcel)}")
    return 0
