"""Records from files: token TAB tag, lines of JSON with offsets, lists of labelled words.

The files may be a stranger's: lengths are bounded, and whatever is wrong is a ValueError that
names the file and the line or record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

from litteragpt.bounds import check_range, check_whole
from litteragpt.entities.bio import label_of, spans_of
from litteragpt.entities.record import Record, record_of
from litteragpt.entities.span import Entity, entity_at
from litteragpt.files import parse_json_object, read_json_object
from litteragpt.tables import check_keys, typed

MAX_FILE_BYTES: Final = 256 * 2**20
"""Of a JSON file, which is read whole; the other forms are read line by line, however long."""
MAX_LINE_BYTES: Final = 8 * 2**20
MAX_WORDS: Final = 100_000
"""Of a sentence in a table of tokens."""
MAX_LABEL: Final = 64
"""Characters of a label."""
MAX_ENTITY_WORDS: Final = 50
_MAX_GAP: Final = 8
"""Characters between two labelled words of one entity, such as ` de la ` or `th of `."""
_BLANK: Final = re.compile(rf"\s{{0,{_MAX_GAP}}}")
_GAP: Final = re.compile(rf"[^.!?\n]{{0,{_MAX_GAP}}}")
"""Between two words may stand what the labels leave out, but no end of a sentence."""


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file by its ending: .tsv, .conll or .iob2, .jsonl, or .json."""
    readers = {
        ".tsv": read_tsv,
        ".conll": read_tsv,
        ".iob2": read_tsv,
        ".jsonl": read_jsonl,
        ".json": read_records_json,
    }
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path} must end in {', '.join(readers)}")
    return readers[path.suffix.lower()](path)


def read_tsv(path: Path) -> Iterator[Record]:
    """A sentence a record, of lines `token TAB tag` (IOB2) with a blank line after each sentence.

    The text is the tokens with one space between them. Further columns between the two are passed
    over; a stray I- begins an entity.
    """
    tokens: list[str] = []
    tags: list[str] = []
    for where, line in _lines(path):
        if line.strip():
            columns = line.split("\t")
            token, tag = columns[0], columns[-1].strip()
            if len(columns) < 2 or not token or any(map(str.isspace, token)):
                raise ValueError(f"{where} must hold a token without spaces, a tab and a tag")
            try:
                _check_label(label_of(tag) or "O")
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
            tokens.append(token)
            tags.append(tag)
            if len(tokens) > MAX_WORDS:
                raise ValueError(f"{where}: a sentence must have at most {MAX_WORDS:,} tokens")
        elif tokens:
            yield _sentence(tokens, tags)
            tokens, tags = [], []
    if tokens:
        yield _sentence(tokens, tags)


def read_jsonl(path: Path) -> Iterator[Record]:
    """A record a line: `{"text", "entities": [{"start", "end", "label", …}], "intent"}`.

    `text` and `score` of an entity, and the `intent`, may be missing.
    """
    for where, line in _lines(path):
        if line.strip():
            yield _spanned(parse_json_object(line.encode("utf-8", "surrogatepass"), where), where)


def read_records_json(path: Path) -> Iterator[Record]:
    """The original's file: `{"dataset": [{"text", "labels": [{"word", "label"}], "intent"}]}`."""
    table = read_json_object(path, MAX_FILE_BYTES)
    items = table.get("dataset")
    if not isinstance(items, list):
        raise ValueError(f"{path} must hold a list of records, `dataset`")
    for number, item in enumerate(items, start=1):
        yield labelled_record(item, f"{path}, record {number}")


def labelled_record(item: Any, where: str) -> Record:
    """The record of `{"text", "labels": [{"word", "label"}], "intent"}`, its words labelled in BIO.

    The entities are found from left to right, each as the leftmost whole words after the entity
    before it that read as its words do, side by side or else with little between them. Words
    labelled `O`, or not at all, are in none. `where` names the record in messages. Raises
    ValueError for any other form and for words that the text does not hold in that order.
    """
    table = _table(item, where)
    check_keys(table, ("text", "labels"), ("text", "labels", "intent"), where)
    text = typed(table["text"], str, f"{where}, text")
    found: list[Entity] = []
    at = 0
    for label, words in _groups(table["labels"], where):
        span = _find(text, words, at)
        if span is None:
            raise ValueError(f"{where}: the text does not hold {' '.join(words)[:80]!r} in order")
        found.append(entity_at(text, *span, label))
        at = span[1]
    return record_of(text, found, _intent(table, where))


