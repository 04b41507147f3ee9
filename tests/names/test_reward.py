from __future__ import annotations

import math

import pytest

from litteragpt.names.known import KnownNames
from litteragpt.names.reward import Verdict, Weights, judge, loops, reward, summarise

KNOWN = KnownNames.from_tables(
    [("Centro", "Ipatinga", "MG"), ("Santa Luzia", "Lages", "SC")],
    [("Ipatinga", "MG"), ("Lages", "SC"), ("Embu-Guaçu", "SP")],
)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("Novo Horizonte - Ipatinga", Verdict(True, True, True, False)),
        ("Centro - Ipatinga", Verdict(True, True, False, False)),
        ("Centro - Embu-Guaçu", Verdict(True, True, True, False)),
        ("Centro - Ipatingá", Verdict(True, False, True, False)),
        ("Centro - ipatinga", Verdict(True, False, True, False)),
        ("Centro - Ipatinga - Lages", Verdict(False, False, False, False)),
        ("Centro", Verdict(False, False, False, False)),
        ("Centro -Ipatinga", Verdict(False, False, False, False)),
        (" - Ipatinga", Verdict(False, False, False, False)),
        ("Centro - ", Verdict(False, False, False, False)),
        ("Centro - Ipatinga ", Verdict(False, False, False, False)),
        ("", Verdict(False, False, False, False)),
        ("Vila Vila Vila - Lages", Verdict(True, True, True, True)),
        ("Vila Vila - Lages", Verdict(True, True, True, False)),
    ],
)
def test_hand_made_cases(name: str, verdict: Verdict) -> None:
    assert judge(name, KNOWN) == verdict


def test_a_cut_name_is_not_well_formed_however_it_looks() -> None:
    assert judge("Centro - Lages", KNOWN, ended=False) == Verdict(False, False, False, False)


@pytest.mark.parametrize(
    "text",
    [
        "Vila Vila Vila",
        "vila Vila VILA",
        "A A A",
        "dos Santos dos Santos dos Santos",
        "Lalala",
        "São - São - São - ",
        "aaaa",
        "x" + "Parque das Flores " * 3,
    ],
)
def test_what_loops(text: str) -> None:
    assert loops(text)


@pytest.mark.parametrize(
    "text",
    ["", "Centro", "Vila Vila", "Divinópolis VIII", "Lala", "Rua 111", "Vila Nova Vila Rica Vila"],
)
def test_what_does_not(text: str) -> None:
    assert not loops(text)


def test_a_long_text_is_read_in_no_time() -> None:
    assert loops("ab" * 10**6)
    assert not loops("".join(map(chr, range(0x4E00, 0x4E00 + 20_000))))


def test_rewards_add_up() -> None:
    weights = Weights(well_formed=1.0, real_city=2.0, copied=0.25, loops=4.0)
    assert reward(Verdict(True, True, True, False), weights) == 3.0
    assert reward(Verdict(True, True, False, False), weights) == 2.75
    assert reward(Verdict(True, False, True, False), weights) == 1.0
    assert reward(Verdict(True, False, True, True), weights) == -3.0
    assert reward(Verdict(False, False, False, False), weights) == 0.0


def test_a_weight_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match="copied must be from 0 to 100"):
        Weights(copied=-1.0).validate()
    with pytest.raises(ValueError, match="loops must be from 0 to 100"):
        Weights(loops=math.nan).validate()


def test_a_summary() -> None:
    names = ["a - Lages", "a - Lages", "b - x", "ccccc"]
    verdicts = [
        Verdict(True, True, True, False),
        Verdict(True, True, False, False),
        Verdict(True, False, True, False),
        Verdict(False, False, False, True),
    ]
    found = summarise(names, verdicts, [10.0, 10.0, 6.0, 6.0])
    assert (found.samples, found.well_formed, found.real_city) == (4, 0.75, 0.5)
    assert found.new == pytest.approx(2 / 3)
    assert (found.distinct, found.loops, found.mean_chars) == (0.75, 0.25, 7.0)
    assert (found.entropy_per_name, found.entropy_per_char) == (8.0, 1.0)


def test_a_summary_without_a_well_formed_name() -> None:
    assert summarise(["x"], [Verdict(False, False, False, False)], [1.0]).new == 0.0
