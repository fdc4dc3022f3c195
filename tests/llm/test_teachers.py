"""The four agents: whole sessions, memories that are filled by training and only read afterwards, and what they say."""

import json
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from ilrec_agents import load_agent, make_agent
from ilrec_agents.llm.backends.scripted import ScriptedBackend
from ilrec_agents.llm.prompt import clean
from ilrec_agents.llm.prompt_file import versions
from ilrec_agents.llm.teachers.act_only import ActOnlyAgent
from ilrec_agents.llm.teachers.billp import BiLLPAgent
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.react import ReActAgent
from ilrec_agents.llm.teachers.script import FORM, TeacherPrompt
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.llm.teachers.training import Played, remember
from ilrec_gym.cli import main
from ilrec_gym.errors import ArtefactError, UnknownNameError, UsageError
from ilrec_gym.evaluation import evaluate

pytest.importorskip("faiss")

NAMES = ["act_only", "react", "reflexion", "billp"]
TRAINED = ["reflexion", "billp"]
OFFERED, WHOLE = "ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"
SMALL = {"encoder": "model", "dtype": "float32", "liked": 4, "similarity": 0.0, "training_sessions": 4}
SMALL |= {"max_thought_tokens": 6, "max_plan_tokens": 6, "max_reflection_tokens": 6, "sessions_at_once": 2}
STEPS = 6


@pytest.fixture(scope="module")
def model(tmp_path_factory, task) -> str:
    """The tiny model's folder, with room for the rules."""
    from ilrec_agents.llm.models.tiny import tiny_model

    folder = tmp_path_factory.mktemp("roomy") / "model"
    return str(tiny_model(folder, task.catalogue.titles, max_position_embeddings=4096))


@pytest.fixture(scope="module")
def short():
    return gym.make(OFFERED, max_steps=STEPS)


@pytest.fixture(scope="module")
def tests():
    return gym.make(OFFERED, max_steps=STEPS, split="test")


@pytest.fixture(scope="module")
def make(model, short):
    """A function that makes an agent, ready to act. Those without settings of their own are made once."""
    kept = {}

    def made(name, env=short, **config):
        def new():
            agent = make_agent(name, env, device="cpu", **{"model": model} | SMALL | config)
            return agent.fit(env) if agent.learns_from == "env" else agent

        if config or env is not short:
            return new()
        kept.setdefault(name, None)
        kept[name] = kept[name] or new()
        return kept[name]

    return made


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


def without_time(notes):
    return [[{name: value for name, value in note.items() if name != "ms"} for note in step] for step in notes]


@pytest.mark.parametrize("grounding", ["likelihood", "constrained", "free_text"])
@pytest.mark.parametrize("name", NAMES)
def test_they_play_with_every_grounding_and_say_what_they_did(name, grounding, make, tests):
    agent = make(name, grounding=grounding, training_sessions=1)
    for step in notes_of(agent, tests, steps=3):
        for note in step:
            json.dumps(note, allow_nan=False)
            assert note["tokens"] == note["tokens_in"] + note["tokens_out"] and note["tokens_out"] > 0
            assert 0 < note["propensity"] <= 1 and note["ms"] > 0 and note["prompt"] and note["proposed"]
            assert note["outside"] in ((False, True) if grounding == "free_text" else (False,))
            assert ("thought" in note) == (name in ("react", "reflexion"))
            assert ("plan" in note) == ("value" in note) == (name == "billp")
            assert -5 <= note.get("value", 0) <= 5
            assert note["reason"] == (note.get("thought") or note.get("plan") or "")


@pytest.mark.parametrize("grounding", ["likelihood", "constrained", "free_text"])
def test_they_play_on_the_whole_catalogue(grounding, make):
    env = gym.make(WHOLE, max_steps=STEPS)
    agent = make("billp", env, grounding=grounding, training_sessions=1)
    sessions, observations, infos = begun(env, agent)
    for _ in range(2):
        actions = agent.act(observations, infos)
        assert infos["action_mask"][np.arange(3), actions].all()
        observations, *_, infos = sessions.step(actions)


@pytest.mark.parametrize("name", TRAINED)
def test_evaluation_only_reads_memories(name, make, tests):
    agent = make(name)
    memories = agent.decider.memories
    before = [list(memories.reflections.store.entries), list(memories.encouragement.store.entries)]
    first, second = (evaluate(agent, tests, episodes=4, seed=3).to_frame() for _ in range(2))
    assert first.drop("ms_per_decision").equals(second.drop("ms_per_decision"))
    assert [memories.reflections.store.entries, memories.encouragement.store.entries] == before


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_reloaded_they_say_and_do_the_same(name, make, short, tests, tmp_path):
    agent = make(name)
    agent.save(tmp_path / "agent")
    loaded = load_agent(tmp_path / "agent", short, device="cpu")
    assert loaded.config == agent.config and loaded.history == agent.history
    assert without_time(notes_of(loaded, tests, steps=3)) == without_time(notes_of(agent, tests, steps=3))
    written = {path.suffix for path in (tmp_path / "agent").iterdir()}
    assert written == ({".json", ".jsonl", ".npy"} if name in TRAINED else {".json"})


