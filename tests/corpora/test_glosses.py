"""WordNet's definitions, and how they become Portuguese sentences and questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from litteragpt.corpora.glosses import (
    KINDS,
    Synset,
    english,
    read_synsets,
    write_glosses,
)

DATA = {
    "noun": "  1 This software and database is being provided to you\n"
    "02512053 05 n 02 catfish 0 siluriform_fish 0 001 @ 01432517 n 0000 | any of numerous mostly "
    'freshwater fishes; "they caught a catfish yesterday"; "a catfish"  \n',
    "verb": '01140794 33 v 01 play 0 000 | be at play; "The children were playing outside" \n',
    "adj": "00004296 00 a 02 half-witted 0 slow(p) 0 000 | not bright  \n",
    "adv": '00001740 02 r 01 anew 0 000 | again; "start anew now and then" - Anon.; as before  \n',
}


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    for kind in KINDS:
        (tmp_path / f"data.{kind}").write_text(DATA[kind], "utf-8")
    return tmp_path


def test_synsets_are_read_with_their_examples_apart(wordnet: Path) -> None:
    assert list(read_synsets(wordnet)) == [
        Synset(
            "noun",
            ("catfish", "siluriform fish"),
            "any of numerous mostly freshwater fishes",
            ("they caught a catfish yesterday", "a catfish"),
        ),
        Synset("verb", ("play",), "be at play", ("The children were playing outside",)),
        Synset("adj", ("half-witted", "slow"), "not bright", ()),
        Synset("adv", ("anew",), "again; as before", ("start anew now and then",)),
    ]


def test_sentences_are_translated_and_nouns_asked_for(wordnet: Path, tmp_path: Path) -> None:
    catfish, play, slow, _ = read_synsets(wordnet)
    assert english(catfish) == [
        "Catfish: any of numerous mostly freshwater fishes.",
        "They caught a catfish yesterday.",
        "siluriform fish",
    ]
    assert english(play) == ["Be at play.", "The children were playing outside."]
    assert english(slow) == ["Not bright.", "slow"]
    portuguese = {
        "Catfish: any of numerous mostly freshwater fishes.": "Bagre: qualquer de muitos peixes.",
        "siluriform fish": "siluriform fish",
        "Be at play.": "Estar a\nbrincar.",
        "Not bright.": "Não ser brilhante: tolo.",
        "slow": "lento",
    }
    told: list[int] = []
    done = write_glosses(
        iter([catfish, play, slow, slow]),
        tmp_path / "out",
        lambda text: portuguese.get(text, ""),
        workers=2,
        report=told.append,
    )
    assert (tmp_path / "out" / "glosses.txt").read_text("utf-8").splitlines() == [
        "Bagre: qualquer de muitos peixes.",
        "Estar a brincar.",
        "Não ser brilhante: tolo.",
        "lento",
    ]
    asked = (tmp_path / "out" / "questions.txt").read_text("utf-8")
    assert asked == "O que é bagre?\n", "a noun's name alone"
    assert done == (4, 1)
    assert told == [7]


@pytest.mark.parametrize(
    "line", ["1 | of a word", "0 0 n zz word 0 | x", "0 0 n 01 word 0 no gloss"]
)
def test_what_is_no_database_is_refused(wordnet: Path, line: str) -> None:
    (wordnet / "data.verb").write_text(line + "\n", "utf-8")
    with pytest.raises(ValueError, match=r"data\.verb, line 1: no synset"):
        list(read_synsets(wordnet))
    (wordnet / "data.verb").unlink()
    with pytest.raises(ValueError, match=r"data\.verb cannot be read"):
        list(read_synsets(wordnet))
