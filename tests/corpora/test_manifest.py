from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from litteragpt.corpora.manifest import CorpusConfig

RECIPE = Path(__file__).parents[2] / "models" / "litteragpt-es.toml"


def table(**changes: Any) -> dict[str, Any]:
    work = {
        "title": "Un libro",
        "author": "Nadie",
        "year": 1900,
        "gutenberg": [1, 2],
        "url": ["https://example.org/1.txt", "https://example.org/2.txt"],
        "licence": "Public domain",
        "file": "un_libro",
    }
    return {"works": [{**work, **changes}]}


def test_the_recipe_that_ships() -> None:
    config = CorpusConfig.from_table(tomllib.loads(RECIPE.read_text("utf-8"))["corpus"])
    assert [work.file for work in config.works] == [
        "quijote",
        "lazarillo",
        "marianela",
        "arbol_de_la_ciencia",
        "la_regenta",
    ]
    assert [work.gutenberg for work in config.works] == [
        (2000,),
        (320,),
        (17340,),
        (60464,),
        (17073,),
    ]
    assert config.sentences_per_chunk == 20
    assert config.validation_fraction == 0.05


def test_several_volumes_and_defaults() -> None:
    config = CorpusConfig.from_table(table())
    work = config.works[0]
    assert work.year == "1900"
    assert work.gutenberg == (1, 2)
    assert len(work.url) == 2
    assert work.begin is None
    assert CorpusConfig.from_table({**table(gutenberg=7), "honest_fraction": 0.1}).works[
        0
    ].gutenberg == (7,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"titel": "x"}, "un_libro.* unknown 'titel'"),
        ({"title": ""}, "title"),
        ({"title": 3}, "un_libro.*title must be of type str"),
        ({"gutenberg": True}, "gutenberg must be of type int"),
        ({"gutenberg": 0}, "gutenberg"),
        ({"url": []}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"file": "../secret"}, "file"),
        ({"file": "a/b"}, "file"),
        ({"begin": " "}, "begin"),
        ({"sha256": "abc"}, "sha256"),
    ],
)
def test_bad_works(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CorpusConfig.from_table(table(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sed": 1}, "corpus has the unknown 'sed'"),
        ({"works": []}, "works"),
        ({"works": 3}, "works"),
        ({"works": [3]}, "works"),
        ({"works": table()["works"] * 2}, "two works with the file"),
        ({"sentences_per_chunk": 0}, "from 1 to 1000"),
        ({"sentences_per_chunk": 2.5}, "sentences_per_chunk must be of type int"),
        ({"validation_fraction": 0.0}, "validation_fraction"),
        ({"honest_fraction": 0.6}, "honest_fraction"),
        ({"honest_fraction": float("nan")}, "honest_fraction"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_corpora(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CorpusConfig.from_table({**table(), **changes})


@pytest.mark.parametrize("missing", ["title", "gutenberg", "url", "file", "licence"])
def test_missing_entries_are_named(missing: str) -> None:
    content = table()
    del content["works"][0][missing]
    with pytest.raises(ValueError, match=f"lacks '{missing}'"):
        CorpusConfig.from_table(content)
