"""The rules of the house, read off the source: who may import what, and what must be written down."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "ilrec_gym": ROOT / "ilrec_gym",
    "ilrec_agents": ROOT / "agents" / "ilrec_agents",
    "ilrec_demos": ROOT / "demos" / "ilrec_demos",
}
FILES = sorted(
    (path for folder in PACKAGES.values() for path in folder.rglob("*.py")),
    key=lambda path: str(path.relative_to(ROOT)),
)

# Each package may import those before it in this list, never those after it.
ORDER = list(PACKAGES)
# A library that may be imported only in some rooms of the house.
ROOMS = {
    "stable_baselines3": ("agents/ilrec_agents/online",),
    "d3rlpy": ("agents/ilrec_agents/offline",),
    "minari": ("agents/ilrec_agents/offline",),
    "transformers": ("agents/ilrec_agents/llm",),
    "gguf": ("agents/ilrec_agents/llm",),
    "faiss": ("ilrec_gym/wrappers", "agents/ilrec_agents/llm/memory"),
}
HEAVY = {
    "torch",
    "d3rlpy",
    "minari",
    "stable_baselines3",
    "transformers",
    "gguf",
    "matplotlib",
    "narwhals",
    "pandas",
    "polars",
    "pyarrow",
    "PIL",
    "faiss",
    "jinja2",
    "h5py",
    "scipy",
}
# Where the name that is imported is not the name that is installed.
DISTRIBUTIONS = {
    "array_api_compat": "array-api-compat",
    "PIL": "pillow",
    "faiss": "faiss-cpu",
    "huggingface_hub": "huggingface-hub",
    "sb3_contrib": "sb3-contrib",
    "stable_baselines3": "stable-baselines3",
}


@dataclass(frozen=True)
class Import:
    """One import in the source.

    Attributes:
        module: The full dotted name.
        line: Where it stands.
        eager: Whether it runs when the file is imported.
    """

    module: str
    line: int
    eager: bool

    @property
    def top(self) -> str:
        """The name that is installed or a package of ours."""
        return self.module.partition(".")[0]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> list[Import]:
    return list(_imports(tree_of(path), _module_name(path), is_package=path.name == "__init__.py", eager=True))


def _imports(node: ast.AST, module: str, *, is_package: bool, eager: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name, child.lineno, eager)
            case ast.ImportFrom(module=name, level=level, names=names):
                base = module.split(".")[: len(module.split(".")) - level + is_package] if level else []
                source = ".".join([*base, *([name] if name else [])])
                yield Import(source, child.lineno, eager)
                for alias in names:  # `from package import module` loads the module as well
                    yield Import(f"{source}.{alias.name}", child.lineno, eager)
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(name)), *_]
            ):
                if called in ("require", "import_module"):
                    yield Import(name, child.lineno, eager)
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _type_checking(child)
        yield from _imports(child, module, is_package=is_package, eager=eager and not later)


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _module_name(path: Path) -> str:
    for name, folder in PACKAGES.items():
        if path.is_relative_to(folder):
            parts = [name, *path.relative_to(folder).with_suffix("").parts]
            return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    raise AssertionError(path)


def _where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_imports_run_one_way() -> None:
    wrong = [
        f"{_where(path, found.line)} imports {found.module}"
        for path in FILES
        for found in imports_of(path)
        if found.top in ORDER and ORDER.index(found.top) > ORDER.index(_module_name(path).partition(".")[0])
    ]
    assert not wrong, wrong


def test_each_learning_library_stays_in_its_room() -> None:
    wrong = [
        f"{_where(path, found.line)} imports {found.module}, which belongs under {' or '.join(ROOMS[found.top])}"
        for path in FILES
        for found in imports_of(path)
        if found.top in ROOMS and not any(path.is_relative_to(ROOT / r) for r in ROOMS[found.top])
    ]
    assert not wrong, wrong


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = _names(project["dependencies"])
    extras = _names(sum(project["optional-dependencies"].values(), []))
    wrong = []
    for path in FILES:
        for found in imports_of(path):
            if found.top in sys.stdlib_module_names or found.top in PACKAGES:
                continue
            distribution = DISTRIBUTIONS.get(found.top, found.top)
            # The contract tests are for those who have pytest.
            at_import = found.eager and path.is_relative_to(PACKAGES["ilrec_gym"]) and "testing" not in path.parts
            declared = core if at_import else core | extras
            if distribution not in declared:
                wrong.append(f"{_where(path, found.line)} imports {found.module}")
    assert not wrong, wrong


def test_tests_of_the_environment_collect_without_extras() -> None:
    """`make compat` runs them where only the core is installed: what else they need is skipped for, not imported."""
    ours = {*PACKAGES, "tests", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
    tools = {"pytest", "hypothesis", "pandas", "polars", "pyarrow"}
    core = _names(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"])
    wrong = [
        f"{_where(path, found.line)} imports {found.module}"
        for folder in ("compat", "data", "envs", "evaluation", "simulation", "wrappers")
        for path in sorted((ROOT / "tests" / folder).glob("*.py"))
        for found in _imports(tree_of(path), f"tests.{folder}.{path.stem}", is_package=False, eager=True)
        if found.eager and found.top not in sys.stdlib_module_names | ours | tools
        if DISTRIBUTIONS.get(found.top, found.top) not in core
    ]
    assert not wrong, f"use pytest.importorskip: {wrong}"


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}


@pytest.mark.parametrize(
    "code",
    [
        "import ilrec_gym",
        "import ilrec_gym, gymnasium; gymnasium.make('ilrec/MovieLens-v0').reset(seed=0)",
        "import ilrec_agents; ilrec_agents.list_agents()",
        "import ilrec_demos",
        "from ilrec_gym.cli import main; main(['--help'])",
    ],
)
def test_what_is_light_stays_light(code: str) -> None:
    """Neither the environment nor a list of what there is loads a learning library; nor does it print or warn."""
    script = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print('loaded:', *sorted({HEAVY!r} & sys.modules.keys())))\n"
        f"{code}"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.rstrip().splitlines()[-1] == "loaded:", done.stdout


def test_importing_every_module_needs_no_order() -> None:
    """Each module can be the first one imported, so no import depends on another's side effects."""
    modules = [_module_name(path) for path in FILES if path.name != "__main__.py"]
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m.partition('.')[0].startswith('ilrec_')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *modules], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_public_things_are_documented() -> None:
    wrong = [f"{path.relative_to(ROOT)} has no docstring" for path in FILES if not ast.get_docstring(tree_of(path))]
    for path in FILES:
        for node in tree_of(path).body:
            public = isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                wrong.append(f"{_where(path, node.lineno)} {node.name} has no docstring")
    assert not wrong, wrong


# Written in pieces, so that this file does not find itself.
_MACHINE_PATHS = re.compile(r"(?<![\w.~}])/(?:" + "|".join(["work", "home", "root", "opt", "Users", "mnt"]) + r")/\w")
_REGISTRIES = re.compile(
    "|".join([r"pypi\.(?:org|python)", r"python" + r"hosted\.org", r"deb\.debian\.", r"registry\.npmjs"])
)


def test_no_file_names_a_machine_or_a_registry() -> None:
    wrong = []
    for path in _texts():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
            if _MACHINE_PATHS.search(line) or _REGISTRIES.search(line):
                wrong.append(f"{_where(path, number)}: {line.strip()[:100]}")
    assert not wrong, wrong


def _texts() -> Iterator[Path]:
    kinds = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".html", ".css", ".js", ".sh", ""}
    outside = {"_build", "__pycache__", "runs", "quickstart", "build", "dist"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or not (name.startswith(".") or name in outside)]
        yield from (Path(folder, name) for name in names if Path(name).suffix in kinds)
