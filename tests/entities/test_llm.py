"""Records from an endpoint that speaks OpenAI's protocol, played by a local server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from litteragpt.cli import main
from litteragpt.entities.llm import Endpoint, EndpointError, Gathered, gather
from litteragpt.entities.readers import read_records

KEY = "sk-very-secret"


def item(number: int, **other: Any) -> dict[str, Any]:
    labels = [{"word": "Ana", "label": "B-NAME"}, {"word": str(number), "label": "B-TIME"}]
    return {"text": f"Meet Ana at {number}?", "labels": labels, "intent": "inquiry", **other}


def said(*items: Any) -> str:
    return json.dumps({"records": items})


@dataclass
class Reply:
    """What the server answers to one request."""

    content: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay: float = 0


class Server(ThreadingHTTPServer):
    """Answers with `replies` in turn, then with ever new records."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.number = 100
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def endpoint(self, **other: Any) -> Endpoint:
        return Endpoint(self.url, "tiny", KEY, **other)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        assert self.path == "/v1/chat/completions"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(json.loads(body))
        self.server.keys.append(self.headers["Authorization"])
        if self.server.replies:
            reply = self.server.replies.pop(0)
        else:
            self.server.number += 10
            reply = Reply(said(*(item(self.server.number + k) for k in range(10))))
        time.sleep(reply.delay)
        message = {"choices": [{"message": {"content": reply.content}}]}
        data = json.dumps(message).encode() if reply.raw is None else reply.raw
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Ear:
    """Keeps what it is told, and sleeps without sleeping."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.waits: list[float] = []

    def gather(self, path: Path, count: int, endpoint: Endpoint, **other: Any) -> Gathered:
        return gather(
            path, count, endpoint, report=self.lines.append, sleep=self.waits.append, **other
        )


def test_records_are_asked_for_until_there_are_enough(server: Server, tmp_path: Path) -> None:
    path, ear = tmp_path / "out.jsonl", Ear()
    assert ear.gather(path, 25, server.endpoint(), language="Spanish") == Gathered(25, 0, 0)
    records = list(read_records(path))
    assert len({record.text for record in records}) == 25
    assert [(e.text, e.label) for e in records[0].entities] == [("Ana", "NAME"), ("110", "TIME")]
    assert records[0].intent == "inquiry"
    assert len(server.requests) == 3
    assert server.requests[0]["model"] == "tiny"
    assert "in Spanish" in server.requests[0]["messages"][0]["content"]
    assert "Write 5 records" in server.requests[2]["messages"][1]["content"]
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert ear.lines[-1] == "25/25 records"


def test_a_run_goes_on_where_another_was_cut_off(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    Ear().gather(path, 10, server.endpoint())
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"text": "Meet An')
    server.replies = [Reply(said(item(110), item(7)))]
    assert Ear().gather(path, 11, server.endpoint()) == Gathered(11, 0, 1)
    assert path.read_bytes().startswith(whole)
    assert [record.text for record in read_records(path)][-1] == "Meet Ana at 7?"
    path.write_bytes(whole.rstrip(b"\n"))
    assert Ear().gather(path, 10, server.endpoint()) == Gathered(10, 0, 0)
    assert path.read_bytes() == whole
    assert len(server.requests) == 2


def test_bad_records_are_told_and_dropped(server: Server, tmp_path: Path) -> None:
    path, ear = tmp_path / "out.jsonl", Ear()
    bad = [
        "text",
        item(1, labels=[{"word": "Eva", "label": "B-NAME"}]),
        item(2, labels=[{"word": "Ana", "label": "NAME"}]),
        item(3, intent="hello"),
        item(4, labels=[{"word": "Ana", "label": "B-LOC"}]),
        item(5, text=""),
        item(6, extra=1),
    ]
    fenced = f"Here:\n```json\n{said(*bad, item(7), item(7))}\n```"
    server.replies = [Reply(fenced), Reply("no JSON"), Reply('{"records": 3}'), Reply("[1]")]
    assert ear.gather(path, 2, server.endpoint()) == Gathered(2, len(bad) + 3, 1)
    assert next(record.text for record in read_records(path)) == "Meet Ana at 7?"
    told = "\n".join(ear.lines)
    for says in (
        "does not hold 'Eva'",
        "B-LABEL",
        "inquiry or cancel",
        "LOC",
        "'extra'",
        "already",
    ):
        assert says in told


def test_what_may_pass_is_asked_again(server: Server, tmp_path: Path) -> None:
    ear = Ear()
    server.replies = [
        Reply(status=429, headers={"Retry-After": "17"}),
        Reply(status=503),
        Reply(raw=b"<html>", status=200),
        Reply(raw=b'{"choices": []}'),
        Reply(None),
    ]
    assert ear.gather(tmp_path / "out.jsonl", 3, server.endpoint()).kept == 3
    assert ear.waits == [17, 2, 4, 8, 16]
    assert "429" in ear.lines[0]


def test_an_endpoint_that_is_too_slow_is_asked_again(server: Server, tmp_path: Path) -> None:
    ear = Ear()
    server.replies = [Reply(delay=1)]
    assert ear.gather(tmp_path / "out.jsonl", 1, server.endpoint(timeout=0.2)).kept == 1
    assert ear.waits == [1]
    assert "TimeoutError" in ear.lines[0]


@pytest.mark.parametrize("after", ["100000", "Wed, 21 Oct 2015 07:28:00 GMT", "-3", "nan"])
def test_no_wait_is_longer_than_two_minutes(server: Server, tmp_path: Path, after: str) -> None:
    ear = Ear()
    server.replies = [Reply(status=429, headers={"Retry-After": after})]
    ear.gather(tmp_path / "out.jsonl", 1, server.endpoint())
    assert len(ear.waits) == 1
    assert 1 <= ear.waits[0] <= 120


def test_what_will_not_pass_ends_the_run_without_the_key(server: Server, tmp_path: Path) -> None:
    path, ear = tmp_path / "out.jsonl", Ear()
    server.replies = [Reply(raw=f"bad key {KEY}".encode(), status=401)]
    with pytest.raises(EndpointError, match="answers 401") as caught:
        ear.gather(path, 1, server.endpoint())
    assert not ear.waits
    server.replies = [Reply(status=302, headers={"Location": "http://127.0.0.1:1/"})]
    with pytest.raises(EndpointError, match="answers 302"):
        ear.gather(path, 1, server.endpoint())
    server.replies = [Reply(status=500)] * 6
    with pytest.raises(EndpointError, match="answers 500, 6 times"):
        ear.gather(path, 1, server.endpoint())
    with pytest.raises(EndpointError, match=r"no answer \(URLError\), 6 times"):
        ear.gather(path, 1, Endpoint("http://127.0.0.1:1", "m", KEY))
    assert KEY not in "\n".join([str(caught.value), repr(server.endpoint()), *ear.lines])
    assert path.read_bytes() == b""


def test_a_model_that_has_nothing_new_ends_the_run(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    server.replies = [Reply(said(item(1)))] * 6
    with pytest.raises(EndpointError, match="no new record; 1 are in"):
        Ear().gather(path, 2, server.endpoint())
    assert len(list(read_records(path))) == 1


def test_a_reply_that_is_too_large(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("litteragpt.entities.llm.MAX_REPLY_BYTES", 3_000)
    ear = Ear()
    server.replies = [Reply("x" * 5_000)]
    ear.gather(tmp_path / "out.jsonl", 1, server.endpoint())
    assert "larger than 3,000 bytes" in ear.lines[0]


def test_the_environment() -> None:
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        Endpoint.from_environment({})
    default = Endpoint.from_environment({"OPENAI_API_KEY": KEY})
    assert (default.url, default.model) == ("https://api.openai.com/v1", "gpt-4.1-mini")
    local = Endpoint.from_environment({"OPENAI_BASE_URL": "http://x/v1", "OPENAI_MODEL": "m"})
    assert (local.url, local.model, local.key) == ("http://x/v1", "m", "")
    for url in ("file:///etc/passwd", "localhost:80", "http://", "http://x/?a=1"):
        with pytest.raises(ValueError, match="base URL"):
            Endpoint(url)
    with pytest.raises(ValueError, match="ASCII") as caught:
        Endpoint(key=f"{KEY}\n")
    assert KEY not in str(caught.value)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["litteragpt", "ner-data", *arguments])
    return main()


def test_the_command_asks_an_endpoint(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(tmp_path / "out.jsonl")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert run(monkeypatch, "llm", "--count", "12", "--language", "pt", "--out", path) == 0
    out, err = capsys.readouterr()
    assert out == f"{path}\n"
    assert "12 records; dropped: 0 bad" in err
    assert KEY not in err
    assert "in Portuguese" in server.requests[0]["messages"][1]["content"]
    assert run(monkeypatch, "llm") == 2
    assert "needs --out" in capsys.readouterr().err


def test_the_command_writes_what_the_grammar_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("faker")
    path = tmp_path / "out.jsonl"
    few = ("synth", "--language", "en", "--count", "3", "--seed", "5")
    assert run(monkeypatch, *few, "--out", str(path)) == 0
    capsys.readouterr()
    assert run(monkeypatch, *few) == 0
    assert capsys.readouterr().out == path.read_text("utf-8")
    assert len(list(read_records(path))) == 3
