"""One OpenAI-compatible server over HTTP: requests, retries, and what they cost."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from ilrec_agents.llm.backend import Usage
from ilrec_agents.llm.backends.http_errors import PASSING, refused, unreachable
from ilrec_gym.errors import ServerError, UsageError

_LOCAL = ("localhost", "127.0.0.1", "::1")
_COUNTS = ("prompt_tokens", "completion_tokens")
_LONGEST_WAIT = 60.0  # seconds, whatever a server asks for


class _Patient(Retry):
    """Waits as long as the server asks, within reason."""

    def get_retry_after(self, response: Any) -> float | None:
        wanted = super().get_retry_after(response)
        return None if wanted is None else min(wanted, _LONGEST_WAIT)


class _Key(requests.auth.AuthBase):
    """The API key, read from the environment each time and kept nowhere."""

    def __init__(self, variable: str) -> None:
        self._variable = variable

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        key = os.environ.get(self._variable, "").strip()
        if key:
            request.headers["Authorization"] = f"Bearer {key}"
        return request


class Server:
    """A server by its URL.

    Args:
        url: Its base, with or without ``/v1``.
        key_variable: Environment variable that holds the API key, if it wants one.
        timeout: Seconds that one answer may take.
        retries: Further tries after a time-out, a lost connection, or one of the states 408, 425, 429, 500, 502, 503
            and 504.
        backoff: Seconds of the first wait; each further one is twice as long, up to a minute.
        connections: Connections that are kept open.
    """

    def __init__(
        self, url: str, *, key_variable: str, timeout: float, retries: int, backoff: float, connections: int
    ) -> None:
        self.url = _base(url)
        self.usage = Usage()
        self._timeout, self._variable, self._lock = timeout, key_variable, threading.Lock()
        self._session = requests.Session()
        self._session.auth = _Key(key_variable)
        if urlsplit(self.url).hostname in _LOCAL:
            self._session.trust_env = False  # a proxy of the environment cannot reach what runs here
        tries = _Patient(
            total=None,
            connect=retries,
            read=retries,
            status=retries,
            other=0,
            backoff_factor=backoff,
            backoff_max=_LONGEST_WAIT,
            status_forcelist=PASSING,
            allowed_methods=None,
            raise_on_status=False,
        )
        for path, patience in (("", tries), ("/models", Retry(0, read=False))):
            adapter = HTTPAdapter(pool_maxsize=connections, max_retries=patience)
            self._session.mount(self.url + path, adapter)

    def check(self) -> None:
        """Ask for the list of models, to see whether a server of this kind answers at all.

        Raises:
            UsageError: It does not know such a request, or not the key.
            ServerError: Nobody listens, or not in time.
        """
        response = self._sent("GET", "/models", None)
        if 300 <= response.status_code < 500 and response.status_code not in PASSING:
            raise refused(response, "/models", self._variable, [])

    def models(self) -> list[str]:
        """Names of the models that the server lists.

        Raises:
            UsageError, ServerError: As :meth:`post`.
        """
        listed = self._asked("GET", "/models", None).get("data")
        return [str(entry.get("id")) for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The server's answer to one request.

        Raises:
            UsageError: It refuses the request: wrong URL, model, key, or option.
            ServerError: It cannot be reached, does not answer in time, fails, or answers with something else.
        """
        answer = self._asked("POST", path, body)
        self._count(answer.get("usage"))
        return answer

    def _count(self, told: Any) -> None:
        """Add what an answer cost; a server that counts says both numbers."""
        numbers = [told.get(name) for name in _COUNTS] if isinstance(told, dict) else []
        known = [number for number in numbers if isinstance(number, int) and number >= 0]
        read, written = known if len(known) == len(_COUNTS) else (0, 0)
        with self._lock:
            past, counted = self.usage, len(known) == len(_COUNTS)
            self.usage = Usage(
                past.requests + 1,
                past.counted + counted,
                past.prompt_tokens + read,
                past.completion_tokens + written,
            )

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        response = self._sent(method, path, body)
        if response.status_code >= 300:
            raise refused(response, path, self._variable, self._offered(path))
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ServerError(
                f"{self.url}{path} must answer with a JSON object",
                received=response.text[:200],
                cause="another kind of server, or one that was cut off",
                fix="give the base URL of an OpenAI-compatible server, such as http://localhost:8000/v1",
            )
        return answer

    def _sent(self, method: str, path: str, body: Mapping[str, Any] | None) -> requests.Response:
        try:
            return self._session.request(
                method, self.url + path, json=body, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise unreachable(self.url, self._timeout, error) from error

    def _offered(self, path: str) -> list[str]:
        """What the server lists, for an error."""
        try:
            return self.models() if path != "/models" else []
        except (UsageError, ServerError):
            return []


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(
            "url must be the base of a server, such as http://localhost:8000/v1",
            received=url.rpartition("@")[2],
            cause="no http:// in front, or a whole request's address",
        )
    if parts.username or parts.password:
        raise UsageError(
            "url must not hold a name or password, because cards name it",
            received=url.rpartition("@")[2],
            fix="put the key into an environment variable and name it in key_variable",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/v1", "", ""))
