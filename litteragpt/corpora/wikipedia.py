"""Articles of a Wikipedia dump (`…-pages-articles.xml.bz2`), one after another, as sentences.

A dump has gigabytes. It is unpacked and parsed as it is read, one page in memory at a time, and
fetched only as far as it is read: what came is kept, and a later run goes on from there.
"""

from __future__ import annotations

import bz2
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Protocol, cast
from xml.etree import ElementTree

from litteragpt.corpora.books import SourceError
from litteragpt.files import read_json_object, write_text

_CHUNK = 1 << 16
_MAX_PAGE = 16 * 2**20  # bytes of XML of one page; Wikipedia's own limit is 2 MiB of text
_MAX_WIKITEXT = 400_000  # characters: longer pages are lists and tables
_USER_AGENT = "LitteraGPT (corpus builder)"
_CATEGORY = re.compile(
    r"^[A-ZÁÉÍÓÚÂÊÔÇ][\w-]*s (?:[\w-]+ ){0,5}(?:d[aeo]s?|em|n[ao]s?|por|com|entre) "
    r"(?:[\w'().-]+ ){1,6}(?=(?:O|A|Os|As|Em|Eles?|Elas?|Na|No|Foi|É|Uma?|Seu|Sua|Após|Durante|Com|"
    r"Para|Por|De|Segundo|Entre|Além)\b )"
)
Report = Callable[[str], None]


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Article:
    """An article of the main namespace, without its markup."""

    title: str
    sentences: tuple[str, ...]


def dump_articles(packed: Readable) -> Iterator[Article]:
    """The articles of a dump in its order; redirects and other kinds of pages are passed over.

    Raises SourceError for what is no bz2, no XML, or has a page too large to be one; and where
    the parser of wikitext is not installed, since nothing else needs it.
    """
    try:
        from litteragpt.corpora.wikitext import plain_sentences
    except ModuleNotFoundError as error:
        raise SourceError(
            f"a dump of Wikipedia needs the package {error.name}: pip install 'litteragpt[data]'"
        ) from error
    for title, wikitext in _pages(_unpacked(packed)):
        if sentences := plain_sentences(wikitext):
            yield Article(title, tuple(sentences))


def without_category(line: str) -> str:
    """The sentence without the name of a category before it.

    Where the line ends of a page were lost, its last category stands before the next sentence:
    `Filmes de 1990 Ele nasceu em Lisboa.` It is known by a plural at its beginning and by the
    small word that begins a sentence in its middle.
    """
    return _CATEGORY.sub("", line)


def _unpacked(packed: Readable) -> Iterator[bytes]:
    """The bytes of a bz2 file of one stream or several, in bounded pieces."""
    unpacker = bz2.BZ2Decompressor()
    data = b""
    try:
        while True:
            if not data and unpacker.needs_input:
                data = packed.read(_CHUNK)
                if not data:
                    return
            if unpacker.eof:
                data = unpacker.unused_data + data
                unpacker = bz2.BZ2Decompressor()
            piece = unpacker.decompress(data, _CHUNK)
            data = b""
            if piece:
                yield piece
    except (OSError, EOFError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"the dump is not a readable .bz2: {error}") from error


