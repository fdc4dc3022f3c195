"""The default user model: golden values, and the plain-Python oracle on random worlds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Reference, vectors

from ilrec_gym.errors import ILRecError
from ilrec_gym.simulation.preferences import ExplicitRatings, aspirations
from ilrec_gym.simulation.satiation import item_vectors
from ilrec_gym.simulation.simulator import Simulator
from ilrec_gym.simulation.user_models import Satiation, describe, make_user_model
from ilrec_gym.simulation.world import World


def simulator(ratings, item_vectors, aspiration, p) -> Simulator:
    model = Satiation(**{key: p[key] for key in ("kappa", "lam", "rho", "patience", "gain")})
    preferences, scale = ExplicitRatings(np.array(ratings)), (p["r_min"], p["r_max"])
    return Simulator(World(preferences, item_vectors, np.array(aspiration), scale), model, p["max_steps"])


def play(simulated, state, items, rows):
    """One step of some rows."""
    part = state.take(rows)
    outcome = simulated.step(part, items)
    state.put(rows, part)
    return outcome


def test_golden_item_vectors_and_aspiration(golden):
    data = golden("satiation")
    assert item_vectors(np.array(data["genres"], bool)) == pytest.approx(np.array(data["item_vectors"]), abs=1e-9)
    found = aspirations(ExplicitRatings(np.array(data["ratings"])), len(data["ratings"]), (1, 5))
    assert found == pytest.approx(np.array(data["aspiration"]), abs=1e-9)


def test_golden_sessions(golden):
    data = golden("satiation")
    seen = {"terminated": 0, "truncated": 0}
    for case in data["cases"]:
        simulated = simulator(data["ratings"], np.array(data["item_vectors"]), data["aspiration"], case["parameters"])
        state = simulated.start([case["user"]])
        for step in case["steps"]:
            outcome = simulated.step(state, [step["item"]])
            assert outcome.rating[0] == pytest.approx(step["rating"], abs=1e-6)
            assert state.hidden["patience"][0] == pytest.approx(step["patience"], abs=1e-6)
            assert (outcome.terminated[0], outcome.truncated[0]) == (step["terminated"], step["truncated"])
        for flag in seen:
            seen[flag] += case["steps"][-1][flag]
    assert min(seen.values()) > 0, "the golden sessions end in both ways"


def test_golden_sessions_side_by_side(golden):
    """The same cases as one batch per parameter set, in which rows end at different times."""
    data = golden("satiation")
    cases = [case for case in data["cases"] if case["parameters"] == data["cases"][0]["parameters"]]
    simulated = simulator(data["ratings"], np.array(data["item_vectors"]), data["aspiration"], cases[0]["parameters"])
    state = simulated.start([case["user"] for case in cases])
    for t in range(max(len(case["steps"]) for case in cases)):
        rows = np.array([b for b, case in enumerate(cases) if t < len(case["steps"])])
        outcome = play(simulated, state, [cases[b]["steps"][t]["item"] for b in rows], rows)
        assert outcome.rating == pytest.approx([cases[b]["steps"][t]["rating"] for b in rows], abs=1e-6)
        assert outcome.terminated.tolist() == [cases[b]["steps"][t]["terminated"] for b in rows]


@given(data=st.data())
def test_arrays_equal_the_oracle(data):
    n_items, n_genres = data.draw(st.integers(2, 8)), data.draw(st.integers(1, 4))
    genres = data.draw(
        st.lists(st.lists(st.integers(0, 1), min_size=n_genres, max_size=n_genres), min_size=n_items, max_size=n_items)
    )
    low, high = data.draw(st.sampled_from([(1.0, 5.0), (0.5, 5.0), (0.0, 1.0)]))
    part = st.floats(0, 1)
    ratings = [
        [low + (high - low) * x for x in data.draw(st.lists(part, min_size=n_items, max_size=n_items))]
        for _ in range(3)
    ]
    p = {
        "kappa": data.draw(st.floats(0, 2)), "lam": data.draw(st.floats(0, 0.99)), "rho": data.draw(st.floats(0, 3)),
        "patience": data.draw(st.floats(0.01, 5)), "gain": data.draw(st.floats(0, 3)), "r_min": low, "r_max": high,
        "max_steps": data.draw(st.integers(1, 12)),
    }  # fmt: skip
    aspiration = [data.draw(st.floats(low, high)) for _ in ratings]
    content = item_vectors(np.array(genres, bool))
    assert content == pytest.approx(np.array(vectors(genres)), abs=1e-12)
    simulated = simulator(ratings, content, aspiration, p)
    state = simulated.start(range(3))
    oracles = [Reference(content.tolist(), ratings[u], aspiration[u], **p) for u in range(3)]
    rows = np.arange(3)
    while len(rows):
        items = [data.draw(st.integers(0, n_items - 1)) for _ in rows]
        outcome = play(simulated, state, items, rows)
        for j, b in enumerate(rows):
            rating, patience, terminated, truncated = oracles[b].step(items[j])
            assert outcome.rating[j] == pytest.approx(rating, abs=1e-9)
            assert state.hidden["patience"][b] == pytest.approx(patience, abs=1e-9)
            assert low <= outcome.rating[j] <= high and state.hidden["patience"][b] <= p["patience"]
            if abs(patience - 1e-9) > 1e-9:  # else rounding decides
                assert (outcome.terminated[j], outcome.truncated[j]) == (terminated, truncated)
        assert (state.hidden["memory"] >= 0).all()
        rows = rows[~(outcome.terminated | outcome.truncated)]


def test_unknown_genre_is_there_only_where_needed():
    assert item_vectors(np.array([[1, 0], [0, 1], [1, 0]], bool)).shape == (3, 2)
    with_lonely = item_vectors(np.array([[1, 0], [0, 1], [0, 0]], bool))
    assert with_lonely.shape == (3, 3) and with_lonely[2].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("satiaton", ["satiation", "did you mean"]),
        ({"name": "satiation", "kapa": 1}, ["kappa", "did you mean"]),
        ({"name": "satiation", "lam": 1.0}, ["lam", "below 1"]),
        ({"name": "satiation", "gain": -1}, ["gain", ">= 0"]),
        ({"name": "satiation", "gain": "fast"}, ["gain", "fast"]),
        ({"kappa": 1}, ["name"]),
        (7, ["name"]),
    ],
)
def test_bad_user_models(spec, words):
    with pytest.raises(ILRecError) as caught:
        make_user_model(spec)
    assert all(word in str(caught.value) for word in words)


def test_user_model_as_json():
    model = make_user_model({"name": "satiation", "kappa": 0.5})
    assert make_user_model(describe(model)) == model == Satiation(kappa=0.5)
