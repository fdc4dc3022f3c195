"""The command and its files, on a few users of the bundled data."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ilrec_agents.fidelity import Fidelity, fidelity
from ilrec_agents.fidelity.ladder import POLICIES
from ilrec_agents.fidelity.report import named_models
from ilrec_gym.cards import read_card
from ilrec_gym.cli import main
from ilrec_gym.data import InteractionData
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.user_models import USER_MODELS, Satiation
from ilrec_gym.simulation.user_models.base import UserModel

USERS = 5
STRICT = {"name": "satiation", "patience": 1.0}


@pytest.fixture(scope="module")
def report() -> Fidelity:
    return fidelity(user_models=["satiation", STRICT], users=USERS)


@dataclass(frozen=True)
class Demanding(UserModel):
    """A rule for tests that no data is good enough for."""

    exit_reasons = ("never",)

    def check(self, world: Any) -> None:
        raise UsageError("items must have colours")

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        raise NotImplementedError


def test_the_command_prints_the_report_and_writes_it(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "fidelity"
    arguments = ["--users", str(USERS), "--user-model", "satiation", "--user-model", json.dumps(STRICT)]
    assert main(["data", "fidelity", "ml-latest-small", *arguments, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err == ""  # no progress bars where nobody looks
    for words in ("held out", "concordance", "simulated, same pairs", "User model satiation (patience=1.0)"):
        assert words in said.out
    found = json.loads((out / "fidelity.json").read_text())
    assert read_card(out / "fidelity.json", kind="fidelity")["parameters"]["users"] == USERS
    assert list(found["user_models"]) == ["satiation", "satiation (patience=1.0)"]
    rungs = found["user_models"]["satiation"]["ladder"]
    assert [rung["policy"] for rung in rungs] == list(POLICIES)
    assert all(sum(rung["lengths"]) == USERS == sum(rung["exit_reasons"].values()) for rung in rungs)
    with open(out / "ladder.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(POLICIES)
    assert float(rows[0]["R_traj"]) == pytest.approx(rungs[0]["R_traj"], rel=1e-5)
    pictures = {"ladder.png", "lengths.png", "ratings.png", "agreement.png"}
    pages = {"satiation.html", "satiation-patience=1.0.html"}
    texts = {"fidelity.md", "ladder.csv", "lengths.csv", "ratings.csv", "fidelity.json", "fidelity.json.card.json"}
    assert {path.name for path in out.iterdir()} == pictures | pages | texts
    for name in pictures:
        assert f"({name})" in (out / "fidelity.md").read_text()
    page = (out / "satiation.html").read_text()
    assert "oracle_plan" in page and "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_the_same_command_gives_the_same_report(report: Fidelity) -> None:
    again = fidelity(user_models=["satiation", STRICT], users=USERS)
    assert again.to_markdown() == report.to_markdown()


def test_a_user_model_that_plays_as_another_is_told_once() -> None:
    found = fidelity(user_models=["satiation", "recsim", STRICT], users=3).to_markdown()
    assert found.count("Here it plays the very sessions of `satiation`.") == 1
    assert found.count("| session length |") == 2


def test_tables_are_whole(report: Fidelity) -> None:
    """Every row of a table has as many cells as its head."""
    lines = report.to_markdown().splitlines()
    for above, line in zip(lines, lines[1:], strict=False):
        if above.startswith("|") and line.startswith("|"):
            assert above.count("|") == line.count("|"), line


def test_every_preset_is_played_by_default() -> None:
    assert list(named_models(None)) == list(USER_MODELS)
    assert list(named_models([Satiation(kappa=0.5), "satiation"])) == ["satiation (kappa=0.5)", "satiation"]


def test_a_rule_that_the_data_cannot_serve_is_named(scenario: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(USER_MODELS, "demanding", Demanding)
    found = fidelity(user_models=["demanding"], users=2)
    assert not found.ladders
    assert "**demanding** cannot be played with this data: items must have colours" in found.to_markdown()


def test_a_log_without_ratings_is_ranked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    user, item = np.divmod(np.flatnonzero(rng.random(60 * 50) < np.tile(np.linspace(0.9, 0.4, 50), 60)), 50)
    table = {"user_id": user, "item_id": item}
    pandas = pytest.importorskip("pandas")
    data = InteractionData.from_frame(pandas.DataFrame(table), name="clicks")
    found = fidelity(data, user_models=["satiation"], users=3)
    assert not found.agreements and found.histogram is None
    assert "public factors, on test users after their profile" in found.places
    text = found.to_markdown()
    assert "ndcg@20" in text and "RMSE" not in text
    names = {path.name for path in found.save(tmp_path / "out")}
    assert "ladder.png" in names and "ratings.png" not in names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ml-1n"], "did you mean 'ml-1m'?"),
        (["--users", "0"], "users must be"),
        (["--users", "99999"], "users must be"),
        (["--split", "tests"], "'test'"),
        (["--user-model", "satiaton"], "did you mean 'satiation'?"),
        (["--user-model", '{"name": "satiation", "kapa": 1}'], "'kappa'"),
        (["--user-model", "satiation", "--user-model", "satiation"], "once"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], words: str, capsys: Any) -> None:
    assert main(["data", "fidelity", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said


def test_pictures_need_their_extra_before_the_work(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["data", "fidelity", "--out", str(tmp_path / "out")]) == 2
    assert "ilrec-gym[report]" in capsys.readouterr().err


def test_help_of_data_tells_of_it(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["data", "--help"])
    assert "how faithful a simulation is" in capsys.readouterr().out
