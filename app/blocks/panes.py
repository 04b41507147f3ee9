"""Texts side by side, each marked where it leaves the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.blocks.palette import Ink
from app.blocks.streamed_text import Segment, escape, render
from app.i18n import Words


@dataclass(frozen=True, slots=True)
class Pane:
    """One temperature's text so far."""

    temperature: float
    text: str
    over: bool
    """Whether nothing will be added."""


def divergence(reference: str, other: str) -> int | None:
    """The first place at which two texts differ; None where the shorter agrees throughout."""
    for index, (a, b) in enumerate(zip(reference, other, strict=False)):
        if a != b:
            return index
    return None


def forks(panes: Sequence[Pane]) -> list[int | None]:
    """For each pane, where it leaves the first one.

    A text that is over while the other goes on leaves it there.
    """
    first = panes[0]
    found: list[int | None] = [None]
    for pane in panes[1:]:
        place = divergence(first.text, pane.text)
        if place is None and len(pane.text) != len(first.text):
            shorter = min(pane, first, key=lambda each: len(each.text))
            place = len(shorter.text) if shorter.over else None
        found.append(place)
    return found


def pane_segments(text: str, fork: int | None, *, first: bool) -> list[Segment]:
    """What is common, the character at which it parts, and the rest."""
    if first:
        return [Segment(text)]
    if fork is None:
        return [Segment(text, "same")]
    return [
        Segment(text[:fork], "same"),
        Segment(text[fork : fork + 1], "fork"),
        Segment(text[fork + 1 :]),
    ]


def render_panes(t: Words, prompt: str, panes: Sequence[Pane], inks: Sequence[Ink]) -> str:
    """All panes as HTML for `st.html`: a grid that becomes one column on a phone."""
    drawn = "".join(
        _pane(t, prompt, pane, fork, ink, first=index == 0)
        for index, (pane, fork, ink) in enumerate(zip(panes, forks(panes), inks, strict=False))
    )
    return f'<div class="lg-panes lg-panes-{len(panes)}">{drawn}</div>'


def _pane(t: Words, prompt: str, pane: Pane, fork: int | None, ink: Ink, *, first: bool) -> str:
    name = t("compare.temperature", value=t.short(pane.temperature))
    if first:
        note = t("compare.reference")
    elif fork is not None:
        note = t("compare.fork", place=t.count(fork + 1))
    else:
        note = t("compare.same")
    text = render(
        [Segment(prompt, "prompt"), *pane_segments(pane.text, fork, first=first)],
        label=name,
        running=not pane.over,
    )
    line = f'<span class="lg-line" style="background:{ink.gradient}"></span>'
    return (
        f'<section class="lg-pane"><h3>{line}<span>{escape(name)}</span></h3>'
        f"<p>{escape(note)}</p>{text}</section>"
    )