@pytest.mark.parametrize("name", TRAINED)
def test_a_damaged_memory_is_refused(name, make, short, tmp_path):
    make(name).save(tmp_path / "agent")
    path = tmp_path / "agent" / "reflections.jsonl"
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(ArtefactError, match=r"reflections\.jsonl"):
        load_agent(tmp_path / "agent", short)


@pytest.mark.parametrize("name", TRAINED)
def test_the_same_seed_fills_the_same_memories(name, make, short, model):
    agent = make(name)
    again = make_agent(name, short, device="cpu", model=model, **SMALL).fit(short)
    other = make_agent(name, short, device="cpu", seed=1, model=model, **SMALL).fit(short)
    for memory in ("reflections", "encouragement"):
        mine, twin, theirs = (getattr(a.decider.memories, memory).store for a in (agent, again, other))
        assert mine.entries == twin.entries
        assert not mine.entries or mine.entries != theirs.entries
    assert len(agent.decider.memories.reflections.store) == 4
    assert agent.history == again.history and [record["sessions"] for record in agent.history] == [2, 4]
    assert agent.fit(short).history == again.history, "learning anew begins with nothing"


def test_memories_keep_as_much_as_they_are_told_to(make, short):
    agent = make("billp", memory_size=3)
    memories = agent.decider.memories
    for _ in range(2):
        assert len(memories.reflections.store) == len(memories.encouragement.store) == 3
        agent.fit(short)


def test_training_sessions_are_not_those_that_demonstrations_begin_with(short, model, monkeypatch):
    base, seeds = short.unwrapped, []
    draw = base.draw_users
    monkeypatch.setattr(base, "draw_users", lambda mine: seeds.extend(mine.tolist()) or draw(mine))
    for seed in (0, 1):
        make_agent("reflexion", short, device="cpu", seed=seed, model=model, **SMALL).fit(short)
    assert len(set(seeds)) == 8 and min(seeds) > 10**6


def test_billp_remembers_every_film_of_training_and_reflexion_none(make):
    billp, reflexion = make("billp"), make("reflexion")
    steps = sum(record["length"] * 2 for record in billp.history)
    store = billp.decider.memories.encouragement.store
    assert 0.5 * steps < len(store) <= steps and {entry["sign"] for entry in store.entries} == {-1, 1}
    assert not len(reflexion.decider.memories.encouragement.store)


def test_what_was_remembered_stands_in_later_prompts(make, tests):
    for name, words in (("reflexion", "Lessons from evenings"), ("billp", "Lessons from evenings")):
        first = notes_of(make(name), tests, steps=1)[0]
        texts = {entry["text"] for entry in make(name).decider.memories.reflections.store.entries}
        for note in first:
            assert words in note["prompt"] and 1 <= len(note["recalled"]) <= 2 and set(note["recalled"]) <= texts
            assert all(f"- {clean(text)}\n" in note["prompt"] for text in note["recalled"])
    advised = [note for step in notes_of(make("billp"), tests) for note in step if "encouraged" in note]
    assert advised and all(f"- {note['encouraged'][0]}\n" in note["prompt"] for note in advised)


@pytest.mark.parametrize("discouraged", ["named", "left_out"])
def test_a_good_film_is_encouraged_and_a_bad_one_discouraged(discouraged, make, short, tests):
    """Two sessions made by hand, which the critic grades alike."""
    agent = make("billp", training_sessions=0, reflections=0, discouraged=discouraged)
    _, observations, infos = begun(tests, agent, n=1)
    good, bad = (int(item) for item in infos["candidates"][0, [4, 9]])
    user = int(infos["user_index"][0])
    played = [
        Played(Session(9, episode, user, (item,), (rating,)), True, [0.0])
        for episode, (item, rating) in enumerate(((good, 5.0), (bad, 0.5)))
    ]
    remember(agent.decider, played, short.unwrapped.scenario.rating_scale[1] / 2, 0.5)
    agent.act(observations, infos)
    (note,) = agent.explain()
    titles = short.unwrapped.scenario.catalogue.titles
    assert note["encouraged"] == [titles[good]] and note["discouraged"] == [titles[bad]]
    assert f"Loved on such evenings:\n- {titles[good]}\n" in note["prompt"]
    assert (f"A disappointment on such evenings:\n- {titles[bad]}\n" in note["prompt"]) == (discouraged == "named")
    two = infos | {"action_mask": np.isin(np.arange(20), (9, 11))[None]}
    if discouraged == "left_out":
        assert agent.act(observations, two).tolist() == [11]
    only = infos | {"action_mask": (np.arange(20) == 9)[None]}
    assert agent.act(observations, only).tolist() == [9]


