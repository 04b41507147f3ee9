"""One plain text file: split where it is cut, kept as it is, read with care."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from litteragpt.corpora.books import SourceError
from litteragpt.corpora.kinds import kind_of
from litteragpt.corpora.plain import PlainConfig, build_plain
from litteragpt.tokenizers import CharTokenizer

FILES = ["corpus.json", "tokenizer.json", "train.txt", "validation.txt"]
CONFIG = PlainConfig(title="Numbers", licence="Public domain")
TEXT = "".join(f"{number}: {number * number}!\n" for number in range(200))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.txt"
    path.write_text(TEXT, "utf-8")
    return path


def test_the_first_nine_tenths_are_for_training(source: Path, tmp_path: Path) -> None:
    said: list[str] = []
    report = build_plain("numbers", CONFIG, tmp_path / "out", source=source, report=said.append)
    out = report.folder
    assert sorted(path.name for path in out.iterdir()) == FILES
    train = (out / "train.txt").read_text("utf-8")
    validation = (out / "validation.txt").read_text("utf-8")
    assert train + validation == TEXT
    assert len(train) == int(0.9 * len(TEXT))
    assert report.characters == {"train": len(train), "validation": len(validation)}
    tokenizer = CharTokenizer.from_file(out / "tokenizer.json")
    assert set(tokenizer.characters) == set(TEXT)
    assert report.vocabulary == tokenizer.vocab_size
    assert report.changes == ()
    assert any("Numbers" in line for line in said)
    content = json.loads((out / "corpus.json").read_text("utf-8"))
    assert content["kind"] == "text"
    assert content["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert content["overlap_with_train"]["validation"]["runs"] == 0
    assert str(tmp_path) not in (out / "corpus.json").read_text("utf-8")


def test_the_fraction_is_a_setting_and_what_is_shared_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "twice.txt"
    path.write_text(TEXT * 2, "utf-8")
    config = dataclasses.replace(CONFIG, validation_fraction=0.5)
    report = build_plain("twice", config, tmp_path / "out", source=path)
    assert report.characters == {"train": len(TEXT), "validation": len(TEXT)}
    assert report.overlap["validation"].share == 1.0


def test_line_ends_accents_and_a_byte_order_mark_are_read_as_tokenizers_do(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffRei\u0301r\r\nes gratis\r".encode())
    out = build_plain("text", CONFIG, tmp_path / "out", source=path).folder
    parts = [(out / f"{part}.txt").read_bytes().decode() for part in ("train", "validation")]
    assert "".join(parts) == "Reír\nes gratis\n"


def test_the_same_text_gives_the_same_files_and_another_is_told(
    source: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        build_plain("numbers", CONFIG, tmp_path / name, source=source)
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert build_plain("numbers", CONFIG, tmp_path / "a", source=source).changes == ()
    source.write_text(TEXT + "more", "utf-8")
    config = dataclasses.replace(CONFIG, sha256=hashlib.sha256(TEXT.encode()).hexdigest())
    changes = build_plain("numbers", config, tmp_path / "a", source=source).changes
    assert len(changes) == 2
    assert "the recipe's" in changes[0]
    assert "the last build's" in changes[1]
    (tmp_path / "a" / "corpus.json").write_text("[]", "utf-8")
    assert build_plain("numbers", CONFIG, tmp_path / "a", source=source).changes == ()


def test_a_download_is_taken_from_the_cache(source: Path, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    source.rename(tmp_path / "downloads" / "numbers.txt")
    config = dataclasses.replace(CONFIG, url="http://localhost:9/none.txt")
    report = build_plain("numbers", config, tmp_path / "out")
    assert sum(report.characters.values()) == len(TEXT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "too short"),
        (b"a", "too short"),
        (b"good text, then \xff\xfe", "not UTF-8 text"),
        ("a b c".encode("utf-16"), "not UTF-8 text"),
    ],
)
def test_what_is_no_text_to_train_on_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        build_plain("bad", CONFIG, tmp_path / "out", source=path)
    assert not (tmp_path / "out").exists()


def test_a_text_too_large_is_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("litteragpt.corpora.plain.MAX_BYTES", 100)
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        build_plain("numbers", CONFIG, tmp_path / "out", source=source)


def test_a_missing_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        build_plain("numbers", CONFIG, tmp_path / "out", source=tmp_path / "nowhere")
    with pytest.raises(SourceError, match="not a file"):
        build_plain("numbers", CONFIG, tmp_path / "out", source=tmp_path)
    with pytest.raises(SourceError, match="--source"):
        build_plain("numbers", CONFIG, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": " "}, "title"),
        ({"licence": None}, "licence must be of type str"),
        ({"url": "file:///etc/passwd"}, "url must be an http"),
        ({"validation_fraction": 0.0}, "validation_fraction must be from 0.001 to 0.5"),
        ({"validation_fraction": 1}, "validation_fraction"),
        ({"sha256": "abc"}, "sha256"),
        ({"seed": 1}, "unknown 'seed'"),
    ],
)
def test_a_table_that_will_not_do_is_refused(changes: dict[str, Any], message: str) -> None:
    table = {"kind": "text", "title": "Numbers", "licence": "Public domain"}
    assert kind_of(table)[1] == CONFIG
    with pytest.raises(ValueError, match=message):
        kind_of({**table, **changes})
