"""Collecting: any agent plays sessions into a journal, many side by side, each with its own seed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.base import Agent
from ilrec_agents.offline.env_spec import spec_of
from ilrec_demos.cards.prompts import PROMPTS, prompts_of
from ilrec_demos.header import Header
from ilrec_demos.journal import KIND, Journal
from ilrec_demos.seal import write_sealed
from ilrec_demos.writer import JournalWriter
from ilrec_gym.cards import card_path, write_card
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.sessions import Infos, Sessions
from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation.records import STEP_KEYS, Session, Step


def collect(
    agent: Agent,
    env: gym.Env[Any, Any],
    path: str | os.PathLike[str],
    *,
    sessions: int,
    seed: int = 0,
    batch_size: int = 64,
    resume: bool = False,
    allow_test_users: bool = False,
    users: Sequence[int] | None = None,
    learned: Mapping[str, str] | None = None,
) -> Journal:
    """Play sessions into a journal, each written the moment it ends.

    Session i has the seed ``seed + i``, which decides its user and what a stochastic agent draws. Sessions are played
    in fixed groups of ``batch_size`` consecutive ones; a session keeps its row in its group when it is played again.

    Args:
        agent: Who plays.
        env: Where; one of this project's environments, the one that the agent was made for.
        path: The journal's folder.
        sessions: How many.
        seed: Of the first session.
        batch_size: How many are played side by side.
        resume: Go on with a journal that was begun: finished sessions are kept, the others played from their seeds.
            A journal that is not there is begun, and one that is finished is left as it is.
        allow_test_users: Whether the users may be those that agents are evaluated on.
        users: The user of each session, by id; None draws them by seed.
        learned: Checksums of what the agent learned, by file, where it was loaded; a journal is resumed with the same.

    Returns:
        The finished journal; its card lies beside ``sessions.jsonl``.

    Raises:
        UsageError: A journal is there already, or was begun with other settings; test users without leave.
        StorageError: No space or no permission; finished sessions are kept.
    """
    base = _checked_env(env, agent, allow_test_users)
    for name, value, least in (("sessions", sessions, 1), ("seed", seed, 0), ("batch_size", batch_size, 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise UsageError(f"{name} must be a whole number, at least {least}", received=value)
    chosen = _chosen_users(base, users, int(sessions))
    header = header_of(
        agent, env, sessions=int(sessions), seed=int(seed), batch_size=int(batch_size), users=users, learned=learned
    )
    with JournalWriter(path, header, resume=resume) as writer:
        name, done = f"collecting {agent.name}", len(writer.done)
        with tqdm(total=sessions, initial=done, desc=name, unit="session", disable=None) as progress:
            for start in range(0, sessions, batch_size):
                numbers = np.arange(start, min(start + batch_size, sessions))
                if not writer.done.issuperset(numbers.tolist()):
                    drawn = base.draw_users(seed + numbers) if chosen is None else chosen[numbers]
                    _play(agent, base, writer, numbers, drawn, seed, progress)
    journal = Journal.read(path)
    if not card_path(journal.sessions_path).exists():
        _write_card(journal)
    return journal


def header_of(
    agent: Agent,
    env: gym.Env[Any, Any],
    *,
    sessions: int,
    seed: int,
    batch_size: int,
    users: Sequence[int] | None = None,
    learned: Mapping[str, str] | None = None,
) -> Header:
    """The header of the journal that :func:`collect` would write."""
    base: MovieLensEnv = env.unwrapped  # type: ignore[assignment]
    header = Header(
        env=spec_of(env),
        task=base.describe(),
        fingerprint=base.fingerprint,
        split=base.split,
        agent=agent_facts(agent) | ({"learned": dict(learned)} if learned else {}),
        seed=seed,
        sessions=sessions,
        batch_size=batch_size,
        users=None if users is None else tuple(int(user) for user in users),
    )
    return Header.from_json(header.to_json())


def agent_facts(agent: Agent) -> dict[str, Any]:
    """Name, settings, seed, prompt checksums of an agent, and what ``agent.facts`` says where it has that (model)."""
    config = asdict(agent.config) if is_dataclass(agent.config) and not isinstance(agent.config, type) else {}
    facts = getattr(agent, "facts", None)
    facts = facts() if callable(facts) else facts
    about = {"name": agent.name, "config": config, "seed": agent.seed, **({"facts": dict(facts)} if facts else {})}
    checksums = {prompt["version"]: prompt["sha256"] for prompt in prompts_of(about)}
    return about | ({PROMPTS: checksums} if checksums else {})


@dataclass
class _Played:
    """A session under way."""

    steps: list[Step] = field(default_factory=list)
    seconds: float = 0.0


def _play(
    agent: Agent,
    env: MovieLensEnv,
    writer: JournalWriter,
    numbers: NDArray[np.int64],
    users: NDArray[np.int64],
    seed: int,
    progress: Any,
) -> None:
    """Play the unfinished sessions of one group; the rows of finished ones stay empty."""
    engine = env.batch(len(numbers), agent.info)
    rows = np.flatnonzero([number not in writer.done for number in numbers.tolist()])
    seeds = seed + numbers[rows]
    observations, infos = engine.reset(users[rows], rows=rows, seeds=seeds)
    played = {row: _Played() for row in rows.tolist()}
    while engine.running.any():
        running = np.flatnonzero(engine.running).tolist()
        before, start = infos, time.perf_counter()
        actions = agent.act(observations, infos)
        seconds = (time.perf_counter() - start) / len(running)
        explained = agent.explain()
        observations, _, _, _, infos = engine.step(actions)
        for row, step in zip(running, _steps(engine, running, actions, before, infos, explained), strict=True):
            played[row].steps.append(step)
            played[row].seconds += seconds
        ended = [row for row in running if not engine.running[row]]
        if ended:
            writer.append([_session(int(numbers[row]), row, infos, played.pop(row)) for row in ended])
            progress.update(len(ended))


def _steps(
    engine: Sessions,
    rows: list[int],
    actions: NDArray[np.int64],
    before: Infos,
    after: Infos,
    explained: Sequence[Mapping[str, Any] | None] | None,
) -> list[Step]:
    catalogue = engine.scenario.catalogue
    offered = catalogue.ids[before["candidates"]].tolist() if "candidates" in before else None
    items, ids, ratings = (after[key].tolist() for key in ("item_index", "item_id", "rating"))
    chosen = actions.tolist()
    steps = []
    for row in rows:
        facts = dict((explained[row] if explained else None) or {})
        propensity = facts.pop("propensity", None)
        if not STEP_KEYS.isdisjoint(facts):
            raise UsageError(
                "explain() must not name what the journal records itself", received=sorted(STEP_KEYS & facts.keys())
            )
        steps.append(Step(
            action=chosen[row], item_id=ids[row], title=catalogue.titles[items[row]], rating=ratings[row],
            propensity=None if propensity is None else float(propensity),
            candidates=None if offered is None else tuple(offered[row]), facts=facts,
        ))  # fmt: skip
    return steps


def _session(number: int, row: int, infos: Infos, played: _Played) -> Session:
    counts = [step.facts["tokens"] for step in played.steps if step.facts.get("tokens") is not None]
    reason = str(infos["exit_reason"][row])
    return Session(
        number=number,
        user_id=int(infos["user_id"][row]),
        seed=int(infos["seed"][row]),
        steps=tuple(played.steps),
        exit_reason=reason,
        terminated=bool(reason),
        tokens=int(sum(counts)) if counts else None,
        seconds=round(played.seconds, 6),
    )


def _checked_env(env: gym.Env[Any, Any], agent: Agent, allow_test_users: bool) -> MovieLensEnv:
    base = env.unwrapped
    if not isinstance(base, MovieLensEnv):
        raise UsageError(
            "collect() plays environments of ilrec_gym", received=env, cause="another package's environment"
        )
    if base.split != "train" and not allow_test_users:
        raise UsageError(
            'demonstrations must come from the split "train"',
            received=base.split,
            cause="agents are evaluated on test users; learning from them makes the evaluation worthless",
            fix='gym.make(..., split="train"), or allow_test_users=True (--allow-test-users) if that is meant',
        )
    if agent.task.fingerprint != base.fingerprint:
        raise UsageError(
            "the agent must be made for the environment that it plays in",
            received=agent.task.description,
            cause=f"here it is {base.describe()}",
            fix="make_agent(name, env) with this environment",
        )
    return base


def _chosen_users(env: MovieLensEnv, users: Sequence[int] | None, sessions: int) -> NDArray[np.int64] | None:
    if users is None:
        return None
    if len(users) != sessions:
        raise UsageError("users must name one user for each session", received=f"{len(users)} for {sessions} sessions")
    return np.array([env.scenario.users.index_of(int(user)) for user in users])


def _write_card(journal: Journal) -> None:
    header, statistics = journal.header, journal.statistics()
    parameters = {key: value for key, value in header.to_json().items() if key != "seed"}
    tokens = [session.tokens for session in journal.sessions if session.tokens is not None]
    card = write_card(
        journal.sessions_path,
        kind=KIND,
        parameters=parameters,
        inputs={"scenario": header.task["scenario"]},
        seed=header.seed,
        seconds=sum(session.seconds for session in journal.sessions),
        tokens=sum(tokens) if tokens else None,
        statistics=statistics,
    )
    write_sealed(journal.sessions_path, card)
