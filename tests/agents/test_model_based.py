"""Agents that learn in a world model: the imagined environment, what is taken off rewards, and what is kept."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from tiny import random_sessions, tiny

from ilrec_agents import load_agent, make_agent
from ilrec_agents.model_based.entropy import BehaviourEntropy
from ilrec_agents.model_based.imagined import ImaginedEnv, ImaginedViewers, public_half
from ilrec_agents.model_based.steps import Asked, logged_steps, scaled, window
from ilrec_agents.model_based.world_model import make_world_model
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.backend import Backend
from ilrec_gym.simulation.preferences import ExplicitRatings

SMALL = {"members": 2, "updates": 60, "hidden": 16, "embedding": 8, "learning_rate": 1e-2, "window": 4}
TASTE = {"members": 2, "world_updates": 20, "total_timesteps": 256, "n_envs": 8, "n_steps": 16, "batch_size": 64}
FORMS = ("offered", "catalogue")


@pytest.fixture(scope="module", params=FORMS)
def world(request):
    """A tiny environment, sessions of it, and a model fitted to them."""
    env = tiny(request.param)
    log = random_sessions(env, 100)
    return env, log, make_world_model(env, device="cpu", **SMALL).fit(log)


@pytest.fixture(scope="module")
def leavers():
    """A model of viewers who have little patience."""
    env = gym.make("ilrec/MovieLens-v0", dataset=tiny("catalogue").unwrapped.scenario, max_steps=6,
                   user_model={"name": "satiation", "patience": 1.0})  # fmt: skip
    return make_world_model(env, device="cpu", **SMALL | {"updates": 200}).fit(random_sessions(env, 200))


def play(env, plan, n=6):
    """Observations, rewards, offers and infos of a plan of actions ``(T,)`` with the first n train users."""
    sessions = env.unwrapped.batch(n, ["history"])
    observations, infos = sessions.reset(env.unwrapped.users[:n], seeds=np.arange(n))
    seen, paid = [(observations, infos)], []
    for action in plan:
        observations, rewards, *_, infos = sessions.step(np.full(n, action))
        seen.append((observations, infos))
        paid.append(rewards)
    return seen, np.array(paid)


def test_it_is_an_environment(world):
    check_env(ImaginedEnv(world[2]), skip_render_check=True)
    env = ImaginedEnv(world[2], observation="dict", info=["action_mask"])
    _, info = env.reset(seed=3)
    assert info["user_id"] in env.scenario.users.ids[env.users]
    for action in range(4):
        _, _, terminated, truncated, _ = env.step(action)
    assert truncated or terminated


def test_all_that_is_public_is_as_in_the_real_environment(world):
    """What was shown, what is on offer next and the profile do not depend on ratings: they are the same in both."""
    env, _, model = world
    (real, _), (imagined, _) = play(env, [2, 0, 1]), play(ImaginedEnv(model), [2, 0, 1])
    layout = env.unwrapped.layout
    for (x, facts), (y, imagined_facts) in zip(real, imagined, strict=True):
        for part in ("profile", "memory_fast", "memory_slow", "steps"):
            assert np.array_equal(layout.part(x, part), layout.part(y, part))
        for key in {"item_id", "candidates", "user_id", "step"} & facts.keys():
            assert np.array_equal(facts[key], imagined_facts[key])


def test_viewers_give_the_mean_predicted_rating_and_remember_it(world):
    env, _, model = world
    task, at = Task.of(env), Task.of(env).layout.context
    seen, paid = play(ImaginedEnv(model), [1, 3, 0])
    for t, ((x, _), (after, facts)) in enumerate(zip(seen[:-1], seen[1:], strict=True)):
        past = [np.array([f[key] for _, f in seen[1 : t + 1]]).T.reshape(len(x), t) for key in ("item_index", "rating")]
        if not t:
            past = [np.zeros((len(x), 1), int), np.zeros((len(x), 1))]
        shown = window(past[0], scaled(task, past[1]), np.full(len(x), t), 4)
        said = model.predict(Asked(x[:, : at.size], facts["item_index"], *shown))
        assert paid[t] == pytest.approx(said.mean, abs=1e-5) and np.array_equal(facts["rating"], paid[t])
        assert at.part(after, "ratings")[:, 0] == pytest.approx(scaled(task, paid[t]), abs=1e-5)


def test_nothing_hidden_is_looked_at(world):
    """Another truth behind the same public half: the same model, the same imagined sessions."""
    env, log, model = world
    scenario = env.unwrapped.scenario
    lies = ExplicitRatings(np.random.default_rng(0).uniform(1, 5, (12, 12)))
    other = gym.make(env.spec, dataset=replace(scenario, truth=lies, aspiration=scenario.aspiration[::-1]))
    again = make_world_model(other, device="cpu", **SMALL).fit(log)
    for (x, _), (y, _) in zip(play(ImaginedEnv(model), [0, 1])[0], play(ImaginedEnv(again), [0, 1])[0], strict=True):
        assert np.array_equal(x, y)
    half = public_half(Task.of(env))
    assert half.truth is scenario.public and not half.aspiration.any()


def test_a_penalty_is_taken_off_the_reward_alone(world):
    _, _, model = world
    asked = []

    def penalty(said, before, items):
        asked.append((said, before.steps.copy(), items.copy()))
        return 0.5 * said.noise + items

    seen, paid = play(ImaginedEnv(model, penalty=penalty), [1, 2])
    free, ratings = play(ImaginedEnv(model), [1, 2])
    for t, (said, steps, items) in enumerate(asked):
        assert (steps == t).all() and np.array_equal(items, seen[t + 1][1]["item_index"])
        assert paid[t] == pytest.approx(ratings[t] - 0.5 * said.noise - items)
    for (x, facts), (y, expected) in zip(seen, free, strict=True):
        assert np.array_equal(x, y) and np.array_equal(facts["rating"], expected["rating"], equal_nan=True)


def test_viewers_leave_as_often_as_predicted(leavers):
    n, env = 4000, ImaginedEnv(leavers)
    sessions = env.batch(n)
    users = np.repeat(env.users[:8], n // 8)
    x, _ = sessions.reset(users, seeds=np.arange(n))
    nothing = np.full((n, 4), -1), np.zeros((n, 4), np.float32)
    predicted = leavers.predict(Asked(x, np.full(n, 5), *nothing)).leaves
    _, _, left, cut, infos = sessions.step(np.full(n, 5))
    assert 0.02 < predicted.mean() < 0.98 and not cut.any()
    for group in range(8):
        rows = slice(group * n // 8, (group + 1) * n // 8)
        assert left[rows].mean() == pytest.approx(predicted[rows][0], abs=0.07)
    assert set(infos["exit_reason"]) == {"", "predicted"}
    middle = float(np.median(predicted))
    decided = ImaginedEnv(leavers, threshold=middle).batch(n)
    decided.reset(users, seeds=np.arange(n))
    assert np.array_equal(decided.step(np.full(n, 5))[2], predicted > middle)


def test_the_horizon_cuts_and_devices_are_refused(world):
    _, _, model = world
    sessions = ImaginedEnv(model, max_steps=2, threshold=1.0).batch(3)
    sessions.reset(np.zeros(3, int))
    sessions.step(np.array([0, 1, 2]))
    _, _, left, cut, _ = sessions.step(np.array([3, 2, 1]))
    assert cut.all() and not left.any()
    with pytest.raises(UsageError, match="host"):
        half = public_half(model.task)
        half.simulator(ImaginedViewers(model), 4, Backend("torch"))


def test_entropies_are_those_of_the_log():
    """Items 0 to 3 have genres A, B, C and (A, B); the log is two sessions."""
    genres = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], bool)
    log = [np.array([0, 1, 0, 2]), np.array([3, 2])]
    spread = BehaviourEntropy(log, genres, (1,))

    def entropy(*p):
        return -sum(q * np.log(q) for q in p if q) / np.log(3)

    after_a, after_b = entropy(1 / 3, 2 / 3), entropy(0.5, 0.5)  # A: B, C, C (from item 3); B: A, C (from item 3)
    empty, nothing = np.full((4, 2), -1), np.zeros(4, int)
    found = spread(empty, nothing, np.array([0, 1, 2, 3]))
    assert found == pytest.approx([after_a, after_b, 1.0, (after_a + after_b) / 2])
    pairs = BehaviourEntropy(log, genres, (2,))
    shown, steps = np.array([[1, -1], [0, -1], [2, -1], [0, -1]]), np.array([1, 1, 1, 0])
    # After A and B, in any order, came A (item 0) and then C; nothing came after B and C; too short: the most.
    assert pairs(shown, steps, np.array([0, 1, 1, 1])) == pytest.approx([entropy(0.5, 0.5)] * 2 + [1.0, 1.0])
    both = BehaviourEntropy(log, genres, (1, 2))
    assert both(shown, steps, np.array([0, 1, 1, 1])) == pytest.approx(
        spread(shown, steps, np.array([0, 1, 1, 1])) + pairs(shown, steps, np.array([0, 1, 1, 1]))
    )


def paid_by(name, env, log, model, **settings):
    """Rewards of two steps in an agent's imagined environment, ratings, and predictions."""
    agent = make_agent(name, env, device="cpu", **TASTE | settings)
    agent.world_model = model
    taken, said = agent._taken_off(log), []

    def penalty(prediction, before, items):
        said.append(prediction)
        return taken(prediction, before, items)

    _, paid = play(ImaginedEnv(model, penalty=penalty), [1, 2])
    return paid, np.array([p.mean for p in said]), said


