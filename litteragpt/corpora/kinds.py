"""The kinds of corpus that a recipe may ask for: `[corpus] kind = "books"`, and so on.

Each kind reads its own table and builds the same folder: `train.txt`, `validation.txt` and
`tokenizer.json`, which training reads, and `corpus.json`, which tells how they came about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from litteragpt.corpora.build import build_corpus
from litteragpt.corpora.leaks import Overlap
from litteragpt.corpora.manifest import CorpusConfig
from litteragpt.corpora.places import PlacesConfig, build_places
from litteragpt.corpora.plain import PlainConfig, build_plain
from litteragpt.corpora.portuguese import build_portuguese
from litteragpt.corpora.portuguese_config import PortugueseConfig
from litteragpt.corpora.prose import ProseConfig, build_prose
from litteragpt.corpora.sources import Source
from litteragpt.protocols import Reads


class Config(Protocol):
    """A kind's own settings."""

    def sources(self) -> tuple[Source, ...]:
        """What the texts come from, for the card."""
        ...


class Report(Protocol):
    """What was built."""

    @property
    def folder(self) -> Path: ...

    @property
    def characters(self) -> Mapping[str, int]:
        """Of each part: `train`, `validation`, and others there may be."""
        ...

    @property
    def chunks(self) -> Mapping[str, int]:
        """Chunks, blocks or lines of each part."""
        ...

    @property
    def overlap(self) -> Mapping[str, Overlap]:
        """What a part shares with `train`, where that was counted."""
        ...


class Build(Protocol):
    """Build a corpus into `out`, from `source` or from downloads kept in `cache`."""

    def __call__(
        self,
        name: str,
        config: Any,
        out: Path,
        *,
        source: Path | None = None,
        cache: Path | None = None,
        report: Callable[[str], None] = ...,
    ) -> Report: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """How to read a corpus table and build what it describes."""

    reads: Reads
    config: Callable[[Mapping[str, Any]], Config]
    build: Build


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "books": Kind("text", CorpusConfig.from_table, build_corpus),
        "places": Kind("lines", PlacesConfig.from_table, build_places),
        "text": Kind("text", PlainConfig.from_table, build_plain),
        "portuguese": Kind("text", PortugueseConfig.from_table, build_portuguese),
        "prose": Kind("text", ProseConfig.from_table, build_prose),
    }
)


def kind_of(table: Mapping[str, Any]) -> tuple[Kind, Config]:
    """The kind of a `[corpus]` table, and its settings; `ValueError` for one that will not do."""
    name = table.get("kind", "books")
    if not isinstance(name, str) or name not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise ValueError(f"corpus.kind must be one of {known}, not {name!r}")
    kind = KINDS[name]
    return kind, kind.config({key: value for key, value in table.items() if key != "kind"})
