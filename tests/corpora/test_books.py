from __future__ import annotations

import io
import tarfile
import threading
import unicodedata
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.corpora import books
from litteragpt.corpora.books import (
    SourceError,
    clean,
    decode,
    download,
    prepare,
    read_work,
    strip_gutenberg,
)
from litteragpt.corpora.manifest import Work
from tests.corpora.samples import as_gutenberg, book


def work(*urls: str, file: str = "libro") -> Work:
    return Work(
        title="Un libro",
        author="Nadie",
        year="1900",
        gutenberg=(1,),
        url=urls or ("http://localhost:9/none.txt",),
        licence="Public domain",
        file=file,
    )


class Server:
    """Answers from a script: the n-th request for a path gets its n-th answer, then the last."""

    def __init__(self) -> None:
        self.script: dict[str, list[tuple[int, bytes, int | None]]] = {}
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = outer.script.get(self.path, [(404, b"nothing here", None)])
                number = outer.requests.count(self.path)
                outer.requests.append(self.path)
                status, body, length = answers[min(number, len(answers) - 1)]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """The test's output stays clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


class Log:
    """Collects what is reported and how long was waited."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.waits: list[float] = []


def fetch(server: Server, path: str, target: Path, log: Log, tries: int = 4) -> Path:
    return download(
        server.url(path), target, report=log.lines.append, tries=tries, wait=log.waits.append
    )


def test_download_and_cache(server: Server, tmp_path: Path) -> None:
    server.script["/a.txt"] = [(200, b"x" * 1_500_000, None)]
    target, log = tmp_path / "cache" / "a.txt", Log()
    assert fetch(server, "/a.txt", target, log).read_bytes() == b"x" * 1_500_000
    assert sum(" of 1,500,000 bytes" in line for line in log.lines) == 2
    assert fetch(server, "/a.txt", target, log) == target
    assert server.requests == ["/a.txt"]
    assert "cache" in log.lines[-1]
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_retries_after_a_servers_error(server: Server, tmp_path: Path) -> None:
    server.script["/a.txt"] = [(500, b"", None), (503, b"", None), (200, b"text", None)]
    log = Log()
    assert fetch(server, "/a.txt", tmp_path / "a.txt", log).read_bytes() == b"text"
    assert log.waits == [1.0, 2.0]


def test_a_truncated_answer_is_tried_again(server: Server, tmp_path: Path) -> None:
    server.script["/a.txt"] = [(200, b"te", 4), (200, b"text", None)]
    log = Log()
    assert fetch(server, "/a.txt", tmp_path / "a.txt", log).read_bytes() == b"text"
    assert any("2 of 4 bytes" in line for line in log.lines)


@pytest.mark.parametrize("answer", [(200, b"te", 4), (500, b"", None), (200, b"", None)])
def test_after_the_last_try(
    server: Server, tmp_path: Path, answer: tuple[int, bytes, int | None]
) -> None:
    server.script["/a.txt"] = [answer]
    log = Log()
    with pytest.raises(SourceError, match=r"/a\.txt could not be downloaded.*--source"):
        fetch(server, "/a.txt", tmp_path / "a.txt", log, tries=3)
    assert len(server.requests) == 3
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_exist_is_asked_for_once(server: Server, tmp_path: Path) -> None:
    log = Log()
    with pytest.raises(SourceError, match="404"):
        fetch(server, "/none.txt", tmp_path / "a.txt", log)
    assert len(server.requests) == 1
    assert log.waits == []


def test_what_is_too_large_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "MAX_BYTES", 1000)
    server.script["/a.txt"] = [(200, b"x" * 5000, None)]
    with pytest.raises(SourceError, match="larger"):
        fetch(server, "/a.txt", tmp_path / "a.txt", Log())
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_volumes_are_downloaded_and_joined(server: Server, tmp_path: Path) -> None:
    server.script["/1"] = [(200, as_gutenberg("Uno.").encode(), None)]
    server.script["/2"] = [(200, as_gutenberg("Año dos.").encode("latin-1"), None)]
    raw = read_work(
        work(server.url("/1"), server.url("/2")),
        source=None,
        cache=tmp_path,
        report=lambda line: None,
    )
    assert clean(raw) == "Uno.\nAño dos."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["libro-1.txt", "libro-2.txt"]


def local(source: Path, file: str = "libro") -> str:
    return read_work(
        work(file=file), source=source, cache=source / "unused", report=lambda line: None
    )


def archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:xz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_source_file_folder_and_archive(tmp_path: Path) -> None:
    (tmp_path / "deep" / "otro").mkdir(parents=True)
    (tmp_path / "deep" / "libro.txt").write_text("Hola.", "utf-8")
    (tmp_path / "deep" / "otro" / "2.txt").write_text("Dos.", "utf-8")
    (tmp_path / "deep" / "otro" / "1.txt").write_text("Uno.", "utf-8")
    archive(tmp_path / "a.tar.xz", {"./x/tercero.txt": b"Tres.", "cuarto/b.txt": b"Cuatro."})
    assert local(tmp_path) == "Hola."
    assert local(tmp_path, "otro") == "Uno.\n\nDos."
    assert local(tmp_path, "tercero") == "Tres."
    assert local(tmp_path, "cuarto") == "Cuatro."
    assert local(tmp_path / "a.tar.xz", "tercero") == "Tres."
    with pytest.raises(SourceError, match=r"quinto\.txt"):
        local(tmp_path, "quinto")
    with pytest.raises(SourceError, match="does not exist"):
        local(tmp_path / "nowhere")


