"""What may still become of a name: where its beginning stands between nothing and a real place.

An automaton over the ids of a character tokenizer: the bairro up to the separator, then a trie
of city names, then the end. It is a guess, made of the city names that it was given, and is used
as one: to say what may be hoped for, never to judge.

Shapes: S states, V vocabulary entries, N names, T positions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor

from litteragpt.names.structure import SEPARATOR
from litteragpt.protocols import Tokenizer

_DEPTHS: Final = 24
"""Letters of a city that are told apart; all beyond are one kind."""

LOST: Final = len(SEPARATOR)
"""The state of a name whose city is none of those given."""
_UNREAL, _REAL = LOST + 1, LOST + 2
"""The states of names that are over."""
_ROOT: Final = LOST + 3
"""The state right after the separator."""

KINDS: Final = 4 + _DEPTHS
"""Kinds of states: bairro, lost, over and not real, over and real, and depths in the city."""


class Prefixes:
    """The automaton; it starts in state 0."""

    def __init__(
        self, cities: Iterable[str], tokenizer: Tokenizer, vocab_size: int, end_id: int
    ) -> None:
        """Raises `ValueError` for a tokenizer whose ids are not characters."""
        if tokenizer.kind != "char":
            raise ValueError(
                f"reinforcement needs a tokenizer of characters, not of the kind {tokenizer.kind!r}"
            )
        separator = tokenizer.encode(SEPARATOR).ids
        rows = [torch.full((vocab_size,), 0) for _ in separator]
        for matched, row in enumerate(rows):
            for id in {*separator}:
                row[id] = _matched([*separator[:matched], id], separator)
            row[separator[matched]] = matched + 1 if matched + 1 < len(separator) else _ROOT
            row[end_id] = _UNREAL
        for state in (LOST, _UNREAL, _REAL):
            rows.append(torch.full((vocab_size,), state))
        rows[LOST][end_id] = _UNREAL
        kinds = [0] * len(separator) + [1, 2, 3]
        self._add_cities(rows, kinds, sorted(set(cities)), tokenizer, end_id)
        self._next_SV = torch.stack(rows)
        self._kind_S = torch.tensor(kinds)

    @staticmethod
    def _add_cities(
        rows: list[Tensor], kinds: list[int], cities: list[str], tokenizer: Tokenizer, end_id: int
    ) -> None:
        def add(depth: int) -> int:
            row = torch.full_like(rows[0], LOST)
            row[end_id] = _UNREAL
            rows.append(row)
            kinds.append(4 + min(depth, _DEPTHS - 1))
            return len(rows) - 1

        children: dict[tuple[int, int], int] = {}
        root = add(0)
        assert root == _ROOT
        for city in cities:
            state = root
            for depth, id in enumerate(tokenizer.encode(city).ids, start=1):
                if (state, id) not in children:
                    children[state, id] = add(depth)
                    rows[state][id] = children[state, id]
                state = children[state, id]
            rows[state][end_id] = _REAL

    def follow(self, ids_NT: Tensor) -> Tensor:
        """The kinds `N, T, V` that each possible next id would lead to, at each position."""
        state_N = torch.zeros(len(ids_NT), dtype=torch.long)
        kinds = []
        for id_N in ids_NT.unbind(1):
            after_NV = self._next_SV[state_N]
            kinds.append(self._kind_S[after_NV])
            state_N = after_NV.gather(1, id_N[:, None])[:, 0]
        return torch.stack(kinds, 1)


def _matched(read: list[int], separator: list[int]) -> int:
    """How much of the separator the end of what was read may begin."""
    return next(
        length
        for length in range(min(len(read), len(separator) - 1), -1, -1)
        if read[len(read) - length :] == separator[:length]
    )
