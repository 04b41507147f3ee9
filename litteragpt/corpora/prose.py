"""A large corpus of prose to train a base model on, clean of the corpus that it is a base for.

The corpus `beside` (its folder stands beside this one's) gives the alphabet, so that weights
trained here fit there. No line of training touches a run of 50 characters of anything in it, nor
of the works held out for validation here; a line most of which an earlier work has had is a copy.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from litteragpt.bounds import check_range, check_whole
from litteragpt.corpora.leaks import KnownRuns, Overlap, run_hashes
from litteragpt.corpora.prose_sources import Collection, Prose, read_prose
from litteragpt.corpora.sources import Source
from litteragpt.corpora.split import shuffle
from litteragpt.files import read_text, write_text
from litteragpt.tables import from_table
from litteragpt.tokenizers import CharTokenizer

FORMAT = 1
_SAMPLED = np.uint64(64)  # one run in so many is remembered, to find copies with
_EDITION = 0.2  # the share of a work in known lines from which on it is another edition of them
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_MAX_PART_BYTES = 2**28
_PARTS = ("train", "validation", "honest")

Report = Callable[[str], None]
Dropped = Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProseConfig:
    """Which works, and what of them is held out."""

    collections: tuple[Collection, ...]
    beside: str
    """The corpus whose alphabet is used and whose texts must not be in this one."""
    validation_fraction: float = 0.004
    """Of the characters, at most, in whole works."""
    run_characters: int = 50
    """Length of the runs that count as the same text."""
    seed: int = 1605

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.beside):
            raise ValueError(f"beside must be the name of a corpus, not {self.beside!r}")
        check_range("validation_fraction", self.validation_fraction, 1e-6, 0.5)
        check_whole("run_characters", self.run_characters, 10, 1000)
        check_whole("seed", self.seed, 0, 2**63 - 1)

    def sources(self) -> tuple[Source, ...]:
        """The collections as a card lists them."""
        return tuple(
            Source(
                title=each.title,
                author=each.author,
                year=each.year,
                address=each.url[0] if len(each.url) == 1 else f"{len(each.url)} texts",
                licence=each.licence,
            )
            for each in self.collections
        )

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> ProseConfig:
        """From a recipe's `[corpus]` table. `ValueError` for an entry that will not do."""
        tables = table.get("collections")
        if not isinstance(tables, list) or not tables:
            raise ValueError("the recipe has no [[corpus.collections]] tables")
        ready = tuple(
            from_table(Collection, each, f"corpus.collections {number}")
            for number, each in enumerate(tables, start=1)
        )
        rest = {k: v for k, v in table.items() if k not in ("collections", "kind")}
        return from_table(cls, rest, "corpus", ready={"collections": ready})


@dataclass(frozen=True, slots=True)
class ProseReport:
    """What was built."""

    folder: Path
    works: Mapping[str, Mapping[str, int]]
    """Works of each part by name, with their characters."""
    characters: Mapping[str, int]
    """Of `train` and `validation`."""
    chunks: Mapping[str, int]
    """Lines of either."""
    dropped: Mapping[str, int]
    """Training lines left out, by reason."""
    overlap: Mapping[str, Overlap] = field(default_factory=dict)
    """Empty: lines with a run in common are taken out, none is left to count."""


def build_prose(
    name: str,
    config: ProseConfig,
    out: Path,
    *,
    source: Path | None = None,
    cache: Path | None = None,
    report: Report = lambda line: None,
) -> ProseReport:
    """Build the corpus into `out`: `train.txt`, `validation.txt`, `tokenizer.json`, `corpus.json`.

    Works come from `source`, or are downloaded and kept in `cache` (default: `downloads` beside
    `out`). The same works and configuration give the same files. Needs some 20 bytes of memory a
    character.

    Raises OSError (`books.SourceError`) where a work cannot be had, ValueError where the corpus
    `beside` is not built or nothing is left to train on.
    """
    folder = Path(out)
    tokenizer, others = _beside(folder.parent / config.beside)
    works = list(
        read_prose(
            config.collections,
            source=source,
            cache=cache or folder.parent / "downloads",
            report=report,
        )
    )
    report(f"{len(works)} works, {sum(len(work.text) for work in works):,} characters")
    dropped: Counter[str] = Counter()
    works = list(_own(works, KnownRuns(others, config.run_characters), config, dropped, report))
    held_out, rest = _split(works, config)
    validation = "".join(f"{work.text}\n" for work in held_out)
    kept = list(_new(rest, KnownRuns(validation, config.run_characters), config, dropped))
    if not kept or not validation.strip():
        raise ValueError("the texts are too few: nothing is left to train on or to validate with")
    parts = {"train": kept, "validation": held_out}
    texts = {part: "".join(f"{work.text}\n" for work in all_) for part, all_ in parts.items()}
    result = ProseReport(
        folder=folder,
        works={part: {w.name: len(w.text) for w in all_} for part, all_ in parts.items()},
        characters={part: len(text) for part, text in texts.items()},
        chunks={part: text.count("\n") for part, text in texts.items()},
        dropped=dict(dropped),
    )
    for reason, lines_dropped in dropped.items():
        report(f"{lines_dropped:,} lines left out: {reason}")
    folder.mkdir(parents=True, exist_ok=True)
    for part, text in texts.items():
        write_text(folder / f"{part}.txt", text)
    tokenizer.save(folder / "tokenizer.json")
    write_text(folder / "corpus.json", _as_json(name, config, result))
    return result


