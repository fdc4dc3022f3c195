"""The modules, each on its own: what it asks, what it makes of an answer, and that it leaves the context as it was."""

import numpy as np
import pytest

from ilrec_agents.llm.backends.scripted import ScriptedBackend
from ilrec_agents.llm.grounding.trie import Trie
from ilrec_agents.llm.modules.critic import Critic, advantages, calibrated, expectation, grade, rewards
from ilrec_agents.llm.modules.planner import Planner
from ilrec_agents.llm.modules.reflector import Reflector
from ilrec_agents.llm.modules.speech import Speech, stops
from ilrec_agents.llm.modules.thinker import Thinker
from ilrec_agents.llm.teachers.session import Window


def speech(backend, limit=12):
    return Speech(backend.encode("\nThought: it is"), backend.encode(".\n"), limit, stops(backend))


@pytest.fixture
def scripted():
    """A function: a back-end that says these texts, and a context of as many rows."""

    def made(*answers):
        backend = ScriptedBackend(list(answers))
        return backend, backend.open("Films.").select([0] * len(answers))

    return made


def test_a_thought_stays_between_its_words(scripted):
    backend, context = scripted(" dark", " light. And more")
    thoughts = Thinker(backend, speech(backend)).think(context)
    assert [backend.decode(thought) for thought in thoughts] == [" dark", " light"]
    assert context.texts == ("Films.\nThought: it is dark.\n", "Films.\nThought: it is light.\n")


def test_an_empty_thought_is_left_out_and_the_others_stay(scripted):
    backend, context = scripted("", " dark", "  ", "\nno")
    thoughts = Thinker(backend, speech(backend)).think(context)
    assert [bool(thought) for thought in thoughts] == [False, True, False, False]
    assert context.texts == ("Films.", "Films.\nThought: it is dark.\n", "Films.", "Films.")


def test_a_thought_is_the_same_tokens_whether_others_are_empty_or_not(backend):
    """Beside an empty row all rows are read again: that may change nothing."""
    alone, beside = (backend.open("Films that I love").select([0] * n) for n in (1, 2))
    thinker = Thinker(backend, speech(backend))
    (expected,) = thinker.think(alone)
    assert expected
    silent = Speech(thinker.speech.ask, thinker.speech.ends, 12, frozenset(range(700)))
    assert Thinker(backend, silent).think(beside) == [(), ()]
    assert beside.lengths.tolist() == backend.open("Films that I love").select([0, 0]).lengths.tolist()
    assert thinker.think(beside) == [expected] * 2
    assert (beside.lengths == alone.lengths).all()


def test_what_loops_is_cut(backend):
    context = backend.open("the the the the").select([0, 0, 0])
    for thought in Thinker(backend, speech(backend, limit=5)).think(context):
        assert len(thought) <= 5


@pytest.mark.parametrize("module", [Planner, Reflector])
def test_plans_and_reflections_are_read_in_and_leave_nothing_behind(module, scripted):
    backend, context = scripted(" dark", " ")
    made = module(backend, speech(backend))
    write = made.plan if module is Planner else made.reflect
    texts = write(context, [backend.encode(" Lesson one."), ()])
    assert [backend.decode(text) for text in texts] == [" dark", ""]
    assert backend.asked == ["Films. Lesson one.\nThought: it is", "Films.\nThought: it is"]
    assert context.texts == ("Films.", "Films.")


def test_answers_end_with_sentences_lines_and_control_tokens(backend):
    ends = stops(backend)
    assert backend.end in ends
    for text in ("\n", ".", "!", "?"):
        assert set(backend.encode(text)) <= ends
    for text in backend.special:
        assert backend.encode(text)[0] in ends
    assert not set(backend.encode("comedy")) & ends


def test_a_grade_is_the_mean_of_what_the_model_would_say(backend):
    """Against each number scored on its own, one text at a time."""
    texts = [backend.encode(text) for text in (" Great films.", " I leave now, this is bad.", "")]
    context = backend.open("Films.").select([0] * 3)
    context.append(texts)
    before = context.lengths.copy()
    values = Critic(backend, backend.encode(" Mood:")).values(context)
    assert (context.lengths == before).all()
    sequences = [backend.encode(f" {number}") for number in range(-5, 6)]
    for text, value in zip(texts, values, strict=True):
        log = np.zeros(11)
        for k, sequence in enumerate(sequences):
            alone = backend.open("Films.")
            alone.append([(*text, *backend.encode(" Mood:"))])
            trie = Trie.exactly([sequence])
            log[k] = alone.reader([trie]).of([np.arange(len(trie))])[0].sum()
        p = np.exp(log) / np.exp(log).sum()
        assert value == pytest.approx(p @ np.arange(-5, 6), abs=1e-3)
        assert -5 <= value <= 5
    assert len(set(np.round(values, 6))) == 3


