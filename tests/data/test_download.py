"""The download code against a real server on this machine."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ilrec_gym.data import DATASETS, DatasetSource, load_dataset
from ilrec_gym.data.download import fetch
from ilrec_gym.data.registry import source_of
from ilrec_gym.errors import DataError, StorageError

Says = Callable[..., None]
Disk = Callable[[int], AbstractContextManager[None]]


class Server(ThreadingHTTPServer):
    """Answers every request with ``body``, or an error, or fewer bytes than it announces."""

    body = b""
    status = 200
    sent: int | None = None
    requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body[: self.server.sent])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(archives: Any) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.body = archives.zip("ml-1m").read_bytes()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def source(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetSource:
    """A set that the local server offers, added the way every set is: one file and one line."""
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    module = f"local_set_{server.server_port}"
    (tmp_path / f"{module}.py").write_text(
        "from dataclasses import replace\n"
        "from ilrec_gym.data.ml_1m import SOURCE as OFFICIAL\n"
        f"URL = 'http://127.0.0.1:{server.server_port}/datasets/local-set.zip'\n"
        f"HASH = 'sha256:{hashlib.sha256(server.body).hexdigest()}'\n"
        "SOURCE = replace(OFFICIAL, name='local-set', url=URL, known_hash=HASH)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(DATASETS, "local-set", f"{module}:SOURCE")
    return source_of("local-set")


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


def test_downloaded_once_then_from_the_cache(source: DatasetSource, server: Server, empty_cache: Path) -> None:
    assert load_dataset("local-set").items.title[0] == "The Matrix (1999)"
    assert load_dataset("local-set", download=False).items.title[0] == "The Matrix (1999)"
    assert server.requests == 1
    assert _files(empty_cache / "downloads") == ["local-set.zip"]
    assert (empty_cache / "downloads" / "local-set.zip").read_bytes() == server.body


def test_an_md5_is_checked_as_well(source: DatasetSource, server: Server) -> None:
    known = replace(source, known_hash="md5:" + hashlib.md5(server.body).hexdigest())
    assert fetch(known) == fetch(known, download=False)
    with pytest.raises(DataError, match="official checksum"):
        fetch(replace(source, known_hash="md5:" + "0" * 32))


def test_a_wrong_checksum_is_named_and_nothing_is_kept(
    source: DatasetSource, server: Server, empty_cache: Path, says: Says
) -> None:
    server.body += b"x"
    with pytest.raises(DataError) as caught:
        load_dataset("local-set")
    says(caught.value, source.url, source.known_hash, "likely cause", "ILREC_DATA")
    assert _files(empty_cache) == []


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_server_error_is_named_and_nothing_is_kept(
    source: DatasetSource, server: Server, empty_cache: Path, says: Says, status: int
) -> None:
    server.status = status
    with pytest.raises(DataError) as caught:
        load_dataset("local-set")
    says(caught.value, source.url, str(status), "a server that is down", "pass it as path=", "ILREC_DATA")
    assert _files(empty_cache) == []


def test_an_answer_that_breaks_off_is_named_and_nothing_is_kept(
    source: DatasetSource, server: Server, empty_cache: Path, says: Says
) -> None:
    server.sent = 100
    with pytest.raises(DataError) as caught:
        load_dataset("local-set")
    says(caught.value, source.url, "likely cause")
    assert _files(empty_cache) == []


def test_no_network_says_what_to_do(source: DatasetSource, empty_cache: Path, says: Says) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = replace(source, url=f"http://127.0.0.1:{port}/local-set.zip")
    with pytest.raises(DataError) as caught:
        fetch(nobody)
    says(caught.value, nobody.url, "ConnectionError", "no network", f"get {nobody.url} elsewhere", "local-set.zip into")
    assert _files(empty_cache) == []


def test_a_damaged_archive_in_the_cache_is_downloaded_again(
    source: DatasetSource, server: Server, caplog: pytest.LogCaptureFixture, says: Says
) -> None:
    path = fetch(source)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError) as caught:
        load_dataset("local-set", download=False)
    says(caught.value, "downloading is off", source.known_hash)
    assert load_dataset("local-set").items.title[0] == "The Matrix (1999)"
    assert server.requests == 2 and "does not match its checksum" in caplog.text
    assert path.read_bytes() == server.body


def test_a_full_disk_is_named_and_nothing_is_kept(
    source: DatasetSource, empty_cache: Path, full_disk: Disk, says: Says
) -> None:
    with full_disk(100), pytest.raises(StorageError) as caught:
        load_dataset("local-set")
    says(caught.value, str(empty_cache / "downloads"), "no space left", "ILREC_CACHE")
    assert _files(empty_cache) == []


def test_a_cache_that_cannot_be_written_is_named(
    source: DatasetSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Says
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError) as caught:
        load_dataset("local-set")
    says(caught.value, "must be writable", "ILREC_CACHE")


def test_own_data_comes_before_the_network(
    source: DatasetSource, server: Server, archives: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives.zip("ml-1m", to=archives.folder / "local-set.zip")
    monkeypatch.setenv("ILREC_DATA", str(archives.folder))
    assert len(load_dataset("local-set").items) == 3
    assert server.requests == 0
