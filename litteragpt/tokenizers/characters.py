"""Text to ids and back, one character a token.

The `tokenizers` library reads the file and gives the same ids, but it encodes about 1 MB/s at
character level, so here the look-up is a NumPy table over code points; and it turns what it does
not know into `<unk>`, where here a close known character stands in and the user is told.
"""

from __future__ import annotations

import json
import reprlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from litteragpt.files import read_json_object, write_text
from litteragpt.protocols import Encoding, Replacement
from litteragpt.substitutes import is_mark, substitute
from litteragpt.tokenizers.common import MAX_FILE_BYTES, SURROGATES, normalize
from litteragpt.tokenizers.pieces import shown

UNKNOWN: Final = "<unk>"
MAX_VOCAB_SIZE: Final = 2**16  # an id is a uint16

_JOINER: Final = "\u200d"


class CharTokenizer:
    """One id a character: 0 is `<unk>`, then the characters of the vocabulary in their order.

    A text that spells `<unk>` is read as five characters; the `tokenizers` library does the same
    only with `encode_special_tokens` set.
    """

    def __init__(self, characters: Iterable[str]) -> None:
        """A vocabulary of single characters, the first with id 1.

        Raises ValueError for an entry that is not one character, that is there twice, or that
        NFC text can never hold; and for an empty or too large vocabulary.
        """
        characters = list(characters)
        if not 1 <= len(characters) < MAX_VOCAB_SIZE:
            count = len(characters)
            raise ValueError(
                f"a vocabulary must have 1 to {MAX_VOCAB_SIZE - 1} characters, not {count}"
            )
        for character in characters:
            if len(character) != 1:
                entry = reprlib.repr(character)
                raise ValueError(f"vocabulary entry {entry} is not one character")
            if SURROGATES.match(character) or unicodedata.normalize("NFC", character) != character:
                raise ValueError(f"vocabulary entry {character!r} cannot occur in NFC text")
        self._characters: Final = "".join(characters)
        self._known: Final = frozenset(characters)
        if len(self._known) < len(characters):
            raise ValueError("a character is in the vocabulary twice")
        self._pieces: Final = ["", *characters]
        codes = np.array([ord(character) for character in characters])
        # One entry past the last known code point, for everything beyond it.
        self._table: Final = np.zeros(int(codes.max()) + 2, dtype=np.uint16)
        self._table[codes] = np.arange(1, len(characters) + 1, dtype=np.uint16)

    @classmethod
    def from_text(cls, text: str) -> CharTokenizer:
        """The vocabulary of a text: the characters of its NFC in the order of their code points."""
        return cls(sorted(set(SURROGATES.sub("", normalize(text)))))

    @classmethod
    def from_file(cls, path: Path) -> CharTokenizer:
        """Read a `tokenizer.json`; ValueError where it is not just what `save` would write."""
        return cls.from_json(read_json_object(Path(path), MAX_FILE_BYTES), Path(path))

    @classmethod
    def from_json(cls, content: dict[str, Any], path: Path) -> CharTokenizer:
        """The same from the object that the file at `path` holds."""
        for key, expected in _FORM.items():
            if content.get(key) != expected:
                raise ValueError(f"{path} is not a character tokenizer: unexpected {key!r}")
        model = content.get("model")
        if not isinstance(model, dict) or model.get("type") != "WordLevel":
            raise ValueError(f"{path} is not a character tokenizer: its model is not WordLevel")
        vocab = model.get("vocab")
        if not isinstance(vocab, dict) or model.get("unk_token") != UNKNOWN:
            raise ValueError(f"{path} lacks a vocabulary with the unknown token {UNKNOWN!r}")
        if any(type(id) is not int for id in vocab.values()):
            raise ValueError(f"{path} has a vocabulary id that is not an integer")
        if sorted(vocab.values()) != list(range(len(vocab))) or vocab.get(UNKNOWN) != 0:
            raise ValueError(
                f"{path} must have the ids 0 to {len(vocab) - 1} once each, 0 for {UNKNOWN!r}"
            )
        entries = sorted(vocab, key=vocab.__getitem__)
        try:
            return cls(entries[1:])
        except ValueError as error:
            raise ValueError(f"{path} is not a character tokenizer: {error}") from error

    @property
    def kind(self) -> str:
        """A token is a character: "char"."""
        return "char"

    @property
    def vocab_size(self) -> int:
        """The number of ids, `<unk>` included."""
        return len(self._pieces)

    @property
    def special_ids(self) -> frozenset[int]:
        """Only `<unk>`."""
        return frozenset({self.unknown_id})

    @property
    def unknown_id(self) -> int:
        """0."""
        return 0

    @property
    def characters(self) -> str:
        """The characters of the vocabulary; the one at position i has the id i + 1."""
        return self._characters

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CharTokenizer) and self._characters == other._characters

    def __hash__(self) -> int:
        return hash(self._characters)

    def __repr__(self) -> str:
        return f"CharTokenizer({self._characters!r})"

    def encode(self, text: str) -> Encoding:
        """Ids of the NFC of any `str`, line ends as "\\n"; never an error.

        What the vocabulary lacks becomes a close known text or is dropped, and each such place
        is a `Replacement` with its position in `text` as given. A base character is reported
        together with its combining marks, and dropped parts of one emoji together. NFC and line
        ends are no replacements: the text stays canonically the same.
        """
        if "\r" not in text and unicodedata.is_normalized("NFC", text):
            ids = self._look_up(text)
            if ids.all():
                return Encoding(ids.tolist(), text, ())
        parts: list[str] = []
        replacements: list[Replacement] = []
        cache: dict[str, str] = {}
        start = 0
        for segment in _segments(text, dots="." not in self._known):
            normal = normalize(segment)
            if all(character in self._known for character in normal):
                target = normal
            else:
                if normal not in cache:
                    cache[normal] = self._replace(normal)
                target = cache[normal]
                _report(replacements, Replacement(segment, target, start))
            parts.append(target)
            start += len(segment)
        read = "".join(parts)
        # Dropping what stood between them can bring together two characters that compose.
        while not unicodedata.is_normalized("NFC", read):
            composed = unicodedata.normalize("NFC", read)
            read = "".join(character for character in composed if character in self._known)
        return Encoding(self._look_up(read).tolist(), read, tuple(replacements))

    def encode_array(self, text: str) -> tuple[npt.NDArray[np.uint16], int]:
        """Ids of a whole corpus, fast, and how many of its characters were unknown.

        The text is read as NFC with "\\n" line ends. An unknown character becomes what `encode`
        would put in its place (which can be several ids) or `<unk>`: none is dropped, so a loss
        over the ids counts every character.
        """
        normal = normalize(text)
        ids = self._look_up(normal)
        unknown = np.flatnonzero(ids == self.unknown_id)
        if not unknown.size:
            return ids, 0
        codes = np.unique(_code_points(normal)[unknown]).tolist()
        targets = {code: substitute(chr(code), self._known) for code in codes}
        found = {code: target for code, target in targets.items() if target}
        return self._look_up(normal.translate(found)), int(unknown.size)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids; `<unk>` gives nothing. ValueError for an id outside of range."""
        return "".join(self._pieces[self._checked(id)] for id in ids)

    def piece(self, id: int) -> str:
        """A token as a person may be shown it: no character that is invisible or moves the line."""
        character = self._pieces[self._checked(id)]
        return shown(character) if character else UNKNOWN

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`, whole or not at all."""
        vocab = {UNKNOWN: self.unknown_id}
        vocab.update((character, id) for id, character in enumerate(self._characters, start=1))
        content = {**_FORM, "model": {"type": "WordLevel", "vocab": vocab, "unk_token": UNKNOWN}}
        write_text(Path(path), json.dumps(content, ensure_ascii=False, indent=2))

    def _checked(self, id: int) -> int:
        if not 0 <= id < len(self._pieces):
            raise ValueError(f"token id {id} is outside of 0 to {len(self._pieces) - 1}")
        return id

    def _look_up(self, text: str) -> npt.NDArray[np.uint16]:
        ids: npt.NDArray[np.uint16] = self._table[
            np.minimum(_code_points(text), len(self._table) - 1)
        ]
        return ids

    def _replace(self, segment: str) -> str:
        """The known text for one NFC segment that holds something unknown."""
        whole = substitute(segment, self._known) if len(segment) > 1 else ""
        if whole:
            return whole
        parts: list[str] = []
        kept = True
        for character in segment:
            # A mark would attach itself to whatever now stands before it.
            if is_mark(character) and not kept:
                continue
            kept = character in self._known
            parts.append(character if kept else substitute(character, self._known))
        return "".join(parts)


