"""How fast language-model teachers decide: many sessions in lock-step over what was read, beside the plain loop.

``python benchmarks/llm_teachers.py`` prints Markdown, and writes it and JSON into ``benchmarks/results/``. Both ways
play the same sessions with the same model, and in float32 they must choose the same films; shorter formats round
differently, and the share of equal choices is told. The plain loop keeps nothing: for every answer of every session it
reads the whole prompt and calls the model's own ``generate``, as one writes it first. The bound is what the machine
allows: every new token read once at the rate at which prompts of all sessions are read together, and every written one
at the rate of decoding all sessions together.

Choices by likelihood are scored without the correction for everybody's titles, which is a price per title and not per
decision, and told apart. A GPU gets more sessions; without SmolLM2, a model of its shape gets random weights.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from llm.counting import Account, Counted, CountedEncoder
from llm.plain import Plain, PlainConstrained
from llm.sessions import INFO, SEEN, Played, Step

import ilrec_gym  # noqa: F401, registers the environments
from ilrec_agents.llm.backends.transformers_backend import TransformersBackend
from ilrec_agents.llm.models.known import DEFAULT, resolve
from ilrec_agents.llm.models.tiny import tiny_model
from ilrec_agents.llm.teachers.teacher import Teacher
from ilrec_agents.registry import agent_class
from ilrec_agents.task import Task
from ilrec_gym.errors import ILRecError
from ilrec_gym.files import write_json

RESULTS = Path(__file__).parent / "results"
CANDIDATES = "ilrec/MovieLens-Candidates-v0"
AGENTS, GROUNDINGS = ("act_only", "billp"), ("constrained", "likelihood")
SHAPE = {  # SmolLM2-135M's
    "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192, "initializer_range": 0.02,
    "tie_word_embeddings": True,
}  # fmt: skip
TRAINED = {"training_sessions": 4, "sessions_at_once": 4}
COLUMNS = {
    "agent": "agent", "grounding": "grounding", "dtype": "format", "prompt": "prompt, tokens",
    "plain": "plain loop, decisions/s", "lockstep": "lock-step, decisions/s", "times": "times faster",
    "bound": "bound, decisions/s", "of_bound": "of the bound, %", "read": "tokens read", "written": "written",
    "equal": "equal choices, %",
}  # fmt: skip

Record = dict[str, Any]


def main() -> None:
    """Measure, print, and write."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        about, model = _model(options.model, Path(folder))
        measured = [_measured(model, dtype, options) for dtype in options.dtypes]
    rows = [row for found in measured for row in found.pop("rows")]
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "|---|---|---|" + "---:|" * (len(COLUMNS) - 3)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in COLUMNS) + " |" for row in rows]
    lines += ["", *(_rates(found) for found in measured)]
    print("\n".join(lines))
    sizes = {"sessions": options.sessions, "steps": options.steps, "plain_sessions": options.plain}
    record = {"machine": _machine(options), "model": about, "sizes": sizes, "rates": measured, "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / "llm.json", record)
    (RESULTS / "llm.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _measured(model: Path, dtype: str, options: argparse.Namespace) -> Record:
    """All agents and groundings in a number format, and the rates that bound them."""
    backend = TransformersBackend(str(model), dtype=dtype, device=options.device)
    rates = measured_rates(backend, options.sessions, Account(torch.device(options.device), options.clock))
    price = price_of_correction(backend, options.clock)
    pairs = [(name, grounding) for name in AGENTS for grounding in GROUNDINGS]
    rows = [compared(*pair, backend, model, rates, options) for pair in pairs]
    return {"dtype": backend.dtype, **rates, "correction_ms_per_title": price, "rows": rows}


def compared(
    name: str,
    grounding: str,
    backend: TransformersBackend,
    model: Path,
    rates: dict[str, float],
    options: argparse.Namespace,
) -> Record:
    """Both ways of one agent, where the time goes, and the bound."""
    env = gym.make(CANDIDATES, info=INFO, max_steps=SEEN + options.steps)
    device, clock = torch.device(options.device), options.clock
    account = Account(device, clock)
    kept = _made(name, env, Counted(backend, account), grounding=grounding)
    plain = _made(name, env, Plain(backend, model, device), grounding=grounding)
    if grounding == "constrained":
        plain.decider.grounding = PlainConstrained(plain.decider.titles)
    if kept.learns_from != "nothing":
        kept.decider.encoder = CountedEncoder(kept.decider.encoder, account)
    with tempfile.TemporaryDirectory() as folder:
        start = clock()
        kept.fit(env).save(Path(folder) / name)
        learning = clock() - start
        plain._load_learned(Path(folder) / name)
    account.clear()
    begun = Played(env, options.sessions, clock)
    first = begun.decide(kept)
    reading = account.copy()
    account.clear()
    rest = [begun.decide(kept) for _ in range(options.steps - 1)]
    slow = Played(env, options.plain, clock)
    same = [slow.decide(plain) for _ in range(options.steps)]
    decisions, seconds = options.sessions * len(rest), sum(step.seconds for step in rest)
    plainly = sum(step.seconds for step in same) / (options.plain * len(same))
    bound = account.read / rates["reading_together"] + account.written / rates["writing_together"]
    return {
        "agent": name,
        "grounding": grounding,
        "dtype": backend.dtype,
        "prompt": float(np.mean(account.prompt)),
        "plain": 1 / plainly,
        "lockstep": decisions / seconds,
        "times": decisions / seconds * plainly,
        "bound": decisions / bound,
        "of_bound": 100 * bound / seconds,
        "read": account.read / decisions,
        "written": account.written / decisions,
        "equal": 100 * _equal([first, *rest], same, exact=backend.dtype == "float32"),
        "first_reading": reading.read / options.sessions,
        "lockstep_with_first_reading": (decisions + options.sessions) / (seconds + first.seconds),
        "learning_seconds": learning,
        "share_of_time": {part: spent / seconds for part, spent in account.seconds.items()},
    }


def _equal(ours: Sequence[Step], theirs: Sequence[Step], *, exact: bool) -> float:
    """Share of choices of the plain loop that lock-step makes too; of a session, up to the first that differs."""
    together = np.array([a.actions[: len(b.actions)] == b.actions for a, b in zip(ours, theirs, strict=True)])
    if exact:
        assert together.all(), "lock-step and the plain loop chose different films"
        assert all(a.said[: len(b.said)] == b.said for a, b in zip(ours, theirs, strict=True))
    until = np.cumprod(together, axis=0)  # (steps, sessions): afterwards they see different histories
    compared = until + np.diff(until, axis=0, prepend=1).astype(bool)
    return float(until.sum() / compared.sum())


def measured_rates(
    backend: TransformersBackend, sessions: int, account: Account, prompt: int = 500, written: int = 16
) -> dict[str, float]:
    """Tokens per second when prompts of all sessions are read together, and when all are continued together."""
    text = tuple(np.random.default_rng(0).integers(100, 400, prompt).tolist())
    found = {}
    for _ in range(2):  # the first time warms up
        context = backend.open(" ").select([0] * sessions)
        account.clear()
        with account.timed("reading"):
            context.append([text] * sessions)
        with account.timed("writing"):
            count = sum(map(len, context.write(written, frozenset())))
        found = {
            "reading_together": sessions * prompt / account.seconds["reading"],
            "writing_together": count / account.seconds["writing"],
        }
    return found


def price_of_correction(backend: TransformersBackend, clock: Callable[[], float], titles: int = 32) -> float:
    """Milliseconds that it costs to learn how likely a title is for everybody, once for each."""
    agent = _made("act_only", gym.make(CANDIDATES, info=INFO), backend, correction=0.7)
    grounding: Any = agent.decider.grounding
    known, titles_of = grounding._chooser.baseline, grounding._material.titles
    known.learn([titles_of.offer(range(4))])  # everybody's contexts are read once
    start = clock()
    known.learn([titles_of.offer(range(4, 4 + titles))])
    return 1000 * (clock() - start) / titles


def _made(name: str, env: gym.Env[Any, Any], backend: Any, **settings: Any) -> Teacher:
    cls: Any = agent_class(name)
    trained = TRAINED if cls.learns_from != "nothing" else {}
    config = cls.Config(**{"correction": 0.0, **trained, **settings})
    made: Teacher = cls(Task.of(env), config, device="cpu", backend=backend)
    return made


def _model(name: str, folder: Path) -> tuple[str, Path]:
    """The model of that name, or random weights in the shape of SmolLM2."""
    try:
        return name, resolve(name)
    except ILRecError:
        titles = gym.make(CANDIDATES).unwrapped.scenario.catalogue.titles  # type: ignore[attr-defined]
        return f"random weights in the shape of {DEFAULT}", tiny_model(folder / "random", titles, **SHAPE)


def _rates(found: Record) -> str:
    return (
        f"- {found['dtype']}: {_cell(found['reading_together'])} tokens/s read and {_cell(found['writing_together'])} "
        f"written by all sessions together; the correction of `likelihood` costs "
        f"{_cell(found['correction_ms_per_title'])} ms for each title, once"
    )


def _cell(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{value:,.3g}"


def _machine(options: argparse.Namespace) -> Record:
    machine = {
        "device": options.device,
        "clock": "processor" if options.busy else "wall",
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
    }
    gpu = {"gpu": torch.cuda.get_device_name()} if options.device == "cuda" else {}
    return {**machine, **gpu, "python": platform.python_version(), "torch": torch.__version__}


def _options() -> argparse.Namespace:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    many = device == "cuda"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=DEFAULT, help="a known one, or a folder (%(default)s)")
    parser.add_argument("--device", default=device, help="cpu or cuda (%(default)s)")
    parser.add_argument("--sessions", type=int, default=256 if many else 16, help="in lock-step (%(default)s)")
    parser.add_argument("--steps", type=int, default=8 if many else 6, help="of each (%(default)s)")
    parser.add_argument("--plain", type=int, default=8 if many else 2, help="sessions of the plain loop (%(default)s)")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], help="number formats (%(default)s)")
    parser.add_argument("--busy", action="store_true", help="count processor time, where other work shares the machine")
    options = parser.parse_args()
    options.clock = time.process_time if options.busy else time.perf_counter
    return options


if __name__ == "__main__":
    main()
