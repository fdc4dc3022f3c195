"""How fast language-model teachers decide: many sessions in lock-step over what was read, beside the plain loop.

``python benchmarks/llm_teachers.py`` prints a Markdown table, and writes ``benchmarks/results/llm.json``. Both ways
play the same sessions with the same model in float32, and must choose the same films. The plain loop keeps nothing: for
every answer of every session it reads the whole prompt and calls the model's own ``generate``, as one writes it first.
The bound is what the machine allows: every new token read once at the rate at which prompts of all sessions are read
together, and every written one at the rate of decoding all sessions together.

Choices are scored without the correction for everybody's titles, which is a price per title and not per decision; it
has a row of its own. A GPU gets more sessions; without SmolLM2, a model of its shape gets random weights.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

import ilrec_gym  # noqa: F401, registers the environments
from ilrec_agents.llm.backends.transformers_backend import TransformersBackend
from ilrec_agents.llm.grounding.trie import Nodes, Tokens, Trie
from ilrec_agents.llm.models.known import DEFAULT, resolve
from ilrec_agents.llm.models.tiny import tiny_model
from ilrec_agents.llm.teachers.naive import NaiveBackend, NaiveContext
from ilrec_agents.llm.teachers.teacher import Teacher
from ilrec_agents.registry import agent_class
from ilrec_agents.task import Task
from ilrec_gym.errors import ILRecError
from ilrec_gym.files import write_json

RESULTS = Path(__file__).parent / "results"
CANDIDATES, INFO = "ilrec/MovieLens-Candidates-v0", ("action_mask", "history")
AGENTS = ("act_only", "billp")
SHAPE = {  # SmolLM2-135M's
    "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192, "initializer_range": 0.02,
    "tie_word_embeddings": True,
}  # fmt: skip
SETTINGS = {"correction": 0.0, "dtype": "float32"}
TRAINED = {"training_sessions": 4, "sessions_at_once": 4}
SEEN = 5  # films that the sessions have seen when the clock starts: prompts are some 600 tokens long

Row = dict[str, Any]


def main() -> None:
    """Measure, print, and write."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        about, model = _model(options.model, Path(folder))
        backend = TransformersBackend(str(model), dtype="float32", device=options.device)
        rates = measured_rates(backend, options.sessions, Ledger(torch.device(options.device), options.clock))
        rows = [row for name in AGENTS for row in compared(name, backend, model, rates, options)]
    rows += [{"agent": "", "what": what, "value": value, "unit": "tokens/s"} for what, value in rates.items()]
    rows.append(price_of_correction(backend, options.clock))
    print("| agent | what | value |\n|---|---|---:|")
    for row in rows:
        print(f"| {row['agent']} | {row['what']} | {row['value']:,.3g} {row['unit']} |")
    machine = {
        "device": options.device,
        "clock": "processor" if options.busy else "wall",
        "cores": os.cpu_count(),
        "processor": platform.machine(),
    }
    machine |= {"python": platform.python_version(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    if options.device == "cuda":
        machine["gpu"] = torch.cuda.get_device_name()
    RESULTS.mkdir(exist_ok=True)
    sizes = {"sessions": options.sessions, "steps": options.steps, "plain_sessions": options.plain}
    write_json(RESULTS / "llm.json", {"machine": machine, "model": about, "sizes": sizes, "rows": rows})


def compared(
    name: str, backend: TransformersBackend, model: Path, rates: dict[str, float], options: argparse.Namespace
) -> Iterator[Row]:
    """Both ways of one agent, where the time goes, and the bound."""
    env = gym.make(CANDIDATES, info=INFO, max_steps=SEEN + options.steps)
    device, clock = torch.device(options.device), options.clock
    ledger = Ledger(device, clock)
    kept = _made(name, env, Counted(backend, ledger))
    plain = _made(name, env, Plain(backend, model, device))
    if kept.learns_from != "nothing":
        kept.decider.encoder = CountedEncoder(kept.decider.encoder, ledger)
    with tempfile.TemporaryDirectory() as folder:
        start = clock()
        kept.fit(env).save(Path(folder) / name)
        learning = clock() - start
        plain._load_learned(Path(folder) / name)
    if kept.learns_from != "nothing":
        yield _row(name, f"learning from {TRAINED['training_sessions']} sessions", learning, "s")
    ledger.clear()
    begun = Played(env, options.sessions, clock)
    first = begun.decide(kept)
    reading = ledger.copy()
    ledger.clear()
    rest = [begun.decide(kept) for _ in range(options.steps - 1)]
    slow = Played(env, options.plain, clock)
    same = [slow.decide(plain) for _ in range(options.steps)]
    for ours, theirs in zip([first, *rest], same, strict=True):
        np.testing.assert_array_equal(ours.actions[: options.plain], theirs.actions)
        assert ours.said[: options.plain] == theirs.said
    decisions, seconds = options.sessions * len(rest), sum(step.seconds for step in rest)
    plainly = sum(step.seconds for step in same) / (options.plain * len(same))
    yield _row(name, "prompt at the last step", float(np.mean(ledger.prompt)), "tokens")
    yield _row(name, "lock-step", decisions / seconds, "decisions/s")
    yield _row(name, "lock-step, with the first reading of every session", (decisions + options.sessions) / (
        seconds + first.seconds), "decisions/s")  # fmt: skip
    yield _row(name, "plain loop", 1 / plainly, "decisions/s")
    yield _row(name, "faster than the plain loop, times", decisions / seconds * plainly, "")
    bound = ledger.read / rates["reading, all sessions together"] + ledger.written / rates["writing, all together"]
    yield _row(name, "bound", decisions / bound, "decisions/s")
    yield _row(name, "of the bound", 100 * bound / seconds, "%")
    yield _row(name, "tokens read per decision", ledger.read / decisions, "")
    yield _row(name, "tokens written per decision", ledger.written / decisions, "")
    yield _row(name, "tokens of a session's first reading", reading.read / options.sessions, "")
    for part, spent in {**ledger.seconds, "everything else": seconds - sum(ledger.seconds.values())}.items():
        yield _row(name, f"of the time: {part}", 100 * spent / seconds, "%")


def measured_rates(
    backend: TransformersBackend, sessions: int, ledger: Ledger, prompt: int = 500, written: int = 16
) -> dict[str, float]:
    """Tokens per second when prompts of all sessions are read together, and when all are continued together."""
    text = tuple(np.random.default_rng(0).integers(100, 400, prompt).tolist())
    found = {}
    for _ in range(2):  # the first time warms up
        context = backend.open(" ").select([0] * sessions)
        ledger.clear()
        with ledger.timed("reading"):
            context.append([text] * sessions)
        with ledger.timed("writing"):
            count = sum(map(len, context.write(written, frozenset())))
        found = {
            "reading, all sessions together": sessions * prompt / ledger.seconds["reading"],
            "writing, all together": count / ledger.seconds["writing"],
        }
    return found


def price_of_correction(backend: TransformersBackend, clock: Callable[[], float], titles: int = 32) -> Row:
    """What it costs to learn once how likely everybody's titles are."""
    agent = _made("act_only", gym.make(CANDIDATES, info=INFO), backend, correction=0.7)
    grounding: Any = agent.decider.grounding
    known, titles_of = grounding._chooser.baseline, grounding._material.titles
    known.learn([titles_of.offer(range(4))])  # everybody's contexts are read once
    start = clock()
    known.learn([titles_of.offer(range(4, 4 + titles))])
    return _row("", "the correction, once for each title", 1000 * (clock() - start) / titles, "ms")


# Sessions -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Actions of all rows, what was said in each, and how long it took."""

    actions: NDArray[np.int64]
    said: list[tuple[str, ...]]
    seconds: float


class Played:
    """Sessions of an environment that have seen some films, chosen by rote, when an agent takes over.

    Args:
        env: The environment.
        n: How many sessions.
        clock: Seconds.
    """

    def __init__(self, env: gym.Env[Any, Any], n: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        base: Any = env.unwrapped
        seeds = np.arange(n) + 40_000
        self._sessions = base.batch(n, INFO)
        self._seen, self._infos = self._sessions.reset(base.draw_users(seeds), seeds=seeds)
        for _ in range(SEEN):
            self._seen, *_, self._infos = self._sessions.step(np.zeros(n, np.int64))

    def decide(self, agent: Teacher) -> Step:
        """One step of every session that still runs."""
        start = self._clock()
        actions = agent.act(self._seen, self._infos)
        seconds = self._clock() - start
        said = [(note.get("proposed", ""), note.get("plan", "")) for note in agent.explain() or []]
        self._seen, *_, self._infos = self._sessions.step(actions)
        return Step(actions, said, seconds)


# What is counted ------------------------------------------------------------------------------------------------------


@dataclass
class Ledger:
    """Tokens and seconds by what they were spent on.

    Attributes:
        device: Whose work is waited for.
        clock: Seconds.
        seconds: By part.
        read: Tokens read, in texts and in tries of titles.
        written: Tokens written.
        prompt: Lengths of the rows that titles were last asked of.
    """

    device: torch.device
    clock: Callable[[], float]
    seconds: dict[str, float] = field(default_factory=dict)
    read: int = 0
    written: int = 0
    prompt: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Time a part."""
        start = self.clock()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds[part] = self.seconds.get(part, 0.0) + self.clock() - start

    def clear(self) -> None:
        """Begin anew."""
        self.seconds, self.read, self.written = {}, 0, 0

    def copy(self) -> Ledger:
        """As it is now."""
        return Ledger(self.device, self.clock, dict(self.seconds), self.read, self.written, self.prompt)


class Counted:
    """A back-end whose contexts keep a ledger."""

    def __init__(self, backend: TransformersBackend, ledger: Ledger) -> None:
        self._backend, self._ledger = backend, ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def open(self, text: str) -> CountedContext:
        """A context of one row."""
        return CountedContext(self._backend.open(text), self._ledger)


class CountedContext:
    """A context that keeps a ledger."""

    def __init__(self, context: Any, ledger: Ledger) -> None:
        self._context, self._ledger = context, ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def append(self, texts: Sequence[Tokens]) -> None:
        """Read a piece of text per row."""
        self._ledger.read += sum(map(len, texts))
        with self._ledger.timed("reading what is new"):
            self._context.append(texts)

    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """Continue every row."""
        with self._ledger.timed("writing"):
            written: list[Tokens] = self._context.write(limit, stop)
        self._ledger.written += sum(map(len, written))
        return written

    def reader(self, tries: Sequence[Trie]) -> CountedReader:
        """Tries on top of the rows."""
        self._ledger.prompt = self._context.lengths
        return CountedReader(self._context.reader(tries), self._ledger)

    def select(self, rows: Sequence[int]) -> Self:
        """A context of these rows."""
        with self._ledger.timed("copying rows"):
            return type(self)(self._context.select(rows), self._ledger)

    def joined(self, other: Self) -> Self:
        """This context's rows, then the other's."""
        with self._ledger.timed("copying rows"):
            return type(self)(self._context.joined(other._context), self._ledger)


class CountedReader:
    """A reader that keeps a ledger."""

    def __init__(self, reader: Any, ledger: Ledger) -> None:
        self._reader, self._ledger = reader, ledger

    @property
    def read(self) -> NDArray[np.int64]:
        """Tokens read."""
        found: NDArray[np.int64] = self._reader.read
        return found

    def of(self, nodes: Sequence[Nodes]) -> list[NDArray[np.float64]]:
        """Log-probabilities of nodes."""
        before = int(self._reader.read.sum())
        with self._ledger.timed("reading titles on offer, and grades"):
            found: list[NDArray[np.float64]] = self._reader.of(nodes)
        self._ledger.read += int(self._reader.read.sum()) - before
        return found


class CountedEncoder:
    """An encoder that keeps a ledger."""

    def __init__(self, encoder: Any, ledger: Ledger) -> None:
        self._encoder, self._ledger = encoder, ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts."""
        with self._ledger.timed("encoding situations"):
            found: NDArray[np.float32] = self._encoder.encode(texts)
        return found


# The plain loop -------------------------------------------------------------------------------------------------------


class Plain(NaiveBackend):
    """Nothing is kept, and texts are written by ``generate`` of a model that is left as transformers makes it."""

    def __init__(self, backend: TransformersBackend, folder: Path, device: torch.device) -> None:
        super().__init__(backend)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self._model = model.eval().to(device)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def open(self, text: str) -> PlainContext:
        """A text of one row; it is read when something is asked."""
        opening = tuple(self._tokenizer(text)["input_ids"])
        context = PlainContext(lambda: self._backend.open(text), len(opening), [()])
        context.opening, context.generate = opening, self.generate
        return context

    @torch.inference_mode()
    def generate(self, tokens: Tokens, limit: int, stop: frozenset[int]) -> Tokens:
        """What the model writes behind a text, greedily."""
        given = torch.tensor([tokens], device=self._model.device)
        found = self._model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=limit, do_sample=False,
            eos_token_id=sorted(stop), pad_token_id=self.end,
        )  # fmt: skip
        written = found[0, len(tokens) :].tolist()
        return tuple(written[:-1] if written and written[-1] in stop else written)


class PlainContext(NaiveContext):
    """Texts that are read from their beginning for every answer, one session after another."""

    opening: Tokens
    generate: Any

    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """One call of ``generate`` per session."""
        written = [self.generate((*self.opening, *text), limit, stop) for text in self._texts]
        self.append(written)
        return written

    def reader(self, tries: Sequence[Trie]) -> PlainReader:
        """One reading of the text per session, with all titles behind it."""
        return PlainReader([self._alone(row).reader([trie]) for row, trie in enumerate(tries)])

    def select(self, rows: Sequence[int]) -> Self:
        """A context of these rows."""
        return self._like(super().select(rows))

    def joined(self, other: Self) -> Self:
        """This context's rows, then the other's."""
        return self._like(super().joined(other))

    def _like(self, made: Self) -> Self:
        made.opening, made.generate = self.opening, self.generate
        return made


class PlainReader:
    """Readers of one row each."""

    def __init__(self, readers: Sequence[Any]) -> None:
        self._readers = readers

    @property
    def read(self) -> NDArray[np.int64]:
        """Tokens read."""
        return np.concatenate([reader.read for reader in self._readers])

    def of(self, nodes: Sequence[Nodes]) -> list[NDArray[np.float64]]:
        """Log-probabilities of nodes."""
        return [reader.of([mine])[0] for reader, mine in zip(self._readers, nodes, strict=True)]


# What it is measured on -----------------------------------------------------------------------------------------------


def _made(name: str, env: gym.Env[Any, Any], backend: Any, **more: Any) -> Teacher:
    cls: Any = agent_class(name)
    trained = TRAINED if cls.learns_from != "nothing" else {}
    made: Teacher = cls(Task.of(env), cls.Config(**{**SETTINGS, **trained, **more}), device="cpu", backend=backend)
    return made


def _model(name: str, folder: Path) -> tuple[str, Path]:
    """The model of that name, or random weights in the shape of SmolLM2."""
    try:
        return name, resolve(name)
    except ILRecError:
        titles = gym.make(CANDIDATES).unwrapped.scenario.catalogue.titles  # type: ignore[attr-defined]
        return f"random weights in the shape of {DEFAULT}", tiny_model(folder / "random", titles, **SHAPE)


def _row(agent: str, what: str, value: float, unit: str) -> Row:
    return {"agent": agent, "what": what, "value": value, "unit": unit}


def _options() -> argparse.Namespace:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    many = device == "cuda"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=DEFAULT, help="a known one, or a folder (%(default)s)")
    parser.add_argument("--device", default=device, help="cpu or cuda (%(default)s)")
    parser.add_argument("--sessions", type=int, default=256 if many else 8, help="in lock-step (%(default)s)")
    parser.add_argument("--steps", type=int, default=8 if many else 6, help="of each (%(default)s)")
    parser.add_argument("--plain", type=int, default=8 if many else 2, help="sessions of the plain loop (%(default)s)")
    parser.add_argument("--busy", action="store_true", help="count processor time, where other work shares the machine")
    options = parser.parse_args()
    options.clock = time.process_time if options.busy else time.perf_counter
    return options


if __name__ == "__main__":
    main()
