"""The world model: what it reads, what it learns, how its accuracy is counted, and that it is saved whole."""

import json
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import random_sessions, tiny

from ilrec_agents.commands.world import main
from ilrec_agents.model_based.accuracy import accuracy, calibration_error, leaving
from ilrec_agents.model_based.config import TRACKERS, WorldModelConfig
from ilrec_agents.model_based.deepfm import DeepFM, Inputs, Tables
from ilrec_agents.model_based.open_loop import open_loop
from ilrec_agents.model_based.report import markdown
from ilrec_agents.model_based.steps import Asked, LoggedSteps, logged_steps, scaled, window
from ilrec_agents.model_based.trackers import tracker_class
from ilrec_agents.model_based.training import Fitting
from ilrec_agents.model_based.world_model import Prediction, WorldModel, make_world_model
from ilrec_agents.offline.dataset import write_hdf5
from ilrec_agents.task import Task
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.files import sha256
from ilrec_gym.testing.synthetic import synthetic_scenario

SMALL = {"members": 2, "updates": 60, "hidden": 16, "embedding": 8, "learning_rate": 1e-2, "window": 4}
LEARNS = SMALL | {"members": 1, "updates": 250, "batch_size": 128, "held_out": 0.2}
FORMS = ("offered", "catalogue")


@pytest.fixture(scope="module", params=FORMS)
def world(request):
    """A tiny environment, sessions of it, and a model fitted to them."""
    env = tiny(request.param)
    log = random_sessions(env, 300)
    return env, log, make_world_model(env, device="cpu", **SMALL).fit(log)


def crowd(patience, n_items=30, max_steps=10):
    """A hundred viewers, 30 items; little patience makes them leave after a few steps."""
    scenario = synthetic_scenario(100, n_items, factors=2, public_factors=2, genres=3, profile_length=3, seed=5)
    user_model = {"name": "satiation", "kappa": 0.5, "patience": patience}
    return gym.make("ilrec/MovieLens-v0", dataset=scenario, user_model=user_model, max_steps=max_steps)


def slow_window(shown, given, steps, length):
    items, ratings = np.full((len(steps), length), -1), np.zeros((len(steps), length), np.float32)
    for row, n in enumerate(steps):
        for place, t in enumerate(range(max(0, n - length), n)):
            items[row, place], ratings[row, place] = shown[row, t], given[row, t]
    return items, ratings


@pytest.mark.parametrize("length", [1, 3, 8])
def test_windows_hold_the_last_items(length):
    rng = np.random.default_rng(length)
    shown, given, steps = rng.integers(9, size=(40, 6)), rng.normal(size=(40, 6)), rng.integers(7, size=40)
    for found, expected in zip(window(shown, given, steps, length), slow_window(shown, given, steps, length),
                               strict=True):  # fmt: skip
        assert np.array_equal(found, expected)


def test_what_is_read_of_a_log_is_what_was_public_before_each_step(world):
    env, log, _ = world
    task, base = Task.of(env), env.unwrapped
    steps = logged_steps(log, task, 3)
    assert len(steps) == log.n_transitions
    for row in np.random.default_rng(0).integers(len(steps), size=50):
        episode, t = log.episodes[steps.session[row]], row - int(log.lengths[: steps.session[row]].sum())
        items = [int(np.flatnonzero(base.scenario.catalogue.ids == i)[0]) for i in episode.extras["item_id"]]
        assert steps.asked.item[row] == items[t] and steps.rating[row] == episode.rewards[t]
        assert list(steps.asked.shown[row][: min(t, 3)]) == items[max(0, t - 3) : t]
        assert np.allclose(steps.asked.given[row][: min(t, 3)], scaled(task, episode.rewards[max(0, t - 3) : t]))
        assert np.array_equal(steps.asked.context[row], episode.observations[t][: task.layout.context.size])
    assert len(np.unique(steps.viewer)) == len({e.observations[0, :4].tobytes() for e in log.episodes})


