"""A text and its entities as files: JSON lines, CoNLL, CSV, a page of HTML.

All are text. Whoever writes them encodes them as UTF-8.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from litteragpt.entities.bio import tags_of
from litteragpt.entities.highlight import STYLE, escape, legend, marked
from litteragpt.entities.span import Entity, check_entities
from litteragpt.entities.words import split_words
from litteragpt.sentences import split_sentences

CSV_COLUMNS: Final = ("start", "end", "label", "text", "score")

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
_SPACE: Final = re.compile(r"\s+")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PAGE_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1.0625rem/1.6 Georgia, serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
p { display: flex; flex-wrap: wrap; gap: 0.5rem; font: 0.8125rem system-ui, sans-serif; }
article + article { margin-top: 1rem; border-top: 1px solid; padding-top: 1rem; }
"""


def to_jsonl(text: str, entities: Iterable[Entity], intent: str | None = None) -> str:
    """One line, `{"text", "entities": [{"start", "end", "label", "text", "score"}]}`.

    What the whole text is for comes last where it is known, `"intent"`. A lone surrogate, which
    UTF-8 cannot hold, is replaced: offsets stay as they are.
    """
    checked = _checked(text, entities)
    record: dict[str, object] = {"text": text, "entities": [each.to_dict() for each in checked]}
    if intent is not None:
        record["intent"] = intent
    # Escaped line separators: some readers take U+2028 and the like for the end of a line.
    line = _SURROGATE.sub("\ufffd", json.dumps(record, ensure_ascii=False))
    for separator in "\x85\u2028\u2029":
        line = line.replace(separator, f"\\u{ord(separator):04x}")
    return f"{line}\n"


def to_conll(text: str, entities: Iterable[Entity]) -> str:
    """A word, a tab and its IOB2 tag a line; an empty line after each sentence.

    An entity that begins or ends inside a word takes in the whole word. White space in a label
    becomes `_`, for it would end the tag.
    """
    words = split_words(text)
    checked = [_tag_label(each) for each in _checked(text, entities)]
    tags = tags_of(words, checked, snap=True)
    ends = _sentence_ends(text)
    lines: list[str] = []
    sentence = 0
    for (start, end), tag in zip(words, tags, strict=True):
        over = False
        while sentence < len(ends) and start >= ends[sentence]:
            sentence += 1
            over = True
        # A sentence that ends inside an entity goes on until the entity is over.
        if over and lines and not tag.startswith("I-"):
            lines.append("\n")
        lines.append(f"{text[start:end]}\t{tag}\n")
    return "".join([*lines, "\n"]) if lines else ""


def to_csv(
    text: str,
    entities: Iterable[Entity],
    *,
    header: bool = True,
    normalised: Callable[[Entity], str | None] | None = None,
) -> str:
    """A line for each entity, after the names of the columns.

    A text that a spreadsheet would take for a formula gets an apostrophe before it. `normalised`
    gives the date of an entity for one more column, `iso_8601`.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    if header:
        writer.writerow(CSV_COLUMNS if normalised is None else (*CSV_COLUMNS, "iso_8601"))
    for each in _checked(text, entities):
        row = [each.start, each.end, _cell(each.label), _cell(each.text), f"{each.score:.4f}"]
        writer.writerow(row if normalised is None else [*row, normalised(each) or ""])
    return file.getvalue()


def to_html(text: str, entities: Sequence[Entity], *, title: str = "LitteraGPT") -> str:
    """A page of HTML that needs nothing but itself, for light and for dark."""
    return html_head(title) + html_part(text, entities) + html_tail()


def html_head(title: str = "LitteraGPT") -> str:
    """How a page begins; then one `html_part` for each text, then `html_tail`."""
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>{_PAGE_STYLE}{STYLE}</style>\n</head>\n<body>\n"
    )


def html_part(text: str, entities: Sequence[Entity]) -> str:
    """One text of a page, with the labels that it has."""
    labels = dict.fromkeys(each.label for each in entities)
    shown = f"<p>{''.join(legend(labels))}</p>" if labels else ""
    return f'<article>{shown}<div class="lg-marked" dir="auto">{marked(text, entities)}</div>' + (
        "</article>\n"
    )


def html_tail() -> str:
    """How a page ends."""
    return "</body>\n</html>\n"


def _checked(text: str, entities: Iterable[Entity]) -> list[Entity]:
    ordered = sorted(entities, key=lambda each: each.start)
    check_entities(text, ordered)
    return ordered


def _tag_label(entity: Entity) -> Entity:
    label = _SPACE.sub("_", entity.label)
    return Entity(entity.start, entity.end, label, entity.text, entity.score)


def _sentence_ends(text: str) -> list[int]:
    ends: list[int] = []
    length = 0
    for sentence in split_sentences(text):
        length += len(sentence)
        ends.append(length)
    return ends


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
