from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path

import pytest

from litteragpt.corpora.books import SourceError
from litteragpt.corpora.build import CorpusReport, build_corpus
from litteragpt.corpora.manifest import CorpusConfig, Work
from litteragpt.tokenizers import CharTokenizer
from tests.corpora.samples import as_gutenberg, book

REPOSITORY = Path(__file__).parents[2]
RECIPE = REPOSITORY / "models" / "litteragpt-es.toml"
REAL_TEXTS = REPOSITORY.parent / "shared" / "data" / "es_lit" / "core"

FILES = ["train.txt", "validation.txt", "honest.txt", "tokenizer.json", "corpus.json"]


def work(file: str, sha256: str | None = None) -> Work:
    return Work(
        title=f"El {file}",
        author="Nadie",
        year="1900",
        gutenberg=(1,),
        url=("http://localhost:9/none.txt",),
        licence="Public domain",
        file=file,
        sha256=sha256,
    )


CONFIG = CorpusConfig(works=(work("uno"), work("dos")), seed=3)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "uno.txt").write_text(book(1, 30), "utf-8")
    (folder / "dos.txt").write_text(as_gutenberg(book(2, 30)), "utf-8")
    return folder


def lines_of(path: Path) -> set[str]:
    return set(path.read_text("utf-8").splitlines())


def check_folder(folder: Path, report: CorpusReport) -> None:
    """What holds for every corpus."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    train, validation, honest = (folder / f"{part}.txt" for part in report.characters)
    assert not lines_of(train) & (lines_of(validation) | lines_of(honest))
    characters = set()
    for part, path in zip(report.characters, (train, validation, honest), strict=True):
        text = path.read_bytes().decode("utf-8")
        assert len(text) == report.characters[part]
        assert "\r" not in text
        assert "  " not in text
        assert "——" not in text
        characters |= set(text)
    tokenizer = CharTokenizer.from_file(folder / "tokenizer.json")
    assert set(tokenizer.characters) == characters
    kept = report.characters["train"] + report.characters["validation"]
    total = kept + report.characters["honest"]
    assert report.characters["validation"] / kept == pytest.approx(0.05, abs=0.01)
    assert report.characters["honest"] / total == pytest.approx(0.05, abs=0.01)


def test_build(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said: list[str] = []
    report = build_corpus("test", CONFIG, out, source=source, report=said.append)
    check_folder(out, report)
    assert report.changes == ()
    assert any("El uno" in line for line in said)
    content = json.loads((out / "corpus.json").read_text("utf-8"))
    assert content["name"] == "test"
    assert content["seed"] == 3
    assert content["characters"] == report.characters
    assert [w["sha256"] for w in content["works"]] == [w.sha256 for w in report.works]
    assert content["works"][0]["title"] == "El uno"
    assert content["overlap_with_train"]["validation"]["length"] == 50
    assert str(tmp_path) not in (out / "corpus.json").read_text("utf-8")


def test_same_texts_same_files(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        build_corpus("test", CONFIG, tmp_path / name, source=source)
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_later_build_says_what_differs(source: Path, tmp_path: Path) -> None:
    first = build_corpus("test", CONFIG, tmp_path / "out", source=source)
    again = build_corpus("test", CONFIG, tmp_path / "out", source=source)
    assert again.changes == ()
    (source / "dos.txt").write_text(book(5, 30), "utf-8")
    said: list[str] = []
    changed = build_corpus("test", CONFIG, tmp_path / "out", source=source, report=said.append)
    assert len(changed.changes) == 1
    assert "El dos" in changed.changes[0]
    assert first.works[1].sha256 in changed.changes[0]
    assert changed.works[1].sha256 in changed.changes[0]
    assert changed.changes[0] in said


def test_the_recipes_sha256_is_compared(source: Path, tmp_path: Path) -> None:
    built = build_corpus("test", CONFIG, tmp_path / "a", source=source)
    right = work("uno", sha256=built.works[0].sha256)
    wrong = work("dos", sha256="0" * 64)
    config = dataclasses.replace(CONFIG, works=(right, wrong))
    report = build_corpus("test", config, tmp_path / "b", source=source)
    assert len(report.changes) == 1
    assert "dos" in report.changes[0]
    assert "the recipe's was 000" in report.changes[0]


def test_an_unreadable_corpus_json_is_replaced(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for content in ("[]", "{", '{"works": 3}', '{"works": [{"file": "uno"}]}'):
        (out / "corpus.json").write_text(content, "utf-8")
        assert build_corpus("test", CONFIG, out, source=source).changes == ()


def test_what_is_missing_leaves_the_last_corpus_alone(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_corpus("test", CONFIG, out, source=source)
    before = {file: (out / file).read_bytes() for file in FILES}
    (source / "dos.txt").unlink()
    with pytest.raises(SourceError, match=r"dos\.txt"):
        build_corpus("test", CONFIG, out, source=source)
    assert before == {file: (out / file).read_bytes() for file in FILES}


@pytest.mark.parametrize("text", ["", "* * *\n", "Hola.", "Uno.\nDos.\nTres."])
def test_too_little_text(source: Path, tmp_path: Path, text: str) -> None:
    (source / "uno.txt").write_text(text, "utf-8")
    config = dataclasses.replace(CONFIG, works=(work("uno"),))
    with pytest.raises(ValueError, match="nothing is left"):
        build_corpus("test", config, tmp_path / "out", source=source)


def test_from_the_cache(source: Path, tmp_path: Path) -> None:
    cache = tmp_path / "downloads"
    source.rename(cache)
    report = build_corpus("test", CONFIG, tmp_path / "out")
    check_folder(tmp_path / "out", report)


def test_the_recipe_that_ships(tmp_path: Path) -> None:
    """The real texts where they lie beside the repository, else made-up ones of the same names."""
    config = CorpusConfig.from_table(tomllib.loads(RECIPE.read_text("utf-8"))["corpus"])
    source = REAL_TEXTS
    if not source.is_dir():
        source = tmp_path / "source"
        source.mkdir()
        for index, item in enumerate(config.works):
            (source / f"{item.file}.txt").write_text(book(index, 30), "utf-8")
    report = build_corpus("litteragpt-es", config, tmp_path / "out", source=source)
    check_folder(tmp_path / "out", report)
    assert all(found.share < 0.01 for found in report.overlap.values())
    assert report.duplicate_chunks == 0
