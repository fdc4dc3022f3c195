"""How fast the environments are: start, steps per second in every form, and how near that is to the memory's speed.

``python benchmarks/speed.py`` prints a Markdown table, and writes the numbers as JSON into ``benchmarks/results/``.
Actions are drawn before the clock starts; rates are the best of three, as other work on the machine only slows down.
ML-1M is measured where it is found; a GPU where torch has one.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import SyncVectorEnv

from ilrec_gym.envs.vector import MovieLensVectorEnv
from ilrec_gym.errors import ILRecError
from ilrec_gym.files import write_json
from ilrec_gym.simulation.scenario import Scenario, load_scenario
from ilrec_gym.testing.synthetic import synthetic_scenario

SECONDS = 1.0
BATCHES = (1, 100, 1000, 4096)
RESULTS = Path(__file__).parent / "results"
MOVIELENS, CANDIDATES = "ilrec/MovieLens-v0", "ilrec/MovieLens-Candidates-v0"

Row = tuple[str, float, str]


def main() -> None:
    """Measure, print, and write."""
    print("| what | value |\n|---|---:|")
    rows = []
    for what, value, unit in measurements():
        rows.append({"what": what, "value": value, "unit": unit})
        print(f"| {what} | {_shown(value)} {unit} |", flush=True)
    RESULTS.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()}
    write_json(RESULTS / "speed.json", {"machine": machine | {"numpy": np.__version__}, "rows": rows})


def measurements() -> Iterator[Row]:
    """Every figure, as soon as it is there."""
    yield "`import ilrec_gym`", _fresh("import ilrec_gym"), "s"
    first = "import gymnasium, ilrec_gym; env = gymnasium.make({!r}); env.reset(seed=0); env.step(0)"
    for name in (MOVIELENS, CANDIDATES):
        yield f"import, make, reset and first step of {name}", _fresh(first.format(name)), "s"
    for name in (MOVIELENS, CANDIDATES):
        yield f"{name}, one session (unwrapped)", _rate(_scalar(name)), "steps/s"
    yield f"{MOVIELENS}, SyncVectorEnv, 100 sessions", _rate(_sync(100)), "steps/s"
    for n in BATCHES:
        yield f"{MOVIELENS}, vector form, {n} sessions", _rate(_vector(n)), "steps/s"
    rates = {}
    for dataset, scenario in _scenarios():
        rates[dataset] = _rate(_vector(4096, scenario, copy=False))
        yield f"{dataset}, vector form, 4096 sessions, copy=False", rates[dataset], "steps/s"
    if "ml-1m" in rates:
        yield "synthetic speed as a share of ML-1M's", rates["1,000,000 items x 64 factors"] / rates["ml-1m"], ""
    yield f"{CANDIDATES}, vector form, 1000 sessions", _rate(_vector(1000, n_candidates=20)), "steps/s"
    bandwidth, moved = _copy_bandwidth(), _bytes_per_step(load_scenario())
    yield "copy bandwidth, read and written", bandwidth / 1e9, "GB/s"
    yield "bytes that a step must read or write", moved, "B"
    yield "of the copy bandwidth used at 4096 sessions", rates["ml-latest-small"] * moved / bandwidth, ""
    yield from _on_devices()


def _scenarios() -> Iterator[tuple[str, Scenario]]:
    yield "ml-latest-small", load_scenario()
    try:
        load_scenario("ml-1m")  # fills the cache
        load_scenario.__globals__["_load"].cache_clear()
        start = time.perf_counter()
        scenario = load_scenario("ml-1m")
        print(f"| ML-1M from cache | {time.perf_counter() - start:.2f} s |")
        yield "ml-1m", scenario
    except ILRecError:
        print("| ML-1M | not found: set ILREC_DATA |")
    yield "1,000,000 items x 64 factors", synthetic_scenario(500, 1_000_000, factors=64, public_factors=16, genres=19)


def _on_devices() -> Iterator[Row]:
    try:
        import torch
    except ImportError:
        return
    yield f"{MOVIELENS}, torch on the CPU, 4096 sessions", _rate(_device(4096, "cpu", lambda: None)), "steps/s"
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        for n in (4096, 65_536, 262_144):
            yield f"{MOVIELENS}, {name}, {n} sessions", _rate(_device(n, "cuda", torch.cuda.synchronize)), "steps/s"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def _fresh(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def _rate(play: Callable[[], int]) -> float:
    play()
    best = 0.0
    for _ in range(3):
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            steps += play()
        best = max(best, steps / (time.perf_counter() - start))
    return best


def _scalar(name: str) -> Callable[[], int]:
    env = gym.make(name).unwrapped
    actions = np.random.default_rng(0).integers(env.action_space.n, size=10_000).tolist()
    env.reset(seed=0)

    def play() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return len(actions)

    return play


def _sync(n: int) -> Callable[[], int]:
    return _steps(SyncVectorEnv([lambda: gym.make(MOVIELENS)] * n), n)


def _vector(n: int, dataset: Any = "ml-latest-small", **options: Any) -> Callable[[], int]:
    return _steps(MovieLensVectorEnv(n, dataset, **options), n)


def _steps(env: Any, n: int) -> Callable[[], int]:
    actions = np.random.default_rng(0).integers(env.single_action_space.n, size=(50, n))
    env.reset(seed=0)

    def play() -> int:
        for row in actions:
            env.step(row)
        return actions.size

    return play


def _device(n: int, device: str, wait: Callable[[], None]) -> Callable[[], int]:
    import torch

    env = MovieLensVectorEnv(n, device=device, copy=False)
    actions = torch.randint(int(env.single_action_space.n), (20, n), device=device)
    env.reset(seed=0)

    def play() -> int:
        for row in actions:
            env.step(row)
        wait()
        return actions.numel()

    return play


def _copy_bandwidth(size: int = 2**26) -> float:
    """Bytes read and written per second when a large array is copied by one core."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * size / best


def _bytes_per_step(scenario: Scenario) -> int:
    """What one step of one session has to touch: the item's rows, the user's state, the observation, the history."""
    g, k = scenario.catalogue.vectors.shape[1], scenario.truth.item_factors.shape[1]  # type: ignore[attr-defined]
    public = scenario.public.item_factors.shape[1]
    item = 8 * (k + 1) + 8 * g + 4 * (2 * g + public)  # factors, content vector, the observation's increments
    state = 8 * (k + 1) + 2 * 8 * g + 2 * 8  # tastes; memory and patience, read and written
    observation = 2 * 4 * (2 * g + public + 4) + 4 * (public + 2)
    history = 4 * 10 + 4 + 8  # about ten earlier items compared, one written with its rating
    return item + state + observation + history


if __name__ == "__main__":
    main()
