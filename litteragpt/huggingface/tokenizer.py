"""A tokenizer of `transformers` as one of ours.

Whatever kind it is, a token is a run of UTF-8 bytes here: so tokens join to a text by their
bytes alone, a part of a character waits for the rest, and a space before a word is never lost.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tokenizers

from litteragpt.files import write_text
from litteragpt.huggingface.faults import as_value_error
from litteragpt.protocols import Encoding, Replacement
from litteragpt.tokenizers.bpe import bytes_of_symbols
from litteragpt.tokenizers.common import SURROGATES, normalize
from litteragpt.tokenizers.pieces import shown, shown_bytes

_ANCHOR: Final = "a"
"""What a token is decoded after: at the beginning of a text some decoders drop a space."""


class HuggingFaceTokenizer:
    """The `tokenizers` library's tokenizer behind a `PreTrainedTokenizerFast`.

    A text that spells a special token (`</s>`) is read as its characters; only the beginning
    that the tokenizer itself puts before a text, and the frame of a chat, are special.
    """

    def __init__(self, theirs: Any, vocab_size: int) -> None:
        """ValueError where its ids do not fit a model of `vocab_size` ids."""
        self._theirs = theirs
        self._library = tokenizers.Tokenizer.from_str(theirs.backend_tokenizer.to_str())
        self._library.no_truncation()
        self._library.no_padding()
        vocab: dict[str, int] = self._library.get_vocab(with_added_tokens=True)
        if not vocab or max(vocab.values()) >= vocab_size:
            largest = max(vocab.values(), default=-1)
            raise ValueError(f"the tokenizer has ids up to {largest}, its model {vocab_size}")
        self._pieces: Final = [""] * (max(vocab.values()) + 1)
        for piece, id in vocab.items():
            self._pieces[id] = piece
        added = self._library.get_added_tokens_decoder()
        special = {id for id, token in added.items() if token.special}
        special |= {id for id in theirs.all_special_ids if id is not None}
        special |= set(range(len(self._pieces))) - set(vocab.values())
        self._special: Final = frozenset(special)
        self._prefix: Final = list(
            itertools.takewhile(special.__contains__, self._library.encode(_ANCHOR).ids)
        )
        # From here on the library finds no special token in a text.
        self._library.encode_special_tokens = True
        self._bytes: Final = self._all_bytes({id: token.content for id, token in added.items()})
        self._unknown: Final[int | None] = theirs.unk_token_id
        self._begin: Final[int | None] = theirs.bos_token_id

    @property
    def kind(self) -> str:
        """A token is a run of bytes of some kind: "pieces"."""
        return "pieces"

    @property
    def vocab_size(self) -> int:
        """One more than the largest id."""
        return len(self._pieces)

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids of special tokens, and those that stand for nothing."""
        return self._special

    @property
    def unknown_id(self) -> int:
        """The id of its `<unk>`; where it has none, of what begins or ends a text, or 0."""
        ids = (self._unknown, self._begin, self._theirs.eos_token_id)
        return next((id for id in ids if id is not None), 0)

    @property
    def end_id(self) -> int | None:
        """What its model writes at the end of a text."""
        end: int | None = self._theirs.eos_token_id
        return end

    def encode(self, text: str) -> Encoding:
        """Ids of the NFC of any `str`, after what the tokenizer puts before every text.

        Where it has an `<unk>`, each run of a text that becomes that is a `Replacement`; so is
        each run of lone surrogates, which is dropped.
        """
        read = _as_read(text)
        encoding = self._encode(read)
        ids = [*self._prefix, *encoding.ids]
        if not ids and self._begin is not None:
            ids = [self._begin]
        dropped = [Replacement(run.group(), "", run.start()) for run in SURROGATES.finditer(text)]
        unknown = [] if self._unknown is None else list(self._unknown_runs(encoding))
        shown_as = "" if self._unknown is None else self._pieces[self._unknown]
        replaced = _placed(text, [read[start:end] for start, end in unknown], shown_as)
        return Encoding(ids, read, tuple(sorted([*dropped, *replaced], key=lambda r: r.index)))

    def encode_array(self, text: str) -> tuple[npt.NDArray[np.uint32], int]:
        """Ids of a whole text, nothing before it, and how many of its characters are unknown."""
        encoding = self._encode(_as_read(text))
        unknown = sum(len(run.group()) for run in SURROGATES.finditer(text))
        if self._unknown is not None:
            unknown += sum(end - start for start, end in self._unknown_runs(encoding))
        return np.array(encoding.ids, dtype=np.uint32), unknown

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids; special ids give nothing. ValueError for an id out of range.

        What is no UTF-8, such as a part of a character, becomes U+FFFD.
        """
        return b"".join(self._bytes[self._checked(id)] for id in ids).decode(errors="replace")

    def piece(self, id: int) -> str:
        """A token as a person may be shown it."""
        data = self._bytes[self._checked(id)]
        return shown_bytes(data) if data else shown(self._pieces[id])

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`, whole or not at all."""
        write_text(Path(path), self._library.to_str(pretty=True))

    @property
    def chats(self) -> bool:
        """Whether the folder says how its model is spoken to."""
        return bool(self._theirs.chat_template)

    def chat(self, content: str) -> Encoding:
        """What the model reads for a message of a user, up to where its answer begins.

        Special tokens come from the chat template alone, never from the message. ValueError
        where the template cannot be used.
        """
        assert self.chats, "ask `chats` first"
        # Letters alone, which no template changes; random, so that no template can know them.
        mark = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(24))
        with as_value_error("the chat template cannot be used"):  # it is a program
            frame = self._theirs.apply_chat_template(
                [{"role": "user", "content": mark}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
            )
        before, found, after = frame.partition(mark)
        if not found or mark in after:
            raise ValueError("the chat template cannot be used: it does not give the message once")
        message = self.encode(content)
        ids = [*self._framing(before), *message.ids[len(self._prefix) :], *self._framing(after)]
        return Encoding(ids, message.text, message.replacements)

    def _encode(self, read: str) -> Any:
        """What the library makes of a text; ValueError where the tokenizer cannot read it."""
        with as_value_error("the tokenizer cannot read this text"):
            return self._library.encode(read, add_special_tokens=False)

    def _framing(self, text: str) -> list[int]:
        """Ids of a part of a chat's frame, in which special tokens are what they are."""
        ids: list[int] = self._theirs(text, add_special_tokens=False).input_ids
        return ids

    def _unknown_runs(self, encoding: Any) -> Iterator[tuple[int, int]]:
        """Where the text has what becomes `<unk>`; neighbours are one run."""
        if self._unknown not in encoding.ids:
            return
        begin = last = -1
        for id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if id != self._unknown:
                continue
            if start != last:
                if begin < last:
                    yield begin, last
                begin = start
            last = end
        if begin < last:
            yield begin, last

    def _all_bytes(self, added: dict[int, str]) -> list[bytes]:
        """What each id adds to a text."""
        kinds = _decoder_kinds(self._library.decoder)
        anchor = self._library.encode(_ANCHOR, add_special_tokens=False).ids[-1:]
        alone = self._library.decode(anchor, skip_special_tokens=False)
        after_anchor = self._library.decode_batch(
            [[*anchor, id] for id in range(len(self._pieces))], skip_special_tokens=False
        )
        result = []
        for id, piece in enumerate(self._pieces):
            if id in self._special:
                data: bytes | None = b""
            elif id in added:
                data = added[id].encode()
            elif "ByteLevel" in kinds:
                data = bytes_of_symbols(piece)
            elif "ByteFallback" in kinds and (byte := _fallback_byte(piece)) is not None:
                data = byte
            else:
                data = None
            if data is None:
                data = after_anchor[id].removeprefix(alone).encode()
            result.append(data)
        return result

    def _checked(self, id: int) -> int:
        if not 0 <= id < len(self._pieces):
            raise ValueError(f"token id {id} is outside of 0 to {len(self._pieces) - 1}")
        return id


def _as_read(text: str) -> str:
    """A text as a tokenizer is given it: its normal form, without lone surrogates."""
    normal = normalize(text)
    return normalize(SURROGATES.sub("", normal)) if SURROGATES.search(normal) else normal


def _placed(text: str, runs: Sequence[str], target: str) -> Iterator[Replacement]:
    """Replacements of runs of the normal form, each looked up in the text as it was written."""
    position = 0
    for run in runs:
        found = text.find(run, position)
        index = position if found < 0 else found
        yield Replacement(run, target, index)
        position = index + (0 if found < 0 else len(run))


def _decoder_kinds(decoder: Any) -> frozenset[str]:
    """The types of the steps by which the library joins tokens."""
    if decoder is None:
        return frozenset()
    form = json.loads(decoder.__getstate__())
    return frozenset(each["type"] for each in form.get("decoders", [form]))


def _fallback_byte(piece: str) -> bytes | None:
    """The byte that a token such as `<0xC3>` stands for."""
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        try:
            return bytes([int(piece[3:5], 16)])
        except ValueError:
            return None
    return None
