"""The server back-end against a real server, and against one that misbehaves."""

import shutil
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from llm.servers import Odd, completion, error, free_port, transformers_serve

from ilrec_agents.llm.backends import make_backend
from ilrec_agents.llm.backends.server import ServerBackend
from ilrec_agents.llm.grounding.trie import Trie
from ilrec_agents.llm.teachers.act_only import ActOnlyAgent
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.react import ReActAgent
from ilrec_gym.errors import ServerError, UnknownNameError, UsageError

QUICK = {"backoff": 0.0, "timeout": 20.0}
TEXTS = ["Films:\n- Alien (1979)\n-", "Films:\n- Toy Story (1995)\n- Jaws (1975)\n-", "- Heat", "-"]


@pytest.fixture(scope="module")
def real(tiny_model, tmp_path_factory):
    """`transformers serve` with the tiny model, which gets a chat template for it."""
    for package in ("fastapi", "uvicorn", "openai", "transformers.cli.serving.completion"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("served") / "tiny"
    shutil.copytree(tiny_model, folder)
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
    (folder / "chat_template.jinja").write_text(template)
    with transformers_serve(folder, folder.with_suffix(".log")) as url:
        yield str(folder), url


def opened(backend, texts):
    context = backend.open("").select([0] * len(texts))
    context.append([backend.encode(text) for text in texts])
    return context


def written(backend, texts, limit=8, stop=""):
    return [backend.decode(row) for row in opened(backend, texts).write(limit, backend.holding(stop) | {backend.end})]


def test_a_real_server_writes_what_the_same_model_writes_here(real, backend):
    model, url = real
    server = make_backend(SimpleNamespace(model=model, backend="server", backend_options={"url": url}))
    there = written(server, TEXTS)
    # The tokenizer may cut a text in one place and its continuation in another, so texts are opened whole here.
    here = [backend.decode(backend.open(text).write(8, frozenset({backend.end}))[0]) for text in TEXTS]
    assert there == here and any(there)
    spent = server.spent()
    assert spent["requests"] == len(TEXTS)
    assert spent["prompt_tokens"] == sum(len(backend.encode(text)) for text in TEXTS)
    assert 0 < spent["completion_tokens"] <= 8 * len(TEXTS)


def test_a_real_server_stops_where_told(real, backend):
    model, url = real
    server = ServerBackend(model, url=url)
    free = written(server, TEXTS, limit=12)
    letter = next(text for text in free if len(text) > 2)[2]
    assert written(server, TEXTS, limit=12, stop=letter) == [text.split(letter)[0] for text in free]


def test_a_real_server_chats(real, backend):
    model, url = real
    server = ServerBackend(model, url=url, api="chat", system="Be brief.")
    asked = "system: Be brief.\nuser: - Heat\nassistant:"
    expected = backend.decode(backend.open(asked).write(6, frozenset({backend.end}))[0])
    assert written(server, ["- Heat"], limit=6) == [expected]


def test_a_real_server_refuses_another_model(real):
    _, url = real
    with pytest.raises(UsageError, match="another-model"):
        written(ServerBackend("another-model", url=url, **QUICK), TEXTS)


def test_a_real_server_at_another_path_is_a_wrong_url(real):
    model, url = real
    with pytest.raises(UsageError, match="must accept the request"):
        ServerBackend(model, url=url.replace("/v1", "/api"), **QUICK)


def test_answers_keep_their_rows_whatever_comes_first():
    gate = threading.Barrier(6)

    def reply(body, number):
        gate.wait(timeout=20)  # all six are asked at once
        return completion(f"<{body['prompt']}>")

    with Odd(reply) as server:
        backend = ServerBackend("m", url=server.url, concurrency=6, **QUICK)
        assert written(backend, list("abcdef")) == [f"<{letter}>" for letter in "abcdef"]


def test_no_more_requests_at_once_than_wished():
    now, most, lock = [0], [0], threading.Lock()

    def reply(body, number):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.02)
        with lock:
            now[0] -= 1
        return completion("x")

    with Odd(reply) as server:
        written(ServerBackend("m", url=server.url, concurrency=3, **QUICK), list("abcdefghij"))
    assert 1 <= most[0] <= 3