def test_mopo_pays_less_where_the_model_is_not_sure(world):
    env, log, model = world
    logged = logged_steps(log, Task.of(env), model.config.window)
    for which in ("noise", "spread", "std"):
        paid, ratings, said = paid_by("mopo", env, log, model, penalty=0.7, uncertainty=which)
        doubt = np.array([getattr(p, which) for p in said])
        mean = (logged.rating - 0.7 * getattr(model.predict(logged.asked), which)).mean()
        assert paid == pytest.approx(ratings - 0.7 * doubt - mean, abs=1e-5), "staying as in the log pays nothing"
    paid, ratings, _ = paid_by("mopo", env, log, model, penalty=0.0, centred=False)
    assert paid == pytest.approx(ratings)


def test_dorl_pays_more_for_what_leads_where_the_log_is_spread_out(world):
    env, log, model = world
    from ilrec_agents.model_based.steps import items_of

    settings = {"uncertainty_penalty": 0.3, "entropy_bonus": 0.6, "centred": False, "orders": (1,)}
    paid, ratings, said = paid_by("dorl", env, log, model, **settings)
    genres = env.unwrapped.scenario.catalogue.genres
    spread = BehaviourEntropy(items_of(log, Task.of(env)), genres, (1,))
    seen, _ = play(ImaginedEnv(model), [1, 2])
    for t in range(2):
        items = seen[t + 1][1]["item_index"]
        bonus = spread(np.full((len(items), 1), -1), np.zeros(len(items), int), items)
        assert paid[t] == pytest.approx(ratings[t] - 0.3 * said[t].noise ** 2 + 0.6 * bonus, abs=1e-5)
    assert 0 < min(spread.table.values()) <= max(spread.table.values()) <= 1


