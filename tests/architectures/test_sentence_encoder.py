"""A sentence encoder: what a sentence's vector depends on, and what it does not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from litteragpt.answers.words import WordRows
from litteragpt.architectures.sentence_encoder import (
    SentenceEncoder,
    SentenceEncoderConfig,
    sentences_of,
)

WORDS = ["o", "gato", "dorme", "de", "noite", "?"]
CONFIG = SentenceEncoderConfig(
    words=len(WORDS),
    grams=32,
    word_width=12,
    dimensions=8,
    longest=10,
    layers=2,
    width=16,
    heads=2,
    hidden=24,
)


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    torch.manual_seed(0)
    made = SentenceEncoder(CONFIG)
    made.initialise()
    with torch.no_grad():  # at first the blocks add nothing
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made.eval()


def vectors(encoder: SentenceEncoder, *texts: str) -> torch.Tensor:
    rows = WordRows(WORDS, CONFIG.grams, CONFIG.longest)
    with torch.inference_mode():
        found: torch.Tensor = encoder(sentences_of([rows(text) for text in texts]))
    return found


def test_a_vector_has_length_one_and_is_finite(encoder: SentenceEncoder) -> None:
    found = vectors(encoder, "o gato dorme", "", "xyz 12", "a " * 100)
    assert found.shape == (4, CONFIG.dimensions)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4))


def test_company_changes_nothing(encoder: SentenceEncoder) -> None:
    together = vectors(encoder, "gato", "o gato dorme de noite", "onça?")
    for row, text in enumerate(("gato", "o gato dorme de noite", "onça?")):
        torch.testing.assert_close(together[row], vectors(encoder, text)[0], atol=1e-5, rtol=1e-4)


def test_the_order_of_words_counts(encoder: SentenceEncoder) -> None:
    one, other = vectors(encoder, "o gato dorme", "dorme o gato")
    assert float(one @ other) < 0.9999


def test_at_first_it_is_the_mean_of_the_words() -> None:
    torch.manual_seed(1)
    fresh = SentenceEncoder(CONFIG)
    fresh.initialise()
    table = fresh.table.weight[:3, : CONFIG.dimensions].mean(0)
    expected = torch.nn.functional.normalize(table, dim=0)
    torch.testing.assert_close(vectors(fresh, "o gato dorme")[0], expected)


def test_training_reads_as_use_does(encoder: SentenceEncoder) -> None:
    rows = WordRows(WORDS, CONFIG.grams, CONFIG.longest)
    batch = sentences_of([rows("o gato dorme de noite"), rows("gato")])
    used = encoder(batch)
    encoder.train()
    trained = encoder(batch)
    encoder.eval()
    torch.testing.assert_close(trained, used, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": 0}, "words must be a whole number from 1"),
        ({"grams": 1}, "grams must be a whole number from 2"),
        ({"word_width": 17}, "word_width must be a whole number from 1 to 16"),
        ({"dimensions": 1}, "dimensions must be"),
        ({"heads": 3}, "width must be a multiple"),
    ],
)
def test_a_shape_out_of_bounds_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SentenceEncoder(dataclasses.replace(CONFIG, **change))
