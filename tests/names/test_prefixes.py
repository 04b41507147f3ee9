from __future__ import annotations

import pytest
import torch

from litteragpt.names.prefixes import KINDS, Prefixes
from litteragpt.tokenizers import CharTokenizer
from tests.generation.fakes import ByteTokenizer

TOKENIZER = CharTokenizer("\n -abcdefghijklmnopqrstuvwxyz")
END = TOKENIZER.encode("\n").ids[0]
BAIRRO, LOST, UNREAL, REAL, ROOT = range(5)


def kinds(line: str, cities: list[str]) -> list[int]:
    """The kind that each character of a line leads to."""
    prefixes = Prefixes(cities, TOKENIZER, TOKENIZER.vocab_size, END)
    ids_NT = torch.tensor([TOKENIZER.encode(line).ids])
    kinds_NTV = prefixes.follow(ids_NT)
    assert kinds_NTV.shape == (1, len(line), TOKENIZER.vocab_size)
    assert int(kinds_NTV.max()) < KINDS
    found: list[int] = kinds_NTV.gather(-1, ids_NT[..., None]).flatten().tolist()
    return found


def test_a_real_place() -> None:
    assert kinds("sul - lins\n", ["lins", "lima"]) == [
        *[BAIRRO] * 5,
        ROOT,
        *(ROOT + depth for depth in (1, 2, 3, 4)),
        REAL,
    ]


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("sul - lin\n", UNREAL),
        ("sul - lima\n", REAL),
        ("sul - lin - lima\n", UNREAL),
        ("sul - limas\n", UNREAL),
        ("sul -  lima\n", UNREAL),
        ("sul lima\n", UNREAL),
        ("sul-lima\n", UNREAL),
        ("sul  - lima\n", REAL),
        ("sul -- lima\n", UNREAL),
        ("sul --  - lima\n", REAL),
        ("s - a b\n", REAL),
        ("\n", UNREAL),
    ],
)
def test_where_a_line_ends_up(line: str, end: int) -> None:
    assert kinds(line, ["lins", "lima", "a b"])[-1] == end


def test_what_leaves_the_trie_is_lost_for_good() -> None:
    assert kinds("a - lx - lima\n", ["lima"])[4:-1] == [ROOT + 1] + [LOST] * 8


def test_deep_letters_are_one_kind() -> None:
    city = "abcdefghij" * 4
    assert max(kinds(f"a - {city}\n", [city])) == KINDS - 1


def test_rows_are_followed_each_by_itself() -> None:
    prefixes = Prefixes(["lima"], TOKENIZER, TOKENIZER.vocab_size, END)
    lines = ["a - lima\n", "aa - lim\n", "lima lim\n"]
    ids_NT = torch.tensor([TOKENIZER.encode(line).ids for line in lines])
    together = prefixes.follow(ids_NT)
    for row, ids_T in zip(together, ids_NT, strict=True):
        assert torch.equal(prefixes.follow(ids_T[None])[0], row)


def test_ids_must_be_characters() -> None:
    with pytest.raises(ValueError, match="a tokenizer of characters"):
        Prefixes(["lima"], ByteTokenizer(), 257, 10)
