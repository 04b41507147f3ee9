"""Text to ids and back, by byte-level byte pair encoding (Sennrich et al. 2016; the bytes as in
GPT-2, Radford et al. 2019).

A token is a run of UTF-8 bytes: one of the 256 bytes, or what merges of two tokens have made. So
every text can be encoded, and a token may hold a part of a character. The merging is done by
Hugging Face's `tokenizers` library, which also reads the file.
"""

from __future__ import annotations

import json
import re
import reprlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from litteragpt.bounds import check_whole
from litteragpt.files import read_json_object, write_text
from litteragpt.protocols import Encoding, Replacement
from litteragpt.tables import check_keys
from litteragpt.tokenizers.common import MAX_FILE_BYTES, SURROGATES, normalize
from litteragpt.tokenizers.pieces import shown_bytes

END_OF_TEXT: Final = "<|endoftext|>"
MIN_VOCAB_SIZE: Final = 1 + 256
MAX_VOCAB_SIZE: Final = 2**16 - 1
MAX_TOKEN_BYTES: Final = 64

Merge = tuple[bytes, bytes]
"""Two tokens that are to become one."""

_WORDS: Final = (
    r"\n"  # always alone, so that the lines of a text can be told apart by one id
    r"| ?[\p{L}\p{M}]+"
    r"| ?\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+"
    r"|[^\S\n]+(?!\S)"  # white space, but for a space that begins the next word
    r"|[^\S\n]+"
)
"""What a text is cut into before merging: no token is longer than one of these."""

_CUT: Final = re.compile(r"(?<=\n)|(?<=\S)(?= \S)")
"""Places at which `_WORDS` cuts whatever else the text holds: the two sides can be read apart."""

_CHUNK_CHARS: Final = 2**13
_BATCH_CHUNKS: Final = 2**8
"""So many chunks at a time: the library's own record of a token takes some hundred bytes."""


