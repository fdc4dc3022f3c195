"""Estimators are exact where every trajectory is known, equal slow loops, and keep their identities."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_agents.ope import ESTIMATORS, WeightedSessions
from ilrec_agents.ope.estimators import effective_sample_size
from ilrec_gym.errors import UsageError

UNBIASED = ("is", "pdis", "dr")
GAMMA = 0.9
seeds = st.integers(0, 10_000)


def one(name, steps, counts=None):
    counts = np.ones(len(steps)) if counts is None else counts
    return float(ESTIMATORS[name].function(steps, counts[None])[0])


# A world in which every trajectory can be written down ----------------------------------------------------------------


class World:
    """3 states, 2 actions, 3 steps, chance in everything; a session ends in state 2."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.next = rng.dirichlet([1, 1, 1], (3, 2))
        self.reward = rng.normal(2, 3, (3, 2))
        self.b, self.pi = rng.dirichlet([2, 2], 3), rng.dirichlet([1, 1], 3)
        self.start = np.array([0.6, 0.4, 0.0])

    def values(self, horizon=3):
        """Q (H, 3, 2) of the target; nothing comes after state 2 or the horizon."""
        q, v = np.zeros((horizon, 3, 2)), np.zeros(3)
        for t in reversed(range(horizon)):
            q[t] = self.reward + GAMMA * self.next @ v
            v = (self.pi * q[t]).sum(axis=1)
            v[2] = 0
        return q

    def truth(self):
        return float(self.start @ (self.pi * self.values()[0]).sum(axis=1))

    def trajectories(self, q):
        """All of them as one WeightedSessions with this Q, and how likely the logger is to make each."""
        rows, chances = [], []
        for states, actions in product(product(range(3), repeat=3), product(range(2), repeat=3)):
            chance, ended, row = self.start[states[0]], False, []
            for t, (s, a) in enumerate(zip(states, actions, strict=True)):
                ended = ended or s == 2
                if ended:  # one way only to write what comes after the end
                    chance *= s == 2 and a == 0
                    row.append((0, 1, 1, False, 0, 0))
                    continue
                row.append((self.reward[s, a], self.b[s, a], self.pi[s, a], True, q[t, s, a], self.pi[s] @ q[t, s]))
                chance *= self.b[s, a] * (self.next[s, a, states[t + 1]] if t < 2 else 1)
            rows.append(row)
            chances.append(chance)
        r, b, pi, present, q_taken, v = np.moveaxis(np.array(rows, float), -1, 0)
        return WeightedSessions(r, b, pi, present.astype(bool), GAMMA, q_taken, v), np.array(chances)


@pytest.mark.parametrize("seed", range(4))
def test_exact_over_all_trajectories(seed):
    world = World(seed)
    steps, chances = world.trajectories(world.values())
    assert chances.sum() == pytest.approx(1)
    for name in ESTIMATORS:
        assert one(name, steps, chances) == pytest.approx(world.truth(), abs=1e-10), name


@pytest.mark.parametrize("seed", range(4))
def test_a_wrong_q_does_no_harm_to_the_doubly_robust_ones(seed):
    world = World(seed)
    steps, chances = world.trajectories(np.random.default_rng(seed).normal(0, 5, (3, 3, 2)))
    for name in ("dr", "wdr"):
        assert one(name, steps, chances) == pytest.approx(world.truth(), abs=1e-10), name
    assert abs(one("fqe", steps, chances) - world.truth()) > 0.1


@pytest.mark.parametrize("name", UNBIASED)
def test_unbiased_over_many_data_sets(name):
    world = World(7)
    q = world.values() + np.random.default_rng(7).normal(0, 1, (3, 3, 2))
    steps, chances = world.trajectories(q)
    counts = np.random.default_rng(8).multinomial(30, chances, size=20_000).astype(float)
    found = ESTIMATORS[name].function(steps, counts)
    assert found.mean() == pytest.approx(world.truth(), abs=4 * found.std() / math.sqrt(len(found)))


def test_each_refinement_is_less_spread():
    world = World(7)
    steps, chances = world.trajectories(world.values())
    counts = np.random.default_rng(8).multinomial(100, chances, size=4000).astype(float)
    spread = {name: e.function(steps, counts).std() for name, e in ESTIMATORS.items()}
    assert spread["dr"] < spread["pdis"] < spread["is"]
    assert spread["wis"] < spread["is"] and spread["wdr"] < spread["wpdis"]


# Against loops, and identities ----------------------------------------------------------------------------------------


def random_steps(seed, n=7, horizon=4, target=True):
    rng = np.random.default_rng(seed)
    present = np.arange(horizon) < rng.integers(1, horizon + 1, n)[:, None]

    def column(low, high, after):
        return np.where(present, rng.uniform(low, high, (n, horizon)), after)

    b = column(0.1, 1, 1)
    pi = np.where(present, rng.uniform(0, 1, (n, horizon)) * (rng.random((n, horizon)) > 0.2), 1) if target else b
    return WeightedSessions(column(-2, 5, 0), b, pi, present, 0.8, column(-3, 3, 0), column(-3, 3, 0))