def test_the_world_model_is_kept_and_comes_back(world, tmp_path):
    env, log, _ = world
    looks = list[int]()
    agent = make_agent("mopo", env, device="cpu", **TASTE)
    sessions = env.unwrapped.batch(5, ["action_mask"])
    x, infos = sessions.reset(env.unwrapped.users[:5])

    def watch(agent, done):
        looks.append(done)
        assert agent.act(x, infos).shape == (5,) and agent.history is not None

    agent.fit(log, watch=watch)
    assert len(looks) >= 2 and looks[-1] == 256
    agent.save(tmp_path / "agent")
    again = load_agent(tmp_path / "agent", env)
    assert np.array_equal(again.scores(x, infos), agent.scores(x, infos))
    assert again.world_model.report == agent.world_model.report
    asked = Asked(x[:, : Task.of(env).layout.context.size], np.arange(5), np.full((5, 10), -1), np.zeros((5, 10), "f4"))
    assert np.array_equal(again.world_model.answers(asked), agent.world_model.answers(asked))


def test_what_was_learned_is_learned_anew(world, tmp_path):
    env, log, _ = world
    other = random_sessions(env, 30, seed=1000)
    agent = make_agent("mopo", env, device="cpu", **TASTE).fit(log)
    first = agent.world_model
    assert agent.fit(other).world_model is not first
    fresh = make_agent("mopo", env, device="cpu", **TASTE).fit(other)
    assert agent.world_model.history == fresh.world_model.history != first.history
    agent.save(tmp_path / "agent")
    again = load_agent(tmp_path / "agent", env, device="cpu")
    assert again.fit(log).world_model.history == first.history


def test_a_world_model_that_is_given_is_taken_as_it_is(world):
    env, log, model = world
    agent = make_agent("dorl", env, device="cpu", **TASTE)
    agent.world_model = model
    assert agent.fit(log).world_model is model
    assert agent.fit(log).world_model is model
    agent.world_model = None
    assert agent.fit(log).world_model not in (model, None)
    stranger = make_agent("mopo", tiny("catalogue" if Task.of(env).n_candidates else "offered"), **TASTE)
    stranger.world_model = model
    with pytest.raises(UsageError, match="of the environment"):
        stranger.fit(random_sessions(tiny("catalogue" if Task.of(env).n_candidates else "offered"), 5))


@pytest.mark.parametrize("name", ["mopo", "dorl"])
def test_what_they_cannot_learn_from_is_refused(name, world):
    env, log, _ = world
    agent = make_agent(name, env, device="cpu", **TASTE)
    with pytest.raises(UsageError, match="SessionDataset"):
        agent.fit(env)
    with pytest.raises(UsageError, match="environment at hand"):
        agent.fit(random_sessions(tiny("catalogue" if Task.of(env).n_candidates else "offered"), 5))
    with pytest.raises(UsageError, match="two viewers"):
        agent.fit(replace(log, episodes=log.episodes[:1]))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("mopo", {"uncertainty": "none"}),
        ("mopo", {"penalty": -1.0}),
        ("mopo", {"tracker": "lstm"}),
        ("mopo", {"horizon": -1}),
        ("dorl", {"orders": (4,)}),
        ("dorl", {"orders": ()}),
        ("dorl", {"entropy_bonus": float("nan")}),
        ("dorl", {"allow_test_users": True}),
    ],
)
def test_wrong_settings_are_refused(name, wrong):
    with pytest.raises(UsageError):
        make_agent(name, tiny("catalogue"), **wrong)
