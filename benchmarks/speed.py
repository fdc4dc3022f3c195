"""How fast the environments are: import, first step, and steps per second, one session at a time and in lock-step.

``python benchmarks/speed.py`` prints a Markdown table. Actions are drawn before the clock starts.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import gymnasium as gym
import numpy as np

from ilrec_gym import ENV_IDS

SECONDS = 2.0
BATCHES = (1, 100, 1000)


def main() -> None:
    """Measure and print."""
    print("| what | value |\n|---|---:|")
    print(f"| `import ilrec_gym` | {_fresh('import ilrec_gym'):.2f} s |")
    first = "import gymnasium, ilrec_gym; env = gymnasium.make({!r}); env.reset(seed=0); env.step(0)"
    for name in ENV_IDS:
        print(f"| import, make, reset and first step of {name} | {_fresh(first.format(name)):.2f} s |")
    for name in ENV_IDS:
        print(f"| {name}, `env.step` | {_rate(_scalar(name)):,.0f} steps/s |", flush=True)
        for n in BATCHES:
            print(f"| {name}, {n} sessions in lock-step | {_rate(_batched(name, n)):,.0f} steps/s |", flush=True)


def _fresh(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def _rate(play: Callable[[], int]) -> float:
    play()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        steps += play()
    return steps / (time.perf_counter() - start)


def _scalar(name: str) -> Callable[[], int]:
    env = gym.make(name).unwrapped
    actions = np.random.default_rng(0).integers(env.action_space.n, size=1000)

    def play() -> int:
        env.reset()
        for count, action in enumerate(actions, start=1):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                return count
        return len(actions)

    return play


def _batched(name: str, n: int) -> Callable[[], int]:
    env = gym.make(name).unwrapped
    sessions, rng = env.batch(n), np.random.default_rng(0)

    def play() -> int:
        sessions.reset(rng.choice(env.users, n))
        steps = 0
        while sessions.running.any():
            steps += int(sessions.running.sum())
            sessions.step(rng.integers(sessions.n_actions, size=n))
        return steps

    return play


if __name__ == "__main__":
    main()
