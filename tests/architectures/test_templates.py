"""Scores by feature templates."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from litteragpt.architectures.templates import (
    ATTRIBUTES,
    LOWER,
    REACH,
    SHAPE,
    SUFFIX4,
    TEMPLATES,
    TemplateScores,
    template_rows,
)
from litteragpt.entities.features import WordFeatures

FACTOR = 0x9E3779B97F4A7C15
ROWS = 4_099


def signed(number: int) -> int:
    """The low 64 bits as two's complement has them."""
    number &= 2**64 - 1
    return number - 2**64 if number >= 2**63 else number


def slow_row(sentence: list[tuple[int, ...]], at: int, number: int) -> int:
    """One row by the definition, in whole numbers of any size."""
    value = number + 1
    for attribute, place in TEMPLATES[number]:
        there = 0 <= at + place < len(sentence)
        value = signed(value * FACTOR + (sentence[at + place][attribute] if there else 0))
        value ^= value >> 29
    return ((value * FACTOR) % 2**64 >> 32) * ROWS >> 32


HASHES = st.tuples(*[st.integers(1, 2**32)] * ATTRIBUTES)


@given(st.lists(st.lists(HASHES, min_size=1, max_size=6), min_size=1, max_size=3))
def test_rows_are_those_of_the_definition(sentences: list[list[tuple[int, ...]]]) -> None:
    longest = max(map(len, sentences))
    padding = [(7,) * ATTRIBUTES]  # anything: it must not count
    attributes_BTA = torch.tensor([each + padding * (longest - len(each)) for each in sentences])
    mask_BT = torch.arange(longest) < torch.tensor([[len(each)] for each in sentences])
    rows_BTM = template_rows(attributes_BTA, mask_BT, ROWS)
    for number, sentence in enumerate(sentences):
        for at in range(len(sentence)):
            due = [slow_row(sentence, at, template) for template in range(len(TEMPLATES))]
            assert rows_BTM[number, at].tolist() == due


def test_templates_look_at_attributes_that_are_there_and_no_further_than_they_say() -> None:
    assert len(set(TEMPLATES)) == len(TEMPLATES)
    for template in TEMPLATES:
        assert all(0 <= attribute < ATTRIBUTES for attribute, _ in template)
        assert all(abs(place) <= REACH for _, place in template)


def test_a_words_attributes_are_its_own_and_its_parts() -> None:
    features = WordFeatures(64, 8, attributes=True)
    small, large, other = (features(word)[2] for word in ("ministro", "Ministro", "siniestro"))
    assert len(small) == ATTRIBUTES
    assert all(each > 0 for each in small)
    differ = [k for k in range(ATTRIBUTES) if small[k] != large[k]]
    assert differ == [LOWER + 1, SHAPE]  # the word as it is written, and its shape
    assert small[SHAPE] == other[SHAPE]
    assert small[SUFFIX4] == other[SUFFIX4]
    assert small[LOWER] != other[LOWER]
    assert WordFeatures(64, 8)("ministro")[2] == ()


def test_scores_are_sums_and_dropout_is_for_training_alone() -> None:
    torch.manual_seed(1)
    scores = TemplateScores(ROWS, 3, 0.5)
    attributes_BTA = torch.randint(1, 2**32, (2, 4, ATTRIBUTES))
    mask_BT = torch.tensor([[True] * 4, [True] * 2 + [False] * 2])
    given_BTK = scores.eval()(attributes_BTA, mask_BT)
    due_BTK = scores.table.weight[template_rows(attributes_BTA, mask_BT, ROWS)].sum(2)
    torch.testing.assert_close(given_BTK, due_BTK)
    scores.train()
    assert not torch.equal(scores(attributes_BTA, mask_BT), scores(attributes_BTA, mask_BT))
    mean_BTK = torch.stack([scores(attributes_BTA, mask_BT) for _ in range(800)]).mean(0)
    torch.testing.assert_close(mean_BTK, due_BTK, atol=1.0, rtol=0.0)


def test_other_tags_take_the_scores_of_their_names() -> None:
    scores = TemplateScores(ROWS, 3, 0.0).eval()
    attributes_BTA = torch.randint(1, 2**32, (1, 3, ATTRIBUTES))
    mask_BT = torch.ones(1, 3, dtype=torch.bool)
    whole_BTK = scores(attributes_BTA, mask_BT)
    other = scores.for_tags(("O", "B-NAME", "I-NAME"), ("O", "B-DRUG", "I-NAME", "I-DRUG"))
    found_BTK = other(attributes_BTA, mask_BT)
    zero_BT = torch.zeros(1, 3)
    torch.testing.assert_close(
        found_BTK, torch.stack((whole_BTK[..., 0], zero_BT, whole_BTK[..., 2], zero_BT), 2)
    )
    assert other.table is scores.table


@pytest.mark.parametrize("rows", [2, 97, 131_072])
def test_rows_are_in_the_table(rows: int) -> None:
    attributes_BTA = torch.randint(1, 2**32, (3, 5, ATTRIBUTES))
    found_BTM = template_rows(attributes_BTA, torch.ones(3, 5, dtype=torch.bool), rows)
    assert 0 <= int(found_BTM.min()) <= int(found_BTM.max()) < rows
