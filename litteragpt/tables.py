"""Tables that a person, or a stranger's file, wrote: exactly the fields that are due, each typed.

A table is what JSON and TOML call an object or a table. Whatever is wrong with one is a
`ValueError` whose sentence names the place and the field.
"""

from __future__ import annotations

import dataclasses
import reprlib
import typing
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType, NoneType
from typing import Any, TypeVar

T = TypeVar("T")

_LARGEST = 2**53  # beyond any bound, and the last integer that every float can hold


def from_table(
    config_type: type[T],
    table: Mapping[str, Any],
    source: str,
    *,
    complete: bool = False,
    ready: Mapping[str, Any] = MappingProxyType({}),
) -> T:
    """A dataclass of plain figures and words from a table; `source` names the table in messages.

    Fields with a default may be missing, unless the table must be `complete`. Where a field is
    a tuple, the table may give a list or the only item. `ready` holds fields already made.
    """
    assert dataclasses.is_dataclass(config_type)
    types = typing.get_type_hints(config_type)
    fields = [field for field in dataclasses.fields(config_type) if field.name not in ready]
    needed = [field.name for field in fields if complete or field.default is dataclasses.MISSING]
    check_keys(table, needed, [field.name for field in fields], source)
    values = {name: typed(value, types[name], f"{source}.{name}") for name, value in table.items()}
    result: T = config_type(**values, **ready)
    return result


def check_keys(
    given: Iterable[str], needed: Collection[str], allowed: Collection[str], source: str
) -> None:
    """Raise `ValueError` where a needed key is missing or one is given that is not allowed."""
    given = set(given)
    if missing := sorted(set(needed) - given):
        raise ValueError(f"{source} lacks {some(missing)}")
    if unknown := sorted(given - set(allowed)):
        raise ValueError(f"{source} has the unknown {some(unknown)}")


def typed(value: Any, expected: Any, source: str) -> Any:
    """The value, if it is of the expected type: `bool`, `int`, `float`, `str`, or tuples of them.

    A whole number serves where a float is due; a bool is never a number. `X | None` expects X.
    """
    if typing.get_origin(expected) is tuple:
        items = value if isinstance(value, list) else [value]
        return tuple(typed(item, typing.get_args(expected)[0], source) for item in items)
    if options := typing.get_args(expected):
        (expected,) = (option for option in options if option is not NoneType)
    assert expected in (bool, int, float, str), f"{source}: no such field type"
    # `type(...) is`, since for isinstance a bool is an int.
    if type(value) is not expected and not (expected is float and type(value) is int):
        given = reprlib.repr(value)
        raise ValueError(f"{source} must be of type {expected.__name__}, not {given}")
    if type(value) in (int, float) and abs(value) > _LARGEST:
        raise ValueError(f"{source} is out of bounds: {reprlib.repr(value)}")
    return expected(value)


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(reprlib.repr(name) for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
