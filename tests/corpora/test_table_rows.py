"""Texts out of tables, and a corpus of which one is Wikipedia."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from litteragpt.corpora.books import SourceError
from litteragpt.corpora.portuguese_config import TextSet
from litteragpt.corpora.portuguese_sources import Document, read_text_set
from litteragpt.corpora.table_rows import MAX_TEXT, Row, is_table, rows, table_files

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

ARTICLES: dict[str, list[Any]] = {
    "title": ["Tejo", "Lisboa", "nada", "lista"],
    "text": [
        "O Tejo é um rio. Nasce em Espanha.\n\nVer também\nO Douro",
        "Lisboa é a capital.",
        None,
        "x" * (MAX_TEXT + 1),
    ],
    "url": ["a", "b", "c", "d"],
}
ROWS = [
    Row("Tejo", ARTICLES["text"][0]),
    Row("Lisboa", "Lisboa é a capital."),
]
DOCUMENTS = [
    Document("wiki", "Tejo", ("O Tejo é um rio.", "Nasce em Espanha.", "Ver também", "O Douro")),
    Document("wiki", "Lisboa", ("Lisboa é a capital.",)),
]
FORMS = ["parquet", "arrow", "arrow file", "jsonl"]


def write(path: Path, form: str, content: dict[str, list[Any]] = ARTICLES) -> Path:
    """A table in one of the forms; the suffix is put to the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.with_suffix(f".{form.split()[0]}")
    table = pa.table(content)
    if form == "parquet":
        parquet.write_table(table, path)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()), "utf-8")
    else:
        new = pa.ipc.new_stream if form == "arrow" else pa.ipc.new_file
        with new(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=1)
    return path


def wikipedia(**fields: Any) -> TextSet:
    return TextSet(
        kind="wiki",
        file="frases",
        title="T",
        author="A",
        year="1",
        address="x",
        licence="CC BY-SA",
        **fields,
    )


def read(source: Path, texts: TextSet) -> list[Document]:
    return list(read_text_set(texts, source=source, cache=source / "no", report=lambda line: None))


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_every_form(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "t", form)
    assert list(rows([path])) == ROWS
    assert is_table(path)
    assert table_files(path) == [path]


def test_a_saved_data_set_is_one_table_and_its_training_part_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "wikipedia"
    first = write(folder / "train" / "data-00000-of-00002", "arrow")
    second = write(folder / "train" / "data-00001-of-00002", "arrow")
    write(folder / "test" / "data-00000-of-00001", "arrow")
    write(folder / "train" / "cache-12ab", "arrow")
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert is_table(folder)
    assert table_files(folder) == [first, second]
    assert read(folder, wikipedia(format="wikipedia", url="http://127.0.0.1:9/x")) == [
        *DOCUMENTS,
        *DOCUMENTS,
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_table_in_a_folder_of_sets_is_known_by_name(tmp_path: Path, form: str) -> None:
    write(tmp_path / "more" / "frases", form)
    (tmp_path / "other.txt").write_text("Outra coisa.\n", "utf-8")
    assert not is_table(tmp_path)
    assert read(tmp_path, wikipedia()) == DOCUMENTS


def test_a_folder_with_the_name_of_a_set_is_its_table(tmp_path: Path) -> None:
    write(tmp_path / "frases" / "train-00000-of-00001", "parquet")
    (tmp_path / "other.txt").write_text("x", "utf-8")
    assert read(tmp_path, wikipedia()) == DOCUMENTS


def test_a_table_without_titles_numbers_its_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "frases", "parquet", {"text": ["Um.", "Dois."]})
    found = read(path, wikipedia(format="wikipedia", url="http://127.0.0.1:9/x"))
    assert [document.name for document in found] == ["frases-1", "frases-2"]


def test_rows_stream(tmp_path: Path) -> None:
    path = write(tmp_path / "t", "jsonl", {"text": ["Um.", "Dois."]})
    with path.open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    found = rows([path])
    assert next(found).text == "Um."
    assert next(found).text == "Dois."
    with pytest.raises(SourceError, match="line 3, is no JSON"):
        next(found)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("damage", ["column", "truncated", "empty"])
def test_a_table_that_will_not_do_is_named(tmp_path: Path, form: str, damage: str) -> None:
    content = {"content": ["Um."] * 50} if damage == "column" else {"text": ["Um."] * 50}
    path = write(tmp_path / "t", form, content)
    if damage != "column":
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 3 - 1] if damage == "truncated" else b"")
    if (form, damage) == ("jsonl", "empty"):
        assert list(rows([path])) == []
        return
    with pytest.raises(SourceError, match=r"t\.(parquet|arrow|jsonl)"):
        list(rows([path]))
