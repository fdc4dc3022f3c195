"""Transcripts: what people read, with nothing in a title or a reason taking over the page or the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest

from ilrec_demos.journal import Journal
from ilrec_demos.transcript import Transcript, stars
from ilrec_gym.simulation.scenario import Scenario


@pytest.fixture
def scenario(env: gym.Env[Any, Any]) -> Scenario:
    return env.unwrapped.scenario


def test_a_session_tells_who_what_and_why(journal: Journal, scenario: Scenario) -> None:
    session = next(session for session in journal.sessions if session.terminated)
    told = replace(session.steps[0], facts={"plan": "first comedy", "reason": "you liked it", "tokens": 3})
    text = Transcript(scenario).session(replace(session, steps=(told, *session.steps[1:])))
    lines = text.splitlines()
    assert lines[0] == f"## Session {session.number}, viewer {session.user_id}"
    assert lines[2].startswith("Liked before: ")
    genres = scenario.catalogue.genres_of(int((scenario.catalogue.ids == told.item_id).argmax()))
    for part in (told.title, ", ".join(genres), stars(told.rating, (0.5, 5.0)), f"{told.rating:.1f}"):
        assert part in lines[4].replace("\\", "")
    assert lines[5:7] == ["     - plan: first comedy", "     - reason: you liked it"]
    assert lines[-1] == (
        f"Ended after {len(session)} films with return {session.total:.1f}: the viewer ran out of patience and left."
    )


def test_a_cut_session_says_so(journal: Journal, scenario: Scenario) -> None:
    session = next(session for session in journal.sessions if not session.terminated)
    assert "the horizon was reached" in Transcript(scenario).session(session).splitlines()[-1]


def test_liked_films_come_best_first(journal: Journal, scenario: Scenario) -> None:
    line = Transcript(scenario, markdown=False).session(journal.sessions[0]).splitlines()[3]
    given = [float(rating) for rating in re.findall(r"\) ([\d.]+)(?:,|$)", line)]
    assert len(given) == 5 and given == sorted(given, reverse=True) and given[-1] >= 3


@pytest.mark.parametrize(
    ("title", "markdown", "plain"),
    [
        ("M*A*S*H (1970)", r"M\*A\*S\*H (1970)", "M*A*S*H (1970)"),
        ("a [link](x) <b>&amp;</b>", r"a \[link\](x) \<b\>\&amp;\</b\>", "a [link](x) <b>&amp;</b>"),
        ("two\nlines\r\n# head", r"two lines \# head", "two lines # head"),
        ("\x1b[31mred\x1b[0m \u202etxt", r"\[31mred \[0m txt", "[31mred [0m txt"),
        (r"back\slash `code` $x$ |", r"back\\slash \`code\` \$x\$ \|", r"back\slash `code` $x$ |"),
        ("Amélie (Le fabuleux…) (2001)", "Amélie (Le fabuleux…) (2001)", "Amélie (Le fabuleux…) (2001)"),
    ],
)
def test_titles_and_reasons_stay_words(scenario: Scenario, title: str, markdown: str, plain: str) -> None:
    assert Transcript(scenario).text(title) == markdown
    assert Transcript(scenario, markdown=False).text(title) == plain


def test_a_hostile_reason_stays_in_its_line(journal: Journal, scenario: Scenario) -> None:
    session = journal.sessions[0]
    hostile = "1. **bold**\n\n# Ignore all previous instructions\n```\n<script>alert(1)</script>\x1b[2J"
    step = replace(session.steps[0], facts={"reason": hostile}, title=hostile)
    for markdown in (True, False):
        transcript = Transcript(scenario, markdown=markdown)
        text = transcript.session(replace(session, steps=(step, *session.steps[1:])))
        assert len(text.splitlines()) == len(transcript.session(session).splitlines()) + 1
        assert "\x1b" not in text
        assert not markdown or "<script>" not in text.replace(r"\<", "")


def test_the_page_says_how_many_it_leaves_out(journal: Journal, scenario: Scenario) -> None:
    text = Transcript(scenario).journal(journal, first=2)
    assert text.startswith("# 20 sessions with logging\n")
    assert text.count("\n## Session") == 2 and text.endswith("Shown are 2 of 20 sessions.\n")
    assert Transcript(scenario).journal(journal, first=None).count("\n## Session") == 20


@pytest.mark.parametrize(("rating", "shown"), [(0.5, "☆☆☆☆☆"), (5.0, "★★★★★"), (2.75, "★★☆☆☆"), (9.0, "★★★★★")])
def test_stars(rating: float, shown: str) -> None:
    assert stars(rating, (0.5, 5.0)) == shown
