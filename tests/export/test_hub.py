"""What is sent to the hub, without a network: a server on this machine plays the hub's part."""

from __future__ import annotations

import base64
import dataclasses
import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from litteragpt.checkpoint import load_checkpoint
from litteragpt.cli import main
from litteragpt.export.hub import check_repository, hub_card, push_to_hub
from litteragpt.weights import CheckpointError
from tests.tiny import save_tiny

hub = pytest.importorskip("huggingface_hub", reason="the optional extra hf is missing")

CARD = (
    '---\nlicense: apache-2.0\nlanguage:\n- "es"\ntags:\n- tiny\n---\n\n# Tiny\n\nRandom weights.\n'
)


class FakeHub(ThreadingHTTPServer):
    """Keeps what it is sent: repositories made, and the files of commits."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeHubHandler)
        self.made: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.message = ""
        self.tokens: set[str | None] = set()
        self.status = 200

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class FakeHubHandler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.tokens.add(self.headers.get("authorization"))
        if self.server.status != 200:
            return self.answer({"error": "no"}, self.server.status)
        if self.path == "/api/repos/create":
            self.server.made.append(json.loads(body))
            return self.answer({"url": f"{self.server.endpoint}/someone/tiny"})
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            modes = [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                for each in asked
            ]
            return self.answer({"files": modes})
        assert "/commit/" in self.path, self.path
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "header":
                self.server.message = line["value"]["summary"]
            else:
                content = base64.b64decode(line["value"]["content"])
                self.server.files[line["value"]["path"]] = content
        url = f"{self.server.endpoint}/someone/tiny/commit/1"
        return self.answer({"commitUrl": url, "commitOid": "1", "success": True})

    def do_GET(self) -> None:
        # What the repository holds before the commit: nothing.
        self.answer({"id": "someone/tiny", "sha": "0", "siblings": []}, self.server.status)

    def answer(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with FakeHub() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = save_tiny(tmp_path, language="es")
    sha256 = (folder / "README.md").read_text("utf-8").rpartition("sha256: ")[2]
    (folder / "README.md").write_text(f"{CARD}\nsha256: {sha256}", encoding="utf-8")
    return folder


def api(server: FakeHub) -> Any:
    return hub.HfApi(endpoint=server.endpoint, token="hf_secret")


def test_a_checkpoint_arrives_whole_and_its_card_says_what_it_is(
    server: FakeHub, checkpoint: Path, tmp_path: Path
) -> None:
    address = push_to_hub(checkpoint, "someone/tiny", private=True, api=api(server))
    assert address == f"{server.endpoint}/someone/tiny"
    assert [(made["name"], made["organization"]) for made in server.made] == [("tiny", "someone")]
    assert server.made[0].get("private") is True or server.made[0]["visibility"] == "private"
    assert server.tokens == {"Bearer hf_secret"}
    assert "tiny" in server.message
    assert set(server.files) == {path.name for path in checkpoint.iterdir()}
    data = hub.ModelCard(server.files["README.md"].decode()).data
    assert (data.license, data.language, data.library_name) == ("apache-2.0", ["es"], "litteragpt")
    assert data.tags == ["tiny", "litteragpt", "decoder"]
    there = tmp_path / "there"
    there.mkdir()
    for name, content in server.files.items():
        (there / name).write_bytes(content)
    load_checkpoint(there)  # the sha256 in the card is that of the weights


def test_in_the_other_layout_the_card_goes_along(server: FakeHub, checkpoint: Path) -> None:
    push_to_hub(checkpoint, "someone/tiny", layout="hf", api=api(server))
    assert json.loads(server.files["config.json"])["model_type"] == "qwen3"
    assert {"generation_config.json", "tokenizer_config.json"} < set(server.files)
    assert hub.ModelCard(server.files["README.md"].decode()).data.library_name == "transformers"


@pytest.mark.parametrize(
    "name", ["", "tiny", "/tiny", "a/b/c", "a b/c", "a/b--c", "a/b..c", "a/-b", "a/b.git", "ñ/b"]
)
def test_a_name_that_the_hub_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="USER/REPO"):
        check_repository(name)
    with pytest.raises(ValueError, match="at most 96"):
        check_repository(f"a/{'b' * 95}")
    check_repository("Some-one/tiny.model_2")


def test_a_card_needs_a_licence_and_valid_front_matter(checkpoint: Path) -> None:
    info = load_checkpoint(checkpoint).info
    with pytest.raises(ValueError, match="licence"):
        hub_card(dataclasses.replace(info, card="# Tiny\n"), "litteragpt")
    with pytest.raises(ValueError, match="front matter"):
        hub_card(dataclasses.replace(info, card="---\n- [x\n---\n# Tiny\n"), "litteragpt")


@pytest.mark.parametrize(("status", "message"), [(401, "token"), (403, "write"), (500, "500")])
def test_what_the_hub_refuses_is_one_clear_error(
    server: FakeHub, checkpoint: Path, status: int, message: str
) -> None:
    server.status = status
    with pytest.raises(ValueError, match=message):
        push_to_hub(checkpoint, "someone/tiny", api=api(server))
    assert not server.files


def test_no_network_is_a_clear_error(checkpoint: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = hub.HfApi(endpoint=endpoint, token="hf_secret")
    with pytest.raises(ConnectionError, match="cannot be reached"):
        push_to_hub(checkpoint, "someone/tiny", api=client)


def test_what_is_no_checkpoint_is_not_sent(server: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError):
        push_to_hub(tmp_path / "empty", "someone/tiny", api=api(server))
    assert not server.made


def push(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["litteragpt", "push", *arguments])
    return main()


def test_the_command_line_pushes_with_the_token_of_the_environment(
    server: FakeHub,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(hub.constants, "ENDPOINT", server.endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    assert push(monkeypatch, str(checkpoint), "--to", "someone/tiny", "--private") == 0
    assert capsys.readouterr().out == f"{server.endpoint}/someone/tiny\n"
    assert server.tokens == {"Bearer hf_of_the_environment"}
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr(hub.constants, "HF_TOKEN_PATH", str(checkpoint / "none"))
    monkeypatch.setattr(hub.constants, "HF_STORED_TOKENS_PATH", str(checkpoint / "none"))
    assert push(monkeypatch, str(checkpoint), "--to", "someone/tiny") == 2
    assert "HF_TOKEN" in capsys.readouterr().err
    assert push(monkeypatch, str(checkpoint), "--to", "tiny") == 2
    assert "USER/REPO" in capsys.readouterr().err