def test_it_begins_at_the_public_prediction(world):
    env, log, _ = world
    task, base = Task.of(env), env.unwrapped
    sessions, users, items = base.batch(8), base.users[:8], np.arange(8)
    observations, _ = sessions.reset(users)
    context = observations[:, : task.layout.context.size]
    x = Inputs.of(Asked(context, items, np.full((8, 4), -1), np.zeros((8, 4), np.float32)), torch.device("cpu"))
    with torch.no_grad():
        said = DeepFM(task, WorldModelConfig(window=4), Tables(task), context)(x)
    expected = np.clip(task.public.predict(users, items), *task.rating_scale)
    assert said.mean.numpy() == pytest.approx(scaled(task, expected), abs=1e-5)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_each_tracker_learns_how_viewers_rate(tracker):
    """Of viewers that it never saw; what the public factors predict of this crowd is worse than a constant."""
    env = crowd(50.0, 12, 6)
    model = make_world_model(env, device="cpu", **LEARNS | {"tracker": tracker}).fit(random_sessions(env, 400))
    assert model.report["rating"]["rmse"] < 0.82 * model.report["rating"]["constant_rmse"]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_trackers_read_what_was_shown_in_order_and_nothing_behind_it(tracker):
    torch.manual_seed(0)
    model = tracker_class(tracker)(5, 3, 8, 4).eval()
    averages, items, given = torch.randn(6, 5), torch.randn(6, 4, 3), torch.randn(6, 4)
    count = torch.tensor([0, 1, 2, 3, 4, 2])
    state = model(averages, items, given, count)
    assert state.shape == (6, model.size)
    if tracker == "average":
        assert torch.equal(state, averages)
        return
    behind = torch.arange(4) >= count[:, None]
    other = model(averages, items + 9.0 * behind[..., None], given - 9.0 * behind, count)
    assert torch.allclose(state, other, atol=1e-5)
    turned = model(averages, items.flip(1), given.flip(1), torch.full((6,), 4))
    assert not torch.allclose(model(averages, items, given, torch.full((6,), 4)), turned, atol=1e-3)
    rated = model(averages, items, given + (torch.arange(4) == 0), count)
    assert not torch.allclose(state[1:], rated[1:], atol=1e-3) and torch.equal(state[0], rated[0])


def test_it_learns_when_viewers_leave():
    env = crowd(1.0)
    report = make_world_model(env, device="cpu", **LEARNS).fit(random_sessions(env, 500)).report["leaving"]
    assert report["auc"] > 0.75 and report["brier"] < 0.75 * report["constant_brier"]
    assert abs(report["predicted"] - report["rate"]) < 0.15


def test_calibration_is_counted_right():
    p, happened = np.repeat([0.1, 0.6], 500), np.repeat([True, False, True, False], [50, 450, 300, 200])
    assert calibration_error(p, happened, bins=2) == pytest.approx(0.0)
    assert calibration_error(1 - p, happened, bins=2) == pytest.approx((0.8 + 0.2) / 2)
    said = leaving(p, happened, 0.35)
    assert said["rate"] == 0.35 and said["predicted"] == pytest.approx(0.35)
    assert said["constant_brier"] == pytest.approx(0.35 * 0.65)
    assert said["brier"] == pytest.approx((0.1 * 0.9 + 0.6 * 0.4) / 2)
    assert said["auc"] == pytest.approx((300 * 450 + 0.5 * (300 * 200 + 50 * 450)) / (350 * 650))
    assert leaving(p, np.zeros(1000, bool), 0.0)["auc"] is None


class Oblivious:
    """Says the same of everything, and keeps what it was asked."""

    def __init__(self, task, mean=3.5, std=1.0, leaves=0.25):
        self.task, self.config, self.asked = task, WorldModelConfig(window=3), []
        self.said = mean, std, std, 0.0, leaves

    def predict(self, asked: Asked) -> Prediction:
        self.asked.append(replace(asked, context=asked.context.copy()))
        return Prediction(*(np.full(len(asked), value) for value in self.said))


def test_errors_and_intervals_are_counted_right():
    env = crowd(1.0)
    task = Task.of(env)
    steps = logged_steps(random_sessions(env, 50), task, 3)
    drawn = np.random.default_rng(0).normal(3.5, 1.0, len(steps)).astype(np.float32)
    steps = replace(steps, rating=drawn)
    report = accuracy(Oblivious(task), steps, steps)
    assert report["rating"]["rmse"] == pytest.approx(np.sqrt(np.square(drawn - 3.5).mean()))
    assert report["rating"]["mae"] == pytest.approx(np.abs(drawn - 3.5).mean())
    assert report["rating"]["nll"] == pytest.approx(np.square(drawn - 3.5).mean() / 2 + np.log(2 * np.pi) / 2)
    assert report["rating"]["constant_rmse"] == pytest.approx(drawn.std(), rel=1e-4)
    for name, share in report["intervals"].items():
        assert share == pytest.approx(float(name.rstrip("%")) / 100, abs=0.08)
    assert report["held_out"]["sessions"] == 50 and report["held_out"]["steps"] == len(steps)


