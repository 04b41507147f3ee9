"""Tables: exactly the fields that are due, each of its type."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from litteragpt.tables import from_table


@dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.5
    name: str | None = None
    tags: tuple[str, ...] = ()
    fixed: bool = False


def test_a_table_becomes_a_dataclass() -> None:
    table = {"x": 1, "y": 2, "name": "a", "tags": ["b", "c"], "fixed": True}
    assert from_table(Point, table, "p") == Point(1, 2.0, "a", ("b", "c"), True)
    assert from_table(Point, {"x": 1, "tags": "b"}, "p") == Point(1, tags=("b",))
    assert from_table(Point, {"x": 1}, "p", ready={"y": 9.0}) == Point(1, 9.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "p lacks 'x'"),
        ({"x": 1, "z": 2}, "p has the unknown 'z'"),
        ({"x": 1.0}, r"p\.x must be of type int, not 1\.0"),
        ({"x": True}, r"p\.x must be of type int, not True"),
        ({"x": None}, r"p\.x must be of type int"),
        ({"x": 10**30}, r"p\.x is out of bounds"),
        ({"x": 1, "y": "2"}, r"p\.y must be of type float"),
        ({"x": 1, "y": 1e300}, r"p\.y is out of bounds"),
        ({"x": 1, "tags": ["a", 1]}, r"p\.tags must be of type str"),
        ({"x": 1, "fixed": 1}, r"p\.fixed must be of type bool"),
    ],
)
def test_what_is_wrong_is_named(table: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_table(Point, table, "p")


def test_a_complete_table_has_every_field() -> None:
    with pytest.raises(ValueError, match="p lacks 'fixed', 'name', 'tags' and 1 more"):
        from_table(Point, {"x": 1}, "p", complete=True)
