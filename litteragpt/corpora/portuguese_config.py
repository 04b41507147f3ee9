"""What the Portuguese corpus is made of: the `[corpus]` table of kind `portuguese`.

[[corpus.sentences]]    modern sentences: `wikipedia` (a dump) or `conllu` (a treebank)
[[corpus.literature]]   works: files of `tei`, `html` or `gutenberg` (plain text)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litteragpt.bounds import check_range, check_whole
from litteragpt.corpora.sources import Source
from litteragpt.tables import from_table

SENTENCES = "wiki"
LITERATURE = "lit"
_FORMATS = {SENTENCES: ("wikipedia", "conllu"), LITERATURE: ("tei", "html", "gutenberg")}
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSet:
    """One set of texts under one licence."""

    kind: str
    """`wiki` (sentences) or `lit` (literature)."""
    title: str
    author: str
    year: str
    address: str
    """The page of the set, for the card."""
    licence: str
    file: str
    """In a local source: the stem of the file of sentences (`FILE.txt`), or what the names of
    the works begin with (`FILE….txt`, in a folder or a .tar.xz)."""
    format: str = ""
    """Of what is downloaded."""
    url: str = ""
    """Where to download from; `{}` stands for each of `files`. Without one the set is only read
    from a local source."""
    files: tuple[str, ...] = ()
    """The files to download, where there are several."""
    spaced_hyphens: bool = False
    """Whether the set has white space around its hyphens: `vice - presidente`."""
    max_articles: int = 0
    """Articles of Wikipedia to read; 0: all."""
    max_characters: int = 0
    """Characters to read, cleaned; 0: all."""

    def __post_init__(self) -> None:
        where = f"the set {self.file!r} of corpus.{self.kind}"
        if not _STEM.fullmatch(self.file):
            raise ValueError(
                f"file must be letters, digits, _, . and - (no path), not {self.file!r}"
            )
        for name in ("title", "author", "year", "address", "licence"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} of {where} must not be empty")
        if self.url and self.format not in _FORMATS[self.kind]:
            known = ", ".join(_FORMATS[self.kind])
            raise ValueError(f"format of {where} must be one of {known}, not {self.format!r}")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"url of {where} must be an http(s) address, not {self.url!r}")
        if ("{}" in self.url) != bool(self.files):
            raise ValueError(f"url of {where} must hold {{}} just where files has names")
        if bad := [each for each in self.files if not _STEM.fullmatch(each)]:
            raise ValueError(
                f"files of {where} must be letters, digits, _, . and -, not {bad[0]!r}"
            )
        check_whole(f"max_articles of {where}", self.max_articles, 0, 10**9)
        check_whole(f"max_characters of {where}", self.max_characters, 0, 10**10)

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """A name and an address for each file to download."""
        if not self.files:
            return ((self.file, self.url),)
        return tuple((f"{self.file}-{each}", self.url.replace("{}", each)) for each in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortugueseConfig:
    """The sets of texts and how they become training and validation text."""

    sets: tuple[TextSet, ...]
    block_lines: int = 20
    """Sentences of an unknown origin that make one document."""
    validation_characters: int = 500_000
    validation_wiki: float = 0.5
    """The share of sentences in the validation text; the rest is literature."""
    sentence_repeats: int = 1
    """How often the documents of sentences stand in `train.txt`, where literature is much more."""
    near_duplicate: float = 0.8
    """The similarity (Jaccard, of runs of three words) from which a line is a copy."""
    run_words: int = 13
    """Words in a row that training and validation text may not have in common."""
    tokenizer: str = "bpe"
    vocabulary: int = 8192
    seed: int = 1904

    def __post_init__(self) -> None:
        for kind in (SENTENCES, LITERATURE):
            if not any(each.kind == kind for each in self.sets):
                raise ValueError(f"the corpus has no set of kind {kind!r}")
        files = [each.file for each in self.sets]
        if twice := [file for file in files if files.count(file) > 1]:
            raise ValueError(f"two sets of the corpus have the file {twice[0]!r}")
        check_whole("block_lines", self.block_lines, 1, 1000)
        check_whole("validation_characters", self.validation_characters, 1000, 10**8)
        check_range("validation_wiki", self.validation_wiki, 0.05, 0.95)
        check_whole("sentence_repeats", self.sentence_repeats, 1, 100)
        check_range("near_duplicate", self.near_duplicate, 0.1, 1.0)
        check_whole("run_words", self.run_words, 3, 100)
        if self.tokenizer not in ("bpe", "characters"):
            raise ValueError(f"tokenizer must be bpe or characters, not {self.tokenizer!r}")
        check_whole("vocabulary", self.vocabulary, 300, 60_000)
        check_whole("seed", self.seed, 0, 2**63 - 1)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> PortugueseConfig:
        """What a recipe's `[corpus]` table describes, with defaults for what it leaves out.

        Raises ValueError for a missing, unknown, ill-typed or out-of-range entry, naming it.
        """
        rest = dict(table)
        sets = [
            *_sets(rest.pop("sentences", []), SENTENCES, "sentences"),
            *_sets(rest.pop("literature", []), LITERATURE, "literature"),
        ]
        return from_table(cls, rest, "corpus", ready={"sets": tuple(sets)})

    def sources(self) -> tuple[Source, ...]:
        """The sets as a card lists them."""
        return tuple(
            Source(
                title=each.title,
                author=each.author,
                year=each.year,
                address=each.address,
                licence=each.licence,
            )
            for each in self.sets
        )


def _sets(tables: object, kind: str, key: str) -> list[TextSet]:
    if not isinstance(tables, list) or not all(isinstance(each, Mapping) for each in tables):
        raise ValueError(f"corpus.{key} must be tables: [[corpus.{key}]]")
    return [
        from_table(
            TextSet,
            {**each, "year": str(each["year"])} if type(each.get("year")) is int else each,
            f"corpus.{key} {each.get('file', '')!r}",
            ready={"kind": kind},
        )
        for each in tables
    ]
