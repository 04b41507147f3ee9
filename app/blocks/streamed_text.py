"""Text as text: escaped segments for `st.html`, where nothing in them can be read as markup."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["plain", "prompt", "same", "fork", "p0", "p1", "p2", "p3", "p4"]
"""What a segment is; each has its look in `style.css`. Never taken from input."""

_TAGS: dict[Kind, str] = {"prompt": "strong", "fork": "mark"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text of one kind."""

    text: str
    kind: Kind = "plain"


def escape(text: str) -> str:
    """A text as HTML that shows exactly its characters.

    Line breaks become references, for `st.html` strips and dedents what it is given; lone
    surrogates, which no message can carry, become the replacement character.
    """
    safe = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    escaped = html.escape(safe, quote=True)
    return escaped.replace("\r", "&#13;").replace("\n", "&#10;")


def render(segments: Iterable[Segment], *, label: str, running: bool = False) -> str:
    """A block of text for `st.html`; `label` names it to screen readers."""
    inner = "".join(_span(segment) for segment in segments if segment.text)
    busy = " lg-running" if running else ""
    state = "true" if running else "false"
    return (
        f'<div class="lg-text{busy}" role="region" aria-label="{escape(label)}"'
        f' aria-busy="{state}">{inner}</div>'
    )


def merge(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbours of one kind joined: fewer tags for the same text."""
    merged: list[Segment] = []
    for segment in segments:
        if merged and merged[-1].kind == segment.kind:
            merged[-1] = Segment(merged[-1].text + segment.text, segment.kind)
        else:
            merged.append(segment)
    return merged


def _span(segment: Segment) -> str:
    tag = _TAGS.get(segment.kind, "span")
    return f'<{tag} class="lg-{segment.kind}">{escape(segment.text)}</{tag}>'
