"""Text is text: whatever is in it, exactly that is shown."""

from __future__ import annotations

import html
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.string_util import clean_text

from app.blocks.streamed_text import Kind, Segment, escape, merge, render

KINDS: list[Kind] = ["plain", "prompt", "same", "fork", "p0", "p1", "p2", "p3", "p4"]
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</div><script>alert(1)</script>",
    "$x$ and $$y$$",
    "*a* _b_ `c` # d [e](javascript:f)",
    ":smile: :material/home: :red[g]",
    "\"quoted\" 'quoted' &amp; &#65;",
    "   leading\n \n\ttrailing   ",
    "\u202eright to left\u202c \ufeff",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(HOSTILE)
SEGMENTS = st.lists(st.builds(Segment, TEXTS, st.sampled_from(KINDS)))


def read(document: str) -> str:
    """What a browser would show: no tags, references resolved."""
    return html.unescape(re.sub(r"<[^>]*>", "", document))


@given(SEGMENTS)
def test_what_is_rendered_reads_as_what_was_written(segments: list[Segment]) -> None:
    written = "".join(segment.text for segment in segments)
    assert read(clean_text(render(segments, label="x"))) == written


@given(SEGMENTS)
def test_only_our_own_tags_are_in_it(segments: list[Segment]) -> None:
    tags = re.findall(r"<[^>]*>", render(segments, label="<b>"))
    allowed = re.compile(r'</?(div|span|strong|mark)( class="[a-z0-9 -]+"| [a-z-]+="[^"<>]*")*>')
    assert [tag for tag in tags if not allowed.fullmatch(tag)] == []


@given(SEGMENTS)
def test_merging_keeps_the_text_and_its_kinds(segments: list[Segment]) -> None:
    def kinds(of: list[Segment]) -> list[tuple[str, str]]:
        return [(character, segment.kind) for segment in of for character in segment.text]

    merged = merge(segments)
    assert kinds(merged) == kinds(segments)
    assert all(a.kind != b.kind for a, b in pairwise(merged))


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert escape("a\ud800b") == "a\ufffdb"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_label_is_escaped_too(text: str) -> None:
    rendered = render([], label=text)
    assert "<img" not in rendered
    assert "<script" not in rendered
    assert f'aria-label="{escape(text)}"' in rendered
