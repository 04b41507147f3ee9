"""A corpus for a base model shares nothing with the corpus that it is a base for."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from litteragpt.corpora.books import SourceError
from litteragpt.corpora.leaks import KnownRuns, count_overlap
from litteragpt.corpora.prose import ProseConfig, build_prose
from litteragpt.tokenizers import CharTokenizer
from tests.corpora.samples import as_gutenberg, book

TABLE = {
    "kind": "prose",
    "beside": "core",
    "validation_fraction": 0.2,
    "collections": [
        {
            "title": "Uno",
            "author": "A",
            "year": "1700",
            "licence": "Public domain",
            "format": "gutenberg",
            "file": "pg_",
            "url": ["http://127.0.0.1:9/pg1.txt"],
        },
        {
            "title": "Dos",
            "author": "B",
            "year": "1800",
            "licence": "Public domain",
            "format": "tei",
            "file": "tei_",
            "url": ["http://127.0.0.1:9/tei.tar.gz"],
            "pattern": "w*.xml",
        },
    ],
}
HELD_OUT = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo."


@pytest.fixture
def data(tmp_path: Path) -> Path:
    core = tmp_path / "data" / "core"
    core.mkdir(parents=True)
    (core / "train.txt").write_text(book(50, 3), "utf-8")
    (core / "validation.txt").write_text(HELD_OUT + "\n" + book(51, 1), "utf-8")
    (core / "honest.txt").write_text(book(52, 1), "utf-8")
    CharTokenizer.from_text(HELD_OUT + book(50, 3) + "áéíóúñ¿¡—").save(core / "tokenizer.json")
    (core / "corpus.json").write_text("{}", "utf-8")
    return tmp_path / "data"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder and an archive: works of their own, a copy, another edition, and a quotation."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "pg_1.txt").write_text(as_gutenberg(book(1, 4)), "utf-8")
    (folder / "pg_2.txt").write_text(f"{book(2, 4)}\n—Lo dijo: {HELD_OUT}\n{book(3, 1)}", "utf-8")
    (folder / "pg_3.txt").write_text(book(50, 3) + "\nUn colofón.", "utf-8")
    (folder / "other.txt").write_text(book(9, 2), "utf-8")
    members = {"tei_a.txt": book(4, 2), "tei_b.txt": book(1, 4) + "\n" + book(5, 4), "x.md": "no"}
    with tarfile.open(folder / "more.tar.xz", "w:xz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(f"more/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return folder


def test_nothing_of_the_other_corpus_nor_of_validation_is_in_training(
    data: Path, source: Path
) -> None:
    lines: list[str] = []
    report = build_prose(
        "base", ProseConfig.from_table(TABLE), data / "base", source=source, report=lines.append
    )
    works = {*report.works["train"], *report.works["validation"]}
    assert works == {"pg_1", "pg_2", "tei_a", "tei_b"}
    assert any(line.startswith("pg_3: left out") for line in lines)
    train = (data / "base" / "train.txt").read_text("utf-8")
    validation = (data / "base" / "validation.txt").read_text("utf-8")
    others = [(data / "core" / f"{p}.txt").read_text("utf-8") for p in ("train", "validation")]
    for text in (validation, *others):
        assert count_overlap(text, train).positions == 0
    assert report.dropped["of a work that core has"] > 50
    # The quotation, and the heading after it, with which the held-out text goes on, too.
    assert report.dropped["shares a run with core"] == 2
    assert "Un colofón." not in train
    assert len(train) == report.characters["train"]
    assert json.loads((data / "base" / "corpus.json").read_text())["beside"] == "core"
    assert (data / "base" / "tokenizer.json").read_text() == (
        data / "core" / "tokenizer.json"
    ).read_text()
    before = train
    build_prose("base", ProseConfig.from_table(TABLE), data / "base", source=source)
    assert (data / "base" / "train.txt").read_text("utf-8") == before


def test_a_copy_of_an_earlier_work_is_left_out(data: Path, source: Path) -> None:
    table = TABLE | {"validation_fraction": 0.05}
    report = build_prose("base", ProseConfig.from_table(table), data / "base", source=source)
    assert set(report.works["validation"]) == {"tei_a"}
    assert report.dropped["copy of another line"] > 60
    train = (data / "base" / "train.txt").read_text("utf-8").split("\n")
    long = [line for line in train if len(line) > 250]
    assert len(long) - len(set(long)) <= len(long) // 50


def test_known_runs_find_the_lines_that_the_oracle_finds() -> None:
    known = "abcdefghij" + "klmnopqrst"
    lines = ["xx", "abcd", "efghij", "klm", "nop", "", "abcdefgh", "zabcd", "efg"]
    text = "\n".join(lines)
    length = 6
    touched = set()
    for start in range(len(text) - length + 1):
        if text[start : start + length] in known:
            touched |= {text[:i].count("\n") for i in range(start, start + length)}
    assert KnownRuns(known, length).lines(lines) == touched == {2, 6}
    spanning = KnownRuns("cd\nefghij\nk", length)
    assert spanning.lines(lines) == {1, 2, 3, 7, 8}
    assert KnownRuns("", length).lines(lines) == KnownRuns(known, length).lines([]) == set()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


@pytest.fixture
def address() -> Iterator[str]:
    paragraphs = "".join(f"<p>{line}</p>" for line in book(7, 6).split("\n"))
    tei = f"<TEI><teiHeader/><text><body><div>{paragraphs}</div></body></text></TEI>"
    files = {
        "/pg1.txt": as_gutenberg(book(6, 3)).encode(),
        "/tei.tar.gz": archive({"repo/tei/w1.xml": tei.encode(), "repo/readme.xml": b"<no"}),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path)
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """The test's output stays clean."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    thread.join()
    http.server_close()


def test_collections_are_downloaded(data: Path, address: str) -> None:
    table = json.loads(json.dumps(TABLE).replace("http://127.0.0.1:9", address))
    table["validation_fraction"] = 0.4
    report = build_prose("base", ProseConfig.from_table(table), data / "base")
    assert set(report.works["train"]) == {"w1"}
    assert set(report.works["validation"]) == {"pg_-1"}
    assert (data / "base" / "train.txt").read_text("utf-8").strip() == book(7, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beside": "../core"}, "beside"),
        ({"validation_fraction": 0.9}, "validation_fraction"),
        ({"run_characters": 2}, "run_characters"),
        ({"collections": []}, "collections"),
        ({"collections": [TABLE["collections"][0] | {"format": "pdf"}]}, "format"),  # type: ignore[index]
        ({"collections": [TABLE["collections"][0] | {"file": "../x"}]}, "file"),  # type: ignore[index]
        ({"nothing": 1}, "nothing"),
    ],
)
def test_a_wrong_table_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProseConfig.from_table(TABLE | change)


def test_what_is_missing_is_named(data: Path, source: Path, tmp_path: Path) -> None:
    config = ProseConfig.from_table(TABLE)
    with pytest.raises(ValueError, match="build that corpus first"):
        build_prose("base", config, tmp_path / "elsewhere" / "base", source=source)
    with pytest.raises(SourceError, match="does not exist"):
        build_prose("base", config, data / "base", source=tmp_path / "none")
    (source / "more.tar.xz").write_bytes(b"no archive")
    with pytest.raises(SourceError, match="not a readable archive"):
        build_prose("base", config, data / "base", source=source)
    (source / "more.tar.xz").unlink()
    with pytest.raises(SourceError, match="no work of it"):
        build_prose("base", config, data / "base", source=source)