def test_a_grade_that_is_only_written_is_read(scripted):
    backend, context = scripted(" 4", "-3, I think", "7 of 10", "no idea")
    assert Critic(backend, backend.encode("?")).values(context).tolist() == [4, -3, 5, 0]
    assert context.texts == ("Films.",) * 4


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0), ("3", 3), ("−2", -2), ("--4", -4), ("9" * 5000, 5), ("-99", -5), ("４", 4)]
)
def test_grades_of_any_text(text, expected):
    assert grade(text) == expected


def test_certain_grades_are_themselves():
    for k in range(11):
        log = np.full(11, -1e3)
        log[k] = 0.0
        assert expectation(log) == pytest.approx(k - 5)
    assert expectation(np.zeros(11)) == pytest.approx(0)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9])
def test_values_of_the_best_and_the_worst_session_stay_within_five(gamma):
    best, worst = (rewards([rating] * 400, 3.0, 2.25, gamma) for rating in (5.0, 0.5))
    discounts = gamma ** np.arange(400)
    assert best @ discounts <= 5 + 1e-9 and worst @ discounts >= -5 - 1e-9
    assert best @ discounts > 4 and worst @ discounts < -4
    assert rewards([3.0], 3.0, 2.25, gamma).tolist() == [0]


def test_advantages_are_what_the_next_state_adds():
    rng = np.random.default_rng(0)
    r, v = rng.normal(size=7), rng.normal(size=8)
    assert advantages(r, v, 0.5).tolist() == pytest.approx([r[t] + 0.5 * v[t + 1] - v[t] for t in range(7)])
    # With gamma 1 they add up to the return less the first value.
    assert advantages(r, np.append(v[:-1], 0), 1.0).sum() == pytest.approx(r.sum() - v[0])


def test_a_window_shows_what_is_allowed_and_moves_seldom():
    sizes = np.random.default_rng(1).integers(5, 30, size=100).tolist()
    starts = []
    for n in range(101):
        window = Window.of(sizes[:n], 8, 10_000)
        assert n - window.start <= 8 and window.lost == 0
        assert n - window.start >= min(n, 4)
        starts.append(window.start)
    assert starts == sorted(starts) and len(set(starts)) <= 100 / 4 + 1
    assert Window.of(sizes[:8], 8, 10_000).start == 0


def test_a_window_drops_the_oldest_where_there_is_no_room_and_says_how_many():
    sizes = np.random.default_rng(2).integers(5, 30, size=60).tolist()
    starts = []
    for n in range(61):
        window = Window.of(sizes[:n], 1000, 200)
        assert sum(sizes[window.start : n]) <= 200 and window.lost == window.start
        starts.append(window.start)
    assert starts == sorted(starts) and starts[-1] > 0
    both = Window.of(sizes, 10, 60)
    assert sum(sizes[both.start :]) <= 60 and 0 < both.lost < both.start


@pytest.mark.parametrize(("sizes", "most", "room", "expected"), [
    ([], 4, 10, (0, 0)), ([5], 0, 10, (1, 0)), ([50], 4, 10, (1, 1)), ([5, 5], 1, 10, (1, 0)), ([5, 50], 4, 10, (2, 2)),
])  # fmt: skip
def test_windows_at_their_edges(sizes, most, room, expected):
    assert Window.of(sizes, most, room) == expected


def test_grades_become_values_on_the_scale_of_what_followed():
    gamma, paid = 0.5, [np.array([1.0, -2.0, 0.5]), np.array([2.0, 1.0])]
    followed = [np.array([0.125, -1.75, 0.5]), np.array([2.5, 1.0])]  # by hand
    grades = [np.append(3 + mine / 10, 3.0) for mine in followed]
    for found, expected in zip(calibrated(grades, paid, gamma), followed, strict=True):
        np.testing.assert_allclose(found, [*expected, 0.0], atol=1e-9)


@pytest.mark.parametrize("shape", [lambda g: np.full_like(g, 2.0), lambda g: 3 - g], ids=["nothing", "opposite"])
def test_grades_that_say_nothing_or_the_opposite_are_one_value(shape):
    paid = [np.array([1.0, -2.0, 0.5])]
    (values,) = calibrated([shape(np.array([0.125, -1.75, 0.5, 0.0]))], paid, 0.5)
    np.testing.assert_allclose(values, np.mean([0.125, -1.75, 0.5]), atol=1e-9)
