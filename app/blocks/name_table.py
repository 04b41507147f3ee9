"""Names as a table, as a line of figures, and as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import streamlit as st

from app.blocks.name_lists import Found
from app.blocks.streamed_text import escape
from app.i18n import Words
from litteragpt.names.generate import Name

MAX_ROWS = 100
"""Rows that are drawn; the file has them all."""

_COLUMNS = ("name", "bairro", "city", "uf", "logprob", "known", "city_is_real")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def facts_html(t: Words, found: Found) -> str:
    """How many names there are, are different, are new, and are in a city that there is."""
    names = found.names.names
    distinct = len({each.name for each in names})
    invented = sum(not each.known for each in names)
    real = sum(each.city_is_real for each in names)

    def share(count: int) -> str:
        return t.percent(count / len(names)) if names else t.percent(0.0)

    entries = (
        t("names.facts.names", count=t.count(len(names))),
        t("names.facts.distinct", count=t.count(distinct)),
        t("names.facts.invented", count=t.count(invented), share=share(invented)),
        t("names.facts.real", count=t.count(real), share=share(real)),
        t("facts.seed", seed=str(found.request.seed)),
    )
    items = "".join(f"<span>{escape(entry)}</span>" for entry in entries)
    return f'<div class="lg-facts" role="status">{items}</div>'


def table_html(t: Words, names: Sequence[Name]) -> str:
    """The first rows of the names for `st.html`; on a phone each row is two lines.

    The roles say to screen readers what the style, laid out anew on a phone, would hide.
    """
    heads = "".join(
        f'<th scope="col" role="columnheader">{escape(t(f"names.columns.{column}"))}</th>'
        for column in ("name", "badge", "city", "logprob")
    )
    rows = "".join(_row(t, each) for each in names[:MAX_ROWS])
    return (
        f'<table class="lg-names" role="table" aria-label="{escape(t("names.table"))}">'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
    )


def _row(t: Words, name: Name) -> str:
    kind = "known" if name.known else "invented"
    if name.city is not None and name.uf is not None:
        city = f"{escape(name.city)} <b>{escape(name.uf)}</b>"
    else:
        why = t("names.no_city") if name.city is None else t("names.unreal_city")
        city = f"<i>{escape(why)}</i>"
    badge = f'<span class="lg-badge lg-{kind}">{escape(t(f"names.badge.{kind}"))}</span>'
    return (
        f'<tr role="row"><th scope="row" role="rowheader">{escape(name.name)}</th>'
        f'<td role="cell">{badge}</td><td role="cell">{city}</td>'
        f'<td role="cell">{t.number(name.logprob, 1)}</td></tr>'
    )


def as_csv(names: Sequence[Name]) -> bytes:
    """The names as `litteragpt names --json` has them, in UTF-8 with the mark Excel looks for.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, _COLUMNS)
    writer.writeheader()
    for name in names:
        writer.writerow({key: _cell(value) for key, value in name.to_dict().items()})
    return file.getvalue().encode("utf-8-sig", "replace")


def download(t: Words, found: Found) -> None:
    """The file's button; it does not rerun the page."""
    st.download_button(
        t("downloads.csv"),
        as_csv(found.names.names),
        file_name=f"{found.request.model}-{found.request.seed}.csv",
        mime="text/csv; charset=utf-8",
        key="toponimos.csv",
        on_click="ignore",
        icon=":material/download:",
    )


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4f}"
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
