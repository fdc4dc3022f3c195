"""What teachers do not take: settings, names, models that cannot do what is asked, and acting before learning."""

import subprocess
import sys

import gymnasium as gym
import pytest
from tiny_teachers import SMALL, WHOLE, begun

from ilrec_agents import make_agent
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_gym.errors import UnknownNameError, UsageError

pytest.importorskip("faiss")


def test_only_those_that_learned_act_or_are_saved(train_env, test_env, model, tmp_path):
    agent = make_agent("billp", train_env, model=model, **SMALL)
    _, observations, infos = begun(train_env, agent)
    with pytest.raises(UsageError, match="must have learned"):
        agent.act(observations, infos)
    with pytest.raises(UsageError, match="must have learned"):
        agent.save(tmp_path / "agent")
    with pytest.raises(UsageError, match="train"):
        agent.fit(test_env)
    with pytest.raises(UsageError, match="must be made|must learn in the environment"):
        agent.fit(gym.make(WHOLE))
    with pytest.raises(ZeroDivisionError):
        agent.fit(train_env, watch=lambda *_: 1 / 0)
    with pytest.raises(UsageError, match="must have learned"):
        agent.act(observations, infos)
    react = make_agent("react", train_env, model=model, **SMALL)
    del infos["history_items"]
    with pytest.raises(UsageError, match="history"):
        react.act(observations, infos)


@pytest.mark.parametrize(
    "wrong",
    [
        {"plan_every": 0},
        {"temperature": -1.0},
        {"gamma": 1.5},
        {"gamma": 1.0},
        {"liked": 2.5},
        {"discouraged": "no"},
        {"history": -1},
        {"backend_options": [1]},
        {"grounding": ["free_text"]},
        {"allow_test_users": "false"},
        {"trust_remote_code": "false"},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        TeacherConfig(**wrong)


def test_names_that_there_are_not_are_told_of(train_env, model):
    with pytest.raises(UnknownNameError, match="did you mean 'plan_every'"):
        make_agent("billp", train_env, plan_evry=3)
    with pytest.raises(UnknownNameError, match="did you mean 'teach_v1'"):
        make_agent("billp", train_env, prompt="teach_v0")
    for name, wrong, meant in (
        ("grounding", "constraint", "constrained"),
        ("encoder", "mini", "minilm"),
        ("backend", "serve", "server"),
        ("dtype", "float23", "float32"),
    ):
        with pytest.raises(UnknownNameError, match=f"did you mean '{meant}'"):
            make_agent("act_only", train_env, model="none", **{name: wrong})


@pytest.mark.parametrize("backend", ["server", "scripted"])
def test_what_a_model_that_only_writes_cannot_do_is_told_when_it_is_made(backend, train_env):
    with pytest.raises(UsageError, match=f'backend="{backend}" needs grounding="free_text"'):
        make_agent("act_only", train_env, model="none", backend=backend)
    with pytest.raises(UsageError, match=f'backend="{backend}" needs encoder="minilm"'):
        make_agent("act_only", train_env, model="none", backend=backend, grounding="free_text", encoder="model")
    assert make_agent("act_only", train_env, model="none", backend=backend, grounding="free_text")


def test_settings_are_checked_without_the_libraries_of_models():
    code = "from ilrec_agents.llm.teachers.config import TeacherConfig as C; import sys; C(grounding='free_text');"
    code += "assert not {'torch', 'transformers', 'faiss'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
