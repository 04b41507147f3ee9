"""A stream of tokens that hold parts of characters never shows half a character."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import TextModel, Token
from litteragpt.tokenizers import BPETokenizer
from tests.generation.fakes import scripted

# Tokens that begin and end inside characters.
PARTS = BPETokenizer(
    [
        (b"a", b"\xc3"),
        (b"\xa9", b"\xc3"),
        (b"\xc3", b"\xa9"),
        (b"\xb0", b"\xd0"),
        (b"\xbf", b"\xbd"),
        (b"\xef", b"\xbf\xbd"),
        (b"\x9f", b"\x98"),
        (b"\x80", b"a"),
        (b"\x98", b"\x80a"),
    ]
)
ID_OF = {PARTS.token_bytes(id): id for id in range(1, PARTS.vocab_size)}


def ids_of(*tokens: bytes) -> list[int]:
    return [ID_OF[token] for token in tokens]


def written(script: list[int], max_chars: int) -> list[Token]:
    """The tokens of a model that writes the script again and again."""
    lm = TextModel(scripted(PARTS.vocab_size, 1, script), PARTS, name="parts")
    stream = lm.stream("a", [SamplingConfig()], seed=1, sentences=None, max_chars=max_chars)
    return [token for step in stream for token in step.tokens if token]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([b"\xc3", b"\xa9", b"a"], ["", "é", "a"]),
        ([b"a\xc3", b"\xa9\xc3", b"\xa9\xc3", b"\xa9"], ["a", "é", "é", "é"]),
        ([b"\xf0", b"\x9f\x98", b"\x80a", b"a"], ["", "", "😀a", "a"]),
        ([b"\xf0", b"\x9f", b"\x98", b"\x80"], ["", "", "", "😀"]),
        # A U+FFFD that the text itself holds waits for what comes after it.
        ([b"\xef\xbf\xbd", b"a", b"a"], ["", "\ufffda", "a"]),
        ([b"\xef\xbf\xbd", b"\xef\xbf\xbd", b"a"], ["", "\ufffd", "\ufffda"]),
        ([b"\xef", b"\xbf\xbd", b"a", b"a"], ["", "", "\ufffda", "a"]),
        # Bytes that never become a character are shown once that is known.
        ([b"\xc3", b"a", b"a"], ["", "\ufffda", "a"]),
        ([b"\xc3", b"\xc3", b"\xc3", b"\xc3", b"\xc3", b"\xa9"], ["", *["\ufffd"] * 4, "é"]),
        ([b"\xff", b"\xff", b"\xff", b"\xff", b"\xc3", b"\xa9"], ["", *["\ufffd"] * 4, "é"]),
        ([b"\xf0", b"\x9f\x98", b"\xf0", b"\x9f\x98", b"\x80a"], ["", "", "\ufffd", "", "😀a"]),
    ],
)
def test_what_each_token_adds(tokens: list[bytes], expected: list[str]) -> None:
    shown = written(ids_of(*tokens), len("".join(expected)))
    assert [token.text for token in shown] == expected


@settings(deadline=None)
@given(
    tokens=st.lists(st.sampled_from(sorted(ID_OF)), min_size=1, max_size=12)
    | st.lists(
        st.sampled_from(sorted(token for token in ID_OF if max(token) > 0x7F)),
        min_size=1,
        max_size=12,
    )
    | st.text(st.sampled_from("aéа€😀\ufffd"), min_size=1).map(
        lambda text: [PARTS.token_bytes(id) for id in PARTS.encode(text).ids]
    )
)
def test_what_is_shown_is_the_text_of_the_ids(tokens: list[bytes]) -> None:
    """At every step all of it but an end that may be half a character, and never anything else."""
    shown = written(ids_of(*tokens), 15)
    assert len("".join(token.text for token in shown)) == 15
    for count in range(1, len(shown)):
        text = PARTS.decode([token.id for token in shown[:count]])
        assert "".join(token.text for token in shown[:count]) == text.removesuffix("\ufffd")
