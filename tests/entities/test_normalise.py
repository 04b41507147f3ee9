"""Dates and times as ISO 8601, seen from Thursday 20 February 2025, 12:00."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.entities.normalise import iso_8601

pytest.importorskip("dateparser")
REFERENCE = datetime(2025, 2, 20, 12, 0)

DATES = {
    "es": """
        hoy 2025-02-20 | mañana 2025-02-21 | pasado mañana 2025-02-22 | ayer 2025-02-19
        anteayer 2025-02-18 | viernes 2025-02-21 | próximo lunes 2025-02-24
        lunes que viene 2025-02-24 | este sábado 2025-02-22 | lunes pasado 2025-02-17
        20 de febrero 2025-02-20 | lunes 3 de marzo 2025-03-03 | 25 de mayo de 2026 2026-05-25
        1º de mayo 2025-05-01 | primero de mayo 2025-05-01 | veintiocho de abril 2025-04-28
        20/02/2025 2025-02-20 | 3/5 2025-05-03 | 15-03-2026 2026-03-15 | 25 may 2025 2025-05-25
        día 15 2025-03-15 | lunes 24 2025-02-24 | dentro de tres días 2025-02-23
        en dos semanas 2025-03-06 | hace una semana 2025-02-13 | NAVIDAD 2025-12-25
        2025-03-04 2025-03-04 | 19 de enero 2026-01-19 | miercoles 2025-02-26
        semana que viene - | marzo de 2024 - | 2019 - | 31 de febrero - | lunes a viernes -
        3 al 7 de mayo - | primer lunes de mayo - | próximo mes - | fin de semana - | algo -
    """,
    "pt": """
        hoje 2025-02-20 | amanhã 2025-02-21 | depois de amanhã 2025-02-22 | ontem 2025-02-19
        segunda-feira 2025-02-24 | segunda 2025-02-24 | próxima terça 2025-02-25
        sexta-feira que vem 2025-02-21 | sexta passada 2025-02-14 | 2ª-feira 2025-02-24
        dia 15 2025-03-15 | dia 20 de março 2025-03-20 | sexta-feira, 20 de março 2025-03-20
        1º de maio 2025-05-01 | vinte e um de abril 2025-04-21 | 20/02/2025 2025-02-20
        daqui a três dias 2025-02-23 | há dois dias 2025-02-18 | dois dias atrás 2025-02-18
        esta quinta 2025-02-27 | Natal 2025-12-25 | 5 jan 2026-01-05
        semana que vem - | março de 2024 - | mês que vem - | dias 3 e 5 -
    """,
    "en": """
        today 2025-02-20 | tomorrow 2025-02-21 | day after tomorrow 2025-02-22
        yesterday 2025-02-19 | next Monday 2025-02-24 | this Friday 2025-02-21
        Fri 2025-02-21 | last Friday 2025-02-14 | March 3rd 2025-03-03 | 15th of June 2025-06-15
        Friday, June 21st 2025-06-21 | 3/15 2025-03-15 | 25/12 2025-12-25 | 25 May 2025 2025-05-25
        April 10, 2026 2026-04-10 | Aug. 5 2025-08-05 | 15th 2025-03-15 | May fifth 2025-05-05
        in two weeks 2025-03-06 | three days from now 2025-02-23 | a week ago 2025-02-13
        Christmas Eve 2025-12-24 | February 29 2028-02-29 | 2/21/26 2026-02-21
        next week - | March 2024 - | May 3-7 - | Q1 2025 - | the 90s -
    """,
}
TIMES = {
    "es": """
        8 08:00 | 8 de la mañana 08:00 | tres y cuarto de la tarde 15:15 | 8 y media 08:30
        ocho menos cuarto 07:45 | 7:30 PM 19:30 | 8 p.m. 20:00 | 8 a. m. 08:00 | 19h 19:00
        19h30 19:30 | 20:15 horas 20:15 | 15.30 h 15:30 | 10 hs 10:00 | nueve en punto 09:00
        mediodía 12:00 | medianoche 00:00 | 12 de la noche 00:00 | 12 am 00:00 | 10pm 22:00
        una y veinticinco 01:25 | dentro de media hora 12:30 | en 2 horas 14:00
        tarde - | esta noche - | 9 y las 10 - | 25:00 - | 8:75 -
    """,
    "pt": """
        15h 15:00 | 19h30 19:30 | 13h15min 13:15 | 8 e meia 08:30 | 20 horas 20:00
        oito da manhã 08:00 | três e quinze da tarde 15:15 | 7h da noite 19:00 | 14:30 h 14:30
        meio-dia 12:00 | meio-dia e meia 12:30 | meia-noite 00:00 | duas em ponto 02:00
        daqui a 20 minutos 12:20 | vinte e duas horas 22:00 | tarde - | 8h às 10h -
    """,
    "en": """
        10 AM 10:00 | 7:30 PM 19:30 | 7:30pm 19:30 | 8 a.m. 08:00 | 12 AM 00:00 | 12 pm 12:00
        noon 12:00 | 12 noon 12:00 | midnight 00:00 | 5 o'clock 05:00 | five o’clock 05:00
        half past five 05:30 | quarter to six 05:45 | ten past 9 09:10 | five thirty 05:30
        8 in the morning 08:00 | 1500 hours 15:00 | 9 at night 21:00 | 3 sharp 03:00
        in half an hour 12:30 | in 90 minutes 13:30 | tonight - | 9 to 5 pm - | 9-10 -
    """,
}


def pairs(table: dict[str, str]) -> list[tuple[str, str, str | None]]:
    """Language, text, and what it is to be."""
    found = []
    for language, lines in table.items():
        for line in lines.strip().splitlines():
            for each in line.split("|"):
                text, _, due = each.strip().rpartition(" ")
                found.append((language, text, None if due == "-" else due))
    return found


@pytest.mark.parametrize(("language", "text", "due"), pairs(DATES))
def test_dates(language: str, text: str, due: str | None) -> None:
    assert iso_8601(text, "DATE", language=language, reference=REFERENCE) == due


@pytest.mark.parametrize(("language", "text", "due"), pairs(TIMES))
def test_times(language: str, text: str, due: str | None) -> None:
    assert iso_8601(text, "TIME", language=language, reference=REFERENCE) == due


@given(st.text(max_size=30) | st.text("0123456789/-.: aeh", max_size=12))
def test_any_text_is_a_date_or_none(text: str) -> None:
    for language in DATES:
        for label, form in (("DATE", "%Y-%m-%d"), ("TIME", "%H:%M")):
            found = iso_8601(text, label, language=language, reference=REFERENCE)
            assert found is None or datetime.strptime(found, form)


@given(st.dates())
def test_iso_stays(day: object) -> None:
    for language in DATES:
        assert iso_8601(str(day), "DATE", language=language, reference=REFERENCE) == str(day)


def test_what_is_no_date() -> None:
    assert iso_8601("mañana", "NAME", language="es", reference=REFERENCE) is None
    assert iso_8601("mañana " * 40, "DATE", language="es", reference=REFERENCE) is None
    with pytest.raises(ValueError, match="language must be one of es, pt, en"):
        iso_8601("mañana", "DATE", language="fr", reference=REFERENCE)


def test_without_dateparser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dateparser", None)
    with pytest.raises(ModuleNotFoundError, match="pip install dateparser"):
        iso_8601("mañana", "DATE", language="es", reference=REFERENCE)
