"""The teachers with the default model: what it thinks and plans is about films, and lock-step is the naive path."""

import gymnasium as gym
import numpy as np
import pytest

from ilrec_agents.llm.models.known import DEFAULT, pull
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.naive import NaiveBackend
from ilrec_agents.llm.teachers.parts import Parts
from ilrec_agents.llm.teachers.teacher import Teacher
from ilrec_agents.task import Task

pytestmark = [pytest.mark.slow_llm, pytest.mark.timeout(600)]  # the first time it is downloaded
pytest.importorskip("faiss")


class Everything(Teacher):
    """All modules at once."""

    name = "everything"
    parts = Parts(thinks=True, plans=True, reflects=True, criticises=True)


@pytest.fixture(scope="module")
def model():
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    pull(DEFAULT)
    return TransformersBackend(DEFAULT, dtype="float32")


@pytest.fixture(scope="module")
def env():
    return gym.make("ilrec/MovieLens-Candidates-v0", max_steps=6)


def played(env, model, steps, n, **config):
    """Notes and actions of some steps."""
    agent = Everything(Task.of(env), TeacherConfig(dtype="float32", encoder="model", **config), backend=model)
    sessions = env.unwrapped.batch(n, agent.info)
    observations, infos = sessions.reset(env.unwrapped.draw_users(np.arange(n)), seeds=np.arange(n))
    notes, chosen = [], []
    for _ in range(steps):
        chosen.append(agent.act(observations, infos))
        notes += agent.explain()
        observations, *_, infos = sessions.step(chosen[-1])
    return notes, np.array(chosen)


def test_thoughts_plans_and_grades_make_sense(env, model):
    notes, _ = played(env, model, steps=2, n=4)
    genres = {genre.lower() for genre in env.unwrapped.scenario.catalogue.genre_names}
    assert all(note["thought"].startswith("now this viewer wants ") for note in notes)
    assert all(any(genre in note["plan"] for genre in genres) for note in notes), "a plan is about kinds of films"
    assert len({note["plan"] for note in notes}) > 1, "viewers get plans of their own"
    values = [note["value"] for note in notes]
    assert np.ptp(values) > 0.05 and np.abs(values).max() <= 5


@pytest.mark.parametrize("grounding", ["likelihood", "constrained"])
def test_lockstep_is_the_naive_path(grounding, env, model):
    kept, actions = played(env, model, 2, 2, grounding=grounding, correction=0.0)
    naive, expected = played(env, NaiveBackend(model), 2, 2, grounding=grounding, correction=0.0)
    np.testing.assert_array_equal(actions, expected)
    for mine, theirs in zip(kept, naive, strict=True):
        assert mine["output"] == theirs["output"] and mine["prompt"] == theirs["prompt"]
        assert mine["score"] == pytest.approx(theirs["score"], abs=2e-3)
        assert mine["value"] == pytest.approx(theirs["value"], abs=2e-3)
