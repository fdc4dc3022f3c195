"""What went wrong between a server and us, in words."""

from __future__ import annotations

import os
from collections.abc import Sequence

import requests
from urllib3.exceptions import NewConnectionError

from ilrec_gym.errors import ServerError, UsageError

PASSING = (408, 425, 429, 500, 502, 503, 504)
"""States that another try may find gone."""


def unreachable(url: str, timeout: float, error: requests.RequestException) -> ServerError:
    """The error for a request without an answer.

    Args:
        url: The server's base.
        timeout: Seconds that an answer may take.
        error: As requests raised it.
    """
    reason = getattr(error.args[0] if error.args else None, "reason", error)
    if isinstance(reason, NewConnectionError):
        return ServerError(
            f"a server must listen at {url}",
            received=str(reason).rpartition(": ")[2],
            cause="the server is not running yet, or another host or port",
            fix="start it (`vllm serve MODEL`, `ollama serve`, `llama-server -m FILE`), or correct url",
        )
    late = "timed out" in str(error)
    return ServerError(
        f"{url} must answer within {timeout:g} seconds" if late else f"{url} must answer",
        received=f"{type(reason).__name__}: {reason}",
        cause="a server that is too busy for so many requests at once" if late else "a connection that broke off",
        fix="raise timeout, or lower concurrency" if late else "look at the server's own log",
    )


def refused(response: requests.Response, path: str, variable: str, models: Sequence[str]) -> UsageError | ServerError:
    """The error for an answer that is none.

    Args:
        response: Its state is 300 or more.
        path: What was asked, such as "/completions".
        variable: Environment variable of the API key.
        models: Those that the server lists, if any.
    """
    url, state, said = str(response.url).removesuffix(path), response.status_code, _message(response)
    if state in (401, 403):
        return UsageError(
            f"{url} must accept the API key in the environment variable {variable}",
            received=f"{state}: {said}",
            cause="a wrong or expired key" if os.environ.get(variable) else "no key there",
        )
    if state in PASSING or state >= 500:
        return ServerError(
            f"{url}{path} must answer without an error",
            received=f"{state}: {said}",
            cause="a server that is overloaded or broken",
            fix="look at the server's own log, lower concurrency, or raise retries",
        )
    return UsageError(
        f"{url}{path} must accept the request",
        received=f"{state}: {said}",
        cause="a wrong model, a wrong URL, a text that is too long, or an option that the server does not know",
        fix=f"it lists the models {', '.join(models[:20])}" if models else "compare url with the server's manual",
    )


def _message(response: requests.Response) -> str:
    """What an error's body says, in the forms that servers use."""
    try:
        body = response.json()
    except ValueError:
        return response.text.strip()[:200] or response.reason or ""
    found = body.get("error", body.get("detail", body)) if isinstance(body, dict) else body
    return str(found.get("message", found) if isinstance(found, dict) else found)[:400]
