"""Any OpenAI-compatible server by its URL: vLLM, llama.cpp, Ollama, ``transformers serve``, or a hosted one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from ilrec_agents.llm.backend import Usage
from ilrec_agents.llm.backends.http import Server
from ilrec_agents.llm.backends.text_context import TextBackend
from ilrec_gym.errors import ServerError, UsageError, unknown_name

_PATHS = {"completions": "/completions", "chat": "/chat/completions"}
_STOPS = 4  # as many as the API allows; all of them are looked for again here
_OWN = ("model", "prompt", "messages", "max_tokens", "stream")


class ServerBackend(TextBackend):
    """A model behind a server. It writes; it does not say how likely a title is.

    Texts are sent whole, one request per row, several at once. A server that keeps prefixes (vLLM and llama.cpp do)
    does not read them anew each time.

    Args:
        model: The model's name on the server.
        url: The server's base URL, such as ``http://localhost:8000/v1``.
        api: "completions": the text goes on, which suits base models and the prompts here; "chat": the text is the
            user's message and the model answers it.
        system: With "chat", the message before the text; "" for none.
        concurrency: Requests at a time.
        timeout: Seconds that one answer may take.
        retries: Further tries after a time-out, a lost connection or a state that may pass (429, 500, 503, ...).
        backoff: Seconds of the first wait between tries; each further one is twice as long, up to a minute.
        context_length: Characters that a text may have. Servers do not tell; about four make a token.
        temperature: 0 takes the likeliest token each time.
        key_variable: Environment variable that holds the API key. The key itself is written nowhere.
        extra: Further entries of each request, such as ``{"seed": 1}``.
    """

    def __init__(
        self,
        model: str,
        *,
        url: str = "http://localhost:8000/v1",
        api: str = "completions",
        system: str = "Continue the text. Write only what comes next.",
        concurrency: int = 16,
        timeout: float = 120.0,
        retries: int = 5,
        backoff: float = 0.5,
        context_length: int = 8192,
        temperature: float = 0.0,
        key_variable: str = "ILREC_API_KEY",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(context_length)
        if api not in _PATHS:
            raise unknown_name("api", api, _PATHS)
        for name, value, least in (("concurrency", concurrency, 1), ("retries", retries, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"{name} must be a whole number of {least} or more", received=value)
        for name, number, zero in (("timeout", timeout, False), ("backoff", backoff, True)):
            if not (0 <= number < float("inf")) or (number == 0 and not zero):
                raise UsageError(f"{name} must be a number of seconds", received=number)
        if taken := sorted(set(extra or {}) & set(_OWN)):
            raise UsageError("extra must not replace what the back-end sends itself", received=taken)
        self._model, self._api, self._system, self._concurrency = model, api, system, concurrency
        self._extra = {"temperature": temperature, **(extra or {})}
        self._server = Server(
            url,
            key_variable=key_variable,
            timeout=timeout,
            retries=retries,
            backoff=backoff,
            connections=concurrency,
        )
        self._server.check()  # a wrong address is noticed here and not hours later

    @property
    def usage(self) -> Usage:
        """Requests and tokens so far, as the server counts them."""
        return self._server.usage

    def facts(self) -> dict[str, Any]:
        """Model, server, and how it is asked; no key."""
        asked = {"api": self._api} | ({"system": self._system} if self._api == "chat" else {})
        where = {"source": "server", "url": self._server.url, "lengths": "characters"}
        return {"model": self._model, **where, **asked, "request": self._extra}

    def spent(self) -> dict[str, int]:
        """Requests and tokens so far."""
        return asdict(self.usage)

    def _continued(self, texts: Sequence[str], limit: int, ends: str) -> list[str]:
        pool = ThreadPoolExecutor(min(self._concurrency, len(texts)))
        try:
            waiting = [pool.submit(self._one, text, limit, ends) for text in texts]
            return [answer.result() for answer in waiting]
        finally:  # where one failed, the others are not waited for
            pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, text: str, limit: int, ends: str) -> str:
        path = _PATHS[self._api]
        body = {"model": self._model, **self._said(text), "max_tokens": limit, **self._extra}
        if ends:
            body["stop"] = list(ends[:_STOPS])
        answer = self._server.post(path, body)
        try:
            choice = answer["choices"][0]
            written = choice["message"]["content"] if self._api == "chat" else choice["text"]
        except (KeyError, IndexError, TypeError):
            written = answer
        if not isinstance(written, str | None):
            raise ServerError(
                f"{self._server.url}{path} must answer with a completion",
                received=answer,
                cause="a server of another kind",
                fix='try api="chat", or api="completions"',
            )
        return written or ""

    def _said(self, text: str) -> dict[str, Any]:
        if self._api == "completions":
            return {"prompt": text}
        opening = [{"role": "system", "content": self._system}] if self._system else []
        return {"messages": [*opening, {"role": "user", "content": text}]}
