"""Pushing: only what is sound and may be passed on leaves the machine, and only when it is meant to.

The call that uploads is replaced; everything before it is real, the request that makes the repository too: a server on
this machine takes it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ilrec_demos.cli import main
from ilrec_demos.export import export
from ilrec_demos.journal import Journal
from ilrec_demos.push import pack, rows_held
from ilrec_gym.cards import card_path, read_card
from ilrec_gym.errors import ArtefactError, UsageError

hub = pytest.importorskip("huggingface_hub")
FORMS = {"d3rlpy": "set.h5", "minari": "sets", "jsonl": "set"}


class Hub:
    """A server that makes repositories, and what was uploaded to them."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.uploads: list[dict[str, Any]] = []
        self.answer = 200


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.made.append(body | {"path": self.path})
            state.tokens.append(self.headers.get("Authorization"))
            answer = json.dumps({"url": f"http://{self.headers['Host']}/datasets/me/sessions", "error": "no"}).encode()
            self.send_response(state.answer)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()

    def upload_folder(self: Any, *, folder_path: str, **how: Any) -> Any:
        root = Path(folder_path)
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        state.uploads.append(how | {"files": files})
        return f"http://hub/datasets/{how['repo_id']}/commit/1"

    monkeypatch.setattr(hub.HfApi, "upload_folder", upload_folder)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{http.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_own")
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(params=FORMS)
def place(request: Any, journal: Journal, env: Any, tmp_path: Path) -> Path:
    return export(journal, tmp_path / FORMS[request.param], env, form=request.param, transcript=1)[1]


@pytest.fixture
def h5(journal: Journal, env: Any, tmp_path: Path) -> Path:
    return export(journal, tmp_path / "set.h5", env, transcript=1)[1]


@pytest.fixture
def of_ml_1m(journal: Journal, env: Any, tmp_path: Path) -> Callable[[str, int], Path]:
    """A function that exports the journal under the name of a data set that may not be passed on."""

    def make(form: str, transcript: int) -> Path:
        place = export(journal, tmp_path / FORMS[form], env, form=form, transcript=transcript)[1]
        from ilrec_demos.places import artefact_of
        from ilrec_gym.files import fingerprint

        path = card_path(artefact_of(place))
        card = json.loads(path.read_text())
        card["task"]["description"]["dataset"] = "ml-1m"
        card["task"]["fingerprint"] = fingerprint(card["task"]["description"])
        path.write_text(json.dumps(card))
        return place

    return make


def test_everything_is_pushed_and_the_card_is_the_page(
    place: Path, server: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", str(place), "--repo", "me/sessions"]) == 0
    (made,), (upload,) = server.made, server.uploads
    assert (made["path"], made["type"], made["name"]) == ("/api/repos/create", "dataset", "sessions")
    assert made["organization"] == "me" and (made.get("private") or made.get("visibility") == "private")
    assert server.tokens == ["Bearer hf_own"]
    assert (upload["repo_id"], upload["repo_type"]) == ("me/sessions", "dataset")
    said, files = capsys.readouterr().out, upload["files"]
    assert files["README.md"].startswith(b"---\nlicense: other\n")
    assert all(f"  {name}\n" in said for name in files) and "pushed: http://hub/datasets/me/sessions/commit/1" in said
    root = place.parent if place.suffix == ".h5" else place
    for name, content in files.items():
        own = "set.card.md" if name == "README.md" and place.suffix == ".h5" else name
        assert (root / own).read_bytes() == content
    pictures = [name for name in files if name.endswith(".png")]
    assert len(pictures) == 1 and f"]({pictures[0]})" in files["README.md"].decode()


def test_public_only_where_asked(h5: Path, server: Hub) -> None:
    assert main(["push", str(h5), "--repo", "me/sessions", "--public"]) == 0
    assert server.made[0].get("private", False) is False and server.made[0].get("visibility", "public") == "public"


def test_a_dry_run_pushes_nothing(h5: Path, server: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    (h5.parent / "mine.txt").write_text("not part of it")
    assert main(["push", str(h5), "--repo", "me/sessions", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert server.made == server.uploads == [] and "nothing was pushed" in said
    listed = [line.split()[-1] for line in said.splitlines()[:-2]]
    assert listed == ["set.h5", "set.h5.card.json", "README.md", "set.card.png", "set.transcript.md"]


@pytest.mark.parametrize("damage", ["byte", "transcript", "picture", "page", "rating"])
def test_what_is_damaged_stays_here(h5: Path, server: Hub, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = {"byte": h5, "rating": card_path(h5)}.get(damage, h5.with_suffix(f".{damage}.md"))
    path = {"picture": h5.with_suffix(".card.png"), "page": h5.with_suffix(".card.md")}.get(damage, path)
    if damage == "rating":
        card = json.loads(path.read_text())
        card["statistics"]["mean_return"] += 1
        path.write_text(json.dumps(card))
    elif damage == "page":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert main(["push", str(h5), "--repo", "me/sessions"]) == 2
    assert server.made == server.uploads == []
    assert "only a sound dataset can be pushed" in capsys.readouterr().err


@pytest.mark.parametrize("repo", ["sessions", "me/", "/x", "me/a/b", "me/../x", "https://hub/me/x", ""])
def test_a_repository_has_an_owner(h5: Path, server: Hub, repo: str) -> None:
    assert main(["push", str(h5), "--repo", repo]) == 2
    assert server.made == []


def test_a_journal_is_exported_first(journal: Journal, server: Hub, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a journal"):
        pack(journal.path, "me/sessions")
    with pytest.raises(ArtefactError, match="exported dataset"):
        pack(tmp_path, "me/sessions")


@pytest.mark.parametrize(("form", "transcript"), [("d3rlpy", 1), ("minari", 1), ("jsonl", 1), ("jsonl", 0)])
def test_what_may_not_be_passed_on_stays_here(
    of_ml_1m: Callable[[str, int], Path], server: Hub, form: str, transcript: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", str(of_ml_1m(form, transcript)), "--repo", "me/sessions"]) == 2
    said = capsys.readouterr().err
    assert "made from ml-1m may be passed on only by those who have the right to" in said
    assert ("transcript.md" in said) == bool(transcript)
    assert server.made == server.uploads == []


@pytest.mark.ml1m
@pytest.mark.parametrize("name", ["ml-1m", "ml-100k"])
def test_rows_of_data_that_may_not_be_passed_on(
    name: str, tmp_path: Path, server: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    log, place = str(tmp_path / "log"), str(tmp_path / "set")
    collect = ["collect", "--agent", "retriever_top1", "--dataset", name, "--sessions", "2", "--set-env", "max_steps=3"]
    assert main([*collect, "--out", log]) == 0
    assert main(["export", log, "--format", "jsonl", "--out", place]) == 0
    push = ["push", place, "--repo", "me/sessions"]
    assert main(push) == 2
    said = capsys.readouterr().err
    assert "only by those who have the right to" in said and "transcript.md: films that viewers had rated" in said
    assert "without separate permission" in said and server.made == server.uploads == []
    assert main([*push, "--dry-run"]) == 2, "also where nothing would be pushed"
    assert main([*push, "--i-have-the-right"]) == 0
    assert set(server.uploads[0]["files"]) >= {"README.md", "steps.jsonl", "transcript.md"}
    page = server.uploads[0]["files"]["README.md"].decode()
    assert "without separate permission" in page and "hold rows of the data set" in page


def test_what_holds_rows_is_named(h5: Path, journal: Journal, env: Any) -> None:
    held = list(rows_held(h5, read_card(h5)))
    assert held[0].startswith("set.transcript.md: ") and any(part.startswith("observations") for part in held)
    h5.with_suffix(".transcript.md").unlink()
    card = {"kind": "jsonl", "columns": {"steps": ["prompt"]}}
    assert [part.split(":")[0] for part in rows_held(h5, card)] == [
        "steps.jsonl, column prompt", "ids and titles of films, ids of users",
    ]  # fmt: skip


def test_what_the_hub_says_is_passed_on(h5: Path, server: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer = 403
    assert main(["push", str(h5), "--repo", "me/sessions"]) == 2
    said = capsys.readouterr().err
    assert "the hub must take the dataset as me/sessions" in said and "403" in said and "hf auth login" in said
    assert server.uploads == []
