"""An annotated set carried into another language by rules: words translated, entities kept.

`apertium` (Forcada et al. 2011; a program to install apart) translates near languages almost word
by word and leaves mark-up where it stands, so that an entity is what stands between its marks. A
sentence that comes back with other marks than it had is dropped.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from litteragpt.entities.record import Record, record_of
from litteragpt.entities.span import Entity

PROGRAM: Final = "apertium"
BATCH: Final = 1_000
"""Sentences given to one run of the program."""
_PARAGRAPH: Final = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_MARK: Final = re.compile(r"<i>(.*?)</i>", re.DOTALL)
_TAG: Final = re.compile(r"</?[a-z][^>]*>")
_CLOSING: Final = re.compile(r" +(?=[.,;:!?)»\]%])|(?<=[(«\[]) +")


@dataclass(slots=True)
class Translated:
    """What became of a set; counted while it is read."""

    kept: int = 0
    dropped: int = 0


def translate(records: Iterable[Record], mode: str, counts: Translated) -> Iterator[Record]:
    """The records in another language; `mode` is apertium's, such as `pt-es`.

    Raises ValueError where the program or the pair of languages is missing.
    """
    if shutil.which(PROGRAM) is None:
        raise ValueError(f"{PROGRAM} is not installed: it translates the sets")
    if not re.fullmatch(r"[A-Za-z_]{2,12}-[A-Za-z_]{2,12}", mode):
        raise ValueError(f"mode must be a pair of languages such as pt-es, not {mode[:40]!r}")
    left = iter(records)
    while batch := list(islice(left, BATCH)):
        for record, translated in zip(batch, _run([marked(r) for r in batch], mode), strict=True):
            found = None if translated is None else unmarked(translated, record.entities)
            if found is None:
                counts.dropped += 1
            else:
                counts.kept += 1
                yield found


def marked(record: Record) -> str:
    """The text as HTML, each entity in `<i>`, no space before a full stop and the like."""
    parts: list[str] = []
    at = 0
    for entity in record.entities:
        parts.append(html.escape(record.text[at : entity.start], quote=False))
        parts.append(f"<i>{html.escape(entity.text, quote=False)}</i>")
        at = entity.end
    parts.append(html.escape(record.text[at:], quote=False))
    return _CLOSING.sub("", "".join(parts))


def unmarked(translated: str, entities: Sequence[Entity]) -> Record | None:
    """The record of what came back, or None where its marks are not those of the entities."""
    text = ""
    found: list[Entity] = []
    at = 0
    marks = list(_MARK.finditer(translated))
    if len(marks) != len(entities):
        return None
    for mark, entity in zip(marks, entities, strict=True):
        text += _plain(translated[at : mark.start()])
        inside = _plain(mark[1]).strip()
        if not inside:
            return None
        found.append(Entity(len(text), len(text) + len(inside), entity.label, inside))
        text += inside
        at = mark.end()
    text += _plain(translated[at:])
    return None if _TAG.search(text) else record_of(text, found)


def _run(texts: Sequence[str], mode: str) -> list[str | None]:
    """Each text translated; None for all where the program lost count of them."""
    whole = "\n".join(f"<p>{text}</p>" for text in texts)
    command = [PROGRAM, "-u", "-f", "html", mode]
    done = subprocess.run(command, input=whole, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"{PROGRAM} cannot translate {mode}: {done.stderr.strip()[:200]}")
    found = [match.strip() for match in _PARAGRAPH.findall(done.stdout)]
    return list(found) if len(found) == len(texts) else [None] * len(texts)


def _plain(marked: str) -> str:
    return html.unescape(marked)
