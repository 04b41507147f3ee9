"""The catalogue is whole, and nothing is said outside of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from app.i18n.words import LANGUAGES, Words, catalogue, placeholders

APP = Path(__file__).parents[2] / "app"
SOURCES = sorted([*APP.glob("views/*.py"), *APP.glob("blocks/*.py")])

SAYING = re.compile(
    "title|header|subheader|caption|write|markdown|text|info|warning|error|success|toast|button|"
    "download_button|link_button|page_link|text_area|text_input|number_input|slider|tabs|badge|"
    "select_slider|selectbox|multiselect|pills|segmented_control|radio|checkbox|toggle|expander|"
    "popover|metric|spinner|status"
)
"""Streamlit's functions whose first argument a person reads."""
SAID = frozenset({"label", "help", "placeholder", "title", "alt", "page_title"})
"""Keyword arguments that a person reads."""


@pytest.mark.parametrize("key", catalogue())
def test_every_entry_is_there_in_every_language_with_the_same_placeholders(key: str) -> None:
    entry = catalogue()[key]
    assert set(entry) == set(LANGUAGES)
    assert all(words.strip() for words in entry.values())
    assert len({frozenset(placeholders(words)) for words in entry.values()}) == 1


def test_every_key_that_the_sources_name_is_in_the_catalogue_and_used() -> None:
    named: set[str] = set()
    families: set[str] = set()
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        named |= set(re.findall(r'\bt\(\s*f?"([a-z_.0-9]+)"', text))
        families |= set(re.findall(r'\bt\(\s*f"([a-z_.]+)\.\{', text))
        families |= set(re.findall(r'\bt\(\s*f"([a-z_.]+)\.\{\w+\}_help', text))
        named |= set(re.findall(r'"(charts\.[a-z]+)"', text))
    unknown = {key for key in named if key not in catalogue()}
    assert unknown == set()
    unused = {
        key for key in catalogue() if key not in named and key.rpartition(".")[0] not in families
    }
    assert unused == set()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_source_holds_words_for_the_user(source: Path) -> None:
    found = list(_literal_words(ast.parse(source.read_text(encoding="utf-8"))))
    assert found == []


def test_literal_words_would_be_found() -> None:
    planted = "st.button('Pulsa')\nwith box:\n    col.metric(t('a.b'), 3, help=f'{x} cosas')"
    assert list(_literal_words(ast.parse(planted))) == ["Pulsa", " cosas"]


def _literal_words(tree: ast.AST) -> list[str]:
    """What calls would show that is in no catalogue; LitteraGPT is a name everywhere."""
    found: list[str] = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        said = [keyword.value for keyword in call.keywords if keyword.arg in SAID]
        if SAYING.fullmatch(call.func.attr):
            said += call.args[:1]
        for argument in said:
            found += _strings(argument)
    return [text for text in found if re.search(r"[^\W\d_]", text) and "LitteraGPT" not in text]


def _strings(node: ast.AST) -> list[str]:
    """String literals that are not arguments of another call, such as `t("key")`."""
    if isinstance(node, ast.Call):
        return []
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    return [text for child in ast.iter_child_nodes(node) for text in _strings(child)]


def test_numbers_follow_the_language() -> None:
    assert Words("es").number(1234.5, 1) == "1.234,5"
    assert Words("pt").number(1234567) == "1.234.567"
    assert Words("en").number(1234.5, 1) == "1,234.5"
    assert Words("es").short(0.85) == "0,85"
    assert Words("en").short(2.0) == "2"
    assert Words("es").percent(0.425) == "42\u202f%"
    assert Words("en").percent(0.031) == "3.1%"
    assert Words("pt").percent(0.0001) == "<\u20090,1\u202f%"