class BPETokenizer:
    """Byte-level BPE: id 0 is `<|endoftext|>`, then the 256 bytes, then the merged tokens.

    No text is ever unknown, but that lone surrogates, which have no UTF-8, are left out. A newline
    is always a token of its own. A text that spells `<|endoftext|>` is read as thirteen
    characters; the `tokenizers` library does the same only with `encode_special_tokens` set.
    """

    def __init__(self, merges: Iterable[Merge]) -> None:
        """A vocabulary that the merges make, the first of them to be done first.

        Raises ValueError for a merge of what is no token yet, that is there twice, or that makes
        a token with a newline or of more than 64 bytes; and for more than 65535 tokens.
        """
        self._merges: Final = tuple(merges)
        self._bytes: Final = [b"", *_BYTE_OF_SYMBOL.values()]
        known = set(self._bytes[1:])
        if len(set(self._merges)) < len(self._merges):
            raise ValueError("a merge is there twice")
        for left, right in self._merges:
            merged = left + right
            if left not in known or right not in known:
                raise ValueError(f"the merge of {_short(left, right)} is of no earlier tokens")
            if b"\n" in merged or len(merged) > MAX_TOKEN_BYTES:
                raise ValueError(
                    f"the merge of {_short(left, right)} makes a token with a newline or of more "
                    f"than {MAX_TOKEN_BYTES} bytes"
                )
            if merged not in known:
                known.add(merged)
                self._bytes.append(merged)
        if len(self._bytes) > MAX_VOCAB_SIZE:
            raise ValueError(
                f"a vocabulary must have at most {MAX_VOCAB_SIZE} tokens, not {len(self._bytes)}"
            )
        self._library: Final = _library(self._vocab(), self._symbol_merges())

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> BPETokenizer:
        """Merge the most frequent pair of tokens of the texts, and again, up to a vocabulary.

        The same texts give the same merges. The vocabulary is smaller than `vocab_size` where no
        pair occurs twice any more. Raises ValueError for a size outside of 257 to 65535.
        """
        check_whole("vocab_size", vocab_size, MIN_VOCAB_SIZE, MAX_VOCAB_SIZE)
        library = _library({}, [])
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=list(_BYTE_OF_SYMBOL),
            min_frequency=2,
            max_token_length=MAX_TOKEN_BYTES,
            show_progress=False,
        )
        chunks = (chunk for text in texts for chunk in _chunks(_without_surrogates(text)))
        library.train_from_iterator(chunks, trainer)
        merges = json.loads(library.to_str())["model"]["merges"]
        return cls((_to_bytes(left), _to_bytes(right)) for left, right in merges)

    @classmethod
    def from_file(cls, path: Path) -> BPETokenizer:
        """Read a `tokenizer.json`; ValueError where it is not just what `save` would write."""
        return cls.from_json(read_json_object(Path(path), MAX_FILE_BYTES), Path(path))

    @classmethod
    def from_json(cls, content: dict[str, Any], path: Path) -> BPETokenizer:
        """The same from the object that the file at `path` holds.

        Nothing of it reaches the library but merges that have been checked.
        """
        check_keys(content, [*_FORM, "model"], [*_FORM, "model"], str(path))
        for key, expected in _FORM.items():
            if content[key] != expected:
                raise ValueError(f"{path} is not a byte-level BPE tokenizer: unexpected {key!r}")
        model = content["model"]
        if not isinstance(model, dict):
            raise ValueError(f"{path}: model must be a table of values")
        keys = [*_MODEL_FORM, "vocab", "merges"]
        check_keys(model, keys, keys, f"{path}: model")
        for key, expected in _MODEL_FORM.items():
            if model[key] != expected:
                raise ValueError(
                    f"{path} is not a byte-level BPE tokenizer: unexpected model.{key}"
                )
        try:
            tokenizer = cls(_read_merges(model["merges"]))
        except ValueError as error:
            raise ValueError(f"{path} is not a byte-level BPE tokenizer: {error}") from error
        vocab = model["vocab"]
        if not isinstance(vocab, dict) or any(type(id) is not int for id in vocab.values()):
            raise ValueError(f"{path} must have a vocabulary of tokens, each with a whole number")
        if vocab != tokenizer._vocab():
            raise ValueError(
                f"{path} must have the vocabulary that its merges make: {END_OF_TEXT!r}, the 256 "
                f"bytes and the merged tokens, with the ids 0 to {tokenizer.vocab_size - 1}"
            )
        return tokenizer

    @property
    def kind(self) -> str:
        """A token is a run of bytes: "bpe"."""
        return "bpe"

    @property
    def vocab_size(self) -> int:
        """The number of ids, `<|endoftext|>` included."""
        return len(self._bytes)

    @property
    def special_ids(self) -> frozenset[int]:
        """Only `<|endoftext|>`."""
        return frozenset({self.unknown_id})

    @property
    def unknown_id(self) -> int:
        """0, `<|endoftext|>`."""
        return 0

    @property
    def merges(self) -> tuple[Merge, ...]:
        """The pairs of tokens that become one, the first to be done first."""
        return self._merges

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BPETokenizer) and self._merges == other._merges

    def __hash__(self) -> int:
        return hash(self._merges)

    def __repr__(self) -> str:
        return f"BPETokenizer(<{len(self._merges)} merges>)"

    def encode(self, text: str) -> Encoding:
        """Ids of the NFC of any `str`, line ends as "\\n"; never an error.

        Only lone surrogates are no text: each run of them is dropped, and is a `Replacement`
        with its position in `text` as given.
        """
        read = _without_surrogates(text)
        dropped = tuple(
            Replacement(run.group(), "", run.start()) for run in SURROGATES.finditer(text)
        )
        return Encoding(self._ids(read).tolist(), read, dropped)

    def encode_array(self, text: str) -> tuple[npt.NDArray[np.uint16], int]:
        """Ids of a whole corpus, fast, and how many of its characters were unknown.

        The text is read as NFC with "\\n" line ends. Only lone surrogates are unknown; each of
        them becomes `<|endoftext|>`.
        """
        normal = normalize(text)
        if not SURROGATES.search(normal):
            return self._ids(normal), 0
        parts: list[npt.NDArray[np.uint16]] = []
        unknown = position = 0
        for run in SURROGATES.finditer(normal):
            length = run.end() - run.start()
            parts.append(self._ids(normal[position : run.start()]))
            parts.append(np.full(length, self.unknown_id, dtype=np.uint16))
            unknown += length
            position = run.end()
        parts.append(self._ids(normal[position:]))
        return np.concatenate(parts), unknown

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids; `<|endoftext|>` gives nothing. ValueError for an id out of range.

        What is no UTF-8, such as a part of a character, becomes U+FFFD.
        """
        return b"".join(self.token_bytes(id) for id in ids).decode("utf-8", errors="replace")

    def token_bytes(self, id: int) -> bytes:
        """What a token stands for; nothing for `<|endoftext|>`. ValueError out of range."""
        if not 0 <= id < len(self._bytes):
            raise ValueError(f"token id {id} is outside of 0 to {len(self._bytes) - 1}")
        return self._bytes[id]

    def piece(self, id: int) -> str:
        """A token as a person may be shown it: no character that is invisible or moves the line.

        A byte that is only a part of a character is written as `<C3>`.
        """
        data = self.token_bytes(id)
        return shown_bytes(data) if data else END_OF_TEXT

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`, whole or not at all."""
        parts = {"vocab": self._vocab(), "merges": self._symbol_merges()}
        content = {**_FORM, "model": {**_MODEL_FORM, **parts}}
        write_text(Path(path), json.dumps(content, ensure_ascii=False, indent=2))

    def _ids(self, text: str) -> npt.NDArray[np.uint16]:
        """Ids of a text in its normal form."""
        chunks = _chunks(text)
        parts = [np.empty(0, dtype=np.uint16)]
        while batch := list(islice(chunks, _BATCH_CHUNKS)):
            encodings = self._library.encode_batch_fast(batch)
            parts += [np.array(encoding.ids, dtype=np.uint16) for encoding in encodings]
        return np.concatenate(parts)

    def _vocab(self) -> dict[str, int]:
        symbols = {symbols_of_bytes(data): id for id, data in enumerate(self._bytes) if id}
        return {END_OF_TEXT: self.unknown_id, **symbols}

    def _symbol_merges(self) -> list[tuple[str, str]]:
        return [(symbols_of_bytes(left), symbols_of_bytes(right)) for left, right in self._merges]