def test_what_is_asked(monkeypatch):
    monkeypatch.setenv("SECRET", "top-secret-key")
    with Odd(lambda body, number: completion("so\nmore", prompt_tokens=5, completion_tokens=2)) as server:
        backend = ServerBackend("m", url=server.url, key_variable="SECRET", extra={"seed": 3}, **QUICK)
        assert written(backend, ["a"], limit=7, stop="\n.!?;") == ["so"]
        (body,) = server.seen
        assert body["headers"]["Authorization"] == "Bearer top-secret-key"
        assert (body["model"], body["prompt"], body["max_tokens"], body["seed"]) == ("m", "a", 7, 3)
        assert body["temperature"] == 0 and len(body["stop"]) == 4 and body["path"] == "/v1/completions"
        assert backend.spent() == {"requests": 1, "counted": 1, "prompt_tokens": 5, "completion_tokens": 2}
        facts = backend.facts()
        assert facts["url"] == server.url and facts["request"] == {"temperature": 0.0, "seed": 3}
        assert "top-secret" not in repr(facts) + repr(vars(backend))
        assert opened(backend, ["a"]).write(0, frozenset()) == [()] and len(server.seen) == 1


@pytest.mark.parametrize("counts", [True, False])
def test_tokens_of_a_step_are_those_that_the_server_counts(counts, task, started):
    usage = {"prompt_tokens": 301, "completion_tokens": 5} if counts else {}
    _, observations, infos = started(3)
    with Odd(lambda body, number: completion(" Heat (1995)", **usage)) as server:
        backend = ServerBackend("m", url=server.url, **QUICK)
        backend.embed = lambda texts: np.ones((len(texts), 2), np.float32)
        config = TeacherConfig(grounding="free_text", encoder="model")
        for agent, asked in (
            (ActOnlyAgent(task, config, backend=backend), 1),
            (ReActAgent(task, config, backend=backend), 2),
        ):
            agent.act(observations, infos)
            for note in agent.explain():
                told = {name: note[name] for name in ("tokens", "tokens_in", "tokens_out") if name in note}
                read, written = 301 * asked, 5 * asked
                assert told == ({"tokens": read + written, "tokens_in": read, "tokens_out": written} if counts else {})
        assert backend.spent()["counted"] == (len(server.seen) if counts else 0)


def test_tokens_are_shared_without_a_rest_and_only_when_all_were_counted(task, started):
    _, observations, infos = started(3)

    def reply(body, number):
        return completion(
            " Heat (1995)", **{"prompt_tokens": 100 + number, "completion_tokens": number // 8} if number != 5 else {}
        )

    with Odd(reply) as server:
        backend = ServerBackend("m", url=server.url, concurrency=1, **QUICK)
        backend.embed = lambda texts: np.ones((len(texts), 2), np.float32)
        agent = ActOnlyAgent(task, TeacherConfig(grounding="free_text", encoder="model"), backend=backend)
        agent.act(observations, infos)
        assert [note["tokens_in"] for note in agent.explain()] == [102, 102, 102]
        agent.act(observations, infos)
        assert all("tokens" not in note for note in agent.explain())
        agent.act(observations, infos)
        assert [note["tokens_out"] for note in agent.explain()] == [1, 1, 0]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_tried_again(status):
    def reply(body, number):
        return error(status, "busy", **{"Retry-After": "0"}) if number <= 2 else completion("at last")

    with Odd(reply) as server:
        assert written(ServerBackend("m", url=server.url, retries=2, **QUICK), ["a"]) == ["at last"]
        assert len(server.seen) == 3


def test_what_does_not_pass_is_told():
    with Odd(lambda body, number: error(500, "out of memory")) as server:
        backend = ServerBackend("m", url=server.url, retries=1, **QUICK)
        with pytest.raises(ServerError, match="500: out of memory"):
            written(backend, ["a"])
        assert len(server.seen) == 2


def test_a_long_wait_that_the_server_asks_for_is_cut_short():
    from urllib3 import HTTPResponse

    from ilrec_agents.llm.backends.http import _Patient

    assert _Patient().get_retry_after(HTTPResponse(headers={"Retry-After": "7200"})) == 60
    assert _Patient().get_retry_after(HTTPResponse(headers={"Retry-After": "3"})) == 3
    assert _Patient().get_retry_after(HTTPResponse()) is None


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"<html>hello", "JSON object"),
        (b"[1, 2]", "JSON object"),
        (b'{"choices": []}', "must answer with a completion"),
        (b'{"choices": [{"text": 7}]}', "must answer with a completion"),
    ],
)
def test_garbage_is_told(content, rule):
    with Odd(lambda body, number: (200, {}, content)) as server:
        backend = ServerBackend("m", url=server.url, **QUICK)
        with pytest.raises(ServerError, match=rule):
            written(backend, ["a"])


def test_silence_is_told():
    quiet = threading.Event()

    def reply(body, number):
        quiet.wait(20)
        return completion("late")

    with Odd(reply) as server:
        backend = ServerBackend("m", url=server.url, timeout=0.2, retries=1, backoff=0.0)
        with pytest.raises(ServerError, match=r"within 0\.2 seconds"):
            written(backend, ["a"])
        assert len(server.seen) == 2
        quiet.set()


