"""Dataset cards: the page that a dataset repository reads, the JSON beside it, the picture, and the terms."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ilrec_agents import make_agent
from ilrec_agents.heuristic.retriever import RetrieverRandomAgent
from ilrec_demos.cards import complete, facts_of_journal, markdown_path, picture_path, terms_of
from ilrec_demos.cards.prompts import prompts_of
from ilrec_demos.collect import collect
from ilrec_demos.export import export
from ilrec_demos.journal import Journal
from ilrec_demos.places import artefact_of, files_of
from ilrec_gym.cards import card_path, read_card
from ilrec_gym.errors import UsageError
from ilrec_gym.files import sha256


@dataclass(frozen=True)
class PromptConfig:
    """With the path of a prompt."""

    prompt: str
    n: int = 3


FORMS = ["d3rlpy", "minari", "jsonl"]
TIMES = {"created", "seconds"}


@pytest.fixture(scope="module")
def spoken(journal: Journal) -> Journal:
    """As if a language model had played."""
    facts = {"model": "tiny | `x`", "source": "nowhere", "prompt": "act_v1"}
    return replace(journal, header=replace(journal.header, agent=journal.header.agent | {"facts": facts}))


@pytest.fixture(scope="module", params=FORMS)
def place(request: Any, spoken: Journal, env: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp(request.param) / ("set.h5" if request.param == "d3rlpy" else "set")
    return export(spoken, target, env, form=request.param, transcript=2)[1]


def page_of(place: Path) -> str:
    return markdown_path(place).read_text(encoding="utf-8")


def test_hugging_face_reads_the_page(place: Path, journal: Journal) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.DatasetCard.load(markdown_path(place))
    about = card.data.to_dict()
    assert (about["license"], about["license_name"]) == ("other", "grouplens-movielens")
    assert about["task_categories"] == ["reinforcement-learning"] and about["size_categories"] == ["n<1K"]
    assert about["license_link"] == terms_of("ml-latest-small").link
    named = {part["data_files"] for part in about.get("configs", [])}
    assert named == ({"steps.jsonl", "sessions.jsonl"} if (place / "steps.jsonl").exists() else set())
    assert card.text.strip().startswith("# Sessions of logging with simulated viewers of ml-latest-small")


def test_the_page_says_what_made_it(place: Path, spoken: Journal) -> None:
    text, figures = page_of(place), spoken.statistics()
    for said in (
        f"{figures['sessions']} sessions, {figures['steps']} steps",
        f"mean return {figures['mean_return']:.1f}",
        "the language model `tiny / 'x'`",
        json.dumps(spoken.header.agent["config"], indent=2),
        json.dumps(spoken.header.env, indent=2),
        spoken.header.agent["facts"]["source"],
        "- first: 0", "Version `act_v1`", "patience", "horizon", "10.1145/2827872", "no rating of the data set",
    ):  # fmt: skip
        assert said in text, said


def test_every_file_has_its_checksum(place: Path) -> None:
    text, card = page_of(place), read_card(artefact_of(place))
    root, own = markdown_path(place).parent, {markdown_path(place), card_path(artefact_of(place))}
    others = [path for path in files_of(place) if path not in own]
    assert len(others) >= 3, "data, picture and transcript"
    for path in others:
        name = path.relative_to(root).as_posix()
        assert f"| `{name}` | `{sha256(path)}` |" in text
        assert (card["files"] | {artefact_of(place).relative_to(root).as_posix(): card["sha256"]})[name] == sha256(path)


def test_the_picture_is_a_picture(place: Path) -> None:
    content = picture_path(place).read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    assert width > 2.5 * height > 500
    assert f"]({picture_path(place).name})" in page_of(place)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_journal_gives_the_same_files(spoken: Journal, env: Any, tmp_path: Path, form: str) -> None:
    name = "set.h5" if form == "d3rlpy" else "set"
    places = [export(spoken, tmp_path / i / name, env, form=form, transcript=2)[1] for i in "ab"]
    for one, other in zip(*map(files_of, places), strict=True):
        if one == card_path(artefact_of(places[0])):
            cards = [{k: v for k, v in read_card(artefact_of(p)).items() if k not in TIMES} for p in places]
            assert cards[0] == cards[1]
        else:
            assert one.read_bytes() == other.read_bytes(), one.name


def test_exporting_again_leaves_nothing_old(journal: Journal, env: Any, tmp_path: Path) -> None:
    export(journal, tmp_path / "a.h5", env)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.card.md", "a.card.png", "a.h5", "a.h5.card.json", "a.transcript.md",
    ]  # fmt: skip
    export(journal, tmp_path / "a.h5", env, transcript=0)
    assert "transcript" not in page_of(tmp_path / "a.h5").split("## Terms")[0]
    assert not (tmp_path / "a.transcript.md").exists()


def test_without_matplotlib_there_is_no_picture(
    journal: Journal, env: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(journal, tmp_path / "a.h5", env, transcript=0)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    complete(tmp_path / "a.h5", journal.sessions)
    assert not picture_path(tmp_path / "a.h5").exists() and "![" not in page_of(tmp_path / "a.h5")
    assert read_card(tmp_path / "a.h5")["files"] == {}


def test_prompts_have_version_checksum_and_text(tmp_path: Path) -> None:
    (own,) = prompts_of({"facts": {"prompt": "act_v1"}, "config": {"prompt": "act_v1"}})
    assert own["version"] == "act_v1" and own["text"].startswith("# The actor's prompt.")
    assert hashlib.sha256(own["text"].encode()).hexdigest() == own["sha256"]

    mine = tmp_path / "mine.toml"
    mine.write_text('version = "mine_v3"\nopening = "```"\n')
    (found,) = prompts_of({"facts": {"prompt": "mine_v3"}, "config": {"prompt": str(mine)}})
    assert (found["sha256"], found["text"]) == (sha256(mine), mine.read_text())
    mine.write_text('version = "mine_v4"')
    (gone,) = prompts_of({"facts": {"prompt": "mine_v3"}, "config": {"prompt": str(mine)}})
    assert gone == {"version": "mine_v3", "sha256": None, "text": None}
    several = prompts_of({"facts": {"prompts": {"actor": "act_v1", "planner": "plan_x"}}, "config": {}})
    assert [prompt["version"] for prompt in several] == ["act_v1", "plan_x"]
    assert prompts_of({"name": "logging"}) == []


def test_a_prompt_that_was_changed_since_is_not_shown(tmp_path: Path, env: Any) -> None:
    class Prompted(RetrieverRandomAgent):
        facts = {"prompt": "mine_v1"}

    mine = tmp_path / "mine.toml"
    mine.write_text('version = "mine_v1"\nopening = "first"')
    before = sha256(mine)
    agent = Prompted(make_agent("retriever_random", env).task, PromptConfig(str(mine)))
    journal = collect(agent, env, tmp_path / "log", sessions=1)
    assert journal.header.agent["prompt_checksums"] == {"mine_v1": before}
    assert facts_of_journal(journal)["prompts"][0]["text"] == mine.read_text()
    mine.write_text('version = "mine_v1"\nopening = "second"')
    assert facts_of_journal(journal)["prompts"] == [{"version": "mine_v1", "sha256": before, "text": None}]
    export(journal, tmp_path / "a.h5", env)
    assert f"Version `mine_v1`, SHA-256 `{before}`; its text was not at hand any more" in page_of(tmp_path / "a.h5")
    with pytest.raises(UsageError, match=r"agent\.prompt_checksums\.mine_v1"):
        collect(agent, env, tmp_path / "log", sessions=1, resume=True)
    header = json.loads((tmp_path / "log" / "journal.json").read_text())
    del header["agent"]["prompt_checksums"]
    (tmp_path / "log" / "journal.json").write_text(json.dumps(header))
    assert collect(agent, env, tmp_path / "log", sessions=1, resume=True).finished, "an older journal goes on"


def test_a_prompt_cannot_end_its_block(spoken: Journal, env: Any, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('version = "mine_v1"\nopening = """\n```\n# No heading\n"""\n')
    agent = spoken.header.agent | {"facts": {"prompt": "mine_v1"}, "config": {"prompt": str(mine)}}
    export(replace(spoken, header=replace(spoken.header, agent=agent)), tmp_path / "a.h5", env, transcript=0)
    assert "````toml\n" + mine.read_text() + "````" in page_of(tmp_path / "a.h5")


def test_figures_say_what_the_decisions_were_like(journal: Journal) -> None:
    said = {"outside": True, "repeated": False, "tokens": 10, "ms": 2.0}
    sessions = [replace(s, steps=tuple(replace(t, facts=said) for t in s.steps[:2])) for s in journal.sessions[:3]]
    facts = facts_of_journal(replace(journal, sessions=tuple(sessions)))
    means = facts["decisions"]
    assert (means["mean_outside"], means["mean_repeated"], means["mean_tokens"], means["mean_ms"]) == (1, 0, 10, 2)
    assert facts["figures"]["length"] == [2, 2, 2, 2, 2]


def test_terms_are_known_for_what_is_known() -> None:
    assert terms_of("ml-latest-small").shareable
    for name in ("ml-1m", "ml-100k"):
        assert not terms_of(name).shareable and "without separate permission" in terms_of(name).summary
    own = terms_of("mine")
    assert (own.licence, own.shareable, own.link, own.to_json()["held"]) == ("unknown", False, "", "")
