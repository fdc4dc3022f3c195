"""What holds in every world: random catalogues, parameters and actions, in the scalar, vector and torch forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Reference

from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.vector import MovieLensVectorEnv
from ilrec_gym.simulation.user_models import USER_MODELS, Satiation
from ilrec_gym.testing.synthetic import synthetic_scenario

torch = pytest.importorskip("torch")


@st.composite
def worlds(draw):
    return synthetic_scenario(
        n_users=draw(st.integers(2, 12)),
        n_items=draw(st.integers(8, 60)),
        factors=draw(st.integers(1, 6)),
        genres=draw(st.integers(1, 6)),
        rating_scale=draw(st.sampled_from([(1.0, 5.0), (0.5, 5.0), (0.0, 1.0)])),
        seed=draw(st.integers(0, 1000)),
    )


@st.composite
def satiations(draw):
    return Satiation(
        kappa=draw(st.floats(0, 2)), lam=draw(st.floats(0, 0.99)), rho=draw(st.floats(0, 3)),
        patience=draw(st.floats(0.05, 5)), gain=draw(st.floats(0, 3)),
    )  # fmt: skip


@settings(max_examples=60)
@given(world=worlds(), model=satiations(), seed=st.integers(0, 10_000), n=st.integers(1, 5))
def test_scalar_vector_torch_and_oracle_agree(world, model, seed, n):
    steps, options = 8, {"dataset": world, "user_model": model, "split": "all", "max_steps": 8}
    vector = MovieLensVectorEnv(n, autoreset_mode="disabled", **options)
    device = MovieLensVectorEnv(n, autoreset_mode="disabled", device="cpu", **options)
    scalar = MovieLensEnv(**options)
    observations, infos = vector.reset(seed=seed)
    tensors, _ = device.reset(seed=seed)
    actions = np.random.default_rng(seed).integers(len(world.catalogue), size=(steps, n))
    oracles = [oracle(world, model, user, 8) for user in infos["user_index"]]
    alone = [[scalar.reset(seed=seed + row), *(play(scalar, actions[:, row]))] for row in range(n)]
    for row in range(n):
        assert np.allclose(alone[row][0][0], observations[row], rtol=0, atol=1e-5)
        assert alone[row][0][1]["user_index"] == infos["user_index"][row]
    for t in range(steps):
        observations, ratings, left, reached, _ = vector.step(actions[t])
        tensors, *others, _ = device.step(torch.as_tensor(actions[t]))
        assert np.allclose(tensors.numpy(), observations, rtol=0, atol=1e-5)
        assert np.allclose(others[0].numpy(), ratings, rtol=0, atol=1e-9)
        assert np.array_equal(others[1].numpy(), left) and np.array_equal(others[2].numpy(), reached)
        hidden = vector.sessions.state.hidden
        assert (hidden["memory"] >= 0).all() and (hidden["patience"] <= model.patience).all()
        assert (ratings >= world.rating_scale[0]).all() and (ratings <= world.rating_scale[1]).all()
        assert not (left & reached).any()
        assert observations in vector.observation_space
        for row in range(n):
            rating, patience, terminated, truncated = oracles[row].step(int(actions[t, row]))
            assert ratings[row] == pytest.approx(rating, abs=1e-9)
            observation, reward, *flags, _ = alone[row][t + 1]
            assert reward == pytest.approx(rating, abs=1e-9)
            assert np.allclose(observation, observations[row], rtol=0, atol=1e-5)
            if abs(patience - 1e-9) < 1e-9:  # rounding decides
                return
            assert (left[row], reached[row]) == (terminated, truncated) == tuple(flags)
        if (left | reached).any():
            return


@pytest.mark.parametrize("name", list(USER_MODELS))
@settings(max_examples=15)
@given(world=worlds(), seed=st.integers(0, 10_000))
def test_every_user_model_keeps_the_rules(name, world, seed):
    """Ratings in scale, one flag at most, a reason for every exit, and the same sessions on torch."""
    options = {"dataset": world, "user_model": name, "split": "all", "max_steps": 12}
    vector, device = MovieLensVectorEnv(3, **options), MovieLensVectorEnv(3, device="cpu", **options)
    vector.reset(seed=seed), device.reset(seed=seed)
    for actions in np.random.default_rng(seed).integers(len(world.catalogue), size=(20, 3)):
        running = vector.sessions.running.copy()
        _, ratings, left, reached, infos = vector.step(actions)
        _, others, gone, cut, facts = device.step(torch.as_tensor(actions))
        assert np.allclose(others.numpy(), ratings, rtol=0, atol=1e-9)
        assert np.array_equal(gone.numpy(), left) and np.array_equal(cut.numpy(), reached)
        played = ratings[running]
        assert ((played >= world.rating_scale[0]) & (played <= world.rating_scale[1])).all()
        assert not (left & reached).any() and ((infos["exit_reason"] != "") == left).all()
        assert (infos["step"] <= 12).all()


def oracle(world, model, user, max_steps):
    liked = np.clip(world.truth.predict_all(np.array([user]))[0], *world.rating_scale)
    return Reference(
        world.catalogue.vectors.tolist(), liked.tolist(), float(np.quantile(liked, 0.98)), model.kappa, model.lam,
        model.rho, model.patience, model.gain, *world.rating_scale, max_steps,
    )  # fmt: skip


def play(env, actions):
    """Steps until the end; what each returned."""
    trace = []
    for action in actions:
        trace.append(env.step(int(action)))
        if trace[-1][2] or trace[-1][3]:
            break
    return trace


@pytest.mark.parametrize("device", [None, "cpu"])
def test_noise_is_the_same_whatever_the_batch(device):
    model = Satiation(noise=0.3, drift=0.2)
    envs = [MovieLensVectorEnv(n, user_model=model, device=device) for n in (2, 5)]
    few, many = (env.reset(seed=3) and env for env in envs)
    for t in range(6):
        actions = np.arange(5) * 100 + t
        a, b = few.step(actions[:2])[1], many.step(actions)[1]
        assert np.allclose(np.asarray(a), np.asarray(b)[:2], rtol=0, atol=1e-12)


def test_noise_has_the_spread_that_is_asked_for():
    quiet, noisy = (MovieLensVectorEnv(4000, user_model=Satiation(noise=noise)) for noise in (0.0, 0.2))
    ratings = []
    for env in (quiet, noisy):
        env.reset(seed=0)
        ratings.append(env.step(np.full(4000, 7))[1])
    low, high = quiet.setting.scenario.rating_scale
    inside = (ratings[0] > low + 1.5) & (ratings[0] < high - 1.5)
    spread = (ratings[1] - ratings[0])[inside] / ((high - low) / 2)
    assert inside.sum() > 500 and abs(spread.mean()) < 0.03 and spread.std() == pytest.approx(0.2, rel=0.1)


def test_interests_drift_towards_what_was_liked():
    env = MovieLensVectorEnv(200, user_model=Satiation(drift=0.5, patience=50.0))
    env.reset(seed=0)
    before = env.sessions.state.tastes[:, 1:].copy()
    best = env.setting.scenario.truth.predict_all(env.sessions.state.users).argmax(axis=1)
    env.step(best)
    after, liked = env.sessions.state.tastes[:, 1:], env.setting.scenario.truth.item_factors[best]
    cosine = lambda a, b: (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)  # noqa: E731
    assert (cosine(after, liked) >= cosine(before, liked) - 1e-12).all() and not np.allclose(before, after)
    assert (np.linalg.norm(after, axis=1) <= np.linalg.norm(before, axis=1) + 1e-9).all()