def _groups(labels: Any, where: str) -> Iterator[tuple[str, list[str]]]:
    """The labels of entities, and their words."""
    if not isinstance(labels, list):
        raise ValueError(f"{where}: labels must be a list")
    label, words = "", list[str]()
    for item in labels:
        table = _table(item, f"{where}, labels")
        check_keys(table, ("word", "label"), ("word", "label"), f"{where}, labels")
        word = typed(table["word"], str, f"{where}, word")
        tag = typed(table["label"], str, f"{where}, label")
        try:
            inside = label_of(tag)
            _check_label(inside or tag)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if inside and not word.strip():
            raise ValueError(f"{where}: a labelled word must not be empty")
        if tag.startswith("I-") and inside == label:
            words.append(word.strip())
            if len(words) > MAX_ENTITY_WORDS:
                raise ValueError(f"{where}: an entity must have at most {MAX_ENTITY_WORDS} words")
            continue
        if label:
            yield label, words
        label, words = inside, [word.strip()]
    if label:
        yield label, words


def _find(text: str, words: Sequence[str], at: int) -> tuple[int, int] | None:
    """The leftmost span from `at` on that holds the words side by side, or else nearly so."""
    first, *others = (re.compile(_whole(word)) for word in words)
    # One step a word from each candidate, never back: a pattern of them all could take for ever.
    for gap in (_BLANK, _GAP):
        for match in first.finditer(text, at):
            end = match.end()
            for word, other in zip(words[1:], others, strict=True):
                following = other.search(text, end, end + _MAX_GAP + len(word) + 1)
                if following is None or not gap.fullmatch(text, end, following.start()):
                    break
                end = following.end()
            else:
                return match.start(), end
    return None


def _whole(word: str) -> str:
    """A pattern of the word where it is no part of a longer one."""
    before = r"(?<!\w)" if word[0].isalnum() else ""
    after = r"(?!\w)" if word[-1].isalnum() else ""
    return f"{before}{re.escape(word)}{after}"


def _spanned(table: Mapping[str, Any], where: str) -> Record:
    check_keys(table, ("text", "entities"), ("text", "entities", "intent"), where)
    text = typed(table["text"], str, f"{where}, text")
    if not isinstance(table["entities"], list):
        raise ValueError(f"{where}: entities must be a list")
    found: list[Entity] = []
    for item in table["entities"]:
        entity = _table(item, f"{where}, entities")
        check_keys(
            entity,
            ("start", "end", "label"),
            ("start", "end", "label", "text", "score"),
            f"{where}, entities",
        )
        start, end = (typed(entity[key], int, f"{where}, {key}") for key in ("start", "end"))
        check_whole(f"{where}, end", end, 1, len(text))
        check_whole(f"{where}, start", start, 0, end - 1)
        score = typed(entity.get("score", 1.0), float, f"{where}, score")
        check_range(f"{where}, score", score, 0, 1)
        own = typed(entity.get("text", text[start:end]), str, f"{where}, text")
        label = typed(entity["label"], str, f"{where}, label")
        try:
            _check_label(label)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        found.append(Entity(start, end, label, own, score))
    try:
        return record_of(text, found, _intent(table, where))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _sentence(tokens: Sequence[str], tags: Sequence[str]) -> Record:
    words: list[tuple[int, int]] = []
    at = 0
    for token in tokens:
        words.append((at, at + len(token)))
        at += len(token) + 1
    text = " ".join(tokens)
    return Record(text, tuple(spans_of(words, tags, text)), tuple(words))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line without its end, and its place for messages; one line at a time in memory."""
    try:
        with path.open("rb") as file:
            for number in count(1):
                data = file.readline(MAX_LINE_BYTES + 1)
                if not data:
                    return
                where = f"{path}, line {number}"
                if len(data) > MAX_LINE_BYTES:
                    raise ValueError(f"{where} is longer than {MAX_LINE_BYTES:,} bytes")
                try:
                    yield where, data.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise ValueError(f"{where} is not UTF-8 text") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


def _check_label(label: str) -> None:
    if not 0 < len(label) <= MAX_LABEL or not label.isprintable() or " " in label:
        raise ValueError(
            f"a label must be 1 to {MAX_LABEL} printable characters without spaces, not "
            f"{label[:80]!r}"
        )


def _intent(table: Mapping[str, Any], where: str) -> str | None:
    intent = table.get("intent")
    if intent is not None:
        intent = str(typed(intent, str, f"{where}, intent"))
        _check_label(intent)
    return intent


def _table(item: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"{where} must be a JSON object, not {type(item).__name__}")
    return item
