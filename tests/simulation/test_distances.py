"""Item distances without a matrix: golden values, every unit, torch, and factors that do not vary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.errors import ILRecError
from ilrec_gym.simulation.backend import Backend
from ilrec_gym.simulation.distances import ExplicitDistances, FactorDistances, pair_distances
from ilrec_gym.simulation.factorization import FactorModel
from ilrec_gym.simulation.scenario import load_scenario


def everything(distances, n):
    return distances.between(np.arange(n), np.tile(np.arange(n), (n, 1)))


def model_of(data):
    parts = (np.array(data[name]) for name in ("user_bias", "item_bias", "user_factors", "item_factors"))
    return FactorModel(data["mu"], *parts)


def test_golden_distances(golden):
    data = golden("item_distance")
    model = model_of(data)
    found = everything(FactorDistances.of(model), len(model.item_bias)) / np.sqrt(len(model.user_bias))
    assert found == pytest.approx(np.array(data["rms"]), abs=1e-9)


@given(seed=st.integers(0, 10_000), users=st.integers(1, 12), items=st.integers(2, 9), factors=st.integers(0, 5))
def test_they_are_those_of_the_rating_columns(seed, users, items, factors):
    """Also with more factors than users, where the moment matrix is singular."""
    rng = np.random.default_rng(seed)
    model = FactorModel(
        3.0, rng.normal(size=users), rng.normal(size=items), rng.normal(size=(users, factors)),
        rng.normal(size=(items, factors)),
    )  # fmt: skip
    columns = model.predict_all(np.arange(users))
    expected = np.linalg.norm(columns[:, :, None] - columns[:, None, :], axis=0)
    assert everything(FactorDistances.of(model), items) == pytest.approx(expected, abs=1e-6)


def test_on_torch():
    torch = pytest.importorskip("torch")
    distances = load_scenario().distances
    there = Backend("torch", "cpu").move(distances)
    items, others = np.array([3, 8]), np.array([[1, 2, 3], [4, 8, 6]])
    assert isinstance(there.coordinates, torch.Tensor)
    found = there.between(torch.as_tensor(items), torch.as_tensor(others))
    assert found.numpy() == pytest.approx(distances.between(items, others), abs=1e-9)
    assert there.threshold(0.3, "quantile") == distances.threshold(0.3, "quantile")


def test_units():
    matrix = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 4.0], [2.0, 4.0, 0.0]])
    distances = ExplicitDistances(matrix, n_users=9)
    assert distances.threshold(2.0, "raw") == 2.0
    assert distances.threshold(2.0, "rms") == 6.0
    assert distances.threshold(0.5, "quantile") == 2.0  # of 1, 2 and 4: the diagonal does not count
    assert pair_distances(distances, 3).tolist() == [1.0, 2.0, 4.0]


def test_a_quantile_means_what_it_says():
    scenario = load_scenario()
    n = len(scenario.catalogue)
    some = np.random.default_rng(1).integers(n, size=(2, 50_000))
    apart = scenario.distances.between(some[0], some[1][:, None])[some[0] != some[1]]
    assert (apart < scenario.distances.threshold(0.15, "quantile")).mean() == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ExplicitDistances(np.zeros((2, 3))), ["square"]),
        (lambda: ExplicitDistances(-np.ones((2, 2))), [">= 0"]),
        (lambda: ExplicitDistances(np.full((2, 2), np.nan)), [">= 0"]),
        (lambda: ExplicitDistances(np.zeros((2, 2))).threshold(1.0, "rmse"), ["rms", "did you mean"]),
        (lambda: ExplicitDistances(np.zeros((2, 2))).threshold(1.5, "quantile"), ["0..1"]),
        (lambda: ExplicitDistances(np.zeros((1, 1))).threshold(0.5, "quantile"), ["two items"]),
    ],
)
def test_bad_distances(make, words):
    with pytest.raises(ILRecError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
