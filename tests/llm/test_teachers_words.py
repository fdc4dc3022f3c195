"""What teachers ask and what they teacher of answers, over a model whose answers are given; the prompt as a file."""

import numpy as np
import pytest
from tiny_teachers import SMALL, begun

from ilrec_agents.llm.backends.scripted import ScriptedBackend
from ilrec_agents.llm.prompt_file import versions
from ilrec_agents.llm.teachers.act_only import ActOnlyAgent
from ilrec_agents.llm.teachers.billp import BiLLPAgent
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.react import ReActAgent
from ilrec_agents.llm.teachers.script import FORM, TeacherPrompt
from ilrec_gym.errors import ArtefactError

pytest.importorskip("faiss")


def scripted(kind, task, env, answers, **config):
    """An agent over a model that only writes, and that model."""
    backend = ScriptedBackend(answers)
    backend.embed = lambda texts: np.stack([np.array([1.0, len(text) % 7], np.float32) for text in texts])
    config = TeacherConfig(**SMALL | {"grounding": "free_text"} | config)
    return kind(task, config, backend=backend), backend


def test_billp_over_a_model_that_only_writes(task, env, test_env):
    """A plan, a grade and a title at the first step; a grade and a title at the second."""
    answers = [" more crime stories", "-3", " The Matrix (1999)", "well, 4", ""]
    agent, backend = scripted(BiLLPAgent, task, env, answers, training_sessions=0)
    agent.fit(env)
    sessions, observations, infos = begun(env, agent, n=1)
    actions = agent.act(observations, infos)
    (note,) = agent.explain()
    assert note["plan"] == "first more crime stories" and note["value"] == -3
    assert note["proposed"] == "The Matrix (1999)" and not note["outside"]
    assert backend.asked[2].endswith("Plan for the next films: first more crime stories.\n" + backend_choice(agent))
    observations, *_, infos = sessions.step(actions)
    agent.act(observations, infos)
    (note,) = agent.explain()
    assert note["value"] == 4 and note["proposed"] == "" and note["plan"] == "first more crime stories"


def backend_choice(agent):
    return agent.prompt.parts["choice"]["ask"]


def test_a_film_that_is_proposed_again_is_told_of_wherever_it_was_shown(task, env):
    """Those on offer are never ones that were shown, so it is the session that tells."""
    agent, backend = scripted(ActOnlyAgent, task, env, ["Heat (1995)"])
    sessions, observations, infos = begun(env, agent, n=1)
    observations, *_, infos = sessions.step(agent.act(observations, infos))
    assert not agent.explain()[0]["repeated"]
    backend._answers.append(task.catalogue.titles[int(infos["history_items"][0, 0])])
    agent.act(observations, infos)
    (note,) = agent.explain()
    assert note["repeated"] and not note["outside"]


def test_an_empty_plan_is_left_out(task, env):
    agent, backend = scripted(BiLLPAgent, task, env, ["  ", "5", "Heat"], training_sessions=0)
    agent.fit(env)
    _, observations, infos = begun(env, agent, n=1)
    agent.act(observations, infos)
    (note,) = agent.explain()
    assert note["plan"] == note["reason"] == ""
    assert "Plan for the next films: first" in backend.asked[0]
    assert backend.asked[2].split("Notes on the next viewer.")[1].count("Plan for the next films") == 0


def test_the_prompt_is_a_file_that_can_be_replaced(tmp_path, task, env):
    assert versions("teach") == ["teach_v1"]
    from importlib import resources

    text = (resources.files("ilrec_agents.llm") / "prompts" / "teach_v1.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(text.replace('begins = " now this viewer wants"', 'begins = " WANTED:"').replace("teach_v1", "own"))
    agent, backend = scripted(ReActAgent, task, env, [" blood", "Heat"], prompt=str(own))
    assert agent.prompt.version == "own"
    _, observations, infos = begun(env, agent, n=1)
    agent.act(observations, infos)
    assert backend.asked[1].endswith("Thought: WANTED: blood.\n" + backend_choice(agent))
    for entry, wrong in (("[critic]", "[criticism]"), ("$count films are not", "$counts films are not")):
        own.write_text(text.replace(entry, wrong))
        with pytest.raises(ArtefactError, match="prompt"):
            TeacherPrompt.load(own)


def test_every_entry_of_the_prompt_is_used():
    prompt = TeacherPrompt.load()
    assert all(set(prompt.parts[part]) == set(entries) for part, entries in FORM.parts.items())
