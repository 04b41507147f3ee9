"""An answer where it stands: marked in its passage, with source, place and score; all escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import streamlit as st

from app.blocks.library import Asked, Problem
from app.blocks.streamed_text import escape
from app.i18n import Words
from litteragpt.answers import Answer, Document, FoundPassage

Documents = Mapping[str, Document]
_TITLE_CHARS = 60


def answer_html(t: Words, asked: Asked, documents: Documents) -> str:
    """The best passage with the answer marked in it; or that there is none."""
    found = asked.answer
    question = f'<h3 class="lg-question">{escape(asked.question)}</h3>'
    if found.answer is None:
        body = f'<p class="lg-nothing">{escape(t("ask.nothing"))}</p>'
    else:
        best = found.passages[0]
        body = _passage(best, (found.start, found.end)) + _facts(t, best, documents, found)
    label = escape(t("ask.answer"))
    return f'<section class="lg-answer" aria-label="{label}">{question}{body}</section>'


def passages_html(t: Words, asked: Asked, documents: Documents) -> str:
    """The other passages, the surest first, each folded."""
    others = asked.answer.passages[0 if asked.answer.answer is None else 1 :]
    items = []
    for each in sorted(others, key=lambda passage: -passage.score):
        label = f"<b>{escape(_title(each))}</b> <small>{escape(t.percent(each.score))}</small>"
        body = _passage(each) + _facts(t, each, documents)
        items.append(f"<details><summary>{label}</summary>{body}</details>")
    return f'<div class="lg-folded">{"".join(items)}</div>'


def history_html(t: Words, asked: Sequence[Asked], documents: Documents) -> str:
    """Earlier questions, each folded with its answer."""
    items = []
    for each in asked:
        said = escape(each.answer.answer or t("ask.nothing_short"))
        label = f"<b>{escape(each.question)}</b> <span>{said}</span>"
        best = each.answer.passages[:1]
        span = (each.answer.start, each.answer.end)
        body = "".join(_passage(p, span) + _facts(t, p, documents, each.answer) for p in best)
        items.append(f"<details><summary>{label}</summary>{body}</details>")
    return f'<div class="lg-folded">{"".join(items)}</div>'


def problems_html(t: Words, problems: Sequence[Problem], limits: Mapping[str, str]) -> str:
    """A line for each file that is not among the documents, and why."""
    items = ""
    for each in problems:
        reason = t(f"ask.faults.{each.fault}", **limits)
        items += f"<li><b>{escape(each.name)}</b>: {escape(reason)}</li>"
    return f'<ul class="lg-problems">{items}</ul>'


def download(t: Words, asked: Sequence[Asked]) -> None:
    """All answers as a JSON list; the button does not rerun the page."""
    rows = [each.to_dict() for each in asked]
    st.download_button(
        t("downloads.json"),
        json.dumps(rows, ensure_ascii=False, indent=2).encode("utf-8", "replace"),
        file_name="litteragpt-answers.json",
        mime="application/json",
        key="perguntar.json",
        on_click="ignore",
        icon=":material/data_object:",
    )


def _title(passage: FoundPassage) -> str:
    """The document, and the passage's heading or else its first words."""
    words = passage.heading or passage.passage.partition("\n")[0]
    short = words if len(words) <= _TITLE_CHARS else f"{words[:_TITLE_CHARS].rstrip()}…"
    return f"{passage.source} · {short}"


def _passage(passage: FoundPassage, span: tuple[int | None, int | None] = (None, None)) -> str:
    """A passage's text; the span, in characters of its document, is marked.

    A heading that it begins with is left out: the facts have it.
    """
    text, cut = passage.passage, _after_heading(passage)
    start, end = span
    if start is None or end is None:
        return f'<p class="lg-passage">{escape(text[cut:])}</p>'
    first, last = start - passage.start, end - passage.start
    if first < cut:
        cut = 0
    before, marked, after = (
        escape(each) for each in (text[cut:first], text[first:last], text[last:])
    )
    return f'<p class="lg-passage">{before}<mark>{marked}</mark>{after}</p>'


def _after_heading(passage: FoundPassage) -> int:
    """Where the text begins that follows a passage's heading; 0 where nothing does."""
    line, _, rest = passage.passage.partition("\n")
    if not passage.heading or line.strip("# ") != passage.heading or not rest.strip():
        return 0
    return len(passage.passage) - len(rest.lstrip("\n"))


def _facts(
    t: Words, passage: FoundPassage, documents: Documents, found: Answer | None = None
) -> str:
    """Whose passage it is, where in it, and how sure the search is of it."""
    cuts = [each.start for each in documents[passage.source].passages]
    number = t.count(cuts.index(passage.start) + 1)
    start, end = passage.start, passage.end
    if found is not None and found.start is not None and found.end is not None:
        start, end = found.start, found.end
    whole = (
        passage.passage.strip("# ") == passage.heading
    )  # a line by itself, of which no more is said
    entries = (
        _title(passage) if passage.heading and not whole else passage.source,
        t("ask.place", number=number, count=t.count(len(cuts))),
        t("ask.characters", start=t.count(start + 1), end=t.count(end)),
        t("ask.score", share=t.percent(passage.score)),
    )
    items = "".join(f"<span>{escape(entry)}</span>" for entry in entries)
    return f'<div class="lg-facts">{items}</div>'
