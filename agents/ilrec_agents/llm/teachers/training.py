"""Training sessions: played in groups, each of which remembers what the earlier ones taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.base import Watch
from ilrec_agents.learning import Watched
from ilrec_agents.llm.modules.critic import advantages, calibrated, rewards
from ilrec_agents.llm.teachers.deciding import Decider
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.llm.teachers.tape import Tape
from ilrec_agents.online.source import first_session, playable
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError

if TYPE_CHECKING:
    from ilrec_agents.llm.teachers.teacher import Teacher


@dataclass(frozen=True)
class Played:
    """A training session that has ended.

    Attributes:
        session: The whole of it.
        left: Whether the viewer left; otherwise the session reached its last step.
        values: The critic's grades of all situations but the last; empty where there is no critic.
    """

    session: Session
    left: bool
    values: list[float] = field(default_factory=list)


def train(agent: Teacher, source: Any, watch: Watch | None) -> None:
    """Play training sessions with train users and fill the agent's memories.

    Raises:
        UsageError: Not the environment that the agent is made for, wrappers, or test users without leave.
    """
    config, decider = agent.config, agent.decider
    env, reward = playable(source, agent.task, allow_test_users=config.allow_test_users)
    if reward is not None:
        raise UsageError("a teacher must learn from the ratings themselves", received="a LearnedReward wrapper")
    total, done = config.training_sessions, 0
    first = first_session(agent.seed + 1)  # demonstrations begin at 0: not with those that filled the memories
    watched = Watched(watch, agent, total)
    with tqdm(total=total, desc=agent.name, unit="session", disable=None, leave=False) as bar:
        while done < total:
            seeds = first + np.arange(done, min(done + config.sessions_at_once, total))
            played = _play(agent, env, seeds)
            remember(decider, played, agent.task.half, config.gamma)
            decider.forget()
            done += len(played)
            bar.update(len(played))
            agent.history.append(_record(played, done))
            if watched.due(done):
                watched.show(done)


def remember(decider: Decider, played: Sequence[Played], half: float, gamma: float) -> None:
    """Take in sessions that have ended: a reflection on each, and how each film did.

    Args:
        decider: Whose memories are filled.
        played: The sessions.
        half: Half the width of the rating scale.
        gamma: The critic's discount.
    """
    sessions, script = [one.session for one in played], decider.script
    context = decider.lockstep.apart(sessions, Tape(len(played)), range(len(played)))
    if decider.parts.criticises:
        _encourage(decider, played, decider.critic.values(context), half, gamma)
    if decider.parts.reflects:
        written = decider.reflector.reflect(context, [script.outcome(one.session, one.left) for one in played])
        asked = [session if decider.parts.plans else session.until(0) for session in sessions]
        decider.memories.reflections.extend(
            [script.situation(session) for session in asked],
            [script.said("reflector", text) for text in written],
            [sum(session.ratings) for session in sessions],
        )


def _encourage(
    decider: Decider, played: Sequence[Played], ends: NDArray[np.float64], half: float, gamma: float
) -> None:
    earned = [rewards(one.session.ratings, decider.script.middle(one.session.user), half, gamma) for one in played]
    grades = [np.array([*one.values, end]) for one, end in zip(played, ends, strict=True)]
    for one, mine, values in zip(played, earned, calibrated(grades, earned, gamma), strict=True):
        values[-1] *= not one.left  # nothing follows when a viewer has left
        situations = [decider.script.situation(one.session.until(step)) for step in range(len(one.session))]
        gained = advantages(mine, values, gamma)
        decider.memories.encouragement.extend(situations, one.session.items, gained.tolist())


def _play(agent: Teacher, env: MovieLensEnv, seeds: NDArray[np.int64]) -> list[Played]:
    """One session for each seed, graded at every step where there is a critic."""
    sessions = env.batch(len(seeds), agent.info)
    values: list[list[float]] = [[] for _ in seeds]
    observations, infos = sessions.reset(env.draw_users(seeds), seeds=seeds)
    while sessions.running.any():
        actions = agent.act(observations, infos, graded=True)
        for mine, note in zip(values, agent.explain() or [], strict=True):
            mine += [note["value"]] if "value" in note else []
        observations, *_, infos = sessions.step(actions)
    return [
        Played(Session.of(infos, row), bool(infos["exit_reason"][row] != ""), mine) for row, mine in enumerate(values)
    ]


def _record(played: Sequence[Played], done: int) -> dict[str, float]:
    returns = [sum(one.session.ratings) for one in played]
    lengths = [len(one.session) for one in played]
    return {"sessions": float(done), "return": float(np.mean(returns)), "length": float(np.mean(lengths))}
