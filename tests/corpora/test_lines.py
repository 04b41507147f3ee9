from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.corpora.lines import (
    fault_of_sentence,
    fault_of_text,
    folded_words,
    tidy,
    tidy_prose,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  Em 1939\u2013\u00ad1945 ,  a guerra…  ", "Em 1939–1945, a guerra..."),
        ("Disse «\u00a0sim\u00a0» a “todos” ( ou não ) .", 'Disse «sim» a "todos" (ou não).'),
        ("Nasceu em Lisboa[12] em 1905 [nota 3].", "Nasceu em Lisboa em 1905."),
        ("Marte ( , ) é um planeta -- o quarto.", "Marte é um planeta — o quarto."),
        ("cafe\u0301 e 12,5 %", "café e 12,5%"),
    ],
)
def test_tidy(raw: str, expected: str) -> None:
    assert tidy(raw) == expected


@given(st.text(st.sampled_from("ab é.,;()[]12n«»-—…\u0301\u00a0\"'"), max_size=40))
def test_a_tidy_line_is_tidied_to_itself(text: str) -> None:
    line = tidy(text)
    assert tidy(line) == line
    assert unicodedata.is_normalized("NFC", line)


def test_prose_has_one_kind_of_dash_and_no_marks_of_scanners() -> None:
    assert tidy_prose("- Sim - disse o *sr.^o* de * * *") == "— Sim — disse o sr.o de"
    assert tidy_prose("pelo general ***, ontem") == "pelo general ***, ontem"
    assert tidy_prose("-5 graus") == "-5 graus"


GOOD = "O rio Tejo nasce na Espanha e deságua em Lisboa, em Portugal."


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (GOOD, None),
        ("«Vou já para casa», disse ele ao pai, e saiu.", None),
        ("Em 2014 havia 12 mil pessoas na cidade de Évora (Alentejo).", None),
        ("...", "empty"),
        (GOOD.replace("rio", "[[rio]]"), "markup"),
        (GOOD.replace("rio", "rio &nbsp;"), "markup"),
        (GOOD.replace("rio", "rio \ufffc"), "markup"),
        (GOOD.replace("rio", "http://a.pt"), "markup"),
        (GOOD.replace("rio", "rio (река)"), "script"),
        ("O rio é fundo.", "short"),
        (GOOD * 20, "long"),
        ("o" + GOOD[1:], "begin"),
        (GOOD[:-1], "end"),
        (GOOD[:-1] + ":", "end"),
        (GOOD.replace("Tejo", "(Tejo"), "brackets"),
        (GOOD.replace("Tejo", '"Tejo'), "brackets"),
        ("Os anos de 1901 1902 1903 1904 1905 a 1906 1907 foram bons.", "figures"),
        ("The river flows through many countries before reaching Lisbon.", "language"),
    ],
)
def test_fault_of_sentence(line: str, fault: str | None) -> None:
    assert fault_of_sentence(line) == fault


def test_any_text_may_be_short_and_open() -> None:
    assert fault_of_text("— Sim") is None
    assert fault_of_text("* * *") == "empty"


def test_folded_words() -> None:
    words = folded_words("Ó «guarda-chuva» de 1905, AÇÃO!")
    assert words == ["o", "guarda", "chuva", "de", "1905", "acao"]
