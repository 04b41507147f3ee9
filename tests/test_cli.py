"""The command line: each sub-command does what its function does, errors are one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import litteragpt
from litteragpt.cli import main
from tests.tiny import save_tiny

TEXT = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme.\n"
BOOK = "\n".join(
    f"Capítulo {chapter}. De lo que sucedió el día {day} al hidalgo número {chapter * day}."
    for chapter in range(1, 40)
    for day in range(1, 12)
)

RECIPE = """
name = "mini"
language = "es"
architecture = "decoder"

[model]
context = 16
layers = 1
width = 8
heads = 1
hidden = 8

[training]
steps = 2
batch = 2
window = 8
long_window = 8
warmup_steps = 0
sample_chars = 5
compile = false

[[corpus.works]]
title = "Libro"
author = "Nadie"
year = "1600"
gutenberg = 1
url = "https://example.org/1.txt"
licence = "Public domain"
file = "libro"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one small random checkpoint, `mini`, as the current folder."""
    (tmp_path / "checkpoints").mkdir()
    save_tiny(tmp_path / "checkpoints", "mini")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LITTERAGPT_CHECKPOINTS", raising=False)
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["litteragpt", *arguments])
    return main()


def test_generate_prints_the_text_that_python_gives(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", "mini", "--temperature", "0.9", "--top-k", "5", "--top-p", "0.95"]
    arguments += ["--min-p", "0.01", "--seed", "7", "--max-chars", "40", "--sentences", "None"]
    assert call(monkeypatch, "generate", "En un", *arguments) == 0
    expected = litteragpt.load("mini").generate(
        "En un", temperature=0.9, top_k=5, top_p=0.95, min_p=0.01, seed=7, max_chars=40,
        sentences=None,
    )  # fmt: skip
    assert capsys.readouterr().out == "En un" + "".join(expected) + "\n"


def test_generate_json_has_the_promised_shape(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", "mini", "--seed", "3", "--max-chars", "10", "--json"]
    assert call(monkeypatch, "generate", "Ǝn ãn", *arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == [
        "prompt", "continuation", "seed", "model", "tokens", "replaced", "seconds_to_first",
        "tokens_per_second",
    ]  # fmt: skip
    assert told["prompt"] == "Ǝn ãn"
    assert told["seed"] == 3
    assert told["model"] == "mini"
    assert "".join(token["text"] for token in told["tokens"]) == told["continuation"]
    assert all(token["logprob"] <= 0 for token in told["tokens"])
    assert told["replaced"] == [
        {"from": "Ǝ", "to": "", "index": 0},
        {"from": "ã", "to": "a", "index": 3},
    ]


def test_evaluate_counts_every_character(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "text.txt").write_text(TEXT + "Ж", encoding="utf-8")
    assert call(monkeypatch, "evaluate", "--model", "mini", "text.txt", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["nats_per_char", "bits_per_char", "characters", "unknown"]
    assert (told["characters"], told["unknown"]) == (len(TEXT) + 1, 1)


def test_models_lists_the_good_and_names_the_bad(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "checkpoints" / "bad").mkdir()
    assert call(monkeypatch, "models", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in told["models"]] == ["mini"]
    assert [Path(broken["path"]).name for broken in told["broken"]] == ["bad"]
    assert call(monkeypatch, "models") == 0
    printed = capsys.readouterr()
    assert "mini" in printed.out
    assert "bad" in printed.err


def test_from_books_to_text(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "books").mkdir()
    (home / "books" / "libro.txt").write_text(BOOK, encoding="utf-8")
    (home / "models").mkdir()
    (home / "models" / "mini.toml").write_text(RECIPE, encoding="utf-8")
    (home / "checkpoints" / "mini").rename(home / "old")
    assert call(monkeypatch, "data", "mini", "--source", "books") == 0
    override = ["--override", "training.batch=4", "--override", "training.steps=3"]
    assert call(monkeypatch, "train", "models/mini.toml", "--device", "cpu", *override) == 0
    assert call(monkeypatch, "evaluate", "data/mini/validation.txt", "--model", "mini") == 0
    assert "nats/char" in capsys.readouterr().out
    assert litteragpt.load("mini").info.config["training"]["steps"] == 3  # type: ignore[union-attr]


def test_shards_take_the_place_of_the_text(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "mini.toml").write_text(RECIPE, encoding="utf-8")
    (home / "books").mkdir()
    (home / "books" / "libro.txt").write_text(BOOK, encoding="utf-8")
    call(monkeypatch, "data", "mini.toml", "--source", "books")
    characters = len((home / "data" / "mini" / "train.txt").read_text("utf-8"))
    capsys.readouterr()
    assert call(monkeypatch, "shard", "data/mini", "--shard-bytes", "2000") == 0
    assert f"{characters:,} tokens of {characters:,} characters" in capsys.readouterr().err
    (home / "data" / "mini" / "train.txt").unlink()
    assert call(monkeypatch, "train", "mini.toml", "--device", "cpu") == 0
    assert call(monkeypatch, "shard", "nowhere") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "a", "--model", "mini", "--temperature", "nan"], "temperature"),
        (["generate", "a", "--model", "mini", "--temperature", "inf"], "temperature"),
        (["generate", "a", "--model", "mini", "--top-p", "0"], "top_p"),
        (["generate", "a", "--model", "mini", "--max-chars", "0"], "max_chars"),
        (["generate", "a", "--model", "mini", "--seed", "-1"], "seed"),
        (["generate", "a" * 20_001, "--model", "mini"], "20000"),
        (["generate", "a", "--model", "nada"], "mini"),
        (["evaluate", "none.txt", "--model", "mini"], "none.txt"),
        (["train", "nada"], "nada"),
        (["data", "nada"], "nada"),
        (["evaluate", "none.txt", "--model", "mini", "--device", "abacus"], "device"),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert call(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("mini", "out"), ("mini", "--to", "hf", "out"), ("mini", "out", "--to", "hf")]
)
def test_export_writes_a_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    assert call(monkeypatch, "export", *arguments) == 0
    assert json.loads((home / "out" / "config.json").read_text())["model_type"] == "qwen3"


@pytest.mark.parametrize("to", ["hf", "onnx", "gguf"])
def test_export_says_what_is_in_the_way(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], to: str
) -> None:
    if to != "hf":
        pytest.importorskip(to, reason="the optional extra export is missing")
    (home / "out").mkdir()
    (home / "out" / "novel.txt").write_text("x", encoding="utf-8")
    assert call(monkeypatch, "export", "mini", "out", "--to", to) == 2
    assert "not empty" in capsys.readouterr().err
    assert call(monkeypatch, "export", "nada", "new", "--to", to) == 2
    assert "mini" in capsys.readouterr().err
    assert not (home / "new").exists()


@pytest.mark.parametrize("library", ["onnx", "gguf"])
def test_export_says_which_extra_is_missing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    assert call(monkeypatch, "export", "mini", "out", "--to", library) == 2
    assert "pip install 'litteragpt[export]'" in capsys.readouterr().err


def test_a_reader_that_goes_away_ends_it_without_a_word(home: Path) -> None:
    line = "from litteragpt.cli import main; import sys; sys.exit(main())"
    command = [sys.executable, "-c", line, "models", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 141


def test_ask_answers_from_documents_or_says_that_nothing_fits(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = home / "docs"
    docs.mkdir()
    text = (
        "A biblioteca municipal foi fundada em 1887 por Joaquim Nabuco. "
        "Abre de segunda a sexta, das nove às dezoito horas.\n"
    )
    (docs / "biblioteca.txt").write_text(text, encoding="utf-8")
    (docs / "broken.pdf").write_bytes(b"no pdf")
    arguments = ["--docs", str(docs), "--index", str(home / "index"), "--json"]
    for _ in range(2):  # read anew, then from the index that was kept
        assert call(monkeypatch, "ask", "Quando foi fundada a biblioteca?", *arguments) == 0
        out, err = capsys.readouterr()
        found = json.loads(out)
        assert found["source"].endswith("biblioteca.txt")
        assert "1887" in found["answer"]
        assert text[found["start"] : found["end"]] == found["answer"]
        assert "broken.pdf" in err
    assert call(monkeypatch, "ask", "Qual é a massa do bóson de Higgs?", *arguments) == 0
    assert json.loads(capsys.readouterr().out)["answer"] is None
    for question, plain in (
        ("Qual é a massa do bóson de Higgs?", "não encontrei\n"),
        ("¿Cuál es la masa del bosón de Higgs?", "no lo encontré\n"),
    ):
        assert call(monkeypatch, "ask", question, *arguments[:-1]) == 0
        assert capsys.readouterr().out == plain
    assert call(monkeypatch, "ask", "Quem?", "--docs", str(home / "nowhere")) == 2
    assert "error: " in capsys.readouterr().err
