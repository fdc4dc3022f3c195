"""The picture of a session: fixed size, nothing hidden, nothing outside its frame, whatever titles are like."""

import dataclasses
import sys

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.envs.picture import HEIGHT, WIDTH, session_picture
from ilrec_gym.envs.rendering import SessionView, render_session
from ilrec_gym.errors import MissingExtraError
from ilrec_gym.simulation.scenario import load_scenario
from ilrec_gym.simulation.user_models import USER_MODELS

pytest.importorskip("PIL", reason="pictures need Pillow")

ID, CANDIDATES = "ilrec/MovieLens-v0", "ilrec/MovieLens-Candidates-v0"
GROUND, GOLD, FAINT = (17, 21, 28), (247, 188, 66), (62, 72, 90)


def with_titles(scenario, title):
    catalogue = dataclasses.replace(scenario.catalogue, titles=(title,) * len(scenario.catalogue))
    return dataclasses.replace(scenario, catalogue=catalogue)


@pytest.mark.parametrize("env_id", [ID, CANDIDATES])
def test_every_step_has_its_own_frame(env_id):
    env = gym.make(env_id, render_mode="rgb_array", max_steps=4)
    env.reset(seed=0)
    frames = [env.render()]
    for step in range(4):
        env.step(step)
        frames.append(env.render())
    assert all(frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8 for frame in frames)
    assert np.array_equal(frames[-1], env.render()), "drawing changes nothing"
    assert all((a != b).any() for a, b in zip(frames, frames[1:], strict=False))


@pytest.mark.parametrize(
    "title", ["A", "x" * 400, "Kōkaku kidōtai (1995)", "千と千尋の神隠し", "two\nlines\tand a tab", "‮reversed", ""]
)
def test_no_title_leaves_the_frame(title):
    env = gym.make(CANDIDATES, dataset=with_titles(load_scenario(), title)).unwrapped
    env.reset(seed=1)
    for _ in range(9):
        env.step(0)
    frame = session_picture(env.sessions)
    for margin in (frame[:, :32], frame[:, -32:], frame[:16], frame[-16:], frame[200:, 392:420]):
        assert (margin == GROUND).all()


def test_letters_that_the_font_lacks_lose_their_marks():
    marked, plain = (
        gym.make(ID, dataset=with_titles(load_scenario(), title)).unwrapped for title in ("Kōkaku", "Kokaku")
    )
    for env in (marked, plain):
        env.reset(seed=1)
        env.step(0)
    assert np.array_equal(session_picture(marked.sessions), session_picture(plain.sessions))


def test_stars_follow_the_rating():
    env = gym.make(ID).unwrapped
    lit = {}
    for seed in range(40):
        env.reset(seed=seed)
        env.step(seed * 7)
        film = SessionView.of(env.sessions).films[0]
        stars = session_picture(env.sessions)[115:155, 450:625]
        lit.setdefault(film.stars, set()).add(int((stars == GOLD).all(-1).sum()))
    assert len(lit) >= 3 and all(len(counts) == 1 for counts in lit.values()), lit
    counts = [min(lit[stars]) for stars in sorted(lit)]
    assert counts == sorted(set(counts))


def test_stars_of_the_profile_and_of_earlier_films():
    env = gym.make(ID).unwrapped
    for seed in range(6):
        env.reset(seed=seed)
        env.step(seed * 7)
        env.step(seed * 7 + 1)
        view, frame = SessionView.of(env.sessions), session_picture(env.sessions)
        stars = frame[205:245, 1040:1150], *(frame[140 + 46 * place : 156 + 46 * place, 40:110] for place in range(6))
        lit = [lit_in(part) for part in stars]
        films = [view.films[0], *view.liked[:6]]
        assert lit == pytest.approx([film.stars for film in films], abs=0.35), (seed, lit)


def lit_in(stars):
    """How many of five stars are lit: pixels in gold, over those in gold and in grey."""
    gold, grey = ((stars == colour).all(-1).sum() for colour in (GOLD, FAINT))
    return 5 * gold / (gold + grey)


def test_nothing_hidden_is_drawn():
    """Another aspiration, and so another patience, gives the same pictures and the same words."""
    scenario = load_scenario()
    changed = dataclasses.replace(scenario, aspiration=scenario.aspiration + 0.3)
    envs = [gym.make(CANDIDATES, dataset=each).unwrapped for each in (scenario, changed)]
    for _ in range(3):
        for env in envs:
            env.reset(seed=1) if not env.sessions.running[0] else env.step(2)
        first, second = (session_picture(env.sessions) for env in envs)
        assert np.array_equal(first, second)
    assert render_session(envs[0].sessions, 0) == render_session(envs[1].sessions, 0)
    assert envs[0].sessions.state.hidden["patience"][0] != envs[1].sessions.state.hidden["patience"][0]


def test_view_of_a_session_that_ended():
    env = gym.make(CANDIDATES, max_steps=2).unwrapped
    _, info = env.reset(seed=0)
    assert len(SessionView.of(env.sessions).on_offer) == len(info["candidates"])
    ratings = [env.step(0)[1] for _ in range(2)]
    view = SessionView.of(env.sessions)
    assert view.total == pytest.approx(sum(ratings)) and [film.rating for film in view.films] == ratings
    assert not view.running and view.on_offer == () and "horizon" in view.status


def test_every_exit_reason_has_words_of_its_own():
    reasons = {reason for model in USER_MODELS.values() for reason in model.exit_reasons}
    view = SessionView(1, (), (), (), False, "", (1.0, 5.0))
    said = {reason: dataclasses.replace(view, exit_reason=reason).status for reason in ("", *reasons)}
    assert len(set(said.values())) == len(said)
    assert not [reason for reason in reasons if f"({reason})" in said[reason]], "the reason's code is shown"


def test_without_pillow_the_error_names_the_extra(monkeypatch):
    env = gym.make(ID, render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    for name in [name for name in sys.modules if name.split(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"ilrec-gym\[video\]"):
        env.render()
