"""A tokenizer from a file, whatever the file holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from litteragpt.protocols import Tokenizer
from litteragpt.tokenizers import BPETokenizer, CharTokenizer, load_tokenizer


@pytest.mark.parametrize(
    "tokenizer", [CharTokenizer("ab\n"), BPETokenizer([(b"a", b"b")])], ids=["char", "bpe"]
)
def test_the_file_says_of_which_kind_it_is(tmp_path: Path, tokenizer: Tokenizer) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    loaded = load_tokenizer(path)
    assert loaded == tokenizer
    assert loaded.kind == tokenizer.kind
    assert isinstance(loaded, Tokenizer)


def test_neither_reads_the_file_of_the_other(tmp_path: Path) -> None:
    BPETokenizer([]).save(tmp_path / "bpe.json")
    CharTokenizer("ab").save(tmp_path / "char.json")
    with pytest.raises(ValueError, match=r"bpe\.json is not a character tokenizer"):
        CharTokenizer.from_file(tmp_path / "bpe.json")
    with pytest.raises(ValueError, match=r"char\.json is not a byte-level BPE tokenizer"):
        BPETokenizer.from_file(tmp_path / "char.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"[]", "JSON object, not list"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"model": NaN}', "NaN"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "tokenizer.json"),
        (b" " * (16 * 2**20 + 1), "larger than"),
    ],
    ids=["empty", "list", "binary", "nan", "infinity", "twice", "deep", "large"],
)
def test_file_that_is_no_json_object(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        load_tokenizer(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing\.json is missing"):
        load_tokenizer(tmp_path / "nothing.json")
