from __future__ import annotations

import bz2
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from litteragpt.corpora.portuguese_config import TextSet
from litteragpt.corpora.portuguese_sources import Document, read_text_set

DUMP = bz2.compress(
    b"<mediawiki><page><title>Tejo</title><ns>0</ns><text>O '''Tejo''' \xc3\xa9 um rio."
    b"</text></page></mediawiki>"
)
FILES = {
    "/wiki.xml.bz2": DUMP,
    "/treebank-train.conllu": b"# newdoc id = d1\n# text = Um - dois.\n",
    "/treebank-dev.conllu": "# text = Três.\n".encode(),
    "/tei/A_1.xml": b"<TEI><text><body><p>Era uma vez.</p></body></text></TEI>",
    "/html/b.html": "<div class='chapter'><p>Olá.</p></div>".encode(),
    "/pg1.txt": b"*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\nConto.\n\n"
    b"*** END OF THE PROJECT GUTENBERG EBOOK X ***\n",
}


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = FILES.get(self.path)
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """The test's output stays clean."""

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    thread.join()
    http.server_close()


def texts(kind: str, **fields: Any) -> TextSet:
    return TextSet(
        kind=kind, title="T", author="A", year="1", address="x", licence="CC BY-SA", **fields
    )


def read(chosen: TextSet, folder: Path, source: Path | None = None) -> list[Document]:
    said: list[str] = []
    return list(read_text_set(chosen, source=source, cache=folder / "cache", report=said.append))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (
            {"kind": "wiki", "format": "wikipedia", "url": "/wiki.xml.bz2", "file": "w"},
            [Document("wiki", "Tejo", ("O Tejo é um rio.",))],
        ),
        (
            {
                "kind": "wiki",
                "format": "conllu",
                "url": "/treebank-{}.conllu",
                "file": "ud",
                "files": ("train", "dev"),
            },
            [
                Document("wiki", "d1", ("Um - dois.",)),
                Document("wiki", "ud-dev", ("Três.",), whole=False),
            ],
        ),
        (
            {"kind": "lit", "format": "tei", "url": "/tei/{}.xml", "file": "t", "files": ("A_1",)},
            [Document("lit", "t-A_1", ("Era uma vez.",))],
        ),
        (
            {"kind": "lit", "format": "html", "url": "/html/{}.html", "file": "h", "files": ("b",)},
            [Document("lit", "h-b", ("Olá.",))],
        ),
        (
            {"kind": "lit", "format": "gutenberg", "url": "/pg1.txt", "file": "pg1"},
            [Document("lit", "pg1", ("Conto.",))],
        ),
    ],
)
def test_downloads(
    address: str, tmp_path: Path, chosen: dict[str, Any], expected: list[Document]
) -> None:
    asked = texts(**{**chosen, "url": address + chosen["url"]})
    assert read(asked, tmp_path) == expected
    assert list((tmp_path / "cache").iterdir())
    assert read(asked, tmp_path) == expected


def test_a_set_without_an_address_is_left_out_and_told(tmp_path: Path) -> None:
    said: list[str] = []
    chosen = texts("lit", file="x_")
    assert list(read_text_set(chosen, source=None, cache=tmp_path, report=said.append)) == []
    assert "left out" in said[0]


def test_a_dump_in_a_local_source(tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / "ptwiki-latest-pages-articles.xml.bz2").write_bytes(DUMP)
    chosen = texts("wiki", format="wikipedia", url="http://127.0.0.1:9/x", file="frases")
    assert read(chosen, tmp_path, tmp_path) == [Document("wiki", "Tejo", ("O Tejo é um rio.",))]


def test_local_files_are_known_by_name(tmp_path: Path) -> None:
    (tmp_path / "obra_b.txt").write_text("Dois.\n", encoding="utf-8")
    (tmp_path / "obra_a.txt").write_text("Um.", encoding="utf-8")
    (tmp_path / "frases.txt").write_text("Filmes de Lisboa Ele nasceu.", encoding="utf-8")
    works = read(texts("lit", file="obra_"), tmp_path, tmp_path)
    assert [(work.name, work.lines) for work in works] == [
        ("obra_a", ("Um.",)),
        ("obra_b", ("Dois.", "")),
    ]
    plain = read(texts("wiki", file="frases"), tmp_path, tmp_path)
    assert plain == [Document("wiki", "frases", ("Filmes de Lisboa Ele nasceu.",), whole=False)]
    wiki = texts("wiki", file="frases", format="wikipedia", url="http://127.0.0.1:9/x")
    assert read(wiki, tmp_path, tmp_path)[0].lines == ("Ele nasceu.",)
