from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litteragpt.corpora.books import SourceError
from litteragpt.corpora.portuguese import build_portuguese
from litteragpt.corpora.portuguese_config import PortugueseConfig
from litteragpt.corpora.word_runs import number_words, shared_runs
from litteragpt.tokenizers import load_tokenizer

_WORDS = (
    "casa rio mar pedra homem mulher noite dia vento cidade povo vida olhos porta mesa livro "
    "tempo caminho luz sombra água terra fogo voz mão pão vinho campo serra ponte"
)
WORDS = _WORDS.split()
SHARED = "o velho rio corre sempre para o mar e a ponte de pedra fica onde estava ontem."

COMMON: dict[str, str] = {
    "author": "Alguém",
    "year": "1900",
    "address": "https://example.org",
    "licence": "CC BY-SA 4.0",
}


def table(**changes: Any) -> dict[str, Any]:
    return {
        "validation_characters": 8000,
        "tokenizer": "bpe",
        "vocabulary": 350,
        "seed": 7,
        "sentences": [{"title": "Frases", "file": "frases", **COMMON}],
        "literature": [{"title": "Obras", "file": "obra_", **COMMON}],
        **changes,
    }


def config(**changes: Any) -> PortugueseConfig:
    return PortugueseConfig.from_table(table(**changes))


