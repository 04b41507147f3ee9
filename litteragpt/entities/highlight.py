"""A text with its entities marked, as HTML that shows exactly the characters of the text.

The labels stand in attributes and are drawn by `STYLE`: the text of the elements is the text
itself, no more and no less, so that it can be selected, copied and read aloud as it is.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from litteragpt.entities.colours import TINT, ink_of
from litteragpt.entities.span import Entity, check_entities

STYLE: Final = f"""
.lg-marked {{ white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.95; }}
.lg-marked mark, .lg-label {{
  --lg-ink: #84827c;
  color: inherit; border-radius: 0.25em; padding: 0.08em 0.2em;
  background: color-mix(in srgb, var(--lg-ink) {TINT}%, transparent);
  box-shadow: inset 0 -2px 0 var(--lg-ink);
  -webkit-box-decoration-break: clone; box-decoration-break: clone;
}}
.lg-marked mark::after {{
  content: attr(data-label);
  display: inline-block; direction: ltr; white-space: pre; max-width: 14em; overflow: hidden;
  text-overflow: ellipsis; vertical-align: 0.12em; margin-inline-start: 0.35em;
  font: 600 0.62em/1.5 system-ui, sans-serif; letter-spacing: 0.04em;
}}
.lg-marked mark.lg-differs {{
  outline: 2px dashed currentColor; outline-offset: 1px;
}}
"""
"""What the marks look like, on light and on dark alike."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a text: an entity's, or what lies between two."""

    text: str
    entity: Entity | None = None


def segments(text: str, entities: Iterable[Entity]) -> list[Segment]:
    """The text cut at its entities; joined, the segments are the text.

    Raises ValueError where an entity is no stretch of the text, or overlaps another.
    """
    ordered = sorted(entities, key=lambda each: each.start)
    check_entities(text, ordered)
    found: list[Segment] = []
    last = 0
    for entity in ordered:
        if last < entity.start:
            found.append(Segment(text[last : entity.start]))
        found.append(Segment(text[entity.start : entity.end], entity))
        last = entity.end
    if last < len(text):
        found.append(Segment(text[last:]))
    return found


def escape(text: str) -> str:
    """A text as HTML, inside an element or an attribute, that shows exactly its characters.

    Line breaks become references, for readers of HTML change those that are not. What HTML cannot
    hold, a lone surrogate or the character zero, becomes the replacement character.
    """
    safe = "".join("\ufffd" if "\ud800" <= c <= "\udfff" or c == "\0" else c for c in text)
    return html.escape(safe, quote=True).replace("\r", "&#13;").replace("\n", "&#10;")


def said(entity: Entity) -> str:
    """An entity's label and score, such as `NAME 0.98`."""
    return f"{entity.label} {entity.score:.2f}"


def marked(
    text: str,
    entities: Sequence[Entity],
    *,
    title: Callable[[Entity], str] = said,
    differing: Collection[Entity] = frozenset(),
) -> str:
    """The text as HTML, each entity a `mark`; dressed by `STYLE` inside `.lg-marked`.

    `title` says what a pointer that rests on an entity is told. Those `differing` from another
    reading of the text get an outline, and a sign before their label.
    """
    return "".join(
        escape(segment.text)
        if segment.entity is None
        else _mark(segment.text, segment.entity, title, segment.entity in differing)
        for segment in segments(text, entities)
    )


def legend(labels: Iterable[str]) -> list[str]:
    """Each label as HTML in its colour."""
    return [
        f'<span class="lg-label" style="--lg-ink:{ink_of(label)}">{escape(label)}</span>'
        for label in labels
    ]


def _mark(text: str, entity: Entity, title: Callable[[Entity], str], differs: bool) -> str:
    sign, kind = ("≠ ", ' class="lg-differs"') if differs else ("", "")
    return (
        f'<mark{kind} style="--lg-ink:{ink_of(entity.label)}" '
        f'data-label="{sign}{escape(entity.label)}" title="{escape(title(entity))}">'
        f"{escape(text)}</mark>"
    )
