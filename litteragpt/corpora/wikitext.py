"""A page of wikitext, as the sentences of its running text."""

from __future__ import annotations

import re
from collections import Counter

import mwparserfromhell
from mwparserfromhell.nodes import ExternalLink, HTMLEntity, Node, Tag, Template, Text, Wikilink
from mwparserfromhell.wikicode import Wikicode

from litteragpt.sentences import split_sentences

UNTOLD = "\ufffc"  # stands where a sentence has something that is no text
_NAMESPACES = re.compile(
    r"\s*:?\s*(?:ficheiro|arquivo|imagem|file|image|categoria|category|m[íi]dia|media)\s*:",
    re.IGNORECASE,
)
_LEFT_OUT = frozenset({"ref", "table", "gallery", "math", "code", "syntaxhighlight", "timeline"})
_MAGIC = re.compile(r"__[A-Z]+__")
_MAX_UNCLOSED = 24
_CLOSES = {"}}": "{{", "]]": "[[", "|}": "{|", "]": "["}
_MARKS = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|\[|\]|</[a-z]|<[a-z](?:[^<>]*[^<>/])?>", re.IGNORECASE
)
_CELL = re.compile(r"[|!]")
_LIST = re.compile(r"^[*#:;].*$", re.MULTILINE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_NUMBERS = frozenset({"fmtn", "formatnum", "val", "unit", "unidade"})
_SILENT = ("sfn", "harv", "citar", "cite", "ref", "nota", "efn", "carece")


def plain_sentences(wikitext: str) -> list[str]:
    """The sentences of the running text of a page of wikitext.

    Tables, references, pictures, categories, headings and items of lists are left out; of
    links and of bold and italic text the text stays, and of the templates that write a number
    or a foreign word. A sentence around any other template is broken: it has `UNTOLD` in its
    place, by which it is known. A page with much that is never closed gives nothing: the
    parser would try each opening in each way.
    """
    if _unclosed(wikitext) > _MAX_UNCLOSED:
        return []
    code = mwparserfromhell.parse(_LIST.sub("", _BREAK.sub(" ", wikitext)), skip_style_tags=True)
    text = _MAGIC.sub("", _text(code)).replace("'''", "").replace("''", "")
    sentences: list[str] = []
    for line in text.split("\n"):
        if line.strip(f" {UNTOLD}") and not _CELL.match(line):
            sentences.extend(piece.strip() for piece in split_sentences(line.strip()))
    return [sentence for sentence in sentences if sentence]


def _unclosed(wikitext: str) -> int:
    """How many templates, links, tables and tags are opened and not closed in their turn."""
    opened: list[str] = []
    depth: Counter[str] = Counter()
    unclosed = 0
    for mark in _MARKS.findall(wikitext):
        if not mark.startswith("</") and mark not in _CLOSES:
            opened.append(mark if mark in _CLOSES.values() else "<")
            depth[opened[-1]] += 1
            continue
        kind = _CLOSES.get(mark, "<")
        while depth[kind]:
            depth[opened[-1]] -= 1
            if opened.pop() == kind:
                break
            unclosed += 1
    return unclosed + len(opened)


def _text(code: Wikicode) -> str:
    """The running text of a tree of wikitext; the parser bounds its depth."""
    return "".join(_text_of(node) for node in code.nodes)


def _text_of(node: Node) -> str:
    """What a node adds to the running text; comments, headings and arguments add nothing."""
    if isinstance(node, Text):
        return str(node.value)
    if isinstance(node, HTMLEntity):
        return str(node.normalize())
    if isinstance(node, Wikilink):
        outside = _NAMESPACES.match(str(node.title))
        return "" if outside else _text(node.title if node.text is None else node.text)
    if isinstance(node, ExternalLink):
        return _text(node.title) if node.title is not None else ""
    if isinstance(node, Template):
        return _text_of_template(node)
    if isinstance(node, Tag):
        name = str(node.tag).strip().lower()
        if name in _LEFT_OUT:
            return UNTOLD if name == "math" else ""
        return _text(node.contents) if node.contents is not None else ""
    return ""


def _text_of_template(template: Template) -> str:
    """What a template writes, where that is known; `UNTOLD` where it is not."""
    name = str(template.name).strip().lower().replace("_", " ")
    values = [str(each.value).strip() for each in template.params if not each.showkey]
    if name.startswith(_SILENT):
        return ""
    if values and name in _NUMBERS:
        return " ".join(values[:2])
    if values and (name == "lang" or name.startswith("lang-")):
        return values[-1]
    return UNTOLD
