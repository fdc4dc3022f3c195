"""The tutorial's script: nothing but Gymnasium, torch and NumPy, and the same training in every vectorisation."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
SCRIPT = Path(__file__).parents[2] / "docs" / "tutorials" / "ppo_in_one_file.py"


def run(*arguments):
    command = [sys.executable, "-W", "error", str(SCRIPT), "--envs", "8", "--rollout", "32", *arguments]
    out = subprocess.run(command, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"}, check=False)
    assert out.returncode == 0, out.stderr
    return [line.split()[:4] for line in out.stdout.splitlines()]


def test_native_and_sync_train_alike():
    native, sync = (run("--steps", "2048", "--mode", mode) for mode in ("vector_entry_point", "sync"))
    assert native == sync and native[-1][0] == "2048"
    assert float(native[-1][3]) > 0


def test_it_learns():
    """A uniform choice among the films on offer returns about 165, with a standard error of 2 over these sessions."""
    returns = [float(line[3]) for line in run("--steps", "81920", "--envs", "64", "--rollout", "64")]
    assert abs(returns[0] - 165) < 15
    assert sum(returns[-3:]) / 3 > 172, returns


def test_it_needs_no_learning_library():
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module])
    }
    assert imported - set(sys.stdlib_module_names) == {"gymnasium", "numpy", "torch", "ilrec_gym"}
