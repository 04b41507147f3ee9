"""Marked text shows exactly the text, whatever is in it; its colours can be told and read."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.entities.colours import INKS, OTHER_INKS, TINT, ink_of
from litteragpt.entities.highlight import escape, legend, marked, said, segments
from litteragpt.entities.span import Entity, entity_at

HOSTILE = (
    "<img src=x onerror=\"alert(1)\"> $x$ *a* **b** &amp; &lt; 'q' </mark>\n\r\n\t"
    "👩\u200d👩\u200d👧 \u202eabc\u202c שלום e\u0301 \u2028 ]]> <!-- -->"
)


class Reader(HTMLParser):
    """What a browser would make of a piece of HTML: its text, and its elements' attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@st.composite
def texts_with_entities(draw: st.DrawFn) -> tuple[str, list[Entity]]:
    """A text of hostile pieces, and entities of it that do not overlap."""
    pieces = st.sampled_from(
        ["<b>", "&", '"', "'", "\n", "\r", "é", "e\u0301", "👩\u200d👧", "\u202e"]
    )
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    text = "".join(draw(st.lists(st.one_of(pieces, letters), max_size=30)))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    labels = st.sampled_from(["NAME", "DATE", '"><script>', "$x$", "*", "\u202eX", "\n"])
    spans = zip(cuts[::2], cuts[1::2], strict=False)
    return text, [entity_at(text, start, end, draw(labels)) for start, end in spans]


@given(texts_with_entities())
def test_the_text_of_the_html_is_the_text(given_: tuple[str, list[Entity]]) -> None:
    text, entities = given_
    read = Reader(marked(text, entities))
    assert read.text == text
    assert [tag for tag, _ in read.tags] == ["mark"] * len(entities)
    assert [attrs["data-label"] for _, attrs in read.tags] == [each.label for each in entities]
    assert [attrs["title"] for _, attrs in read.tags] == [said(each) for each in entities]


@given(texts_with_entities())
def test_segments_join_to_the_text_at_the_right_offsets(
    given_: tuple[str, list[Entity]],
) -> None:
    text, entities = given_
    found = segments(text, reversed(entities))
    assert "".join(segment.text for segment in found) == text
    assert all(segment.text for segment in found)
    at = 0
    for segment in found:
        if segment.entity is not None:
            assert (at, at + len(segment.text)) == (segment.entity.start, segment.entity.end)
        at += len(segment.text)
    assert [s.entity for s in found if s.entity is not None] == entities


@pytest.mark.parametrize(
    "wrong",
    [
        [Entity(0, 0, "A", "")],
        [Entity(0, 9, "A", "abc")],
        [Entity(-1, 1, "A", "a")],
        [Entity(0, 2, "A", "ab"), Entity(1, 3, "A", "bc")],
        [Entity(0, 1, "A", "b")],
    ],
)
def test_what_is_no_entity_of_the_text_is_refused(wrong: list[Entity]) -> None:
    with pytest.raises(ValueError, match="entity"):
        marked("abc", wrong)


def test_hostile_text_and_labels_stay_text() -> None:
    entity = entity_at(HOSTILE, 0, len(HOSTILE), "<img onerror=alert(1)>")
    html = marked(HOSTILE, [entity], title=lambda each: '"><b>')
    assert re.findall(r"<(\w+)", html) == ["mark"]
    assert "\n" not in html, "what shows HTML may dedent it"
    assert Reader(html).text == HOSTILE
    assert Reader("".join(legend(["<i>"]))).text == "<i>"


def test_what_html_cannot_hold_keeps_its_place() -> None:
    assert escape("a\ud800b\0c") == "a\ufffdb\ufffdc"


def test_a_difference_is_told_by_more_than_colour() -> None:
    one, other = entity_at("Ana Eva", 0, 3, "NAME"), entity_at("Ana Eva", 4, 7, "NAME")
    read = Reader(marked("Ana Eva", [one, other], differing={other}))
    assert [attrs.get("class") for _, attrs in read.tags] == [None, "lg-differs"]
    assert [attrs["data-label"] for _, attrs in read.tags] == ["NAME", "≠ NAME"]


def test_an_unknown_label_has_one_colour_of_the_others_always() -> None:
    found = {ink_of(f"LABEL{number}") for number in range(100)}
    assert found == set(OTHER_INKS)
    assert not found & set(INKS.values())
    assert ink_of("PER") == "#6b7fd0"


PAGES = (("#26221d", "#fdfbf7"), ("#ece6da", "#1b1916"), ("#000000", "#ffffff"))
"""Ink and ground of the app, light and dark, and of a bare page."""


@pytest.mark.parametrize(("text", "ground"), PAGES)
@pytest.mark.parametrize("ink", [*INKS.values(), *OTHER_INKS])
def test_text_over_a_tint_can_be_read_and_the_ink_seen(ink: str, text: str, ground: str) -> None:
    tint = [
        a * TINT / 100 + b * (1 - TINT / 100) for a, b in zip(_rgb(ink), _rgb(ground), strict=True)
    ]
    assert _contrast(_rgb(text), tint) >= 4.5
    assert _contrast(_rgb(ink), _rgb(ground)) >= 3


def _rgb(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def _contrast(one: list[float], other: list[float]) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(rgb: list[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
