"""Dates and times as ISO 8601.

What people write in the three languages is first put in plain English (`normalise.toml` has the
words), for `dateparser` reads little of it in Spanish and Portuguese; what is then no single day or
clock time is left alone rather than guessed. dateparser reckons the day.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final

_MAX_TEXT: Final = 80
"""Characters; a longer text is no one date."""
# fmt: off
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)
_WEEKDAYS: Final = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)
# fmt: on
_WEEKDAY: Final = "|".join(_WEEKDAYS)
_MONTH: Final = "|".join(_MONTHS)

_DISTANCE: Final = re.compile(
    r"in \d{1,3} (?:minutes|hours|days|weeks|months|years)"
    r"|\d{1,3} (?:minutes|hours|days|weeks|months|years) ago"
)
_NAMED: Final = re.compile(
    rf"today|tomorrow|yesterday|day after tomorrow|day before yesterday|(?:last )?(?:{_WEEKDAY})"
)
_SPELLED: Final = re.compile(
    rf"(?:(?:{_WEEKDAY}) )?(?:(?P<day>\d{{1,2}})[ /-]?(?P<month>{_MONTH})"
    rf"|(?P<month_first>{_MONTH}) (?P<day_last>\d{{1,2}}))(?:[ /-](?P<year>\d{{4}}))?"
)
_NUMERIC: Final = re.compile(
    rf"(?:(?:{_WEEKDAY}) )?(\d{{1,2}}([/.-])\d{{1,2}}(?:\2(?:\d{{4}}|\d{{2}}))?)"
)
_YEAR_FIRST: Final = re.compile(r"(\d{4})([/-])(\d{1,2})\2(\d{1,2})")
_DAY: Final = re.compile(rf"(?:(?:{_WEEKDAY}) )?(\d{{1,2}})")
_CLOCK: Final = re.compile(
    r"(?P<hour>\d{1,2}?)(?: ?[:.h]? ?(?P<minute>\d{2}))?"
    r"(?: (?P<sign>plus|minus) (?P<other>\d{1,2}))? ?(?P<half>am|pm)?"
)


@dataclass(frozen=True, slots=True)
class _Language:
    order: str
    distances: tuple[tuple[re.Pattern[str], str], ...]
    dates: tuple[tuple[re.Pattern[str], str], ...]
    times: tuple[tuple[re.Pattern[str], str], ...]


def iso_8601(entity_text: str, label: str, *, language: str, reference: datetime) -> str | None:
    """A DATE as `YYYY-MM-DD`, a TIME as `HH:MM`; None for what is no single day or clock time.

    `language` (`es`, `pt` or `en`) says how words and figures are read: 3/5 is 3 May, in English
    5 March. `reference` is the day and time that the text was written: a date without a year, and
    a weekday, are the next there is, that day included for a date. An hour without a part of the
    day counts as it stands, 8 as 08:00. Weeks, months, years, parts of the day and ranges are
    None, as is any other label. Raises ValueError for another language, ModuleNotFoundError where
    dateparser is missing.
    """
    try:
        import dateparser
    except ImportError as error:
        raise ModuleNotFoundError(
            "dates as ISO 8601 need dateparser: pip install dateparser"
        ) from (error)
    rules = _language(language)
    plain = _plain(entity_text)
    if label not in ("DATE", "TIME") or len(plain) > _MAX_TEXT:
        return None
    order = rules.order

    def parsed(english: str, base: datetime, **settings: str) -> datetime | None:
        found: datetime | None = dateparser.parse(
            english,
            languages=["en"],
            settings={"RELATIVE_BASE": base, "DATE_ORDER": order, **settings},
        )
        return found

    away = _rewritten(plain, rules.distances)
    if _DISTANCE.fullmatch(away):
        moment = parsed(away, reference.replace(tzinfo=None))
        if moment is None:
            return None
        return f"{moment:%H:%M}" if label == "TIME" else moment.date().isoformat()
    if label == "TIME":
        return _clock(_rewritten(plain, rules.times))
    midnight = reference.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    english = _rewritten(plain, rules.dates)
    if _NAMED.fullmatch(english):
        past = english.startswith("last ")
        when = parsed(
            english.removeprefix("last "),
            midnight,
            PREFER_DATES_FROM="past" if past else "future",
        )
    else:
        when = _calendar(english, order, midnight)
    return when.date().isoformat() if when else None


def _calendar(english: str, order: str, today: datetime) -> datetime | None:
    """The day that a date says with figures; without a year the next one, without a month too."""
    if match := _SPELLED.fullmatch(english):
        month = _MONTHS.index(match["month"] or match["month_first"]) + 1
        return _next(int(match["day"] or match["day_last"]), month, match["year"], today)
    if match := _YEAR_FIRST.fullmatch(english):
        return _next(int(match[4]), int(match[3]), match[1], today)
    if match := _NUMERIC.fullmatch(english):
        first, second, *year = re.split(r"[/.-]", match[1])
        day, in_month = (first, second) if order == "DMY" else (second, first)
        if int(in_month) > 12:  # 12/25 in a country that writes 25/12
            day, in_month = in_month, day
        full = (year[0] if len(year[0]) == 4 else f"20{year[0]}") if year else None
        return _next(int(day), int(in_month), full, today)
    if match := _DAY.fullmatch(english):
        day_of_month = int(match[1])
        days = (today + timedelta(days=ahead) for ahead in range(62))
        return next((each for each in days if each.day == day_of_month), None)
    return None


def _next(day: int, month: int, year: str | None, today: datetime) -> datetime | None:
    """The day, of that year or else the first from today on; None where there is none."""
    # 29 February is at most eight years away.
    first, last = (int(year), int(year)) if year else (today.year, today.year + 8)
    for number in range(first, last + 1):
        try:
            found = datetime(number, month, day)
        except ValueError:
            continue
        if year or found >= today:
            return found
    return None


def _clock(english: str) -> str | None:
    if english == "midnight":
        return "00:00"
    match = _CLOCK.fullmatch(english.replace("noon", "12", 1))
    if match is None:
        return None
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if hour > 23 or minute > 59 or (match["half"] and not 1 <= hour <= 23):
        return None
    if match["half"] == "pm" and hour < 12:
        hour += 12
    if match["half"] == "am" and hour == 12:
        hour = 0
    shift = int(match["other"] or 0) * (-1 if match["sign"] == "minus" else 1)
    total = (hour * 60 + minute + shift) % (24 * 60)
    return f"{total // 60:02}:{total % 60:02}"


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.lower().replace("’", "'").replace("º", "o"))
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return " ".join(plain.replace(",", " ").split())


def _rewritten(plain: str, phrases: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, english in phrases:
        plain = pattern.sub(english, plain)
    return " ".join(plain.split())


@cache
def _language(language: str) -> _Language:
    tables = tomllib.loads((resources.files(__package__) / "normalise.toml").read_text("utf-8"))
    if language not in tables:
        raise ValueError(f"language must be one of {', '.join(tables)}, not {language!r}")
    table: dict[str, Any] = tables[language]
    numbers = _words(table["numbers"], list(map(str, range(len(table["numbers"])))))
    calendar = _words(table["weekdays"], _WEEKDAYS) + _words(table["months"], _MONTHS)

    def phrases(name: str) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((re.compile(pattern), english) for pattern, english in table[name])

    return _Language(
        table["order"],
        (*phrases("distances"), *numbers),
        (*phrases("dates"), *calendar, *numbers),
        (*phrases("times"), *numbers),
    )


def _words(
    spellings: Sequence[str], english: Sequence[str]
) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of words and what they become, the longest first."""
    pairs = [
        (spelling, word)
        for spelled, word in zip(spellings, english, strict=True)
        for spelling in spelled.split("|")
    ]
    pairs.sort(key=lambda pair: -len(pair[0]))
    return tuple(
        (re.compile(rf"(?<![a-z]){re.escape(spelling)}\.?(?![a-z])"), word)
        for spelling, word in pairs
    )
