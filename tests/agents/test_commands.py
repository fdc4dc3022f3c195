"""``ilrec agents``, ``train``, ``irl`` and ``evaluate``, from files to files, through the one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import ilrec_gym  # noqa: F401
from ilrec_agents import list_agents, make_agent, settings_of
from ilrec_agents.offline.dataset import read_hdf5, write_hdf5
from ilrec_gym.cards import read_card
from ilrec_gym.cli import main
from ilrec_gym.evaluation import Evaluation
from ilrec_gym.files import sha256


@pytest.fixture(scope="module")
def files(play: Any, tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_hdf5(play("logging", 20), folder / "log.h5")
    write_hdf5(play("popular", 10, seed=10_000), folder / "demos.h5")
    return folder


def ok(*arguments: Any) -> None:
    assert main([str(argument) for argument in arguments]) == 0


def refused(capsys: Any, *arguments: Any) -> str:
    """What the command says on stderr when it refuses."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
    return said


def test_agents_are_listed_and_shown(capsys: Any) -> None:
    ok("agents")
    listed = capsys.readouterr().out
    assert all(f"{agent.name} " in listed for agent in list_agents())
    ok("agents", "cql")
    assert "--set gamma=0.95" in capsys.readouterr().out


def test_from_files_to_a_result(files: Path, tmp_path: Path, capsys: Any) -> None:
    reward, relabelled, agent, result = (tmp_path / name for name in ("reward", "r.h5", "agent", "result.npz"))
    ok("irl", "fit", "--demos", files / "demos.h5", "--log", files / "log.h5", "--out", reward, "--set", "updates=25")
    card = read_card(reward / "reward.json", kind="reward_model")
    assert card["inputs"] == {name: sha256(files / f"{file}.h5") for name, file in
                              (("demonstrations", "demos"), ("log", "log"))}  # fmt: skip
    ok("irl", "relabel", "--data", files / "log.h5", "--reward", reward, "--out", relabelled)
    assert read_hdf5(relabelled).transitions().rewards.std() == pytest.approx(1, rel=1e-3)
    ok("train", "cql", "--data", relabelled, "--data", files / "demos.h5", "--out", agent, "--set", "updates=5")
    assert json.loads((agent / "agent.json").read_text())["config"]["updates"] == 5
    card = read_card(agent / "agent.json", kind="agent")
    assert card["inputs"] == {"r.h5": sha256(relabelled), "demos.h5": sha256(files / "demos.h5")}
    assert card["parameters"]["config"] == settings_of("cql", {"updates": 5}), "defaults among them"
    ok("evaluate", agent, "--episodes", 5, "--out", result)
    evaluation = Evaluation.load(result)
    assert (evaluation.agent, evaluation.split, evaluation.sessions) == ("cql", "test", 5)


def test_a_name_is_the_agent_of_that_name_whatever_folders_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mmr", "cql"):
        make_agent("random", gym.make("ilrec/MovieLens-Candidates-v0", split="test")).save(name)
    for text, agent in (("mmr", "mmr"), ("./mmr", "random"), (tmp_path / "mmr", "random")):
        ok("evaluate", text, "--episodes", 2)
        assert f"**{agent}**" in capsys.readouterr().out
    assert "goes by ./cql" in refused(capsys, "evaluate", "cql")


def test_the_controls(files: Path, tmp_path: Path) -> None:
    log, made = files / "log.h5", tmp_path / "new.h5"
    ok("irl", "relabel", "--data", log, "--constant", 2, "--out", made)
    assert (read_hdf5(made).transitions().rewards == 2).all()
    ok("irl", "fit", "--demos", files / "demos.h5", "--log", log, "--out", tmp_path / "reward", "--set", "updates=25")
    given = []
    for more in ([], ["--shuffled"]):
        ok("irl", "relabel", "--data", log, "--reward", tmp_path / "reward", "--out", made, *more)
        given.append(read_hdf5(made).transitions().rewards)
    assert not np.array_equal(*given)
    np.testing.assert_array_equal(np.sort(given[0]), np.sort(given[1]))


def test_bad_input_is_refused_and_leaves_nothing(files: Path, tmp_path: Path, capsys: Any) -> None:
    out, log = tmp_path / "out", files / "log.h5"
    assert "'cql'" in refused(capsys, "train", "cqll", "--data", log, "--out", out)
    assert "'alpha'" in refused(capsys, "train", "cql", "--data", log, "--out", out, "--set", "alpa=1")
    assert "--data" in refused(capsys, "train", "cql", "--out", out)
    assert "no --data" in refused(capsys, "train", "ppo", "--data", log, "--out", out)
    assert "must exist" in refused(capsys, "train", "cql", "--data", tmp_path / "none.h5", "--out", out)
    said = refused(capsys, "train", "cql", "--data", log, "--out", out, "--set-env", "max_steps=9")
    assert "max_steps" in said
    assert "'gail'" in refused(
        capsys, "irl", "fit", "--demos", log, "--log", log, "--out", out, "--model", "gaill"
    )  # fmt: skip
    assert "one of" in refused(capsys, "irl", "relabel", "--data", log, "--out", out)
    assert "must exist" in refused(capsys, "irl", "relabel", "--data", log, "--out", out, "--reward", tmp_path)
    assert "must learn" in refused(capsys, "evaluate", "cql", "--out", out)
    assert "'test'" in refused(capsys, "evaluate", "popular", "--split", "tests", "--out", out)
    assert "batch_size must be a whole number" in refused(
        capsys, "train", "ppo", "--out", out, "--set", "batch_size=abc"
    )
    for weight in ("abc", "nan", "NaN", "-1"):
        assert "similarity_weight" in refused(
            capsys, "evaluate", "mmr", "--out", out, "--set", f"similarity_weight={weight}"
        )
    said = refused(capsys, "train", "ppo", "--out", out, "--set", "allow_test_users=False")
    assert "allow_test_users must be True or False" in said, "JSON has false; False is a word"
    for device in ("mps", "xpu", "meta"):
        assert "device must be" in refused(capsys, "train", "cql", "--data", log, "--out", out, "--device", device)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_not_replaced(
    files: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("kept")

    def began(*_: Any, **__: Any) -> None:
        pytest.fail("refused before long work begins")

    monkeypatch.setattr("ilrec_agents.offline.bc.BCAgent.fit", began)
    monkeypatch.setattr("ilrec_agents.imitation.gail.GAILReward.fit", began)
    monkeypatch.setattr("ilrec_agents.model_based.world_model.WorldModel.fit", began)
    monkeypatch.setattr("ilrec_gym.evaluation.evaluate", began)
    log = files / "log.h5"
    assert "notes.txt" in refused(capsys, "train", "bc", "--data", log, "--out", tmp_path)
    assert "notes.txt" in refused(capsys, "irl", "fit", "--demos", log, "--log", log, "--out", tmp_path)
    assert "notes.txt" in refused(capsys, "world", "fit", "--data", log, "--out", tmp_path)
    assert "a folder" in refused(capsys, "evaluate", "mmr", "--episodes", 2, "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
