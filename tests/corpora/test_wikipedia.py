from __future__ import annotations

import bz2
import io
import random
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from litteragpt.corpora.books import SourceError
from litteragpt.corpora.wikipedia import DumpStream, dump_articles, without_category
from litteragpt.corpora.wikitext import UNTOLD, plain_sentences

WIKITEXT = """{{Info/Planeta|nome=Marte
|imagem=x.jpg}}
[[Ficheiro:Mars.jpg|thumb|Marte visto pela [[Rosetta]]. Uma imagem.]]
'''Marte''' é o quarto [[planeta]] do [[Sistema Solar|sistema solar]].<ref name=a>{{citar|x}} Não.\
</ref> É o ''Planeta Vermelho''<ref name=a/>, disse o Dr. Silva.{{sfn|A|1990}}

== Características ==
{| class="wikitable"
! a !! b
|-
| 1 || Uma tabela. Com frase.
|}
* item de lista
Tem {{fmtn|6779|km}} de diâmetro.<br />Há {{lang|en|water}} lá &mdash; sim.<!-- não -->
Com {{Desconhecido|1}} no meio. Sem <math>x^2</math> nada.
{{Referências}}
[[Categoria:Marte]] __NOTOC__
"""


def page(title: str, text: str, namespace: int = 0, extra: str = "") -> str:
    return (
        f"<page><title>{title}</title><ns>{namespace}</ns>{extra}<revision><id>1</id>"
        f'<text bytes="1" xml:space="preserve">{text}</text></revision></page>'
    )


def dump(*pages: str) -> bytes:
    return (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/"><siteinfo/>'
        + "\n".join(pages)
        + "</mediawiki>"
    ).encode()


def titles(packed: bytes) -> list[str]:
    return [article.title for article in dump_articles(io.BytesIO(packed))]


def test_plain_sentences() -> None:
    assert plain_sentences(WIKITEXT) == [
        "Marte é o quarto planeta do sistema solar.",
        "É o Planeta Vermelho, disse o Dr. Silva.",
        "Tem 6779 km de diâmetro.",
        "Há water lá — sim.",
        f"Com {UNTOLD} no meio.",
        f"Sem {UNTOLD} nada.",
    ]


@pytest.mark.parametrize("mark", ["{|\n|<ref>{{a|", "[http://a ", "{{a|", "<ref>", "[[a|", "<div>"])
def test_what_is_never_closed_is_not_parsed(mark: str) -> None:
    assert plain_sentences(f"Um texto. {mark * 2000}") == []
    assert plain_sentences("Um texto. {{ [[ <br>") != []


def test_articles_without_redirects_and_other_pages() -> None:
    data = dump(
        page("A", "Um [[rio]] &amp; dois."),
        page("B", "#REDIRECT [[A]]", extra='<redirect title="A" />'),
        page("Discussão:A", "Olá.", namespace=1),
        page("Vazia", ""),
        page("Longa", "Um. " * 100_001),
        page("C", "Três."),
    )
    articles = list(dump_articles(io.BytesIO(bz2.compress(data))))
    assert [(each.title, each.sentences) for each in articles] == [
        ("A", ("Um rio & dois.",)),
        ("C", ("Três.",)),
    ]


def test_a_dump_of_several_streams() -> None:
    data = dump(page("A", "Um."), page("B", "Dois."))
    packed = b"".join(bz2.compress(data[i : i + 50]) for i in range(0, len(data), 50))
    assert titles(packed) == ["A", "B"]


def test_reading_stops_where_no_more_is_asked_for() -> None:
    rng = random.Random(1)
    data = dump(*(page(str(n), f"Um. {rng.randbytes(250).hex()}.") for n in range(1500)))
    file = io.BytesIO(bz2.compress(data, 1))  # blocks of 100 kB, each read whole
    assert next(dump_articles(file)).title == "0"
    assert file.tell() <= 2 << 16 < len(file.getvalue())


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"no bz2 at all", "not a readable .bz2"),
        (bz2.compress(b"<mediawiki><page></mediawiki>"), "not well-formed XML"),
        (bz2.compress(b"<mediawiki>" + b"a" * (17 << 20)), "more than 16 MiB"),
    ],
)
def test_what_is_no_dump(packed: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        titles(packed)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Filmes ambientados em Tóquio Ele nasceu em Lisboa.", "Ele nasceu em Lisboa."),
        ("Naturais de Leipzig Em 2010, trabalhou.", "Em 2010, trabalhou."),
        ("Os rios de Portugal correm para o mar.", "Os rios de Portugal correm para o mar."),
        ("Nas cidades do Norte, a vida é boa.", "Nas cidades do Norte, a vida é boa."),
    ],
)
def test_without_category(line: str, expected: str) -> None:
    assert without_category(line) == expected


class Server:
    """One file that understands ranges; `cut` breaks off an answer after so many bytes."""

    def __init__(self, content: bytes) -> None:
        self.content, self.version, self.cut = content, '"1"', -1
        self.errors: list[int] = []
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range", "")
                outer.asked.append(wanted)
                if outer.errors:
                    self.send_error(outer.errors.pop(0))
                    return
                start = int(found.group(1)) if (found := re.search(r"=(\d+)-", wanted)) else 0
                if self.headers.get("If-Range", outer.version) != outer.version:
                    start = 0
                self.send_response(206 if start else 200)
                self.send_header("ETag", outer.version)
                self.send_header("Content-Length", str(len(outer.content) - start))
                self.end_headers()
                cut, outer.cut = outer.cut, -1
                self.wfile.write(outer.content[start:][: cut if cut >= 0 else None])

            def log_message(self, format: str, *args: object) -> None:
                """The test's output stays clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/dump.bz2"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server(bytes(range(256)) * 40)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def read(server: Server, path: Path, limit: int = 10**9) -> bytes:
    """What a stream gives in pieces of 1,000 bytes, up to a limit."""
    data = b""
    with DumpStream(
        server.url, path, report=lambda line: None, tries=3, wait=lambda seconds: None
    ) as stream:
        while len(data) < limit and (piece := stream.read(1000)):
            data += piece
    return data


def test_a_stream_is_kept_and_goes_on(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "dump.bz2"
    assert read(server, path, limit=3000) == server.content[:3000]
    assert path.read_bytes() == server.content[:3000]
    assert read(server, path) == server.content
    assert server.asked == ["", "bytes=3000-"]
    assert read(server, path) == server.content  # all of it from the cache
    assert len(server.asked) == 2


def test_a_broken_connection_is_taken_up_again(server: Server, tmp_path: Path) -> None:
    server.cut = 2500
    assert read(server, tmp_path / "dump.bz2") == server.content
    assert server.asked == ["", "bytes=2500-"]


def test_a_servers_error_is_tried_again(server: Server, tmp_path: Path) -> None:
    server.errors = [503, 500]
    assert read(server, tmp_path / "dump.bz2") == server.content


def test_a_stream_gives_up(server: Server, tmp_path: Path) -> None:
    server.errors = [404]
    with pytest.raises(SourceError, match=r"could not be read.*404.*--source"):
        read(server, tmp_path / "dump.bz2")
    assert len(server.asked) == 1
    server.errors = [500] * 3
    with pytest.raises(SourceError, match="could not be read"):
        read(server, tmp_path / "dump.bz2")
    assert len(server.asked) == 4


def test_a_dump_that_changed_is_not_mixed(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "dump.bz2"
    read(server, path, limit=3000)
    server.version, server.content = '"2"', b"new" * 2000
    with pytest.raises(SourceError, match="not what it was"):
        read(server, path)
    assert read(server, path) == server.content