def test_half_an_answer_is_told():
    with Odd(lambda body, number: (200, {"Content-Length": "999"}, b'{"choices": [')) as server:
        backend = ServerBackend("m", url=server.url, **QUICK)
        with pytest.raises(ServerError, match="broke off"):
            written(backend, ["a"])


def test_a_lost_connection_is_tried_again():
    def reply(body, number):
        if number == 1:
            raise ConnectionAbortedError
        return completion("at last")

    with Odd(reply) as server:
        assert written(ServerBackend("m", url=server.url, **QUICK), ["a"]) == ["at last"]


def test_a_server_on_this_machine_is_not_asked_through_a_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Odd(lambda body, number: completion("x")) as server:
        assert written(ServerBackend("m", url=server.url, **QUICK), ["a"]) == ["x"]


def test_nobody_listening_is_told():
    with pytest.raises(ServerError, match="must listen at") as caught:
        ServerBackend("m", url=f"http://127.0.0.1:{free_port()}", **QUICK)
    assert "vllm serve" in caught.value.fix


def test_a_wrong_key_is_told(monkeypatch):
    monkeypatch.setenv("SECRET", "wrong-key")
    with Odd(lambda body, number: error(401, "no")) as server:
        backend = ServerBackend("m", url=server.url, key_variable="SECRET", **QUICK)
        with pytest.raises(UsageError, match="variable SECRET") as caught:
            written(backend, ["a"])
        assert "wrong-key" not in str(caught.value)


def test_a_wrong_model_is_told_with_those_that_there_are():
    with (
        Odd(lambda body, number: error(404, "model 'n' not found"), models=("m", "k")) as server,
        pytest.raises(UsageError, match="it lists the models m, k"),
    ):
        written(ServerBackend("n", url=server.url, **QUICK), ["a"])


def test_one_failure_among_many_ends_the_call():
    def reply(body, number):
        return error(400, "no such thing") if body["prompt"] == "c" else completion("x")

    with Odd(reply) as server:
        backend = ServerBackend("m", url=server.url, concurrency=2, **QUICK)
        with pytest.raises(UsageError, match="no such thing"):
            written(backend, list("abcdef"))


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", "http://", "http://x/v1?key=abc"])
def test_an_address_that_is_none(url):
    with pytest.raises(UsageError, match="url must be the base"):
        ServerBackend("m", url=url)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(UsageError, match="must not hold a name or password") as caught:
        ServerBackend("m", url="http://me:secret@localhost/v1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "setting",
    [{"concurrency": 0}, {"retries": -1}, {"timeout": 0}, {"backoff": -1.0}, {"context_length": 0}],
)
def test_settings_out_of_range(setting):
    with pytest.raises(UsageError, match=next(iter(setting))):
        ServerBackend("m", **setting)


def test_settings_that_there_are_not():
    with pytest.raises(UnknownNameError, match="did you mean 'completions'"):
        ServerBackend("m", api="completion")
    with pytest.raises(UsageError, match="must not replace"):
        ServerBackend("m", extra={"prompt": "x"})


def test_it_only_writes():
    with Odd(lambda body, number: completion("x")) as server:
        backend = ServerBackend("m", url=server.url, **QUICK)
        assert backend.scores_tries is False
        with pytest.raises(UsageError, match='grounding="free_text"'):
            backend.open("a").reader([Trie.exactly([(1,)])])
        with pytest.raises(UsageError, match='encoder="minilm"'):
            backend.embed(["a"])


def test_halves_of_characters_are_replaced():
    with Odd(lambda body, number: (200, {}, rb'{"choices": [{"text": "a\ud83db \ud83d\ude00"}]}')) as server:
        backend = ServerBackend("m", url=server.url, **QUICK)
        (text,) = written(backend, ["x"])
        assert text.encode() == "a\ufffdb \U0001f600".encode()


def test_texts_go_on_are_forgotten_and_change_rows():
    with Odd(lambda body, number: completion(f"{len(body['prompt'])}.")) as server:
        context = opened(ServerBackend("m", url=server.url, **QUICK), ["one", "three"])
        mark = context.mark()
        assert np.array_equal(context.lengths, [3, 5])
        context.write(3, frozenset())
        assert context.texts == ("one3.", "three5.")
        both = context.select([1]).joined(context)
        assert both.texts == ("three5.", "one3.", "three5.") and both.rows == 3
        context.rewind(mark)
        assert context.texts == ("one", "three")
