"""The token view: every token has its place in the text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litteragpt.protocols import Tokenizer
from litteragpt.tokenizers import BPETokenizer, CharTokenizer, TokenView, pieces_of
from litteragpt.tokenizers.pieces import shown
from tests.generation.fakes import ByteTokenizer

WORDS = BPETokenizer([(b"c", b"a"), (b"ca", b"f"), (b" ", b"caf"), (b" caf", b"\xc3")])
LETTERS = CharTokenizer("\n acf.é")
# Tokens that begin and end inside characters.
PARTS = BPETokenizer(
    [
        (b"a", b"\xc3"),
        (b"\xa9", b"\xc3"),
        (b"\xb0", b"\xd0"),
        (b"\xd0", b"\xb0\xd0"),
        (b"\x98", b"\x80"),
        (b"\xef", b"\xbf"),
        (b"\xbd", b"\xef\xbf"),
        (b"\xc3", b"\xa9"),
    ]
)


def test_the_tokens_of_a_text() -> None:
    assert pieces_of(WORDS, "a café\r\n café") == [
        TokenView(WORDS.encode("a").ids[0], "a", 0, 1, 1),
        TokenView(260, "␣caf<C3>", 1, 6, 2),
        TokenView(WORDS.encode("é").ids[1], "<A9>", 5, 6, 2),
        TokenView(WORDS.encode("\n").ids[0], "↵", 6, 7, 1),
        TokenView(260, "␣caf<C3>", 7, 12, 2),
        TokenView(WORDS.encode("é").ids[1], "<A9>", 11, 12, 2),
    ]


def test_the_characters_of_a_text() -> None:
    """The places are those in what is read: the ellipsis becomes three characters."""
    views = pieces_of(LETTERS, "e\u0301…c\u0327")
    assert [(view.piece, view.start, view.end, view.count) for view in views] == [
        ("é", 0, 1, 1),
        (".", 1, 2, 3),
        (".", 2, 3, 3),
        (".", 3, 4, 3),
        ("c", 4, 5, 1),
    ]


def test_a_text_without_tokens() -> None:
    assert pieces_of(LETTERS, "") == pieces_of(LETTERS, "😀") == []


@pytest.mark.parametrize("tokenizer", [WORDS, PARTS], ids=["words", "parts"])
@settings(deadline=None)
@given(text=st.text(st.sampled_from("aéÃ©ааар€😀\U0001f600\U0010ffff\ufffd\ufffe \n\u0301cfa")))
def test_a_token_covers_the_characters_that_its_bytes_are_of(
    tokenizer: BPETokenizer, text: str
) -> None:
    read = tokenizer.encode(text).text
    owner = [place for place, character in enumerate(read) for _ in character.encode()]
    position = 0
    for view in pieces_of(tokenizer, text):
        length = len(tokenizer.token_bytes(view.id))
        places = owner[position : position + length]
        assert (view.start, view.end) == (places[0], places[-1] + 1)
        assert view.piece == tokenizer.piece(view.id)
        position += length
    assert position == len(owner)


@settings(deadline=None)
@given(text=st.text(st.sampled_from("a\u00e9\ufffd€😀")))
def test_any_tokenizer_that_decodes_what_it_encodes_will_do(text: str) -> None:
    tokenizer: Tokenizer = ByteTokenizer()
    views = pieces_of(tokenizer, text)
    assert [text[view.start : view.end] for view in views] == [
        character for character in text for _ in character.encode()
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" a\n", "␣a↵"),
        ("\t\r", r"\t\r"),
        ("q\u0303", "q\u0303"),
        ("\u0303q", "◌\u0303q"),
        (" \u0303\u0301", "␣◌\u0303\u0301"),
        ("\u200b\u202e\ufeff", r"\u200b\u202e\ufeff"),
        ("❤\ufe0f", r"❤\ufe0f"),
        ("\u3164\u2800\u115f\U000e0101", r"\u3164\u2800\u115f\U000e0101"),
        ("\u2028\u00a0\u00ad", r"\u2028\xa0\xad"),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text) == expected
