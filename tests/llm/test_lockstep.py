"""Kept contexts change nothing: the same texts and choices as a path that reads every prompt anew, alone."""

import numpy as np
import pytest

from ilrec_agents.llm.backends.scripted import ScriptedBackend
from ilrec_agents.llm.memory.encouragement import Advice
from ilrec_agents.llm.teachers.act_only import ActOnlyAgent
from ilrec_agents.llm.teachers.billp import BiLLPAgent
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.naive import NaiveBackend
from ilrec_agents.llm.teachers.react import ReActAgent
from ilrec_agents.llm.teachers.reflexion import ReflexionAgent
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.llm.teachers.tape import Tape
from ilrec_gym.errors import ServerError, UsageError

pytest.importorskip("faiss")

KINDS = [ActOnlyAgent, ReActAgent, ReflexionAgent, BiLLPAgent]
SMALL = {"encoder": "model", "liked": 4, "max_thought_tokens": 6, "max_plan_tokens": 6, "max_reflection_tokens": 6}
SMALL |= {"training_sessions": 2, "similarity": 0.0, "plan_every": 3}
TEXTS = ("plan", "thought", "recalled", "encouraged", "discouraged", "proposed", "outside", "repeated")


@pytest.fixture(scope="module")
def roomy(tmp_path_factory, task):
    """The tiny model with room for the rules, which are many of its tokens."""
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend
    from ilrec_agents.llm.models.tiny import tiny_model

    folder = tiny_model(tmp_path_factory.mktemp("roomy") / "m", task.catalogue.titles, max_position_embeddings=8192)
    return TransformersBackend(str(folder), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def make(task, env, roomy):
    """A function that makes an agent; memories are filled once for each kind."""
    filled = {}

    def made(kind, backend=None, **config):
        agent = kind(task, TeacherConfig(**SMALL | config), backend=backend or roomy)
        if kind.learns_from == "env":
            if kind not in filled:
                filled[kind] = kind(task, TeacherConfig(**SMALL), backend=roomy).fit(env).decider.memories
            agent._ready = True
            for name in ("reflections", "encouragement"):
                getattr(agent.decider.memories, name).store = getattr(filled[kind], name).store
        return agent

    return made


def part(observations, infos, rows):
    return observations[rows], {key: value[rows] for key, value in infos.items()}


def same(mine, theirs):
    for name in TEXTS:
        assert mine.get(name) == theirs.get(name), name
    for name in ("score", "value", "propensity"):
        assert mine.get(name) == pytest.approx(theirs.get(name), abs=2e-3), name


@pytest.mark.parametrize(
    ("grounding", "correction"), [("likelihood", 0.0), ("likelihood", 0.7), ("constrained", 0.0), ("free_text", 0.0)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_lockstep_is_the_naive_path_only_faster(kind, grounding, correction, make, started, roomy):
    """Whole sessions, in lock-step beside a path that keeps nothing and reads one session at a time."""
    n, steps = (4, 6) if grounding == "likelihood" else (3, 4)
    sessions, observations, infos = started(n)
    kept = make(kind, grounding=grounding, correction=correction)
    naive = make(kind, NaiveBackend(roomy), grounding=grounding, correction=correction)
    for _ in range(steps):
        actions = kept.act(observations, infos)
        np.testing.assert_array_equal(actions, naive.act(observations, infos))
        for mine, theirs in zip(kept.explain(), naive.explain(), strict=True):
            same(mine, theirs)
            assert mine["output"] == theirs["output"] and mine["prompt"] == theirs["prompt"]
        observations, *_, infos = sessions.step(actions)


@pytest.mark.parametrize("kind", KINDS)
def test_sessions_that_leave_come_and_change_places_are_what_they_are_alone(kind, make, started):
    sessions, observations, infos = started(5, steps=2)
    agent = make(kind, correction=0.0)
    for rows in ([0, 1, 2], [2, 0], [3, 0, 4, 2], [1], [1, 4, 1]):
        agent.act(*part(observations, infos, rows))
        for row, mine in zip(rows, agent.explain(), strict=True):
            new = make(kind, correction=0.0)
            new.act(*part(observations, infos, [row]))
            same(mine, new.explain()[0])
        observations, *_, infos = sessions.step((np.arange(5) * 3) % 20)


@pytest.mark.parametrize("kind", [ReActAgent, BiLLPAgent])
def test_a_step_that_broke_off_leaves_nothing_behind(kind, make, started, roomy, breaks):
    """Wherever in a step the model fails, asking again gives what a path without the failure gives."""
    plain, left = make(kind), breaks(roomy)
    sessions, observations, infos = started(3)
    agent, broken = make(kind), 0
    for after in (1, 4, 7, 12):  # passes of the model; a step takes some 12
        expected = plain.act(observations, infos)
        left[0] = after
        try:
            actions = agent.act(observations, infos)
        except KeyboardInterrupt:
            broken += 1
            actions = agent.act(observations, infos)
        left[0] = 10**9
        np.testing.assert_array_equal(actions, expected)
        for mine, theirs in zip(agent.explain(), plain.explain(), strict=True):
            same(mine, theirs)
        observations, *_, infos = sessions.step(actions)
    assert broken >= 3


def test_a_server_that_fails_once_is_asked_the_same_again(task, env, started):
    def played(fails):
        backend = ScriptedBackend([f" {k} and more" for k in range(60)])
        backend.embed = lambda texts: np.ones((len(texts), 2), np.float32)
        answer = backend._continued

        def continued(texts, limit, ends):
            if len(backend.asked) == fails[0]:
                fails[0] = None
                raise ServerError("the server must answer")
            return answer(texts, limit, ends)

        backend._continued = continued
        agent = ReActAgent(task, TeacherConfig(**SMALL | {"grounding": "free_text"}), backend=backend)
        sessions, observations, infos = started(2)
        for step in range(3):
            if step == 1 and fails[0] is not None:
                with pytest.raises(ServerError):
                    agent.act(observations, infos)
                del backend.asked[4:]  # the thoughts of the step that broke off are asked for again
            actions = agent.act(observations, infos)
            observations, *_, infos = sessions.step(actions)
        return backend.asked, infos["history_items"].tolist()

    assert played([6]) == played([None])


@pytest.mark.parametrize("history", [0, 1, 3, 4])
def test_windows_that_move_leave_what_a_new_agent_reads(history, make, started):
    sessions, observations, infos = started(3)
    agent = make(BiLLPAgent, correction=0.0, history=history)
    for step in range(9):
        actions = agent.act(observations, infos)
        if step in (1, 4, 5, 8):
            new = make(BiLLPAgent, correction=0.0, history=history)
            np.testing.assert_array_equal(actions, new.act(observations, infos))
            for mine, theirs in zip(agent.explain(), new.explain(), strict=True):
                same(mine, theirs)
        observations, *_, infos = sessions.step(actions)


def test_each_film_is_read_once(make, started, roomy):
    sessions, observations, infos = started(3)
    agent = make(ActOnlyAgent, grounding="free_text")
    asked = len(agent.decider.script.ask("choice"))
    heading = len(agent.decider.script.heading(0))
    for step in range(8):
        actions = agent.act(observations, infos)
        for row, note in enumerate(agent.explain()):
            if step:
                film = int(infos["history_items"][row, step - 1]), float(infos["history_ratings"][row, step - 1])
                line = len(agent.decider.script.line(int(infos["user_index"][row]), *film))
                assert note["tokens_in"] == line + asked + (heading if step == 1 else 0)
                assert roomy.decode(agent.decider.script.line(int(infos["user_index"][row]), *film)) in note["prompt"]
        observations, *_, infos = sessions.step(actions)


def test_a_session_of_the_same_viewer_with_another_past_is_read_anew(make, started):
    _, observations, infos = started(1, steps=3)
    agent = make(ActOnlyAgent)
    agent.act(observations, infos)
    other = infos | {"history_ratings": infos["history_ratings"] - 0.5}
    agent.act(observations, other)
    new = make(ActOnlyAgent)
    new.act(observations, other)
    same(agent.explain()[0], new.explain()[0])
    assert agent.explain()[0]["tokens_in"] == new.explain()[0]["tokens_in"]


def test_rows_that_ended_cost_nothing_and_are_dropped(make, started):
    _, observations, infos = started(4, steps=2)
    agent = make(ActOnlyAgent)
    agent.act(observations, infos)
    some = infos | {"running": np.array([True, False, True, False])}
    agent.act(observations, some)
    assert [bool(note) for note in agent.explain()] == [True, False, True, False]
    assert agent.decider.lockstep._context.rows == 2
    agent.act(observations, infos | {"running": np.zeros(4, bool)})
    assert agent.explain() == [{}] * 4


def scripted_texts(task, infos, length):
    """What a model of so many characters is asked by ``act_only``; the notes; the rules; characters kept free."""
    backend = ScriptedBackend(["Heat (1995)"] * 50, context_length=length)
    backend.embed = lambda texts: np.ones((len(texts), 2), np.float32)
    agent = ActOnlyAgent(task, TeacherConfig(grounding="free_text", **SMALL), backend=backend)
    agent.act(np.zeros((len(infos["step"]), 1), np.float32), infos)
    return backend.asked, agent.explain(), agent.decider.script.opening, agent.decider._reserve


def test_a_short_context_drops_the_oldest_films_and_never_the_rules(task, started):
    _, _, infos = started(2, steps=11)
    full, told, opening, reserve = scripted_texts(task, infos, 100_000)
    assert not any("history_left_out" in note for note in told)
    titles = [[task.catalogue.titles[item] for item in row[:11]] for row in infos["history_items"]]
    assert all(title in text for text, row in zip(full, titles, strict=True) for title in row)
    texts, told, *_ = scripted_texts(task, infos, min(map(len, full)) + reserve - 300)
    for row, (text, note) in enumerate(zip(texts, told, strict=True)):
        assert text.startswith(opening) and text.endswith("love:\n-")
        lost = note["history_left_out"]
        assert 0 < lost < 11 and f"the first {lost} films are not listed" in text
        shown = text.split("Shown this evening:")[1]
        assert [f"- {title}," in shown for title in titles[row]] == [k >= lost for k in range(11)]
    with pytest.raises(UsageError, match="fit into the model's context"):
        scripted_texts(task, infos, len(opening) + reserve)


def watched(backend, monkeypatch):
    """How far each pass of the model reaches from now on, in tokens."""
    reached, forward = [], backend.forward

    def passed(tokens, positions, *rest):
        reached.append(1 + int(positions.max()))
        return forward(tokens, positions, *rest)

    monkeypatch.setattr(backend, "forward", passed)
    return reached


@pytest.mark.parametrize("title", [None, "日本の映画" * 20], ids=["titles", "titles of a token for each byte"])
def test_prompts_stay_within_the_context_of_the_model(title, task, env, with_titles, started, roomy, monkeypatch):
    """In training and afterwards, at no time of a step does a text reach further than the model's last position."""
    titled = task if title is None else with_titles(dict.fromkeys(range(len(task.catalogue)), title))
    config = SMALL | {"max_title_tokens": 8, "reflections": 1, "training_sessions": 1}
    config |= {"advice": 6, "discouraged": "named"}
    agent = BiLLPAgent(titled, TeacherConfig(**config), backend=roomy)
    advised = lambda _, offered: [Advice(tuple(items[:6]), tuple(items[6:12])) for items in offered]  # noqa: E731
    monkeypatch.setattr(agent.decider.memories, "advice", advised)
    opening = int(roomy.open(agent.decider.script.opening).lengths[0])
    room = 250 if title is None else 1200  # for the profile and a few films
    monkeypatch.setattr(roomy, "_length", opening + agent.decider._reserve + room)
    reached = watched(roomy, monkeypatch)
    agent.fit(env)
    sessions, observations, infos = started(2)
    lost = []
    for _ in range(11):
        actions = agent.act(observations, infos)
        assert (agent.decider.lockstep._context.lengths <= opening + room).all()
        lost.append([note.get("history_left_out", 0) for note in agent.explain()])
        observations, *_, infos = sessions.step(actions)
    assert lost[0] == [0, 0] and min(lost[-1]) > 0
    assert opening + room // 2 < max(reached) <= roomy.context_length


def test_plans_of_earlier_steps_are_made_again_as_they_were(make, started):
    sessions, observations, infos = started(2)
    agent = make(BiLLPAgent, plan_every=4)
    plans = []
    for step in range(7):
        actions = agent.act(observations, infos)
        plans.append([note["plan"] for note in agent.explain()])
        if step == 6:
            new = make(BiLLPAgent, plan_every=4)
            new.act(observations, infos)
            assert [note["plan"] for note in new.explain()] == plans[-1]
        observations, *_, infos = sessions.step(actions)
    assert plans[0] == plans[3] and plans[4] == plans[6]


def test_a_tape_counts_each_row(roomy):
    from ilrec_agents.llm.teachers.tape import Taped

    tape = Tape(3)
    taped = Taped(roomy.open("Films").select([0, 0]), tape, [2, 0])
    taped.append([(5, 6), (7,)])
    one = taped.select([1])
    one.append([(8,)])
    assert tape.read == [[7, 8], [], [5, 6]]
    written = one.write(3, frozenset())
    assert tape.written == [written, [], []]


def test_a_session_goes_on_only_from_its_own_past():
    now = Session(1, 0, 7, (3, 4, 5), (4.0, 3.0, 2.0))
    assert now.continues(now.until(2)) and now.continues(now)
    for other in (
        Session(1, 0, 7, (3, 9), (4.0, 3.0)),
        Session(1, 0, 7, (3, 4), (4.0, 3.5)),
        Session(2, 0, 7, (3,), (4.0,)),
        Session(1, 1, 7, (3,), (4.0,)),
        Session(1, 0, 7, (3, 4, 5, 6), (4.0, 3.0, 2.0, 1.0)),
    ):
        assert not now.continues(other)
