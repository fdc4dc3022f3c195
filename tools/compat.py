"""The tests under the oldest and the newest libraries that pyproject.toml allows, in environments of their own.

    python tools/compat.py            every row; writes docs/compatibility.md
    python tools/compat.py --short    the first row, and only the tests of environments and wrappers

Torch stays at the version of constraints.txt: it is large, and its versions differ by machine.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
import venv
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER, PAGE = ROOT / ".compat", ROOT / "docs" / "compatibility.md"
EXTRAS = ("llm", "minari", "offline", "online", "report", "search", "video")
TOOLS = ("hatchling", "hypothesis", "pandas", "polars", "pyarrow", "pytest", "pytest-timeout")
SHORT = ("tests/envs", "tests/wrappers", "tests/compat")
CORE = (*SHORT, "tests/data", "tests/evaluation", "tests/simulation")
ALL = (*CORE, "tests/agents", "tests/benchmark", "tests/demos", "tests/llm")
# Calls are counted under the versions of constraints.txt, and the quickstart is a matter of time.
LEFT_OUT = ("tests/envs/test_counted_work.py", "tests/demos/test_quickstart.py")


@dataclass(frozen=True)
class Row:
    """One environment.

    Attributes:
        name: What the table calls it.
        lowest: Whether direct dependencies are the oldest that pyproject.toml allows; otherwise the newest.
        extras: Extras that are installed.
        pins: Versions that are held besides.
        tests: What is run.
    """

    name: str
    lowest: bool
    extras: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    tests: tuple[str, ...] = CORE


ROWS = (
    Row("lowest", lowest=True),
    Row("Gymnasium 1.1", lowest=False, pins=("gymnasium==1.1.1",)),
    Row("Gymnasium 1.2", lowest=False, pins=("gymnasium==1.2.3",)),
    Row("Gymnasium 1.3", lowest=False, pins=("gymnasium==1.3.0",)),
    Row("newest", lowest=False),
    Row("lowest, all extras", lowest=True, extras=EXTRAS, tests=ALL),
    Row("newest, all extras", lowest=False, extras=EXTRAS, tests=ALL),
)


def main() -> int:
    """Build and test the rows that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one row and few tests; no page is written")
    parser.add_argument("--only", metavar="ROW", help="one row by name; no page is written")
    args = parser.parse_args()
    rows = ROWS[:1] if args.short else [row for row in ROWS if args.only in (None, row.name)]
    results = []
    for row in rows:
        print(f"== {row.name}", flush=True)
        results.append(run(build(row), SHORT if args.short else row.tests))
        print(f"   {results[-1]['tests']}", flush=True)
    if not args.short and not args.only:
        PAGE.write_text(page(rows, results), encoding="utf-8")
        print(PAGE.relative_to(ROOT))
    return int(any(result["failed"] for result in results))


def build(row: Row) -> Path:
    """The row's interpreter; its environment is made anew where it is not what pyproject.toml asks for now."""
    folder = FOLDER / re.sub(r"\W+", "-", row.name.lower())
    python, stamp = folder / "bin" / "python", folder / "made.json"
    project = f"{ROOT}[{','.join(row.extras)}]" if row.extras else str(ROOT)
    pins = [*held(), *row.pins, *(lowest(row.extras) if row.lowest else ())]
    recipe = json.dumps([project, pins, TOOLS, (ROOT / "pyproject.toml").read_text(encoding="utf-8")])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == recipe:
        return python
    venv.create(folder, clear=True, with_pip=True)
    (folder / "pins.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
    install = ["install", "--quiet", "--disable-pip-version-check", "-c", str(folder / "pins.txt"), "-e", project]
    subprocess.run([str(python), "-m", "pip", *install, *TOOLS], check=True)
    stamp.write_text(recipe, encoding="utf-8")
    return python


def run(python: Path, tests: tuple[str, ...]) -> dict[str, str | int]:
    """Run tests with an interpreter: what came of them, and the versions that they ran with."""
    report = python.parents[1] / "report.xml"
    ignored = [f"--ignore={path}" for path in LEFT_OUT]
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *ignored, *tests]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    suite = next(ElementTree.parse(report).getroot().iter("testsuite")).attrib
    wrong, skipped = int(suite["failures"]) + int(suite["errors"]), int(suite["skipped"])
    passed = int(suite["tests"]) - wrong - skipped
    listed = json.loads(said_by(python, "-m", "pip", "list", "--format=json"))
    versions = {entry["name"].lower().replace("_", "-"): entry["version"] for entry in listed}
    said = f"{passed} passed" + f", {wrong} failed" * bool(wrong) + f", {skipped} skipped" * bool(skipped)
    return {**versions, "Python": said_by(python, "-V").split()[1], "tests": said, "failed": code}


def said_by(python: Path, *arguments: str) -> str:
    """What an interpreter prints."""
    return subprocess.run([str(python), *arguments], capture_output=True, text=True, check=True).stdout


def requirements(extras: tuple[str, ...]) -> dict[str, str]:
    """Declared names and their lowest versions, in the order of pyproject.toml; torch is left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    found = [re.match(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)", line) for group in groups for line in group]
    if None in found:
        raise ValueError("every dependency in pyproject.toml must have a lowest version, as in name>=1.0")
    return {match[1].lower(): match[2] for match in found if match and match[1] != "torch"}


def lowest(extras: tuple[str, ...]) -> list[str]:
    """The pins of the oldest versions."""
    return [f"{name}=={version}" for name, version in requirements(extras).items()]


def held() -> list[str]:
    """The pin of torch, from constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("torch==")]


def page(rows: list[Row], results: list[dict[str, str | int]]) -> str:
    """The table as a page."""
    names = ["Python", *requirements(EXTRAS), "torch", "tests"]
    lines = [f"| | {' | '.join(row.name for row in rows)} |", f"|---|{'---|' * len(rows)}"]
    lines += [f"| {name} | {' | '.join(str(result.get(name, '')) for result in results)} |" for name in names]
    return _PAGE.format(table="\n".join(lines))


_PAGE = """\
# Compatibility

The tests under the oldest libraries that `pyproject.toml` allows, under each Gymnasium since 1.0, and under the newest
that pip can install together. Torch stays at the version of `constraints.txt`, and Python at one. `make compat` makes
this table, and fails where a test does.

{table}

Without extras, the tests are those of environments, wrappers, data, evaluation and simulation; with all of them, those
of agents, demonstrations, the report and the language model are run too. What is skipped needs a library that the
row has not got, data that is not bundled, or Gymnasium 1.1 (autoreset modes).
"""


if __name__ == "__main__":
    sys.exit(main())
