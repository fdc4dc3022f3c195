"""Teachers over a model with random weights: their settings, and sessions for them to play."""

import math

import numpy as np

NAMES = ["act_only", "react", "reflexion", "billp"]
TRAINED = ["reflexion", "billp"]
OFFERED, WHOLE = "ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"
SMALL = {"encoder": "model", "dtype": "float32", "liked": 4, "similarity": 0.0, "training_sessions": 4}
SMALL |= {"max_thought_tokens": 6, "max_plan_tokens": 6, "max_reflection_tokens": 6, "sessions_at_once": 2}
STEPS = 6


def begun(env, agent, n=3):
    sessions = env.unwrapped.batch(n, agent.info)
    observations, infos = sessions.reset(env.unwrapped.draw_users(np.arange(n)), seeds=np.arange(n))
    return sessions, observations, infos


def notes_of(agent, env, steps=STEPS, n=3):
    """What is said of each step of some sessions."""
    sessions, observations, infos = begun(env, agent, n)
    found = []
    for _ in range(steps):
        actions = agent.act(observations, infos)
        found.append(agent.explain())
        observations, *_, infos = sessions.step(actions)
    return found


def assert_alike(notes, others):
    """Notes of the same sessions by two agents."""
    for step, other in zip(notes, others, strict=True):
        for mine, theirs in zip(step, other, strict=True):
            assert_same(mine, theirs)


def assert_same(note, other):
    """The same but for times and for how sums of floats are rounded in batches of other shapes."""
    assert note.keys() == other.keys()
    for name in note.keys() - {"ms"}:
        close = isinstance(note[name], float) and math.isclose(note[name], other[name], rel_tol=1e-4, abs_tol=2e-4)
        assert close or note[name] == other[name], name
