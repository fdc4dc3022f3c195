"""The published exit rules: golden sessions through the public classes, and a plain-Python oracle in random worlds."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilrec_gym.envs.sessions import Sessions
from ilrec_gym.envs.vector import MovieLensVectorEnv
from ilrec_gym.errors import ILRecError
from ilrec_gym.simulation.backend import HOST, Backend, to_host
from ilrec_gym.simulation.distances import ExplicitDistances
from ilrec_gym.simulation.preferences import ExplicitRatings
from ilrec_gym.simulation.scenario import load_scenario
from ilrec_gym.simulation.simulator import Simulator
from ilrec_gym.simulation.user_models import make_user_model
from ilrec_gym.simulation.world import World
from ilrec_gym.testing.synthetic import synthetic_scenario

PRESETS = ["ilrec", "billp", "easyrl4rec", "dorl"]


@pytest.fixture(scope="module")
def golden_rules():
    return json.loads((Path(__file__).parents[1] / "golden" / "exit_rules.json").read_text(encoding="utf-8"))


def golden_simulator(data, preset, backend=HOST):
    parameters = dict(data["presets"][preset])
    max_steps = parameters.pop("max_steps")
    unit = {"threshold_unit": "raw"} if "threshold" in parameters else {}
    ratings = np.array(data["ratings"])
    world = World(
        ExplicitRatings(ratings), np.zeros((ratings.shape[1], 1)), np.zeros(len(ratings)), (1.0, 5.0),
        np.array(data["genres"], bool), ExplicitDistances(np.array(data["distance"])),
    )  # fmt: skip
    return Simulator(world.on(backend), make_user_model({"name": preset, **parameters, **unit}), max_steps, backend)


@pytest.mark.parametrize("preset", PRESETS)
def test_golden_sessions(golden_rules, preset):
    simulator, flags = golden_simulator(golden_rules, preset), set()
    for case in golden_rules["cases"]:
        if case["preset"] != preset:
            continue
        state = simulator.start([case["user"]])
        for step in case["steps"]:
            outcome = simulator.step(state, [step["item"]])
            assert outcome.rating[0] == pytest.approx(step["rating"], abs=1e-6)
            assert (outcome.terminated[0], outcome.truncated[0]) == (step["terminated"], step["truncated"])
        flags.add((step["terminated"], step["truncated"]))
    assert flags == {(True, False), (False, True)}


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("preset", PRESETS)
def test_golden_sessions_through_the_engine(golden_rules, preset, library):
    """All cases of a preset side by side, in the engine that the environments run on."""
    pytest.importorskip(library)
    cases = [case for case in golden_rules["cases"] if case["preset"] == preset]
    simulator = golden_simulator(golden_rules, preset, Backend(library))
    n_items = len(golden_rules["ratings"][0])
    public = synthetic_scenario(len(golden_rules["ratings"]), n_items)
    sessions = Sessions(public, simulator, len(cases))
    sessions.reset([case["user"] for case in cases])
    for t in range(max(len(case["steps"]) for case in cases)):
        running = to_host(sessions.running).copy()
        actions = [case["steps"][t]["item"] if t < len(case["steps"]) else 0 for case in cases]
        _, *numbers, infos = sessions.step(sessions.backend.array(np.array(actions)))
        ratings, terminated, truncated = map(to_host, numbers)
        for row in np.flatnonzero(running):
            step = cases[row]["steps"][t]
            left = step["terminated"]
            assert ratings[row] == pytest.approx(step["rating"], abs=1e-6)
            assert (terminated[row], truncated[row]) == (left, step["truncated"])
            assert bool(infos["exit_reason"][row] if library == "numpy" else infos["exit_code"][row]) == left
    assert not sessions.running.any()


def leaves(preset, parameters, world, liked, history, item, threshold):
    """The rule once more, in plain Python: the exit reason, or "" for none."""
    earlier = history[-parameters.window :]
    near = [j for j in earlier if threshold is not None and world.distances_of(item, j) < threshold]
    if preset == "ilrec":
        return "low_rating" if liked[item] < parameters.low_rating else "too_similar" if near else ""
    if preset == "billp":
        for j in earlier:
            if j in near:
                return "too_similar"
        return "low_rating" if earlier and liked[item] < parameters.low_rating else ""
    if preset == "easyrl4rec":
        return "too_similar" if near else ""
    genres = world.genres
    often = [sum(genres[j][g] for j in earlier) > parameters.at_most for g in np.flatnonzero(genres[item])]
    return "same_genre" if any(often) else ""


class Plain:
    """Distances as norms of rating columns, and genres."""

    def __init__(self, scenario):
        self.columns = scenario.truth.predict_all(np.arange(len(scenario.users)))
        self.genres = scenario.catalogue.genres

    def distances_of(self, i, j):
        return float(np.linalg.norm(self.columns[:, i] - self.columns[:, j]))


@pytest.mark.parametrize("preset", PRESETS)
@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000), window=st.integers(1, 6), quantile=st.floats(0.001, 0.4), low=st.floats(1, 3.5),
    at_most=st.integers(0, 2),
)  # fmt: skip
def test_random_worlds_equal_the_oracle(preset, seed, window, quantile, low, at_most):
    world = synthetic_scenario(6, 30, genres=6, seed=seed)
    options = {"name": preset, "window": window}
    if preset != "dorl":
        options |= {"threshold": quantile, "threshold_unit": "quantile"}
    if preset in ("ilrec", "billp"):
        options["low_rating"] = low
    model = make_user_model(options if preset != "dorl" else options | {"at_most": at_most})
    env = MovieLensVectorEnv(4, world, user_model=model, split="all", max_steps=10, autoreset_mode="disabled")
    _, infos = env.reset(seed=seed)
    threshold = None if preset == "dorl" else world.distances.threshold(quantile, "quantile")
    plain, histories = Plain(world), [[] for _ in range(4)]
    liked = np.clip(world.truth.predict_all(infos["user_index"]), *world.rating_scale)
    for actions in np.random.default_rng(seed).integers(30, size=(10, 4)):
        _, ratings, left, reached, infos = env.step(actions)
        for row, item in enumerate(actions.tolist()):
            reason = leaves(preset, model, plain, liked[row], histories[row], item, threshold)
            histories[row].append(item)
            assert ratings[row] == pytest.approx(liked[row][item], abs=1e-9)
            assert infos["exit_reason"][row] == reason
            assert reached[row] == (not reason and len(histories[row]) == 10)
        if (left | reached).any():
            return


def test_presets_are_the_published_ones():
    found = {name: dataclasses.asdict(make_user_model(name)) for name in PRESETS}
    assert found["ilrec"]["window"] == found["billp"]["window"] == 4
    assert found["easyrl4rec"]["window"] == 7 and found["dorl"] == {
        "window": 10, "at_most": 0, "leaving_step_counts": True,
    }  # fmt: skip
    assert found["easyrl4rec"]["threshold"] * np.sqrt(6040) == pytest.approx(75)
    assert [make_user_model(name).max_steps for name in PRESETS] == [100, 50, 30, 30]
    assert [make_user_model(name).leaving_step_counts for name in PRESETS] == [True, False, True, True]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "ilrec", "window": 0}, ["window"]),
        ({"name": "ilrec", "threshold_unit": "root"}, ["threshold_unit", "rms"]),
        ({"name": "billp", "threshold": 1.5}, ["at most 1"]),
        ({"name": "easyrl4rec", "threshold": -1.0}, ["threshold"]),
        ({"name": "dorl", "at_most": -1}, ["at_most"]),
        ({"name": "dorl", "threshold": 1.0}, ["at_most"]),
    ],
)
def test_bad_parameters(spec, words):
    with pytest.raises(ILRecError) as caught:
        make_user_model(spec)
    assert all(word in str(caught.value) for word in words)


def test_a_world_without_distances_or_genres_is_refused():
    scenario = load_scenario()
    with pytest.raises(ILRecError, match="distances"):
        Simulator(scenario.world, make_user_model("ilrec"))
    with pytest.raises(ILRecError, match="genres"):
        Simulator(dataclasses.replace(scenario.world, genres=None), make_user_model("dorl"))
