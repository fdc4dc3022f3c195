"""The command ``ilrec``. Subcommands come through entry points (group ``ilrec.commands``) and load when they run."""

from __future__ import annotations

import sys
from importlib import metadata

from ilrec_gym.console import reports_errors
from ilrec_gym.errors import unknown_name

ENTRY_POINTS = "ilrec.commands"


def main(argv: list[str] | None = None) -> int:
    """Run ``ilrec`` with these arguments (the process's own by default); returns the exit code."""
    return _main(sys.argv[1:] if argv is None else argv)


@reports_errors
def _main(argv: list[str]) -> int:
    known = commands()
    if not argv or argv[0] in ("-h", "--help"):
        print(_help(known))
        return 0
    if argv[0] == "--version":
        print(metadata.version("ilrec-gym"))
        return 0
    if argv[0] not in known:
        raise unknown_name("subcommand of ilrec", argv[0], known)
    return int(known[argv[0]].load()(argv[1:]))


def commands(of: str = "") -> dict[str, metadata.EntryPoint]:
    """Every subcommand of ``ilrec`` that an installed package brings, by name.

    Args:
        of: A subcommand, for those that packages add to it (group ``ilrec.commands.NAME``).
    """
    return {point.name: point for point in metadata.entry_points(group=f"{ENTRY_POINTS}.{of}" if of else ENTRY_POINTS)}


def _help(known: dict[str, metadata.EntryPoint]) -> str:
    """One line per subcommand: the first line of its module's docstring, after the colon."""
    width = max(map(len, known))
    lines = ["usage: ilrec COMMAND ...", "", "ILRec-Gym: a language model teaches a recommender.", ""]
    for name, point in sorted(known.items()):
        lines.append(f"  {name:<{width}}  {told(point)}")
    return "\n".join([*lines, "", "`ilrec COMMAND --help` says more. Begin with `ilrec quickstart`."])


def told(point: metadata.EntryPoint) -> str:
    """The first line of the docstring of a subcommand's module, after the colon."""
    try:
        line = (sys.modules[point.load().__module__].__doc__ or "").strip().split("\n")[0]
    except ImportError as error:  # somebody else's plugin must not take the help away
        return f"(cannot be loaded: {error})"
    return line.split(": ", 1)[-1]
