"""Servers for tests: `transformers serve` with the tiny model, and one that misbehaves in chosen ways."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def transformers_serve(folder: Path, log: Path) -> Iterator[str]:
    """The base URL of a real server of one model."""
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--log-level", "error"]
    quiet = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with open(log, "w") as written, subprocess.Popen(command, stdout=written, stderr=written, env=quiet) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")


def completion(text: str, **usage: int) -> Reply:
    """What a well-behaved server answers."""
    body = {"choices": [{"text": text}], "usage": usage} if usage else {"choices": [{"text": text}]}
    return 200, {}, json.dumps(body).encode()


def error(status: int, message: str, **headers: str) -> Reply:
    return status, headers, json.dumps({"error": {"message": message}}).encode()


class Odd:
    """A server whose answers a test decides.

    Attributes:
        url: Its base.
        seen: Bodies of the requests so far, with their headers under "headers".
    """

    def __init__(self, reply: Callable[[dict[str, Any], int], Reply], models: tuple[str, ...] = ("m",)) -> None:
        self.seen: list[dict[str, Any]] = []
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(200, {}, json.dumps({"data": [{"id": name} for name in models]}).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.seen.append(body | {"headers": dict(self.headers), "path": self.path})
                    number = len(outer.seen)
                with contextlib.suppress(ConnectionAbortedError):  # hang up without a word
                    self._send(*reply(body, number))

            def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
                with contextlib.suppress(ConnectionError):  # who asked may have gone
                    self.send_response(status)
                    for key, value in {"Content-Length": str(len(content)), **headers}.items():
                        self.send_header(key, value)
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Odd:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
