"""Characters coloured by how probable the model thought them, and what it might have written.

While a text grows its colours alone are drawn; once it is there, a small component lets a
pointer, a finger or the arrow keys ask each character for its alternatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.blocks.streamed_text import Kind, Segment, merge
from app.i18n import Words
from litteragpt.generation.text import Token

BINS: tuple[tuple[float, Kind], ...] = (
    (0.8, "p0"),
    (0.5, "p1"),
    (0.2, "p2"),
    (0.05, "p3"),
    (0.0, "p4"),
)
"""From which probability on a character gets which colour; the last takes all the rest."""

_VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\u00a0": "⍽"}
"""As the core shows pieces, and two more that a person may write."""
_HERE = Path(__file__).parent


def kind_of(probability: float) -> Kind:
    """The colour of a character."""
    return next((kind for floor, kind in BINS if probability >= floor), BINS[-1][1])


def segments(tokens: Sequence[Token]) -> list[Segment]:
    """A continuation's characters by colour, neighbours of one colour joined."""
    return merge(Segment(token.text, kind_of(math.exp(token.logprob))) for token in tokens)


def visible(piece: str) -> str:
    """A piece as it can be seen by itself."""
    return "".join(_VISIBLE.get(character, character) for character in piece)


def legend(t: Words) -> None:
    """The colours in words."""
    bounds = [1.0, *(floor for floor, _ in BINS)]
    entries = "".join(
        f'<span role="listitem"><span class="lg-{kind}">{t(f"probability.{kind}")}</span> '
        f"<small>{t.number(100 * low)}–{t.number(100 * high)}\u202f%</small></span>"
        for (low, kind), high in zip(BINS, bounds, strict=False)
    )
    st.html(
        f'<div class="lg-legend" role="list" aria-label="{t("probability.legend")}">{entries}</div>'
    )


def explorer(t: Words, prompt: str, tokens: Sequence[Token], *, key: str) -> None:
    """The finished text, each of its characters open to questions.

    The component sets every text through `textContent`; nothing in it can become markup.
    """
    _component()(data=explorer_data(t, prompt, tokens), key=key)


def explorer_data(t: Words, prompt: str, tokens: Sequence[Token]) -> dict[str, Any]:
    """What the component is given: the prompt, and for each token text, colour, alternatives."""
    return {
        "label": t("generate.result"),
        "hint": t("probability.hint"),
        "prompt": _safe(prompt),
        "tokens": [
            {
                "text": _safe(token.text),
                "kind": kind_of(math.exp(token.logprob)),
                "shown": visible(token.text),
                "percent": t.percent(math.exp(token.logprob)),
                "alternatives": [
                    [piece, t.percent(share), round(share, 4), piece == visible(token.text)]
                    for piece, share in token.alternatives
                ],
            }
            for token in tokens
            if token.text  # one that is only a part of a character adds nothing to point at
        ],
    }


def _safe(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        "litteragpt_explorer",
        html='<div class="lg-text" role="region"></div><div class="lg-asked" role="status"></div>',
        css=style,
        js=(_HERE / "explorer.js").read_text(encoding="utf-8"),
    )
