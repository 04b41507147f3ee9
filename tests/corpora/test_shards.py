"""A text in shards is the text, whoever cut it and wherever a window begins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from litteragpt.corpora.shards import FOLDER, INDEX, Shards, dtype_for, has_shards, write_shards
from litteragpt.tokenizers import BPETokenizer, CharTokenizer, normalize

TEXT = "".join(f"Línea {n}: en un lugar de la Mancha\r\n" for n in range(200)) + "sin fin — e\u0301"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "train.txt").write_bytes(TEXT.encode())
    CharTokenizer.from_text(normalize(TEXT)).save(tmp_path / "tokenizer.json")
    return tmp_path


def whole(corpus: Path) -> np.ndarray:
    return CharTokenizer.from_file(corpus / "tokenizer.json").encode_array(normalize(TEXT))[0]


def test_shards_by_any_number_of_workers_are_the_text(corpus: Path) -> None:
    assert not has_shards(corpus)
    shards = write_shards([corpus / "train.txt"], corpus, shard_bytes=700)
    files = sorted((corpus / FOLDER).glob("*.bin"))
    assert len(files) > 5
    ids = whole(corpus)
    assert len(shards) == len(ids)
    assert shards.characters == len(normalize(TEXT))
    for start in (0, 1, 650, 699, 700, 701, 2000, len(ids) - 1500):
        assert shards.window(start, 1500).tolist() == ids[start : start + 1500].tolist()
    one = [path.read_bytes() for path in files]
    # By the command line: new processes would run again what this one began with.
    command = [sys.executable, "-m", "litteragpt.cli", "shard", str(corpus), "--workers", "2"]
    subprocess.run([*command, "--shard-bytes", "700"], check=True, capture_output=True)
    assert [path.read_bytes() for path in files] == one
    assert has_shards(corpus)


def test_several_texts_in_fewer_shards_leave_none_of_the_old_ones(corpus: Path) -> None:
    write_shards([corpus / "train.txt"], corpus, shard_bytes=700)
    shards = write_shards([corpus / "train.txt"] * 2, corpus)
    assert len(list((corpus / FOLDER).glob("*.bin"))) == 2
    assert len(shards) == 2 * len(whole(corpus))


def test_bpe_takes_two_bytes_an_id(corpus: Path) -> None:
    tokenizer = BPETokenizer.train(TEXT.split("\n"), vocab_size=400)
    tokenizer.save(corpus / "tokenizer.json")
    shards = write_shards([corpus / "train.txt"], corpus)
    assert [dtype_for(size).itemsize for size in (2, 256, 257, 65_536, 65_537)] == [1, 1, 2, 2, 4]
    size = dtype_for(tokenizer.vocab_size).itemsize
    assert (corpus / FOLDER / "000000.bin").stat().st_size == size * len(shards)
    decoded = tokenizer.decode(shards.window(0, len(shards)).tolist())
    assert decoded == normalize(TEXT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "no index"),
        ({"vocab_size": -1}, "no index"),
        ({"shards": []}, "names no shards"),
        ({"shards": [{"file": "../../secret.bin", "tokens": 1, "characters": 1}]}, "no name"),
        ({"shards": [{"file": "000000.bin", "tokens": 10**12, "characters": 1}]}, "anew"),
        ({"shards": [{"file": "000099.bin", "tokens": 1, "characters": 1}]}, "cannot read"),
        ({"shards": [{"file": "000000.bin", "tokens": "many", "characters": 1}]}, "tokens"),
        ({"tokenizer_sha256": "0"}, "another tokenizer"),
    ],
)
def test_a_hostile_index_is_refused(corpus: Path, change: dict[str, object], message: str) -> None:
    write_shards([corpus / "train.txt"], corpus)
    path = corpus / FOLDER / INDEX
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        Shards(corpus)


def test_an_id_out_of_range_is_named(corpus: Path) -> None:
    shards = write_shards([corpus / "train.txt"], corpus)
    (corpus / FOLDER / "000000.bin").write_bytes(b"\xff" * len(shards))
    with pytest.raises(ValueError, match="outside"):
        Shards(corpus).window(0, 3)


def test_bad_texts_are_named(corpus: Path) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        write_shards([corpus / "none.txt"], corpus)
    (corpus / "bytes.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(ValueError, match="not UTF-8"):
        write_shards([corpus / "bytes.txt"], corpus)
    (corpus / "empty.txt").write_bytes(b"")
    with pytest.raises(ValueError, match="no text"):
        write_shards([corpus / "empty.txt"], corpus)
    assert not has_shards(corpus)
