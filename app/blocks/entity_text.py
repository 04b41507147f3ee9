"""A text with its entities marked, by one tagger or by two side by side, and the legend."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial

from app.blocks.streamed_text import escape
from app.blocks.taggers import Reading, label
from app.i18n import Words
from litteragpt.entities import highlight
from litteragpt.entities.colours import INKS
from litteragpt.entities.difference import difference
from litteragpt.entities.span import Entity

MAX_SHOWN_CHARS = 50_000
"""Characters that are drawn; the files have them all."""


def first_part(text: str, entities: Iterable[Entity]) -> tuple[str, list[Entity]]:
    """As much of the text as is drawn, no entity of it cut, and its entities."""
    end = min(len(text), MAX_SHOWN_CHARS)
    inside = [each for each in entities if each.start < end]
    cut = min((each.start for each in inside if each.end > end), default=end)
    return text[:cut], [each for each in inside if each.end <= cut]


def marked_html(t: Words, text: str, entities: Iterable[Entity]) -> str:
    """The text for `st.html`."""
    return _block(t, text, entities, name=t("entities.result"))


def legend_html(t: Words, labels: Sequence[str]) -> str:
    """The labels in their colours and, of those that are known, what they are."""
    shown = zip(labels, highlight.legend(labels), strict=True)
    items = "".join(
        f'<span role="listitem">{html} {_meaning(t, each)}</span>' for each, html in shown
    )
    name = escape(t("entities.legend"))
    return f'<div class="lg-legend" role="list" aria-label="{name}">{items}</div>'


def panes_html(
    t: Words, text: str, readings: Sequence[Reading], shown: Sequence[Sequence[Entity]]
) -> str:
    """Two readings side by side for `st.html`; what one has and the other has not stands out."""
    apart = difference(shown[0], shown[1])
    differing = (apart.of_first, apart.of_second)
    panes = "".join(map(partial(_pane, t, text), readings, shown, differing))
    return f'<div class="lg-panes lg-panes-2">{panes}</div>'


def difference_html(t: Words, first: Sequence[Entity], second: Sequence[Entity]) -> str:
    """In a line how much two readings agree."""
    apart = difference(first, second)
    entries = (
        t("entities.same", count=t.count(apart.same)),
        t("entities.relabelled", count=t.count(len(apart.relabelled))),
        t("entities.only_first", count=t.count(len(apart.only_first))),
        t("entities.only_second", count=t.count(len(apart.only_second))),
    )
    items = "".join(f"<span>{escape(entry)}</span>" for entry in entries)
    return f'<div class="lg-facts" role="status">{items}</div>'


def facts_html(t: Words, text: str, reading: Reading, shown: Sequence[Entity]) -> str:
    """How many entities are shown, who found them, and how long that took."""
    count, found = len(shown), len(reading.entities)
    entries = (
        t("entities.count", count=t.count(count), found=t.count(found)),
        label(t, reading.tagger),
        t("facts.characters", count=t.count(len(text))),
        t("entities.milliseconds", ms=t.number(1000 * reading.seconds)),
    )
    items = "".join(f"<span>{escape(entry)}</span>" for entry in entries)
    return f'<div class="lg-facts" role="status">{items}</div>'


def _pane(
    t: Words,
    text: str,
    reading: Reading,
    entities: Sequence[Entity],
    differing: Collection[Entity],
) -> str:
    name = label(t, reading.tagger)
    ms = t.number(1000 * reading.seconds)
    note = t("entities.pane", count=t.count(len(entities)), ms=ms)
    block = _block(t, text, entities, name=name, differing=differing)
    return (
        f'<section class="lg-pane"><h3><span>{escape(name)}</span></h3>'
        f"<p>{escape(note)}</p>{block}</section>"
    )


def _block(
    t: Words,
    text: str,
    entities: Iterable[Entity],
    *,
    name: str,
    differing: Collection[Entity] = frozenset(),
) -> str:
    part, inside = first_part(text, entities)

    def title(entity: Entity) -> str:
        said = [entity.label, t.percent(entity.score)]
        return " · ".join([*said, t("entities.differs")] if entity in differing else said)

    inner = highlight.marked(part, inside, title=title, differing=differing)
    return f'<div class="lg-text lg-marked" role="region" aria-label="{escape(name)}">{inner}</div>'


def _meaning(t: Words, name: str) -> str:
    if name not in INKS:
        return ""
    meaning = t(f"entities.labels.{name}")
    return f"<small>{escape(meaning)}</small>"
