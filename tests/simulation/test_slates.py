"""Slates: golden sessions by an independent implementation, frequencies of choices, and all forms in agreement."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import SlateReference

from ilrec_gym.envs.movielens import MovieLensSlateEnv
from ilrec_gym.envs.vector import MovieLensSlateVectorEnv, MovieLensVectorEnv
from ilrec_gym.errors import ILRecError
from ilrec_gym.evaluation import evaluate
from ilrec_gym.simulation import draws
from ilrec_gym.simulation.choice import cascade, logit_probabilities, multinomial_logit, valid_places
from ilrec_gym.simulation.preferences import ExplicitRatings
from ilrec_gym.simulation.simulator import Simulator
from ilrec_gym.simulation.user_models import make_user_model
from ilrec_gym.simulation.user_models.recsim import RecSim
from ilrec_gym.simulation.world import World
from ilrec_gym.testing.synthetic import synthetic_scenario

SLATES = "ilrec/RecSim-ML1M-v0"


def test_golden_sessions(golden, monkeypatch):
    """The draws are the file's own, so they take the place of the generator's."""
    data, given_draws = golden("slates"), []
    monkeypatch.setattr(draws, "uniform", lambda seed, episode, stream, step, lane=0: np.array([given_draws[lane]]))
    endings, places = set(), set()
    for case in data["cases"]:
        world = World(
            ExplicitRatings(np.array(data["ratings"])), np.array(data["item_vectors"]), np.full(4, 4.5), (1.0, 5.0)
        )
        simulator = Simulator(world, RecSim(**case["parameters"]), data["max_steps"])
        state = simulator.start([case["user"]])
        for step in case["steps"]:
            given_draws[:] = step["draws"]
            outcome = simulator.step(state, [step["slate"]])
            assert outcome.place[0] == step["place"]
            assert outcome.rating[0] == pytest.approx(step["rating"], abs=1e-6)
            assert state.hidden["patience"][0] == pytest.approx(step["patience"], abs=1e-6)
            assert (outcome.terminated[0], outcome.truncated[0]) == (step["terminated"], step["truncated"])
            places.add(step["place"])
        endings.add((case["parameters"]["choice"], step["terminated"]))
    assert len(endings) == 4 and places == {-1, 0, 1, 2, 3, 4}


@given(
    scores=st.lists(st.floats(-3, 1), min_size=1, max_size=6), no_choice=st.floats(-3, 1), tau=st.floats(0.05, 2),
    there=st.lists(st.booleans(), min_size=6, max_size=6),
)  # fmt: skip
def test_probabilities(scores, no_choice, tau, there):
    valid = np.array([there[: len(scores)]])
    found = logit_probabilities(np.array([scores]), valid, no_choice, tau)[0]
    assert found.sum() == pytest.approx(1) and (found >= 0).all() and (found[1:][~valid[0]] == 0).all()
    ratio = np.exp((np.array(scores) - no_choice) / tau)
    assert found[1:][valid[0]] == pytest.approx((found[0] * ratio)[valid[0]])


def test_choices_come_as_often_as_the_formulas_say():
    n, rng = 40_000, np.random.default_rng(0)
    scores, valid = np.tile([-0.2, -0.9, -0.5], (n, 1)), np.tile([True, False, True], (n, 1))
    weights = np.exp(np.array([-1.0, -0.2, -0.5]) / 0.25)
    places = multinomial_logit(scores, valid, rng.random(n), -1.0, 0.25)
    assert frequencies(places) == pytest.approx(np.insert(weights / weights.sum(), 2, 0), abs=0.01)
    taken = 1 / (1 + np.exp(-(np.array([-0.2, -0.5]) + 1) / 0.25))
    expected = [np.prod(1 - taken), taken[0], 0, (1 - taken[0]) * taken[1]]
    assert frequencies(cascade(scores, valid, rng.random((n, 3)), -1.0, 0.25)) == pytest.approx(expected, abs=0.01)


def frequencies(places):
    return np.array([(places == place).mean() for place in (-1, 0, 1, 2)])


@pytest.mark.parametrize("choice", ["multinomial_logit", "cascade"])
def test_later_places_are_chosen_less(choice):
    """The same two films in both orders: position alone decides, and with beta = 1 it does not under the logit."""
    gain = {}
    for beta in (0.5, 1.0):
        env = MovieLensSlateVectorEnv(3000, slate_size=2, user_model=RecSim(choice=choice, beta=beta))
        rates = []
        for slate in ([5, 80], [80, 5]):
            env.reset(seed=0)
            _, _, _, _, infos = env.step(np.tile(slate, (3000, 1)))
            rates.append((infos["item_index"] == 5).mean())
        gain[beta] = rates[0] - rates[1]
    assert gain[0.5] > 0.1
    assert choice == "cascade" or abs(gain[1.0]) < 0.03


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000), k=st.integers(1, 4), choice=st.sampled_from(["multinomial_logit", "cascade"]),
    tau=st.floats(0.1, 2), no_choice=st.floats(-2, 0.5), beta=st.floats(0, 1), unchosen=st.floats(0, 1),
)  # fmt: skip
def test_scalar_vector_torch_and_oracle_agree(seed, k, choice, tau, no_choice, beta, unchosen):
    torch = pytest.importorskip("torch")
    world = synthetic_scenario(6, 12, seed=seed)
    parameters = {"choice": choice, "tau": tau, "no_choice": no_choice, "beta": beta, "unchosen": unchosen}
    options = {"dataset": world, "user_model": RecSim(**parameters), "split": "all", "max_steps": 6, "slate_size": k}
    vector = MovieLensSlateVectorEnv(2, autoreset_mode="disabled", **options)
    device = MovieLensSlateVectorEnv(2, autoreset_mode="disabled", device="cpu", **options)
    scalar = MovieLensSlateEnv(**options)
    _, infos = vector.reset(seed=seed)
    device.reset(seed=seed), scalar.reset(seed=seed)
    user = infos["user_index"][0]
    liked = np.clip(world.truth.predict_all(np.array([user]))[0], *world.rating_scale)
    reference = SlateReference(
        world.catalogue.vectors.tolist(), liked.tolist(), float(np.quantile(liked, 0.98)),
        0.25, 0.8, 2.0, 3.0, 1.0, *world.rating_scale, 6, **parameters,
    )  # fmt: skip
    for t, actions in enumerate(np.random.default_rng(seed).integers(12, size=(6, 2, k))):
        observations, ratings, left, reached, infos = vector.step(actions)
        tensors, *others, facts = device.step(torch.as_tensor(actions))
        observation, *alone, info = scalar.step(actions[0])
        lanes = [float(draws.uniform(seed, 0, draws.CHOICE, t, lane)[0]) for lane in range(1 + 2 * k)]
        rating, place, _, terminated, truncated = reference.step_slate(actions[0].tolist(), lanes)
        assert ratings[0] == pytest.approx(rating, abs=1e-9) == alone[0]
        assert infos["clicks"][0].tolist() == [j == place for j in range(k)]
        assert (left[0], reached[0]) == (terminated, truncated) == tuple(alone[1:])
        assert infos["item_index"][0] == info["item_index"] == (actions[0, place] if place >= 0 else -1)
        assert np.allclose(observation, observations[0], atol=1e-5)
        assert np.allclose(tensors.numpy(), observations, atol=1e-5) and observations in vector.observation_space
        assert np.allclose(others[0].numpy(), ratings, atol=1e-9) and np.array_equal(others[1].numpy(), left)
        assert np.array_equal(facts["clicks"].numpy(), infos["clicks"])
        assert np.array_equal(infos["slate"] >= 0, valid_places(actions))
        if (left | reached).any():
            return


def test_better_slates_earn_more():
    """The best unseen films by true rating, by public prediction, and by chance, on the same test users."""
    returns = {}
    for name in ("truth", "public", "chance"):
        env = MovieLensSlateVectorEnv(122, split="test", autoreset_mode="disabled")
        env.reset(seed=0)
        sessions, rng, total = env.sessions, np.random.default_rng(0), np.zeros(122)
        model = {"truth": env.setting.scenario.truth, "public": env.setting.scenario.public}.get(name)
        while sessions.running.any():
            scores = rng.random(sessions.unseen().shape) if model is None else model.predict_all(sessions.state.users)
            slates = np.argsort(-np.where(sessions.unseen(), scores, -np.inf), axis=1)[:, :3]
            total += sessions.step(slates)[1]
        returns[name] = total
    for better, worse in (("truth", "public"), ("public", "chance")):
        gain = returns[better] - returns[worse]
        assert gain.mean() - 1.96 * gain.std() / np.sqrt(len(gain)) > 0


def test_where_nothing_was_chosen():
    """Nobody looks anywhere but at the first place, and nothing there beats leaving it."""
    env = MovieLensSlateEnv(user_model=RecSim(no_choice=50.0), render_mode="ansi")
    env.reset(seed=0)
    _, rating, *_, info = env.step(np.array([1, 2, 3]))
    assert rating == env.scenario.rating_scale[0] and info["item_index"] == info["item_id"] == -1
    assert not info["clicks"].any() and "nothing chosen" in env.render()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RecSim(choice="logit"), ["multinomial_logit"]),
        (lambda: RecSim(tau=0), ["tau"]),
        (lambda: RecSim(beta=1.5), ["beta"]),
        (lambda: RecSim(no_choice=float("nan")), ["no_choice"]),
        (lambda: make_user_model({"name": "recsim", "unchosn": 1}), ["unchosen", "did you mean"]),
        (lambda: MovieLensSlateEnv(slate_size=0), ["slate_size"]),
        (lambda: MovieLensSlateEnv(user_model="satiation"), ["recsim"]),
        (lambda: MovieLensVectorEnv(1, slate_size=2, n_candidates=5, user_model="recsim"), ["one of the two"]),
        (lambda: evaluate(None, MovieLensSlateEnv()), ["one item per step"]),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ILRecError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)


def test_it_is_registered():
    spec = gym.spec(SLATES)
    assert spec.kwargs == {"dataset": "ml-1m", "user_model": "recsim", "slate_size": 3}
    env = gym.make(SLATES, dataset="ml-latest-small", slate_size=4)
    assert env.action_space.nvec.tolist() == [len(env.unwrapped.scenario.catalogue)] * 4
