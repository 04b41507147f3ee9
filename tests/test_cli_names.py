"""The command line with models of names: inventing, measuring and reinforcing them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from litteragpt.cli import main
from litteragpt.names.generate import load_names
from tests.tiny import PLACES, save_names, save_tiny

RECIPE = """
name = "tiny-names"
language = "pt"
architecture = "decoder"

[model]
context = 48
layers = 1
width = 8
heads = 1
hidden = 8

[corpus]
kind = "places"
pairs = "bairros_ibge"

[[corpus.tables]]
reads = "cities-json"
file = "cities"
title = "Cities"
author = "Nobody"
year = "2020"
url = "https://example.org/cities.json"
licence = "MIT"

[[corpus.tables]]
reads = "bairros-json"
file = "bairros"
title = "Bairros"
author = "Nobody"
year = "2020"
url = "https://example.org/bairros.json"
licence = "MIT"

[training]
steps = 2
batch = 4
window = 32
long_window = 32
warmup_steps = 0
sample_chars = 5
compile = false

[reinforce]
steps = 1
batch = 8
samples = 20
warmup_steps = 0
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model of eight names and one of running text, as the current folder."""
    (tmp_path / "checkpoints").mkdir()
    save_names(tmp_path / "checkpoints")
    save_tiny(tmp_path / "checkpoints", "prose")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny-names.toml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LITTERAGPT_CHECKPOINTS", raising=False)
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["litteragpt", *arguments])
    return main()


def test_names_prints_what_python_gives(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--prefix", "Santa ", "--count", "12", "--temperature", "0.5", "--seed", "3"]
    assert call(monkeypatch, "names", *arguments, "--model", "tiny-names", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    names = load_names("tiny-names").sample("Santa ", count=12, temperature=0.5, seed=3).names
    assert printed == [name.to_dict() for name in names]
    assert len(printed) == 12
    keys = ["name", "bairro", "city", "uf", "logprob", "known", "city_is_real"]
    assert all(list(each) == keys for each in printed)
    assert all(each["name"].startswith("Santa ") for each in printed)
    learnt = {f"{bairro} - {city}" for bairro, city, _ in PLACES}
    assert sum(each["name"] in learnt for each in printed) > 6


def test_names_as_a_table_tell_the_seed_and_what_was_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--prefix", "Santa €", "--count", "3", "--model", "tiny-names"]
    assert call(monkeypatch, "names", *arguments) == 0
    out, err = capsys.readouterr()
    assert out.count("Santa") == 3
    assert "unknown to the model: '€'" in err
    assert "seed " in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prefix", "a\nb"], "line"),
        (["--prefix", "a" * 61], "60"),
        (["--count", "0"], "count"),
        (["--temperature", "nan"], "temperature"),
        (["--model", "prose"], "known.safetensors"),
        (["--model", "nothing"], "no checkpoint"),
    ],
)
def test_bad_input_is_one_clear_line(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert call(monkeypatch, "names", "--model", "tiny-names", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err


def test_evaluate_takes_one_name_a_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(f"{bairro} - {city}\n" for bairro, city, _ in PLACES)
    (home / "names.txt").write_text(text, encoding="utf-8")
    assert call(monkeypatch, "evaluate", "names.txt", "--model", "tiny-names", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["characters"] == len(text)
    # Known by heart: little more than the choice among eight names is left to guess.
    assert figures["nats_per_char"] < 0.3


def test_generate_ends_with_the_line_or_after_the_words(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", "tiny-names", "--temperature", "0", "--json"]
    assert call(monkeypatch, "generate", "Vila", *arguments) == 0
    assert json.loads(capsys.readouterr().out)["continuation"] == " Nova - Sorocaba"
    assert call(monkeypatch, "generate", "Vila", "--words", "1", *arguments) == 0
    assert json.loads(capsys.readouterr().out)["continuation"] == " Nova"


def test_train_and_reinforce(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = home / "data" / "tiny-names"
    corpus.mkdir(parents=True)
    lines = "".join(f"{bairro} - {city}\n" for bairro, city, _ in PLACES)
    for part in ("train", "validation"):
        (corpus / f"{part}.txt").write_text(lines, encoding="utf-8")
    model = load_names("tiny-names")
    model.lm.tokenizer.save(corpus / "tokenizer.json")
    model.known.save(corpus / "known.safetensors")
    assert call(monkeypatch, "reinforce", "tiny-names", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["before"]["samples"] == figures["after"]["samples"] == 20
    reinforced = load_names("tiny-names")
    assert reinforced.lm.info is not None
    assert "## Reinforcement" in reinforced.lm.info.card
    assert call(monkeypatch, "train", "tiny-names") == 0  # anew, in its place
    trained = load_names("tiny-names")
    assert trained.lm.info is not None
    assert "reinforce" not in trained.lm.info.config["training"]
    assert trained.known.is_known("Santa Rita - Recife")
