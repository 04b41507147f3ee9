from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from litteragpt.names.structure import Place, parse, write

SIDES = st.text(alphabet="aÉ9 -–\n\t(", max_size=8)


def test_a_place() -> None:
    assert parse("Santa Luzia - Embu das Artes") == Place("Santa Luzia", "Embu das Artes")
    assert parse("Guarani-Mirim - Ji-Paraná") == Place("Guarani-Mirim", "Ji-Paraná")


@pytest.mark.parametrize(
    "name",
    [
        *("", " - ", "Centro", "Centro - ", " - Jaú", "Centro -Jaú", "Centro- Jaú"),
        *(
            "A - B - C",
            "A - - C",
            "A -  C",
            "A  - C",
            "\tA - C",
            "A\n - C",
            "A - C\n",
            "A\x85b - C",
        ),
    ],
)
def test_no_place(name: str) -> None:
    assert parse(name) is None


def test_an_inner_separator_becomes_an_en_dash() -> None:
    assert write("Alvorada - 3ª Seção", "Ibirité") == "Alvorada – 3ª Seção - Ibirité"
    assert write("A - - B", "C") == "A – – B - C"


@pytest.mark.parametrize(
    ("bairro", "city"),
    [("", "Jaú"), ("A", ""), ("A ", "B"), ("A", " B"), ("A", "B - C"), ("A -", "B")],
)
def test_what_no_line_can_hold(bairro: str, city: str) -> None:
    with pytest.raises(ValueError, match="no line can hold"):
        write(bairro, city)


@given(SIDES, SIDES)
@example("A -", "B")
@example("A", "- B")
def test_what_is_written_is_read_back(bairro: str, city: str) -> None:
    try:
        name = write(bairro, city)
    except ValueError:
        return
    assert parse(name) == Place(bairro.replace(" - ", " – ").replace(" - ", " – "), city)


@given(st.text(alphabet="ab -", max_size=12))
def test_a_well_formed_name_is_its_sides(name: str) -> None:
    place = parse(name)
    if place is not None:
        assert f"{place.bairro} - {place.city}" == name
        assert write(place.bairro, place.city) == name
