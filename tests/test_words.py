"""What a word is, and counting words while they are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.words import WordCounter

_WORD = re.compile(r"[^\W\d_]+(?:[-'’\u2010\u2011][^\W\d_]+)*")
"""The same rule, for text without combining marks."""

TEXTS = st.text(alphabet="ab é-'’ 1.\n", max_size=40)


def fed(text: str, limit: int, before: str = "", size: int = 1) -> int | None:
    counter = WordCounter(limit, before)
    for start in range(0, len(text), size):
        end = counter.feed(text[start : start + size])
        assert counter.settled <= start + size
        if end is not None:
            return end
    return None


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("um dois tres", 2, "um dois"),
        ("um guarda-chuva d'água, e", 3, "um guarda-chuva d'água"),
        ("em 1822, D. Pedro", 2, "em 1822, D"),
        (" — fim. Outro", 1, " — fim"),
        ("bem- vindo", 1, "bem"),
        ("fim--fim", 1, "fim"),
        ("cafe\u0301 com", 1, "cafe\u0301"),
    ],
)
def test_ends(text: str, limit: int, kept: str) -> None:
    for size in (1, 2, 5, 100):
        end = fed(text, limit, size=size)
        assert end is not None
        assert text[:end] == kept


def test_the_last_word_may_go_on() -> None:
    assert fed("um dois", 2) is None
    assert fed("um dois-", 2) is None
    counter = WordCounter(2)
    counter.feed("um dois-")
    assert counter.settled == len("um dois")
    counter.feed("tres")
    assert counter.settled == len("um dois-tres")


def test_the_rest_of_the_prompts_last_word_is_no_new_one() -> None:
    assert fed("s vermelhos são", 1, before="Marte e outros planeta") == len("s vermelhos")
    assert fed("chuva azul e", 1, before="um guarda-") == len("chuva azul")
    assert fed(" vermelho e", 1, before="um planeta") == len(" vermelho")


@given(TEXTS, TEXTS, st.integers(1, 6))
def test_agrees_with_the_slow_rule(before: str, text: str, limit: int) -> None:
    """So many more words than in the prompt alone, and the cut is at the end of the last."""
    text += "."  # whatever was the last word is over
    end = fed(text, limit, before)
    already = len(_WORD.findall(before))
    ends = [match.end() for match in _WORD.finditer(before + text)]
    if len(ends) < already + limit:
        assert end is None
    else:
        assert end == ends[already + limit - 1] - len(before)


def test_at_least_one() -> None:
    with pytest.raises(ValueError, match="words"):
        WordCounter(0)
