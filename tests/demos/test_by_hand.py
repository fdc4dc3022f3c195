"""The commands that the quickstart's page shows: they say what was done, and they work."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ilrec_demos.pipeline import cli
from ilrec_demos.pipeline.by_hand import again, stages
from ilrec_demos.pipeline.settings import Settings
from ilrec_gym.cli import main

ODD = {"model": "own model", "advice": 0, "prompt": "1", "backend_options": {"url": "http://127.0.0.1:1/v1"}}


def read(command: str) -> Settings:
    """The settings that a quickstart's command gives."""
    words = shlex.split(command)
    assert words[:2] == ["ilrec", "quickstart"]
    return cli._settings(cli._parser().parse_args(words[2:]))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(out=Path("a folder/with 'words'"), users=None, seed=7),
        Settings(dataset="ml-1m", teacher="billp", teacher_config=ODD),
        Settings(demonstrations=8, batch_size=4, log_sessions=60, users=8, updates=20, workers=1),
    ],
)
def test_the_whole_again(settings):
    assert read(again(settings)) == settings
    assert read(again(settings, out="more", demonstrations=100)).demonstrations == 100


def test_the_stages_one_by_one(tmp_path, monkeypatch):
    small = ["--demonstrations", "8", "--log-sessions", "60", "--users", "8", "--updates", "20"]
    monkeypatch.chdir(tmp_path)
    assert main(["quickstart", *small, "--teacher", "retriever_top1", "--out", "a run"]) == 0
    for command in stages(Settings(out=Path("a run"), teacher="retriever_top1", demonstrations=8)):
        brief = ["--set", "updates=20"] if " train " in command else []
        assert main([*shlex.split(command)[1:], *brief]) == 0, command
    assert (tmp_path / "my-agent" / "agent.json").is_file()
