"""The text within files made for other ends: TEI editions, pages of HTML, CoNLL-U treebanks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree

from litteragpt.corpora.books import SourceError

_SPACE = re.compile(r"\s+")
_TEI_LINES = ("head", "p", "l")
_TEI_LEFT_OUT = ("note", "ref", "teiHeader", "front", "back")
_HTML_LINES = ("h1", "h2", "h3", "h4", "p", "li")


def tei_paragraphs(data: bytes, name: str) -> list[str]:
    """Headings, paragraphs and verse lines of the body of a TEI edition, without its notes.

    `name` names the file in messages. Raises SourceError for what is not well-formed XML.
    """
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise SourceError(f"{name} is not well-formed XML: {error}") from error
    return [line for line in _tei_lines(root) if line]


def _tei_lines(element: ElementTree.Element) -> Iterator[str]:
    tag = _local_name(element)
    if tag in _TEI_LEFT_OUT:
        return
    if tag in _TEI_LINES:
        yield _SPACE.sub(" ", "".join(_tei_text(element))).strip()
        return
    for child in element:
        yield from _tei_lines(child)


def _tei_text(element: ElementTree.Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if _local_name(child) not in _TEI_LEFT_OUT:
            yield from _tei_text(child)
        yield child.tail or ""


def _local_name(element: ElementTree.Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def html_paragraphs(text: str) -> list[str]:
    """Headings and paragraphs of the chapters of a page of machadodeassis.net.

    A chapter is a `div` of class `chapter`; links (marks of notes among them) give their text,
    a lone `*` is none.
    """
    parser = _Chapters()
    parser.feed(text)
    parser.close()
    return [line for line in parser.lines if line]


class _Chapters(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._depth = 0  # of divs, from that of a chapter on
        self._parts: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "div":
            classes = (dict(attrs).get("class") or "").split()
            if self._depth or "chapter" in classes:
                self._depth += 1
        elif self._depth and tag in _HTML_LINES:
            self._end_line()
            self._parts = []
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._depth:
            self._depth -= 1
        if tag in _HTML_LINES or not self._depth:
            self._end_line()

    def handle_data(self, data: str) -> None:
        if self._parts is not None and data.strip() != "*":
            self._parts.append(data)

    def close(self) -> None:
        super().close()
        self._end_line()

    def _end_line(self) -> None:
        if self._parts is not None:
            self.lines.append(_SPACE.sub(" ", "".join(self._parts)).strip())
        self._parts = None


def conllu_documents(text: str) -> Iterator[tuple[str, list[str]]]:
    """The sentences of a treebank by document: its id (empty where none is told) and its lines."""
    document, lines = "", list[str]()
    for line in text.split("\n"):
        if line.startswith("# newdoc"):
            if lines:
                yield document, lines
            document, lines = line.partition("=")[2].strip(), []
        elif line.startswith("# text = "):
            lines.append(line.removeprefix("# text = "))
    if lines:
        yield document, lines
