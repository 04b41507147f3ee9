"""Causal language models of others as taggers that write: folders of Hugging Face's layout.

What the system says goes into the user's message, since many chat templates know no system; a
model without a template reads it as plain text. The answer is text like any other to such a
model: words, tags and `[stop]` are as many of its tokens as they take.

Beside what `transformers` reads, the folder has `entities.json`, which names the labels; it is
written by `litteragpt.training.tagging_causal_hf`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from litteragpt.entities.causal_folder import check_labels
from litteragpt.entities.chat import STOP, messages
from litteragpt.entities.copying import Ids
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.files import read_json_object
from litteragpt.huggingface import HuggingFaceTokenizer, load_folder, read_folder
from litteragpt.huggingface.faults import as_value_error
from litteragpt.tables import check_keys
from litteragpt.weights import CheckpointError

TABLE_FILE: Final = "entities.json"
FORMAT: Final = 1
MAX_TABLE_BYTES: Final = 2**18
_KEYS: Final = ("format", "labels")
_CACHE: Final = 65_536


class HuggingFaceVocabulary:
    """The conversation in the tokens of another's tokenizer; see `ChatVocabulary`."""

    def __init__(self, tokenizer: HuggingFaceTokenizer, labels: Sequence[str]) -> None:
        """Raises ValueError where the tokenizer cannot write a tag, or what ends an answer."""
        self._tokenizer = tokenizer
        self._tag_ids: Final = {
            f"{kind}-{label}": self._line_end(f"{kind}-{label}")
            for label in labels
            for kind in "BI"
        }
        self._stop_ids: Final = self._written(STOP)
        if not self._stop_ids:
            raise ValueError(f"the tokenizer cannot write {STOP}")
        self._word_ids = lru_cache(_CACHE)(self._word)

    @property
    def tag_ids(self) -> Mapping[str, Ids]:
        """Of each tag but `O`: from after the word to the end of the line."""
        return self._tag_ids

    @property
    def stop_ids(self) -> Ids:
        """What ends an answer."""
        return self._stop_ids

    def prompt(self, words: Sequence[str]) -> list[int]:
        """All up to where the answer begins, as the folder's chat template has it, if it has."""
        content = "\n".join(message.content for message in messages(words))
        if self._tokenizer.chats:
            return self._tokenizer.chat(content).ids
        return self._tokenizer.encode(f"{content}\n").ids

    def word_ids(self, word: str) -> Ids:
        """A word as it stands after a space; none where the tokenizer cannot write it."""
        return self._word_ids(word)

    def text(self, ids: Sequence[int]) -> str:
        """What an answer says."""
        return self._tokenizer.decode(ids)

    def _word(self, word: str) -> Ids:
        return self._written(f" {word}") or self._written(word)

    def _written(self, text: str) -> Ids:
        """The ids of a text, none where they say another, spaces around it apart."""
        ids = tuple(int(id) for id in self._tokenizer.encode_array(text)[0])
        return ids if self._tokenizer.decode(ids).strip() == text.strip() else ()

    def _line_end(self, tag: str) -> Ids:
        ids = self._written(f": {tag}\n")
        if not ids or not self._tokenizer.decode(ids).endswith("\n"):
            raise ValueError(f"the tokenizer cannot write the tag {tag} and the end of a line")
        return ids


def is_causal_tagger_folder(folder: Path) -> bool:
    """Whether a model folder of others says which labels it writes."""
    return (folder / TABLE_FILE).is_file()


def load_causal_huggingface(folder: Path) -> GenerativeTagger:
    """The tagger of a folder with `entities.json`. Raises CheckpointError."""
    path = folder / TABLE_FILE
    try:
        table = read_json_object(path, MAX_TABLE_BYTES)
        labels = _labels(table, path)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    return tagger_of(folder, labels)


def tagger_of(folder: Path, labels: Sequence[str]) -> GenerativeTagger:
    """The language model of a folder as a tagger of these labels. Raises CheckpointError."""
    try:
        loaded = load_folder(read_folder(folder))
        with as_value_error(f"{folder} cannot be used"):
            vocabulary = HuggingFaceVocabulary(loaded.tokenizer, labels)
            vocabulary.prompt(["a"])
    except (ValueError, OSError) as error:
        raise CheckpointError(str(error)) from error
    return GenerativeTagger(
        loaded.model, vocabulary, labels, name=folder.name, end_ids=loaded.end_ids
    )


def _labels(table: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    check_keys(table, _KEYS, _KEYS, str(path))
    if type(table["format"]) is not int or table["format"] != FORMAT:
        raise ValueError(f"{path} must have the format {FORMAT}")
    if not isinstance(table["labels"], list):
        raise ValueError(f"{path}: labels must be a list")
    return check_labels(table["labels"], str(path))