def _byte_of_symbol() -> dict[str, bytes]:
    """The characters by which the file spells bytes, in the order of their code points.

    GPT-2's choice: a byte that Latin-1 prints is that character, the others are the code points
    from 256 on.
    """
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    symbols = {chr(byte): bytes([byte]) for byte in printed}
    symbols.update((chr(256 + place), bytes([byte])) for place, byte in enumerate(others))
    return symbols


_BYTE_OF_SYMBOL: Final = _byte_of_symbol()
_SYMBOL_OF_BYTE: Final = {data[0]: symbol for symbol, data in _BYTE_OF_SYMBOL.items()}


def symbols_of_bytes(data: bytes) -> str:
    """The characters that GPT-2 spells these bytes by."""
    return "".join(_SYMBOL_OF_BYTE[byte] for byte in data)


def _to_bytes(symbols: str) -> bytes:
    """Raises ValueError for a character that spells no byte."""
    try:
        return b"".join(_BYTE_OF_SYMBOL[symbol] for symbol in symbols)
    except KeyError as error:
        raise ValueError(f"the character {error.args[0]!r} spells no byte") from None


def bytes_of_symbols(symbols: str) -> bytes | None:
    """What the characters that GPT-2 spells bytes by stand for; None where one spells none."""
    parts = [_BYTE_OF_SYMBOL.get(symbol) for symbol in symbols]
    return None if None in parts else b"".join(part for part in parts if part is not None)


def _short(left: bytes, right: bytes) -> str:
    return f"{reprlib.repr(left)} and {reprlib.repr(right)}"


def _read_merges(merges: Any) -> Iterator[Merge]:
    if not isinstance(merges, list):
        raise ValueError("its merges are no list")
    for merge in merges:
        match merge:
            case [str(left), str(right)]:
                yield _to_bytes(left), _to_bytes(right)
            case _:
                raise ValueError("a merge must be of two texts")


def _without_surrogates(text: str) -> str:
    """The normal form of a text but for lone surrogates."""
    normal = normalize(text)
    if not SURROGATES.search(normal):
        return normal
    # Without what stood between them, two characters can compose.
    return unicodedata.normalize("NFC", SURROGATES.sub("", normal))


def _chunks(text: str, chars: int = _CHUNK_CHARS) -> Iterator[str]:
    """A text in parts of some `chars` characters; their ids, joined, are those of the text."""
    start = 0
    while start < len(text):
        cut = _CUT.search(text, start + chars)
        end = cut.start() if cut else len(text)
        yield text[start:end]
        start = end


def _library(vocab: dict[str, int], merges: list[tuple[str, str]]) -> tokenizers.Tokenizer:
    """The library's tokenizer for text in its normal form, which knows no special tokens."""
    library = tokenizers.Tokenizer(models.BPE(vocab, merges))
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    library.decoder = decoders.ByteLevel()
    return library


_FORM: Final[dict[str, Any]] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [
        {
            "id": 0,
            "content": END_OF_TEXT,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
    ],
    "normalizer": {
        "type": "Sequence",
        "normalizers": [
            {"type": "Replace", "pattern": {"String": "\r\n"}, "content": "\n"},
            {"type": "Replace", "pattern": {"String": "\r"}, "content": "\n"},
            {"type": "NFC"},
        ],
    },
    "pre_tokenizer": {
        "type": "Sequence",
        "pretokenizers": [
            {
                "type": "Split",
                "pattern": {"Regex": _WORDS},
                "behavior": "Isolated",
                "invert": False,
            },
            {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": True,
                "use_regex": False,
            },
        ],
    },
    "post_processor": None,
    "decoder": {
        "type": "ByteLevel",
        "add_prefix_space": True,
        "trim_offsets": True,
        "use_regex": True,
    },
}
"""All of the file but its model, in the library's own order: it writes the same bytes."""

_MODEL_FORM: Final[dict[str, Any]] = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}
