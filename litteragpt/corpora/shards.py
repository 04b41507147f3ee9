"""A training text as files of token ids, to be mapped into memory: for more text than fits there.

A shard is a stretch of a text, cut at line ends, encoded: little-endian ids, one byte each where
the vocabulary allows it, else two or four. Stretches are encoded by several processes at once;
what comes out does not depend on how many. Characters are encoded as if the text were whole; a
BPE piece that would have spanned the lines at a cut becomes two.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from litteragpt.bounds import check_whole
from litteragpt.files import read_json_object, write_bytes, write_text
from litteragpt.tables import from_table
from litteragpt.tokenizers import load_tokenizer, normalize

FORMAT = 1
FOLDER = "shards"
INDEX = "index.json"
_NAME = re.compile(r"\d{6,9}\.bin")
_MAX_INDEX_BYTES = 2**26
_MAX_TOKENIZER_BYTES = 2**26

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One file of ids."""

    file: str
    tokens: int
    characters: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What one shard is made from."""

    text: Path
    begin: int
    end: int
    """In bytes; both at the beginning of a line, or the end of the text."""


def write_shards(
    texts: Sequence[Path],
    corpus: Path,
    *,
    shard_bytes: int = 2**26,
    workers: int = 1,
    report: Report = lambda line: None,
) -> Shards:
    """Encode texts (UTF-8) with the tokenizer of the folder `corpus`, into its folder `shards`.

    A shard is made of about `shard_bytes` bytes of text, and a worker needs some 20 times as
    much memory. The index is written last. Raises `ValueError` for a text that is missing, empty
    or no UTF-8, and where the corpus has no tokenizer.
    """
    check_whole("shard_bytes", shard_bytes, 1, 2**32)
    check_whole("workers", workers, 1, 1024)
    tokenizer_file = corpus / "tokenizer.json"
    vocab_size = load_tokenizer(tokenizer_file).vocab_size
    stretches = [s for text in texts for s in _stretches(text, shard_bytes)]
    if not stretches:
        raise ValueError("there is no text to make shards of")
    folder = corpus / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).unlink(missing_ok=True)
    jobs = [
        (stretch, tokenizer_file, folder / f"{number:06}.bin", vocab_size)
        for number, stretch in enumerate(stretches)
    ]
    shards = []
    for shard in _encoded(jobs, min(workers, len(jobs))):
        shards.append(shard)
        report(f"{shard.file}: {shard.tokens:,} tokens ({len(shards)} of {len(jobs)})")
    content = {
        "format": FORMAT,
        "vocab_size": vocab_size,
        "tokenizer_sha256": _sha256(tokenizer_file),
        "shards": [asdict(shard) for shard in shards],
    }
    write_text(folder / INDEX, json.dumps(content, indent=1) + "\n")
    kept = {shard.file for shard in shards}
    for path in folder.glob("*.bin"):
        if path.name not in kept:
            path.unlink()
    return Shards(corpus)


class Shards:
    """The ids of a corpus's shards as one long array, mapped from their files."""

    def __init__(self, corpus: Path) -> None:
        """Raises `ValueError` where the index or a file of it will not do."""
        folder = corpus / FOLDER
        index = read_json_object(folder / INDEX, _MAX_INDEX_BYTES)
        tables = index.get("shards")
        vocab_size = index.get("vocab_size")
        if index.get("format") != FORMAT or type(vocab_size) is not int or vocab_size < 1:
            raise ValueError(f"{folder / INDEX} is no index of shards of format {FORMAT}")
        if not isinstance(tables, list) or not tables:
            raise ValueError(f"{folder / INDEX} names no shards")
        if index.get("tokenizer_sha256") != _sha256(corpus / "tokenizer.json"):
            raise ValueError(f"{folder} was made with another tokenizer: make the shards anew")
        shards = [from_table(Shard, table, f"{folder / INDEX} shards") for table in tables]
        dtype = dtype_for(vocab_size)
        self.vocab_size: int = vocab_size
        self.characters = sum(shard.characters for shard in shards)
        self._arrays = [_mapped(folder, shard, dtype) for shard in shards]
        self._begins = np.cumsum([0, *(len(array) for array in self._arrays)])

    def __len__(self) -> int:
        return int(self._begins[-1])

    def window(self, start: int, length: int) -> np.ndarray:
        """The ids from `start` on, `length` of them, over the ends of shards too."""
        assert 0 <= start <= len(self) - length, "outside of the shards"
        number = int(np.searchsorted(self._begins, start, "right")) - 1
        parts, left = [], length
        while left:
            at = start + length - left - int(self._begins[number])
            parts.append(self._arrays[number][at : at + left])
            left -= len(parts[-1])
            number += 1
        window = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if length and int(window.max()) >= self.vocab_size:
            raise ValueError(f"the shards hold an id outside of 0 to {self.vocab_size - 1}")
        return window


def has_shards(corpus: Path) -> bool:
    """Whether the folder of a corpus has shards, to be used instead of its `train.txt`."""
    return (corpus / FOLDER / INDEX).is_file()


def dtype_for(vocab_size: int) -> np.dtype[np.unsignedinteger]:
    """The smallest type that holds every id."""
    size = next(s for s in (1, 2, 4) if vocab_size <= 1 << (8 * s))
    return np.dtype(f"<u{size}")


def _mapped(folder: Path, shard: Shard, dtype: np.dtype[np.unsignedinteger]) -> np.ndarray:
    if not _NAME.fullmatch(shard.file):
        raise ValueError(f"{shard.file!r} is no name of a shard")
    path = folder / shard.file
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ValueError(f"cannot read the shard {path}: {error.strerror}") from error
    if shard.tokens < 1 or shard.characters < 1 or size != shard.tokens * dtype.itemsize:
        raise ValueError(
            f"{path} has {size} bytes, not those of {shard.tokens} tokens: make the shards anew"
        )
    return np.memmap(path, dtype, "r")


def _stretches(text: Path, size: int) -> Iterator[_Stretch]:
    """A text in stretches of about `size` bytes, each up to the end of a line."""
    try:
        total = text.stat().st_size
        with text.open("rb") as file:
            begin = 0
            while begin < total:
                file.seek(min(begin + size, total))
                file.readline()
                yield _Stretch(text, begin, file.tell())
                begin = file.tell()
    except OSError as error:
        raise ValueError(f"cannot read {text}: {error.strerror}") from error


def _encoded(jobs: Sequence[tuple[_Stretch, Path, Path, int]], workers: int) -> Iterator[Shard]:
    if workers == 1:
        yield from (_encode(*job) for job in jobs)
        return
    # Forked processes would inherit the locks of the libraries' threads.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(_encode, *zip(*jobs, strict=True))


def _encode(stretch: _Stretch, tokenizer_file: Path, path: Path, vocab_size: int) -> Shard:
    with stretch.text.open("rb") as file:
        file.seek(stretch.begin)
        data = file.read(stretch.end - stretch.begin)
    try:
        text = normalize(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{stretch.text} is not UTF-8: {error}") from error
    ids, _ = load_tokenizer(tokenizer_file).encode_array(text)
    write_bytes(path, ids.astype(dtype_for(vocab_size)).tobytes())
    return Shard(file=path.name, tokens=len(ids), characters=len(text))


def _sha256(path: Path) -> str:
    try:
        if os.path.getsize(path) > _MAX_TOKENIZER_BYTES:
            raise ValueError(f"{path} is too large")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