def sentence(rng: random.Random) -> str:
    return f"O {' de '.join(rng.choices(WORDS, k=9))} era do {rng.choice(WORDS)}."


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Sentences and twelve works, with copies, boilerplate and dirt among them."""
    rng = random.Random(1)
    folder = tmp_path / "source"
    (folder / "wiki").mkdir(parents=True)
    lines = [sentence(rng) for _ in range(600)]
    lines[300:300] = [lines[0], f"{lines[1][:-1]} também.", "[[Ficheiro:a.jpg|thumb]]"]
    (folder / "wiki" / "frases.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / "wiki" / "proibido.txt").write_text("Proibido, isto não se lê em parte alguma.\n")
    with tarfile.open(folder / "lit.tar.xz", "w:xz") as tar:
        for number in range(12):
            rows = [" ".join(sentence(rng) for _ in range(3)) for _ in range(5)]
            rows += ["Edição digital da Biblioteca Nacional.", "- Sim - disse.", "— Não."]
            rows += [f"Então {SHARED}"]
            data = "\n".join(rows).encode()
            info = tarfile.TarInfo(f"lit/obra_{number:02}.txt")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        tar.addfile(tarfile.TarInfo("lit/INDEX.tsv"))
    return folder


def lines_of(folder: Path, part: str) -> list[str]:
    text = (folder / f"{part}.txt").read_text(encoding="utf-8")
    assert text.endswith("\n")
    return text[:-1].split("\n")


def test_build(source: Path, tmp_path: Path) -> None:
    said: list[str] = []
    result = build_portuguese("pt", config(), tmp_path / "out", source=source, report=said.append)
    out = result.folder
    parts = {part: lines_of(out, part) for part in result.characters}
    assert parts["validation"] == parts["validation-wiki"] + parts["validation-lit"]
    assert sorted(parts["train"]) == sorted(parts["train-wiki"] + parts["train-lit"])
    for part, lines in parts.items():
        assert result.chunks[part] == len(lines)
        assert result.characters[part] == len("\n".join(lines)) + 1
    assert 3000 < result.characters["validation-wiki"] <= 4000
    assert 1000 < result.characters["validation-lit"] <= 4000

    text = "\n".join(parts["train"] + parts["validation"])
    assert "Proibido" not in text
    assert "Ficheiro" not in text
    assert "Edição digital" not in text
    assert "— Sim — disse." in parts["train"]
    assert result.dropped["wiki"]["copy"] == 2
    assert result.dropped["lit"]["boilerplate"] == 12 * 2
    assert all("\r" not in line and line == line.strip() for line in parts["train"])

    # Every sixth word is from a list of thirty, but no thirteen in a row are shared.
    for part in ("train", "train-wiki", "train-lit"):
        known: dict[str, int] = {}
        ours, theirs = (number_words(parts[p], known) for p in (part, "validation"))
        assert shared_runs(ours, theirs, 13).runs == 0

    tokenizer = load_tokenizer(out / "tokenizer.json")
    assert tokenizer.vocab_size == result.vocabulary == 350
    content = json.loads((out / "corpus.json").read_text(encoding="utf-8"))
    assert content["characters"] == dict(result.characters)
    assert content["shared_runs"] == {"words": 13, "before": result.shared_runs_before, "left": 0}
    assert [each["file"] for each in content["sets"]] == ["frases", "obra_"]
    assert any("Frases" in line for line in said)


def test_works_and_blocks_are_held_out_whole(source: Path, tmp_path: Path) -> None:
    out = build_portuguese("pt", config(), tmp_path / "out", source=source).folder
    held = set(lines_of(out, "validation-lit")) - {"— Não.", "— Sim — disse."}
    with tarfile.open(source / "lit.tar.xz") as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            own = set(file.read().decode().split("\n")[:5])
            assert own <= held or not own & held
    first = lines_of(out, "validation-wiki")[:20]
    raw = (source / "wiki" / "frases.txt").read_text(encoding="utf-8").split("\n")
    places = [raw.index(line) for line in first]
    assert places == sorted(places)
    assert places[-1] - places[0] < 24


def test_lines_that_share_a_run_with_validation_go(source: Path, tmp_path: Path) -> None:
    lines = (source / "wiki" / "frases.txt").read_text(encoding="utf-8").split("\n")
    for index in range(5, 600, 20):  # one in every block
        lines[index] = f"{lines[index][:-1]} e {SHARED}"
    (source / "wiki" / "frases.txt").write_text("\n".join(lines), encoding="utf-8")
    result = build_portuguese("pt", config(), tmp_path / "out", source=source)
    assert result.shared_runs_before > 0
    assert result.dropped["wiki"]["shared"] > 5
    assert SHARED in (result.folder / "validation.txt").read_text(encoding="utf-8")
    assert SHARED not in (result.folder / "train.txt").read_text(encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_the_same_again(source: Path, tmp_path: Path) -> None:
    one = build_portuguese("pt", config(), tmp_path / "a", source=source)
    two = build_portuguese("pt", config(), tmp_path / "b", source=source)
    assert digests(one.folder) == digests(two.folder)
    assert replace(one, folder=two.folder) == two
    other = build_portuguese("pt", config(seed=8), tmp_path / "c", source=source)
    assert digests(other.folder)["train.txt"] != digests(one.folder)["train.txt"]


def test_several_vocabularies_of_one_corpus(source: Path, tmp_path: Path) -> None:
    one = build_portuguese("pt", config(), tmp_path / "a", source=source)
    two = build_portuguese("pt", config(vocabulary=320), tmp_path / "b", source=source)
    chars = build_portuguese("pt", config(tokenizer="characters"), tmp_path / "c", source=source)
    assert (one.vocabulary, two.vocabulary) == (350, 320)
    assert chars.vocabulary < 100
    assert len({digests(each.folder)[f] for each in (one, two, chars) for f in ["train.txt"]}) == 1


def test_sentences_stand_as_often_as_asked_for(source: Path, tmp_path: Path) -> None:
    once, thrice = tmp_path / "once", tmp_path / "thrice"
    build_portuguese("x", config(), once, source=source)
    build_portuguese("x", config(sentence_repeats=3), thrice, source=source)
    expected = Counter(lines_of(once, "train-lit"))
    for line in lines_of(once, "train-wiki"):
        expected[line] += 3
    assert Counter(lines_of(thrice, "train")) == expected
    for part in ("train-wiki", "train-lit", "validation"):
        assert lines_of(thrice, part) == lines_of(once, part)
    assert (once / "tokenizer.json").read_bytes() == (thrice / "tokenizer.json").read_bytes()
    report = json.loads((thrice / "corpus.json").read_text(encoding="utf-8"))
    assert report["characters"]["train"] == len((thrice / "train.txt").read_text("utf-8"))
    numbers: dict[str, int] = {}
    held_out = number_words(lines_of(thrice, "validation"), numbers)
    assert shared_runs(number_words(lines_of(thrice, "train"), numbers), held_out, 13).runs == 0


def test_a_change_of_the_texts_is_told(source: Path, tmp_path: Path) -> None:
    first = build_portuguese("pt", config(), tmp_path / "out", source=source)
    assert first.changes == ()
    with (source / "wiki" / "frases.txt").open("a", encoding="utf-8") as file:
        file.write("\nUma frase nova, que antes não estava em lugar nenhum.\n")
    second = build_portuguese("pt", config(), tmp_path / "out", source=source)
    (change,) = second.changes
    assert change.startswith("Frases (frases) differs")


def test_bounds_of_a_set(source: Path, tmp_path: Path) -> None:
    sentences = [{"title": "Frases", "file": "frases", **COMMON, "max_characters": 20_000}]
    result = build_portuguese("pt", config(sentences=sentences), tmp_path / "out", source=source)
    read, _ = result.sets
    assert 20_000 <= read.characters < 23_000


def test_sources_that_are_not_there(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a folder"):
        build_portuguese("pt", config(), tmp_path / "out", source=tmp_path / "none")
    (source / "lit.tar.xz").unlink()
    with pytest.raises(SourceError, match=r"Obras is not in the source .*no works obra_….txt"):
        build_portuguese("pt", config(), tmp_path / "out", source=source)
    (source / "lit.tar.xz").write_bytes(b"no archive")
    with pytest.raises(SourceError, match=r"not a readable \.tar\.xz"):
        build_portuguese("pt", config(), tmp_path / "out", source=source)
    assert not (tmp_path / "out").exists()


def test_texts_too_short(source: Path, tmp_path: Path) -> None:
    (source / "wiki" / "frases.txt").write_text("Curta.\n", encoding="utf-8")
    with pytest.raises(ValueError, match="nothing is left for train-wiki"):
        build_portuguese("pt", config(), tmp_path / "out", source=source)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer": "words"}, "tokenizer must be bpe or characters"),
        ({"vocabulary": 10}, "vocabulary"),
        ({"validation_wiki": 1.5}, "validation_wiki"),
        ({"sentences": []}, "no set of kind 'wiki'"),
        ({"literature": 3}, r"corpus\.literature must be tables"),
        ({"surprise": 1}, "unknown 'surprise'"),
        ({"sentences": [{"title": "a", "file": "../x", **COMMON}]}, "no path"),
        ({"sentences": [{"title": "a", "file": "obra_", **COMMON}]}, "two sets"),
        ({"sentences": [{"title": " ", "file": "x", **COMMON}]}, "title of .* not be empty"),
        (
            {"sentences": [{"title": "a", "file": "x", **COMMON, "url": "ftp://x"}]},
            "format of .* must be one of",
        ),
        (
            {
                "sentences": [
                    {"title": "a", "file": "x", **COMMON, "format": "conllu", "url": "file:///x"}
                ]
            },
            "http",
        ),
    ],
)
def test_a_table_that_will_not_do(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**changes)


def test_the_recipe() -> None:
    recipe = Path(__file__).parents[2] / "models" / "mygpt-pt.toml"
    corpus = tomllib.loads(recipe.read_text(encoding="utf-8"))["corpus"]
    assert corpus.pop("kind") == "portuguese"
    sources = PortugueseConfig.from_table(corpus).sources()
    assert all("CC BY" in each.licence or "Public domain" in each.licence for each in sources)
    assert "paramopama" not in recipe.read_text(encoding="utf-8")
