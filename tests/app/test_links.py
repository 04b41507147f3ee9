"""A link says all that a text depends on, and a hostile one says nothing that is believed."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.blocks import links
from app.blocks.jobs import Request
from app.blocks.settings import FIELDS, MAX_SEED
from litteragpt.generation.sampling import SamplingConfig

MODELS = ["litteragpt-es", "tiny"]

temperatures = st.integers(0, 2000).map(lambda value: value / 1000)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    top_k = draw(st.none() | st.integers(1, 500))
    top_p = draw(st.floats(0.01, 1.0).map(lambda value: round(value, 6)))
    min_p = draw(st.floats(0.0, 1.0).map(lambda value: round(value, 6)))
    rows = draw(st.just(1) | st.integers(2, 6))
    chosen = sorted(draw(st.sets(temperatures, min_size=rows, max_size=rows)))
    return Request(
        model=draw(st.sampled_from(MODELS)),
        prompt=draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=60)),
        rows=tuple(
            SamplingConfig(temperature=t, top_k=top_k, top_p=top_p, min_p=min_p) for t in chosen
        ),
        seed=draw(st.integers(0, MAX_SEED)),
        max_chars=draw(st.integers(1, 4000)),
        sentences=draw(st.none() | st.integers(1, 50)),
        words=draw(st.none() | st.integers(1, 100)),
        parts=tuple(draw(st.lists(st.integers(1, 4000), max_size=3))) if rows == 1 else (),
        cut=draw(st.none() | st.integers(1, 4000)),
    )


@given(requests())
def test_a_link_reads_back_as_the_request_it_was_made_of(request: Request) -> None:
    address = links.address("http://host/", links.parameters_of(request))
    assert address is not None
    query = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
    link = links.parse(query, models=MODELS)
    assert link is not None
    assert link.problems == ()
    assert (link.prompt, link.model) == (request.prompt, request.model)
    assert (link.parts, link.cut) == (request.parts, request.cut)
    chosen = link.temperatures or (link.settings["temperature"],)
    assert links.rows_of(chosen, link.settings) == request.rows
    for name in ("seed", "max_chars", "sentences", "words"):
        assert link.settings[name] == getattr(request, name)


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "seed", "model", "temperatures", "parts", "cut"]),
        st.text() | st.sampled_from(["nan", "inf", "-1", "1e999", "٣", "0x1"]),
    )
)
def test_whatever_a_link_says_its_values_are_in_range(query: dict[str, str]) -> None:
    link = links.parse({**query, "prompt": "x"}, models=MODELS)
    assert link is not None
    for name, field in FIELDS.items():
        assert field.accepts(link.settings[name])
        assert field.default == link.settings[name] or name in query
    links.rows_of(link.temperatures or (link.settings["temperature"],), link.settings)
    assert set(link.problems) <= set(query)


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e999",
        "-0.1",
        "2.01",
        "9" * 400,
        "",
        " ",
        "1,5",
        "0.8 ",
        "+1",
        "true",
        "<script>alert(1)</script>",
        "0x1p3",
        "٠٫٨",
        "1_0",
    ],
)
def test_hostile_temperatures_are_refused(text: str) -> None:
    link = links.parse({"prompt": "x", "temperature": text}, models=MODELS)
    assert link is not None
    assert link.problems == ("temperature",)
    assert link.settings["temperature"] == FIELDS["temperature"].default


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seed", "-1"),
        ("seed", str(MAX_SEED + 1)),
        ("seed", "1.5"),
        ("max_chars", "0"),
        ("max_chars", "1000000000"),
        ("sentences", "0"),
        ("words", "101"),
        ("top_k", "0"),
        ("top_p", "0"),
        ("min_p", "1.1"),
        ("temperatures", "1"),
        ("temperatures", "1,1"),
        ("temperatures", "0,.1,.2,.3,.4,.5,.6"),
        ("parts", "1," * 60),
        ("parts", "-3"),
        ("cut", "0"),
        ("model", "../../etc"),
        ("prompt", "a" * 20_001),
    ],
)
def test_hostile_values_are_named(name: str, text: str) -> None:
    link = links.parse({"prompt": "x", name: text}, models=MODELS)
    assert link is not None
    assert link.problems == (name,)


def test_no_prompt_is_no_link() -> None:
    assert links.parse({"lang": "pt", "temperature": "nan"}, models=MODELS) is None


def test_a_long_prompt_gets_no_link() -> None:
    assert links.address("http://host/", {"prompt": "ñ" * 1000}) is None
    assert links.address("http://host/", {"prompt": "n" * 1000}) is not None