@pytest.mark.parametrize(
    ("name", "config", "gone"),
    [
        ("react", {"max_thought_tokens": 0}, {"thought"}),
        ("reflexion", {"reflections": 0}, {"recalled"}),
        ("billp", {"max_plan_tokens": 0}, {"plan"}),
        ("billp", {"max_reflection_tokens": 0}, {"recalled"}),
        ("billp", {"advice": 0}, {"encouraged", "discouraged", "value"}),
        ("billp", {"critic_always": False}, {"value"}),
    ],
)
def test_parts_can_be_taken_away(name, config, gone, make, tests):
    agent = make(name, **config, training_sessions=1)
    said = {key for step in notes_of(agent, tests, steps=2) for note in step for key in note}
    assert not said & gone
    full = {key for step in notes_of(make(name), tests, steps=2) for note in step for key in note}
    assert gone <= full


def test_without_memories_reflexion_is_react(make, tests):
    react, empty = make("react"), make("reflexion", training_sessions=0)
    assert without_time(notes_of(empty, tests, steps=2)) == without_time(notes_of(react, tests, steps=2))


def test_only_those_that_learned_act_or_are_saved(short, tests, model, tmp_path):
    agent = make_agent("billp", short, model=model, **SMALL)
    _, observations, infos = begun(short, agent)
    with pytest.raises(UsageError, match="must have learned"):
        agent.act(observations, infos)
    with pytest.raises(UsageError, match="must have learned"):
        agent.save(tmp_path / "agent")
    with pytest.raises(UsageError, match="train"):
        agent.fit(tests)
    with pytest.raises(UsageError, match="must be made|must learn in the environment"):
        agent.fit(gym.make(WHOLE))
    with pytest.raises(ZeroDivisionError):
        agent.fit(short, watch=lambda *_: 1 / 0)
    with pytest.raises(UsageError, match="must have learned"):
        agent.act(observations, infos)
    react = make_agent("react", short, model=model, **SMALL)
    del infos["history_items"]
    with pytest.raises(UsageError, match="history"):
        react.act(observations, infos)


def test_a_look_on_while_it_learns(short, model):
    seen = []
    agent = make_agent("reflexion", short, model=model, device="cpu", **SMALL)
    agent.fit(short, watch=lambda agent, done: seen.append(done))
    assert seen == [2, 4]


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


def test_names_that_there_are_not_are_told_of(short, model):
    with pytest.raises(UnknownNameError, match="did you mean 'plan_every'"):
        make_agent("billp", short, plan_evry=3)
    with pytest.raises(UnknownNameError, match="did you mean 'teach_v1'"):
        make_agent("billp", short, prompt="teach_v0")
    for name, wrong, meant in (
        ("grounding", "constraint", "constrained"),
        ("encoder", "mini", "minilm"),
        ("backend", "serve", "server"),
        ("dtype", "float23", "float32"),
    ):
        with pytest.raises(UnknownNameError, match=f"did you mean '{meant}'"):
            make_agent("act_only", short, model="none", **{name: wrong})


@pytest.mark.parametrize("backend", ["server", "scripted"])
def test_what_a_model_that_only_writes_cannot_do_is_told_when_it_is_made(backend, short):
    with pytest.raises(UsageError, match=f'backend="{backend}" needs grounding="free_text"'):
        make_agent("act_only", short, model="none", backend=backend)
    with pytest.raises(UsageError, match=f'backend="{backend}" needs encoder="minilm"'):
        make_agent("act_only", short, model="none", backend=backend, grounding="free_text", encoder="model")
    assert make_agent("act_only", short, model="none", backend=backend, grounding="free_text")


def test_settings_are_checked_without_the_libraries_of_models():
    code = "from ilrec_agents.llm.teachers.config import TeacherConfig as C; import sys; C(grounding='free_text');"
    code += "assert not {'torch', 'transformers', 'faiss'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def scripted(kind, task, env, answers, **config):
    """An agent over a model that only writes, and that model."""
    backend = ScriptedBackend(answers)
    backend.embed = lambda texts: np.stack([np.array([1.0, len(text) % 7], np.float32) for text in texts])
    config = TeacherConfig(**SMALL | {"grounding": "free_text"} | config)
    return kind(task, config, backend=backend), backend


def test_billp_over_a_model_that_only_writes(task, env, tests):
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


def test_draws_follow_the_session_and_the_seed(make, tests):
    warm = {"temperature": 1.0, "shortlist": 20}
    agent = make("act_only", **warm)
    first = notes_of(agent, tests, steps=2)
    assert without_time(first) == without_time(notes_of(make("act_only", **warm), tests, steps=2))
    assert all(0 < note["propensity"] < 1 for step in first for note in step)


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


def test_the_commands_train_and_evaluate(model, tmp_path: Path, capsys):
    config = {"model": model} | SMALL | {"training_sessions": 2}
    settings = [part for name, value in config.items() for part in ("--set", f"{name}={value}")]
    env = ["--set-env", f"max_steps={STEPS}"]
    plain = [*settings, "--set", "grounding=free_text", "--episodes", "2", *env]
    assert main(["evaluate", "act_only", *plain]) == 0
    assert main(["train", "billp", "--out", str(tmp_path / "billp"), *settings, *env]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "billp"), "--episodes", "2", *env]) == 0
    assert "R_traj" in capsys.readouterr().out
    assert main(["evaluate", "billp", *plain]) != 0
    assert "ilrec train billp" in capsys.readouterr().err
