"""Memories are filled by training and only read afterwards, and what was remembered is made use of."""

import numpy as np
import pytest
from tiny_teachers import SMALL, TRAINED, assert_alike, begun, notes_of

from ilrec_agents import load_agent, make_agent
from ilrec_agents.llm.prompt import clean
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.llm.teachers.training import Played, remember
from ilrec_gym.errors import ArtefactError
from ilrec_gym.evaluation import evaluate

pytest.importorskip("faiss")


@pytest.mark.parametrize("name", TRAINED)
def test_evaluation_only_reads_memories(name, teacher, test_env):
    agent = teacher(name)
    memories = agent.decider.memories
    before = [list(memories.reflections.store.entries), list(memories.encouragement.store.entries)]
    first, second = (evaluate(agent, test_env, episodes=4, seed=3).to_frame() for _ in range(2))
    assert first.drop("ms_per_decision").equals(second.drop("ms_per_decision"))
    assert [memories.reflections.store.entries, memories.encouragement.store.entries] == before


@pytest.mark.parametrize("name", TRAINED)
def test_a_damaged_memory_is_refused(name, teacher, train_env, tmp_path):
    teacher(name).save(tmp_path / "agent")
    path = tmp_path / "agent" / "reflections.jsonl"
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(ArtefactError, match=r"reflections\.jsonl"):
        load_agent(tmp_path / "agent", train_env)


@pytest.mark.parametrize("name", TRAINED)
def test_the_same_seed_fills_the_same_memories(name, teacher, train_env, model):
    agent = teacher(name)
    again = make_agent(name, train_env, device="cpu", model=model, **SMALL).fit(train_env)
    other = make_agent(name, train_env, device="cpu", seed=1, model=model, **SMALL).fit(train_env)
    for memory in ("reflections", "encouragement"):
        mine, twin, theirs = (getattr(a.decider.memories, memory).store for a in (agent, again, other))
        assert mine.entries == twin.entries
        assert not mine.entries or mine.entries != theirs.entries
    assert len(agent.decider.memories.reflections.store) == 4
    assert agent.history == again.history and [record["sessions"] for record in agent.history] == [2, 4]
    assert agent.fit(train_env).history == again.history, "learning anew begins with nothing"


def test_memories_keep_as_much_as_they_are_told_to(teacher, train_env):
    agent = teacher("billp", memory_size=3)
    memories = agent.decider.memories
    for _ in range(2):
        assert len(memories.reflections.store) == len(memories.encouragement.store) == 3
        agent.fit(train_env)


def test_training_sessions_are_not_those_that_demonstrations_begin_with(train_env, model, monkeypatch):
    base, seeds = train_env.unwrapped, []
    draw = base.draw_users
    monkeypatch.setattr(base, "draw_users", lambda mine: seeds.extend(mine.tolist()) or draw(mine))
    for seed in (0, 1):
        make_agent("reflexion", train_env, device="cpu", seed=seed, model=model, **SMALL).fit(train_env)
    assert len(set(seeds)) == 8 and min(seeds) > 10**6


def test_billp_remembers_every_film_of_training_and_reflexion_none(teacher):
    billp, reflexion = teacher("billp"), teacher("reflexion")
    steps = sum(record["length"] * 2 for record in billp.history)
    store = billp.decider.memories.encouragement.store
    assert 0.5 * steps < len(store) <= steps and {entry["sign"] for entry in store.entries} == {-1, 1}
    assert not len(reflexion.decider.memories.encouragement.store)


def test_what_was_remembered_stands_in_later_prompts(teacher, test_env):
    for name, words in (("reflexion", "Lessons from evenings"), ("billp", "Lessons from evenings")):
        first = notes_of(teacher(name), test_env, steps=1)[0]
        texts = {entry["text"] for entry in teacher(name).decider.memories.reflections.store.entries}
        for note in first:
            assert words in note["prompt"] and 1 <= len(note["recalled"]) <= 2 and set(note["recalled"]) <= texts
            assert all(f"- {clean(text)}\n" in note["prompt"] for text in note["recalled"])
    advised = [note for step in notes_of(teacher("billp"), test_env) for note in step if "encouraged" in note]
    assert advised and all(f"- {note['encouraged'][0]}\n" in note["prompt"] for note in advised)


@pytest.mark.parametrize("discouraged", ["named", "left_out"])
def test_a_good_film_is_encouraged_and_a_bad_one_discouraged(discouraged, teacher, train_env, test_env):
    """Two sessions made by hand, which the critic grades alike."""
    agent = teacher("billp", training_sessions=0, reflections=0, discouraged=discouraged)
    _, observations, infos = begun(test_env, agent, n=1)
    good, bad = (int(item) for item in infos["candidates"][0, [4, 9]])
    user = int(infos["user_index"][0])
    played = [
        Played(Session(9, episode, user, (item,), (rating,)), True, [0.0])
        for episode, (item, rating) in enumerate(((good, 5.0), (bad, 0.5)))
    ]
    remember(agent.decider, played, train_env.unwrapped.scenario.rating_scale[1] / 2, 0.5)
    agent.act(observations, infos)
    (note,) = agent.explain()
    titles = train_env.unwrapped.scenario.catalogue.titles
    assert note["encouraged"] == [titles[good]] and note["discouraged"] == [titles[bad]]
    assert f"Loved on such evenings:\n- {titles[good]}\n" in note["prompt"]
    assert (f"A disappointment on such evenings:\n- {titles[bad]}\n" in note["prompt"]) == (discouraged == "named")
    two = infos | {"action_mask": np.isin(np.arange(20), (9, 11))[None]}
    if discouraged == "left_out":
        assert agent.act(observations, two).tolist() == [11]
    only = infos | {"action_mask": (np.arange(20) == 9)[None]}
    assert agent.act(observations, only).tolist() == [9]


def test_without_memories_reflexion_is_react(teacher, test_env):
    react, empty = teacher("react"), teacher("reflexion", training_sessions=0)
    assert_alike(notes_of(empty, test_env, steps=2), notes_of(react, test_env, steps=2))


def test_a_look_on_while_it_learns(train_env, model):
    seen = []
    agent = make_agent("reflexion", train_env, model=model, device="cpu", **SMALL)
    agent.fit(train_env, watch=lambda agent, done: seen.append(done))
    assert seen == [2, 4]