def test_in_an_open_loop_viewers_live_with_predicted_ratings():
    env = crowd(3.0)
    task, log = Task.of(env), random_sessions(env, 60)
    steps, model = logged_steps(log, task, 3), Oblivious(task)
    found = open_loop(model, steps, horizon=4)
    returns = np.array([episode.rewards[:3].sum() for episode in log.episodes if len(episode) >= 3])
    assert [at["sessions"] for at in found] == [int((log.lengths >= t).sum()) for t in (1, 2, 3, 4)]
    assert [at["predicted_staying"] for at in found] == pytest.approx([0.75, 0.75**2, 0.75**3, 0.75**4])
    assert found[2]["return_rmse"] == pytest.approx(np.sqrt(np.square(3 * 3.5 - returns).mean()), rel=1e-5)
    ends = np.array([episode.terminated for episode in log.episodes])
    assert ends.any() and found[3]["staying"] == pytest.approx(1 - (ends & (log.lengths <= 4)).mean())
    longest = int(log.lengths.argmax())
    third = model.asked[2]
    assert np.array_equal(third.shown[longest, :2], steps.asked.shown[steps.session == longest][2, :2])
    assert third.given[longest, :2] == pytest.approx(scaled(task, np.array([3.5, 3.5])))
    assert task.layout.context.part(third.context, "ratings")[longest] == pytest.approx(scaled(task, 3.5), abs=1e-6)


def test_viewers_held_out_are_never_learned_from(monkeypatch):
    env = tiny("catalogue")
    seen, log = list[LoggedSteps](), random_sessions(env, 100)
    begin = Fitting.__init__

    def watched(self, steps, *rest):
        seen.append(steps)
        begin(self, steps, *rest)

    monkeypatch.setattr(Fitting, "__init__", watched)
    report = make_world_model(env, device="cpu", **SMALL | {"updates": 1, "held_out": 0.3}).fit(log).report["held_out"]
    (learned,) = seen
    viewers = len(np.unique(logged_steps(log, Task.of(env), 4).viewer))
    assert report["viewers"] == round(0.3 * viewers) == viewers - len(np.unique(learned.viewer))
    assert report["steps"] + len(learned) == log.n_transitions


def test_each_member_learns_from_a_bootstrap_sample_of_the_sessions():
    env = crowd(3.0)
    steps = logged_steps(random_sessions(env, 60), Task.of(env), 3)
    fitting = Fitting(steps, Task.of(env), WorldModelConfig(), torch.device("cpu"))
    first, second = (steps.session[fitting._bootstrap(np.random.default_rng(seed))] for seed in (0, 1))
    drawn = np.bincount(first, minlength=60)
    assert (drawn % np.bincount(steps.session, minlength=60) == 0).all(), "whole sessions"
    assert 0.5 < (drawn > 0).mean() < 0.75 and not np.array_equal(drawn, np.bincount(second, minlength=60))


def test_members_differ_and_the_same_seed_gives_the_same_model():
    env = tiny("offered")
    log = random_sessions(env, 60)
    model = make_world_model(env, device="cpu", **SMALL).fit(log)
    asked = logged_steps(log, Task.of(env), 4).asked.take(np.arange(50))
    before = torch.random.get_rng_state()
    again = make_world_model(env, device="cpu", **SMALL).fit(log)
    assert torch.equal(torch.random.get_rng_state(), before)
    other = make_world_model(env, device="cpu", seed=1, **SMALL).fit(log)
    answers = model.answers(asked)
    assert np.array_equal(answers, again.answers(asked)) and model.report == again.report
    assert not np.allclose(answers, other.answers(asked))
    assert answers[0].std(axis=0).min() > 0
    said, half = model.predict(asked), Task.of(env).half
    assert np.all(said.std >= said.spread) and np.all((said.mean >= 1) & (said.mean <= 5))
    assert said.noise == pytest.approx(answers[1].max(axis=0) * half)
    assert said.spread == pytest.approx(answers[0].std(axis=0) * half)
    mixture = np.square(answers[1]).mean(axis=0) + answers[0].var(axis=0)
    assert said.std == pytest.approx(np.sqrt(mixture) * half)
    assert said.leaves == pytest.approx(answers[2].mean(axis=0))