def test_only_regular_members_are_read(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret", "utf-8")
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("libro.txt")
            info.type, info.linkname = kind, str(tmp_path / "secret.md")
            tar.addfile(info)
    with pytest.raises(SourceError, match="not in the source"):
        local(tmp_path)


def test_large_and_broken_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "MAX_BYTES", 100)
    archive(tmp_path / "a.tar.xz", {"libro.txt": b"x" * 101})
    with pytest.raises(SourceError, match="larger"):
        local(tmp_path)
    (tmp_path / "libro.txt").write_bytes(b"x" * 101)
    with pytest.raises(SourceError, match="larger"):
        local(tmp_path)
    (tmp_path / "libro.txt").unlink()
    (tmp_path / "a.tar.xz").write_bytes((tmp_path / "a.tar.xz").read_bytes()[:80])
    with pytest.raises(SourceError, match="not a readable"):
        local(tmp_path)
    (tmp_path / "a.tar.xz").write_bytes(b"no archive at all")
    with pytest.raises(SourceError, match="not a readable"):
        local(tmp_path)


def test_decode() -> None:
    assert decode("\ufeffAño\r\nnuevo\r".encode()) == "Año\nnuevo\n"
    assert decode("Año".encode("latin-1")) == "Año"
    assert decode("“Año”…".encode("cp1252")) == "“Año”…"


@pytest.mark.parametrize(
    ("head", "foot"),
    [
        (
            "*** START OF THE PROJECT GUTENBERG EBOOK X ***",
            "*** END OF THE PROJECT GUTENBERG X ***",
        ),
        ("***START OF THIS PROJECT GUTENBERG EBOOK A\nB***", "End of Project Gutenberg's X, by Y"),
        (
            "*** START OF THIS PROJECT GUTENBERG EBOOK X ***",
            "End of the Project Gutenberg EBook of X",
        ),
        (
            "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
            " End of The Project Gutenberg Etext of X",
        ),
        (
            "*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
            "End of this Project Gutenberg Etext",
        ),
    ],
)
def test_headers_and_footers(head: str, foot: str) -> None:
    text = f"Licence.\n\n{head}\n\nHola.\n\nAdiós.\n\n{foot}\nLicence.\n"
    assert strip_gutenberg(text) == "Hola.\n\nAdiós."


def test_a_text_without_them_is_left_alone() -> None:
    assert strip_gutenberg("Hola.\nAdiós.") == "Hola.\nAdiós."


def test_a_cleaned_book_comes_through_unharmed() -> None:
    text = book(1)
    assert clean(text) == text
    assert prepare(text) == text
    assert clean(strip_gutenberg(as_gutenberg(text))) == text


RAW = """\
                            EL LIBRO

                         [Illustration: un
                              barco]

PRIMERA PARTE

Érase una vez[1] una _mujer muy extraña_ que vi\u00advía--según\u00a0dicen--
en un “lugar” de la ‘Mancha’…

    Que un hombre de mi linaje
    descienda a tan ruin mansión.

-¿Qué hora es?  --preguntó{2} ella con una voz tan clara como
la noche en que{, según otros,} nació.

       *       *       *       *       *

[1] Una nota al pie que nadie lee nunca, aunque ocupa más de una
línea.

Aquella mañana salió de su casa sin mirar atrás ni una sola vez, y
no volvió.

FIN

ÍNDICE
"""


def test_typography() -> None:
    assert clean(RAW, "Primera parte", "fin").split("\n") == [
        "PRIMERA PARTE",
        'Érase una vez una mujer muy extraña que vivía—según dicen—en un "lugar" de la '
        "'Mancha'...",
        "Que un hombre de mi linaje",
        "descienda a tan ruin mansión.",
        "—¿Qué hora es? —preguntó ella con una voz tan clara como la noche en que, según otros, "
        "nació.",
        "Aquella mañana salió de su casa sin mirar atrás ni una sola vez, y no volvió.",
    ]
    assert clean(RAW).startswith("EL LIBRO\nPRIMERA PARTE\n")
    assert clean(RAW, "no such line", "none") == clean(RAW)


def test_unwrapped_text_with_blank_lines_keeps_its_paragraphs() -> None:
    long = "palabra " * 40
    assert clean(f"{long}\n\n{long}\nHola.\n") == f"{long.strip()}\n{long.strip()}\nHola."


@given(st.text(st.sampled_from("aÁe\u0301ñ.,;—-– \n\t\f\r\x00\u00a0…“”_*X1"), max_size=200))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\n\n" not in once
    assert "  " not in once
    assert not set(once) & set("\u00a0…“”_–\t\r\f\x00")


def test_page_breaks_and_ornaments_go_and_an_ellipsis_stays() -> None:
    assert clean("Hola.\f* * *\n-----\n...\n. . .\n—\nAdi\x07ós.") == "Hola.\n...\n. . .\nAdiós."


def test_prepare() -> None:
    assert prepare("a  b   c——d--e—f") == "a b c—d—e—f"
