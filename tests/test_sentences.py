"""Where sentences end, and that generation and data preparation agree on it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.sentences import SentenceCounter, split_sentences

EXAMPLES = [
    ["Hola. ", "Adiós."],
    ["El Sr. D. Juan y la Sra. de Pérez vinieron. ", "El Dr. Ruiz, no."],
    ["Dijo V. M. que Ud. Sabe. ", "Véase cap. III, pág. 3 y núm. 4. ", "Nada."],
    ["Peras, uvas, etc. y manzanas. ", "Peras, etc. ", "Manzanas."],
    ["Eran 3.500 en el 1.º de mayo de 1836. ", "Nadie más."],
    ["—¿Qué? —dijo él. ", "—¡Ay!, exclamó. ", "«¿Vienes?» dijo ella."],
    ["—¿Qué?—preguntó—. ", "¡Oh! ", "¿De veras? ", "—Sí."],
    ["¿Quién es? ", "¡Nadie!, ¡nadie! ¿eh? ", "«¿Y tú?» ", "Calló."],
    ["Pues... Andrés no… No lo sabe.... Nunca. ", "Fin."],
    ["¡Meretrices!... ", "¡Atrévete! a ver."],
    ["—No sé...\n", "—¿No?\n\n", "I\n", "El capítulo. ", "Sí."],
    ["«Ni el frío». ", "Y siguió (a solas). ", '"Coco." ', "Calló."],
    ["Carlos V. murió. ", "Vino de Madrid. ", "S. S. S. q. b. s. m. Fulano."],
    ["Estaba aquí.", "—Y luego se fue.—dijo. ", "Bien."],
    ["Sim, senhor. ", "O Exmo. Sr. Dr. Pe. Antônio é assim mesmo. ", "V. Ex.ª sabe."],
    ["  Hola.   ", "¿Ya?"],
    ["   "],
    [],
]


@pytest.mark.parametrize("pieces", EXAMPLES, ids=lambda pieces: "".join(pieces)[:24])
def test_examples(pieces: list[str]) -> None:
    assert split_sentences("".join(pieces)) == pieces


@pytest.mark.parametrize(
    ("text", "limit", "decided_by", "sentences"),
    [
        ("se fue. ", 1, " ", "se fue."),  # an ordinary word: white space suffices
        ("a Madrid. E", 1, "E", "a Madrid."),  # it might be an abbreviation
        ("a casa.\n", 1, "\n", "a casa."),
        ("«sí». L", 1, "L", "«sí»."),
        ("¿Qué? —D", 1, "D", "¿Qué?"),
        ("Pues... Es así. ", 1, " ", "Pues... Es así."),
        (" Uno es. Dos son. ", 2, " ", " Uno es. Dos son."),
        ("\n\nTítulo\n", 1, "\n", "\n\nTítulo"),
    ],
)
def test_counter_decides_at_once(text: str, limit: int, decided_by: str, sentences: str) -> None:
    counter = SentenceCounter(limit)
    assert [counter.feed(character) for character in text[:-1]] == [None] * (len(text) - 1)
    assert text[-1] == decided_by
    assert counter.feed(text[-1]) == len(sentences)
    assert counter.feed("más. Y más. ") == len(sentences)


@pytest.mark.parametrize(
    "text", ["El Sr. Pérez y D. Juan", "¿Qué? —dijo", "¿Qué?» dijo", "Bien…", "Bien... Ella", "es."]
)
def test_these_are_no_ends(text: str) -> None:
    assert SentenceCounter(1).feed(text) is None


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("Vino el Sr", ". Pérez. Y", ". Pérez."),
        ("Dijo", ". Y", "."),
        ("Hola.", " Ella vino. ", " Ella vino."),
        ("Hola. ", "Ella vino. ", "Ella vino."),
        ("¿Qué?", "» Ella vino. ", "» Ella vino."),
        ("¿Qué?", " —Dijo que no. ", " —Dijo que no."),
        ("¿Qué", "? Ella", "?"),
        ("En un lugar", "\nElla vino. ", "\nElla vino."),
        ("En un lugar", " de la Mancha\nVino", " de la Mancha"),
        ("etc", ". y más cosas. ", ". y más cosas."),
        ("", "Es uno. ", "Es uno."),
    ],
)
def test_the_prompt_counts_for_the_rule_but_not_for_the_number(
    before: str, text: str, expected: str
) -> None:
    assert SentenceCounter(1, before=before).feed(text) == len(expected)


def test_limit_is_checked() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SentenceCounter(0)


PARTS = st.sampled_from(
    [*"aézAÑ1º.!?…»«\"')(¿¡—-, \n\r", "...", ". ", "? ", "Sr", "D", "etc", "casa", "núm", "V. M. "]
)
TEXTS = st.one_of(st.lists(PARTS, max_size=40).map("".join), st.text(max_size=60))


@given(TEXTS)
def test_pieces_join_to_the_text(text: str) -> None:
    pieces = split_sentences(text)
    assert "".join(pieces) == text
    assert all(pieces)
    assert all(piece == piece.lstrip() for piece in pieces[1:])


@given(TEXTS)
def test_a_line_is_never_joined_to_the_next(text: str) -> None:
    for piece in split_sentences(text):
        assert "\n" not in piece.strip()


@given(TEXTS, st.integers(1, 6), st.randoms(use_true_random=False))
def test_counter_agrees_with_split_in_any_pieces(text: str, limit: int, rng: random.Random) -> None:
    results = []
    whole = SentenceCounter(limit)
    one_by_one = SentenceCounter(limit)
    in_pieces = SentenceCounter(limit)
    results.append(whole.feed(text))
    last = None
    for character in text:
        now = one_by_one.feed(character)
        assert last is None or now == last
        last = now
    results.append(last)
    start, found = 0, None
    while start < len(text):
        stop = start + rng.randint(1, 7)
        found = in_pieces.feed(text[start:stop])
        start = stop
    results.append(found)
    assert results[0] == results[1] == results[2]

    pieces = split_sentences(text)
    expected = len("".join(pieces[:limit]).rstrip())
    if limit < len(pieces):
        assert results[0] == expected
    elif limit == len(pieces):  # whether the last one has ended is not known yet
        assert results[0] in (None, expected)
    else:
        assert results[0] is None


@given(TEXTS, TEXTS)
def test_a_prompt_that_breaks_off_within_a_word(before: str, after: str) -> None:
    before, after = before + "ca", "sa" + after
    done = len(split_sentences(before)) - 1
    alone, whole = SentenceCounter(1, before=before), SentenceCounter(done + 1)
    expected = whole.feed(before + after)
    assert alone.feed(after) == (None if expected is None else expected - len(before))