def test_saved_it_says_the_same(world, tmp_path):
    env, log, model = world
    card = model.save(tmp_path / "world", inputs={"log": "abc"}, seconds=1.5)
    again = WorldModel.load(tmp_path / "world", env, device="cpu")
    asked = logged_steps(log, Task.of(env), 4).asked
    assert np.array_equal(again.answers(asked), model.answers(asked))
    assert again.report == model.report and again.history == model.history and again.config == model.config
    assert card["kind"] == "world_model" and card["inputs"] == {"log": "abc"} and card["report"] == model.report
    assert "| world model |" in markdown(model.report) and "95%" in markdown(model.report)


def test_damaged_and_foreign_files_are_refused(world, tmp_path):
    env, _, model = world
    folder = tmp_path / "world"
    model.save(folder)
    with pytest.raises(ArtefactError, match="max_steps"):
        WorldModel.load(folder, gym.make(env.spec, max_steps=9))
    with pytest.raises(ArtefactError, match="card"):
        WorldModel.load(tmp_path / "nothing", env)
    weights, about = folder / "world.safetensors", folder / "world.json"
    whole = weights.read_bytes()
    for damaged in (whole[:-8] + b"\0" * 4 + whole[-4:], whole[: len(whole) // 2], b""):
        weights.write_bytes(damaged)
        with pytest.raises(ArtefactError):
            WorldModel.load(folder, env)
    weights.write_bytes(whole)
    told = json.loads(about.read_text())
    told["seed"] = 7
    about.write_text(json.dumps(told))
    with pytest.raises(ArtefactError, match="sha256"):
        WorldModel.load(folder, env)
    about.write_text("{}")
    with pytest.raises(ArtefactError, match="world model"):
        WorldModel.read(folder, Task.of(env))


def test_what_it_cannot_learn_from_is_refused(world):
    env, log, _ = world
    model = make_world_model(env, device="cpu", **SMALL)
    other = random_sessions(tiny("catalogue" if "candidates" in log.episodes[0].extras else "offered"), 5)
    first = log.episodes[0]
    with pytest.raises(UsageError, match="environment at hand"):
        model.fit(other)
    with pytest.raises(UsageError, match="SessionDataset"):
        model.fit(env)
    with pytest.raises(UsageError, match="two viewers"):
        model.fit(replace(log, episodes=(first, first)))
    with pytest.raises(UsageError, match="must be the ratings"):
        model.fit(replace(log, episodes=(replace(first, rewards=-first.rewards), *log.episodes[1:])))
    with pytest.raises(UsageError, match="finite"):
        replace(first, rewards=first.rewards * np.nan)
    if Task.of(env).n_candidates:
        with pytest.raises(UsageError, match="item_id"):
            model.fit(replace(log, episodes=(replace(first, extras={}), *log.episodes[1:])))
        strange = replace(first, extras={"item_id": np.full(len(first), 999)})
        with pytest.raises(UsageError, match="ids of the catalogue"):
            model.fit(replace(log, episodes=(strange, *log.episodes[1:])))
    with pytest.raises(UsageError, match="loss of a world model"):
        make_world_model(env, device="cpu", **SMALL | {"learning_rate": 1e20}).fit(log)
    with pytest.raises(UsageError, match="must be fitted"):
        model.predict(logged_steps(log, Task.of(env), 4).asked)


@pytest.mark.parametrize("wrong", [{"tracker": "lstm"}, {"members": 0}, {"held_out": 0.0}, {"no_such": 1}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(UsageError):
        make_world_model(tiny("catalogue"), **wrong)


def test_slates_are_refused():
    with pytest.raises(UsageError, match="slates"):
        make_world_model(gym.make("ilrec/RecSim-ML1M-v0", dataset=synthetic_scenario()))


def test_the_command_fits_and_reports(play, tmp_path, capsys):
    write_hdf5(play("logging", 20), tmp_path / "log.h5", parameters={}, seed=0)
    settings = [part for setting in ("members=1", "updates=20", "hidden=8") for part in ("--set", setting)]
    assert main(["fit", "--data", str(tmp_path / "log.h5"), "--out", str(tmp_path / "world"), *settings]) == 0
    assert "RMSE" in capsys.readouterr().out
    card = json.loads((tmp_path / "world" / "world.json.card.json").read_text())
    assert card["inputs"] == {"log.h5": sha256(tmp_path / "log.h5")}
    assert main(["report", str(tmp_path / "world")]) == 0
    assert capsys.readouterr().out.startswith("On 2 sessions")
    assert main(["report", str(tmp_path / "nothing")]) == 2