def _pages(pieces: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    """Title and wikitext of the articles; every element is dropped once it is read."""
    parser: ElementTree.XMLPullParser[ElementTree.Element] = ElementTree.XMLPullParser(
        events=("start", "end")
    )
    root: ElementTree.Element | None = None
    since_page = 0
    try:
        for piece in pieces:
            parser.feed(piece)
            since_page += len(piece)
            if since_page > _MAX_PAGE:
                raise SourceError(f"the dump has a page of more than {_MAX_PAGE >> 20} MiB")
            events = cast("Iterator[tuple[str, ElementTree.Element]]", parser.read_events())
            for event, element in events:
                if root is None:
                    root = element
                if event == "start" or not element.tag.endswith("page"):
                    continue
                since_page = 0
                if found := _article_of(element):
                    yield found
                root.clear()
    except ElementTree.ParseError as error:
        raise SourceError(f"the dump is not well-formed XML: {error}") from error


def _article_of(page: ElementTree.Element) -> tuple[str, str] | None:
    texts = {element.tag.rsplit("}", 1)[-1]: element.text or "" for element in page.iter()}
    wikitext = texts.get("text", "")
    if texts.get("ns") != "0" or "redirect" in texts or not wikitext:
        return None
    return (texts.get("title", ""), wikitext) if len(wikitext) <= _MAX_WIKITEXT else None


class DumpStream:
    """The bytes at an address, read in order, fetched as far as they are read, and kept.

    What was fetched lies in `path`, and beside it (`….json`) which version of the file it is of:
    a later stream reads it first and asks the server only for what follows. A connection that
    breaks is taken up again.
    """

    def __init__(
        self,
        url: str,
        path: Path,
        *,
        report: Report,
        tries: int = 4,
        timeout: float = 30.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._path, self._report = url, path, report
        self._tries, self._timeout, self._wait = tries, timeout, wait
        self._state = path.with_name(f"{path.name}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._file = path.open("r+b")
        self._answer: HTTPResponse | None = None
        self._told = 0

    def __enter__(self) -> DumpStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._drop_answer()
        self._file.close()

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end. Raises SourceError where they cannot be had."""
        if data := self._file.read(size):
            return data
        reason = "no try was made"
        for attempt in range(self._tries):
            if attempt:
                self._wait(2.0 ** (attempt - 1))
            try:
                return self._fetch(size)
            except urllib.error.HTTPError as error:
                error.close()
                reason = str(error)
                if error.code < 500 and error.code not in (408, 425, 429):
                    break
            except SourceError:
                raise
            except (OSError, HTTPException) as error:
                reason = str(error) or type(error).__name__
            self._drop_answer()
            self._report(f"{self._path.name}: try {attempt + 1} of {self._tries}: {reason}")
        raise SourceError(
            f"{self._url} could not be read: {reason}. What came is kept, and the next build goes "
            f"on from there. With the texts on this machine, name their folder by --source."
        )

    def _fetch(self, size: int) -> bytes:
        """The next bytes from the server, kept; the file stands at its end, before and after."""
        have = self._file.tell()
        known = _state(self._state)
        if known.get("size") == have:
            return b""
        if self._answer is None:
            self._answer = self._ask(have, known)
        data = self._answer.read(size)
        if not data:
            total = _state(self._state).get("size")
            if isinstance(total, int) and have < total:
                raise OSError(f"it broke off after {have:,} of {total:,} bytes")
            write_text(self._state, json.dumps({**_state(self._state), "size": have}))
            return b""
        self._file.write(data)
        if have + len(data) - self._told >= 8 * 2**20:
            self._told = have + len(data)
            self._report(f"{self._path.name}: {self._told:,} bytes")
        return data

    def _ask(self, have: int, known: dict[str, object]) -> HTTPResponse:
        headers = {"User-Agent": _USER_AGENT}
        if have:
            headers["Range"] = f"bytes={have}-"
            if version := known.get("version"):
                headers["If-Range"] = str(version)
        request = urllib.request.Request(self._url, headers=headers)
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=self._timeout)
        if have and answer.status != 206:
            answer.close()
            self._file.truncate(0)
            self._state.unlink(missing_ok=True)
            raise SourceError(
                f"{self._url} is not what it was when its beginning was fetched; the copy is "
                f"dropped: build again"
            )
        if not have:
            length = answer.headers.get("Content-Length", "")
            version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            state: dict[str, object] = {"version": version}
            if length.isdigit():
                state["size"] = int(length)
            write_text(self._state, json.dumps(state))
        return answer

    def _drop_answer(self) -> None:
        if self._answer is not None:
            self._answer.close()
        self._answer = None


def _state(path: Path) -> dict[str, object]:
    """What is known of the file at the address: `version` and `size`; nothing at first."""
    try:
        return dict(read_json_object(path, 4096))
    except ValueError:
        return {}