@given(seeds)
def test_equal_to_loops(seed):
    s = random_steps(seed)
    n, horizon = s.rewards.shape
    ratio = s.targets / s.propensities
    rho = [[math.prod(ratio[i, : t + 1]) for t in range(horizon)] for i in range(n)]
    total = [sum(0.8**t * s.rewards[i, t] for t in range(horizon)) for i in range(n)]
    sums = [sum(rho[i][t] for i in range(n)) for t in range(horizon)]
    wanted = {
        "is": sum(rho[i][-1] * total[i] for i in range(n)) / n,
        "pdis": sum(0.8**t * rho[i][t] * s.rewards[i, t] for i in range(n) for t in range(horizon)) / n,
        "fqe": s.v[:, 0].mean(),
        "dr": sum(recursion(s, ratio, i, 0) for i in range(n)) / n,
    }
    if min(sums) > 0:
        wanted["wis"] = sum(rho[i][-1] * total[i] for i in range(n)) / sums[-1]
        wanted["wpdis"] = sum(
            0.8**t * rho[i][t] * s.rewards[i, t] / sums[t] for i in range(n) for t in range(horizon)
        )  # fmt: skip
        before = [n, *sums[:-1]]
        wanted["wdr"] = sum(
            0.8**t
            * ((rho[i][t - 1] if t else 1) * s.v[i, t] / before[t] + rho[i][t] * (s.rewards - s.q)[i, t] / sums[t])
            for i in range(n)
            for t in range(horizon)
        )
    for name, value in wanted.items():
        assert one(name, s) == pytest.approx(value, abs=1e-9), name


def recursion(s, ratio, i, t):
    """Equation 10 of Jiang and Li."""
    if t == s.horizon:
        return 0.0
    return s.v[i, t] + ratio[i, t] * (s.rewards[i, t] + s.gamma * recursion(s, ratio, i, t + 1) - s.q[i, t])


@given(seeds)
def test_the_logger_as_target(seed):
    """All weights are 1, and what is left is the mean return."""
    s = random_steps(seed, target=False)
    assert s.weights == pytest.approx(np.ones_like(s.rewards))
    assert effective_sample_size(s) == pytest.approx(len(s))
    flat = WeightedSessions(
        s.rewards, s.propensities, s.targets, s.present, 0.8, s.v, s.v
    )  # no action is better than another
    for name in ("is", "wis", "pdis", "wpdis", "dr", "wdr"):
        assert one(name, flat) == pytest.approx(s.returns.mean(), abs=1e-9), name


@given(seeds)
def test_without_values_the_doubly_robust_ones_are_per_decision(seed):
    s, zero = random_steps(seed), np.zeros((7, 4))
    nothing = WeightedSessions(s.rewards, s.propensities, s.targets, s.present, 0.8, zero, zero)
    assert one("dr", nothing) == pytest.approx(one("pdis", s), abs=1e-9)
    assert one("wdr", nothing) == pytest.approx(one("wpdis", s), abs=1e-9, nan_ok=True)


@given(seeds)
def test_one_step(seed):
    """A bandit: per-decision is not different from the whole."""
    s = random_steps(seed, horizon=1)
    assert one("is", s) == pytest.approx(one("pdis", s))
    assert one("wis", s) == pytest.approx(one("wpdis", s), nan_ok=True)


@given(seeds)
def test_weighted_is_stays_among_the_returns_and_counts_are_copies(seed):
    s = random_steps(seed)
    counts = np.random.default_rng(seed).integers(0, 3, 7).astype(float)
    counts[0] += 1
    rows = np.repeat(np.arange(7), counts.astype(int))
    names = ("rewards", "propensities", "targets", "present", "q", "v")
    copies = WeightedSessions(**{name: getattr(s, name)[rows] for name in names}, gamma=0.8)
    for name in ESTIMATORS:
        assert one(name, s, counts) == pytest.approx(one(name, copies), abs=1e-9, nan_ok=True), name
    value = one("wis", s)
    assert math.isnan(value) or s.returns.min() - 1e-9 <= value <= s.returns.max() + 1e-9
    assert 0 <= effective_sample_size(s) <= 7 + 1e-9


def test_no_session_goes_on_as_the_target_would():
    s = WeightedSessions(np.ones((2, 2)), np.full((2, 2), 0.5), np.array([[1.0, 0], [0, 1]]), np.ones((2, 2), bool))
    assert math.isnan(one("wis", s)) and math.isnan(one("wpdis", s))
    assert (one("is", s), one("pdis", s), effective_sample_size(s)) == (0, 1, 0)


def test_long_sessions_do_not_overflow():
    shape = (3, 400)
    s = WeightedSessions(np.ones(shape), np.full(shape, 0.01), np.ones(shape), np.ones(shape, bool))
    assert np.isfinite(s.weights).all() and one("wis", s) == pytest.approx(400)
    assert effective_sample_size(s) == pytest.approx(3)


def good(**changes):
    x = np.full((2, 3), 0.5)
    return WeightedSessions(**{"rewards": x, "propensities": x, "targets": x, "present": x > 0} | changes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"propensities": np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.5]])}, "propensity must be above 0"),
        ({"propensities": np.full((2, 3), math.nan)}, "propensity must be above 0"),
        ({"propensities": np.full((2, 3), 1.5)}, "propensity must be above 0"),
        ({"targets": np.full((2, 3), -0.1)}, "target probability"),
        ({"targets": np.full((2, 3), math.nan)}, "target probability"),
        ({"rewards": np.full((2, 3), math.nan)}, "finite"),
        ({"q": np.full((2, 3), math.inf)}, "finite"),
        ({"v": np.zeros((2, 2))}, "v must have shape"),
        ({"gamma": 1.5}, "gamma"),
    ],
)
def test_refused(changes, rule):
    with pytest.raises(UsageError, match=rule):
        good(**changes)


def test_values_are_asked_for():
    with pytest.raises(UsageError, match="needs the target's Q"):
        one("dr", good())