_FORM: Final[dict[str, Any]] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [
        {
            "id": 0,
            "content": UNKNOWN,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
    ],
    "normalizer": {"type": "NFC"},
    # Not "(?s).", which the library's regular expressions reject, and not ".", which skips "\n".
    "pre_tokenizer": {
        "type": "Split",
        "pattern": {"Regex": r"[\s\S]"},
        "behavior": "Isolated",
        "invert": False,
    },
    "post_processor": None,
    "decoder": {"type": "Fuse"},
}
"""All of the file but its model, in the library's own order: it writes the same bytes."""


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _segments(text: str, *, dots: bool) -> Iterator[str]:
    """Pieces of the text whose NFC, joined, is the NFC of the text.

    A line end of two characters stays whole, and with `dots` so does an ellipsis of three.
    """
    start = 0
    for end in range(1, len(text)):
        if not _is_boundary(text, start, end):
            continue
        if dots and text[end] == "." and text[start:end] in (".", ".."):
            continue
        yield text[start:end]
        start = end
    if text:
        yield text[start:]


def _is_boundary(text: str, start: int, end: int) -> bool:
    """Whether what begins at `end` can be normalized apart from the segment `start` to `end`."""
    character = text[end]
    if character < "\u0300":  # nothing below the first combining mark composes with what precedes
        return not (character == "\n" and text[end - 1] == "\r")
    if is_mark(character):
        return False
    # Of a long segment only its last character that is no mark can compose with this one.
    if is_mark(text[end - 1]) and end - start > 1:
        return True
    segment = text[start:end]
    joined = unicodedata.normalize("NFC", segment + character)
    return joined == unicodedata.normalize("NFC", segment) + unicodedata.normalize("NFC", character)


def _report(replacements: list[Replacement], new: Replacement) -> None:
    """Add a replacement, to the last one where both are dropped parts of one emoji."""
    if replacements and not new.target and not replacements[-1].target:
        last = replacements[-1]
        if last.index + len(last.source) == new.index and _one_emoji(last.source, new.source):
            replacements[-1] = Replacement(last.source + new.source, "", last.index)
            return
    replacements.append(new)


def _one_emoji(before: str, after: str) -> bool:
    first = after[0]
    flag = _is_flag_letter(first) and _is_flag_letter(before[-1])
    return (
        before[-1] == _JOINER
        or first == _JOINER
        or "\U0001f3fb" <= first <= "\U0001f3ff"  # a skin tone
        or "\U000e0020" <= first <= "\U000e007f"  # a tag
        or (flag and sum(map(_is_flag_letter, before)) % 2 == 1)
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
