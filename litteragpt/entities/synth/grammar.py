"""A small grammar whose sentences know where their entities are.

A rule is text with one alternative a line. In an alternative:

    {name}        another rule
    {@name}       a word from outside the grammar, such as a first name
    {1..31}       a number; {00..55/5} in steps of 5, with two digits
    (a|b|c)       one of them
    [a]           it, or nothing
    <DATE a>      an entity with that label
    ^             the next letter is a capital
    \\n, \\(       a line break; any other character as it stands
    *3 at the head of a line: three times as likely as others
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

CAPITAL: Final = "\0"
"""In what a grammar gives: the next letter is to be a capital."""

Segment: TypeAlias = tuple[str, str]
"""Text, and its label; empty outside any entity."""


@dataclass(frozen=True, slots=True)
class _Call:
    """Another rule, or with `@` a word from outside."""

    name: str


@dataclass(frozen=True, slots=True)
class _Number:
    values: range
    width: int


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[_Sequence, ...]


@dataclass(frozen=True, slots=True)
class _Mark:
    label: str
    inner: _Sequence


_Node: TypeAlias = str | _Call | _Number | _Choice | _Mark
_Sequence: TypeAlias = tuple[_Node, ...]

_WEIGHT: Final = re.compile(r"\*(\d+) ")
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)(?:/(\d+))?")
_MARK: Final = re.compile(r"<([A-Z]+) ")
_PLAIN: Final = re.compile(r".[^{}()\[\]<>|^\\]*")
_CLOSING: Final = ")]}>|"


@dataclass(frozen=True, slots=True)
class _Rule:
    options: tuple[_Sequence, ...]
    cumulative: tuple[int, ...]
    """The sums of the weights up to each option."""


class Grammar:
    """Rules by name, ready to be expanded."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        """Raises ValueError for a rule that is malformed or calls one that is not there."""
        self._rules: Final = {name: _rule(name, text) for name, text in rules.items()}
        for name, rule in self._rules.items():
            for call in _calls(rule.options):
                if not call.startswith("@") and call not in self._rules:
                    raise ValueError(f"the rule {name} calls {call!r}, which is no rule")

    def expand(self, name: str, rng: random.Random, outside: Callable[[str], str]) -> list[Segment]:
        """A random sentence of a rule; `outside` gives the words of `{@name}`."""
        found: list[Segment] = []

        def walk(sequence: _Sequence, label: str) -> None:
            for node in sequence:
                match node:
                    case str():
                        found.append((node, label))
                    case _Number():
                        found.append((str(rng.choice(node.values)).zfill(node.width), label))
                    case _Choice():
                        walk(rng.choice(node.options), label)
                    case _Mark():
                        assert not label, "an entity in an entity"
                        walk(node.inner, node.label)
                        found.append(("", ""))  # two entities side by side stay two
                    case _Call(name) if name.startswith("@"):
                        found.append((outside(name[1:]), label))
                    case _Call(name):
                        rule = self._rules[name]
                        walk(rng.choices(rule.options, cum_weights=rule.cumulative)[0], label)

        walk((_Call(name),), "")
        return _joined(found)

    def alternatives(self, name: str) -> int:
        """How many alternatives a rule has."""
        return len(self._rules[name].options)


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    """Neighbours of the same label as one segment."""
    found: list[Segment] = []
    for text, label in segments:
        if found and found[-1][1] == label:
            found[-1] = (found[-1][0] + text, label)
        else:
            found.append((text, label))
    return [segment for segment in found if segment[0]]


def _rule(name: str, text: str) -> _Rule:
    options: list[_Sequence] = []
    weights: list[int] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        weight = _WEIGHT.match(line)
        body = line[weight.end() :] if weight else line
        try:
            sequence, end = _parse(body, 0)
        except ValueError as error:
            raise ValueError(f"the rule {name}, {line!r}: {error}") from error
        if end < len(body):
            raise ValueError(f"the rule {name}, {line!r}: {body[end]!r} closes nothing")
        options.append(sequence)
        weights.append(int(weight.group(1)) if weight else 1)
    if not options:
        raise ValueError(f"the rule {name} has no alternative")
    return _Rule(tuple(options), tuple(accumulate(weights)))


def _parse(text: str, at: int) -> tuple[_Sequence, int]:
    """The nodes from `at` on, up to the bracket that closes them, and where that is."""
    nodes: list[_Node] = []
    while at < len(text) and text[at] not in _CLOSING:
        character = text[at]
        if character == "{":
            end = text.index("}", at)
            nodes.append(_reference(text[at + 1 : end]))
            at = end + 1
        elif character == "(":
            options: list[_Sequence] = []
            while not options or text[at : at + 1] == "|":
                sequence, at = _parse(text, at + 1)
                options.append(sequence)
            nodes.append(_Choice(tuple(options)))
            at = _closed(text, at, ")")
        elif character == "[":
            sequence, at = _parse(text, at + 1)
            nodes.append(_Choice((sequence, ())))
            at = _closed(text, at, "]")
        elif mark := _MARK.match(text, at):
            sequence, at = _parse(text, mark.end())
            nodes.append(_Mark(mark.group(1), sequence))
            at = _closed(text, at, ">")
        elif character == "^":
            nodes.append(CAPITAL)
            at += 1
        elif character == "\\":
            nodes.append("\n" if text[at + 1] == "n" else text[at + 1])
            at += 2
        else:
            plain = _PLAIN.match(text, at)
            assert plain is not None
            nodes.append(plain.group())
            at = plain.end()
    return tuple(nodes), at


def _reference(inside: str) -> _Node:
    numbers = _RANGE.fullmatch(inside)
    if numbers is None:
        return _Call(inside)
    first, last, step = numbers.groups()
    width = len(first) if first.startswith("0") else 0
    return _Number(range(int(first), int(last) + 1, int(step or 1)), width)


def _closed(text: str, at: int, bracket: str) -> int:
    if text[at : at + 1] != bracket:
        raise ValueError(f"a {bracket!r} is missing")
    return at + 1


def _calls(sequences: Sequence[_Sequence]) -> list[str]:
    """The names of all that the sequences call."""
    found: list[str] = []
    for sequence in sequences:
        for node in sequence:
            match node:
                case _Call(name):
                    found.append(name)
                case _Choice(options):
                    found += _calls(options)
                case _Mark(_, inner):
                    found += _calls([inner])
    return found