def _beside(folder: Path) -> tuple[CharTokenizer, str]:
    """The tokenizer of the other corpus, and all of its texts."""
    if not (folder / "corpus.json").is_file():
        raise ValueError(f"{folder} is not there: build that corpus first, beside this one")
    paths = [folder / f"{part}.txt" for part in _PARTS]
    texts = [read_text(path, _MAX_PART_BYTES) for path in paths if path.is_file()]
    return CharTokenizer.from_file(folder / "tokenizer.json"), "\n".join(texts)


def _own(
    works: list[Prose], known: KnownRuns, config: ProseConfig, dropped: Dropped, report: Report
) -> Iterator[Prose]:
    """The works without what the other corpus has; none that is mostly known there."""
    for work in works:
        whole = work.text.split("\n")
        lines, count = _without_runs(whole, known)
        if _size(lines) < (1 - _EDITION) * _size(whole):
            report(f"{work.name}: left out, since {config.beside} has much of it")
            dropped[f"of a work that {config.beside} has"] += len(whole)
            continue
        dropped[f"shares a run with {config.beside}"] += count
        yield Prose(work.name, "\n".join(lines))


def _new(
    works: list[Prose], validation: KnownRuns, config: ProseConfig, dropped: Dropped
) -> Iterator[Prose]:
    """The works without what validation has, and without copies of one another."""
    copies = _Copies(config.run_characters)
    for work in works:
        lines, count = _without_runs(work.text.split("\n"), validation)
        dropped["shares a run with validation"] += count
        lines, count = copies.new(lines)
        dropped["copy of another line"] += count
        if lines:
            yield Prose(work.name, "\n".join(lines))


def _split(works: list[Prose], config: ProseConfig) -> tuple[list[Prose], list[Prose]]:
    """Whole works for validation in the seed's order, as long as they fit; and the others."""
    order = list(range(len(works)))
    shuffle(order, random.Random(config.seed))
    left = config.validation_fraction * sum(len(work.text) for work in works)
    chosen = set()
    for index in order:
        if len(works[index].text) <= left:
            chosen.add(index)
            left -= len(works[index].text)
    if not chosen and works:
        chosen.add(min(order, key=lambda index: len(works[index].text)))
    return (
        [work for index, work in enumerate(works) if index in chosen],
        [work for index, work in enumerate(works) if index not in chosen],
    )


def _size(lines: list[str]) -> int:
    return sum(map(len, lines))


def _without_runs(lines: list[str], known: KnownRuns) -> tuple[list[str], int]:
    """The lines that touch no known run, and how many do; a gap may join two into a run anew."""
    before = len(lines)
    while lines and (touched := known.lines(lines)):
        lines = [line for index, line in enumerate(lines) if index not in touched]
    return lines, before - len(lines)


class _Copies:
    """Finds lines that were there before, by a sample of the runs of characters in them."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._seen: set[int] = set()

    def new(self, lines: list[str]) -> tuple[list[str], int]:
        """The lines of a work that are new, and how many are not; they are remembered."""
        hashes = run_hashes("\n".join(lines), self._length)
        sampled = np.flatnonzero(hashes % _SAMPLED == 0)
        values = hashes[sampled].tolist()
        found = np.array([value in self._seen for value in values], dtype=np.bool_)
        starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
        line_of = np.searchsorted(starts, sampled, "right") - 1
        total = np.bincount(line_of, minlength=len(lines))
        before = np.bincount(line_of[found], minlength=len(lines))
        copied = (total >= 2) & (before * 2 > total)
        self._seen.update(values)
        return [line for line, is_copy in zip(lines, copied, strict=True) if not is_copy], int(
            copied.sum()
        )


def _as_json(name: str, config: ProseConfig, result: ProseReport) -> str:
    content = {
        "format": FORMAT,
        "name": name,
        "beside": config.beside,
        "seed": config.seed,
        "validation_fraction": config.validation_fraction,
        "run_characters": config.run_characters,
        "collections": [asdict(each) for each in config.collections],
        "characters": result.characters,
        "lines": result.chunks,
        "lines_dropped": result.dropped,
        "works": result.works,
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
