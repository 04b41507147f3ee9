"""Evaluation: every character once, with at least half a context, whatever the batch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.evaluation import (
    evaluate_file,
    evaluate_text,
    total_nats,
    total_nats_of_lines,
)
from litteragpt.generation.text import TextModel
from litteragpt.tokenizers import CharTokenizer

TOKENIZER = CharTokenizer.from_text("abcdefghijklmnñopqrstuvwxyz .,\n")


@pytest.fixture(scope="module")
def lm() -> TextModel:
    torch.manual_seed(0)
    config = DecoderConfig(
        vocab_size=TOKENIZER.vocab_size, context=10, layers=2, width=16, heads=2, hidden=16
    )
    model = Decoder(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return TextModel(model, TOKENIZER, name="random")


class Recorder:
    """A uniform model that keeps how much context each row of a forward offers."""

    vocab_size = 5
    context = 8

    def __init__(self) -> None:
        self.rows: list[list[int]] = []

    def __call__(self, ids_BT: Tensor, state: None = None) -> tuple[Tensor, None]:
        self.rows += ids_BT.tolist()
        return torch.zeros(*ids_BT.shape, self.vocab_size), None


def oracle(model: Decoder, ids: list[int], first_id: int) -> float:
    """One window for each window, one loss for each id, by the definition."""
    context, total, counted = model.context, 0.0, 0
    inputs = [first_id, *ids[:-1]]
    length = min(context, len(ids))
    start = 0
    while counted < len(ids):
        start = min(start, len(ids) - length)
        logits = model(torch.tensor([inputs[start : start + length]]))[0][0].log_softmax(-1)
        for position in range(length):
            if start + position >= counted:
                total -= logits[position, ids[start + position]].item()
                counted += 1
        start += length // 2 if length // 2 else 1
    return total


@pytest.mark.parametrize("length", [1, 2, 9, 10, 11, 15, 16, 57])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_total_agrees_with_one_window_at_a_time(
    lm: TextModel, length: int, batch_size: int
) -> None:
    ids = np.random.default_rng(length).integers(1, TOKENIZER.vocab_size, length)
    total = total_nats(lm.model, ids, 1, batch_size=batch_size)
    assert isinstance(lm.model, Decoder)
    with torch.inference_mode():
        assert total == pytest.approx(oracle(lm.model, ids.tolist(), 1), rel=1e-5)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 12, 13, 40, 41])
def test_every_id_is_counted_exactly_once(length: int) -> None:
    model = Recorder()
    ids = np.zeros(length, dtype=np.uint8)
    assert total_nats(model, ids, 0) == pytest.approx(length * math.log(5))  # type: ignore[arg-type]
    assert all(len(row) == min(8, length) for row in model.rows)


def test_a_uniform_model_has_the_loss_of_its_vocabulary() -> None:
    config = DecoderConfig(vocab_size=TOKENIZER.vocab_size, context=8, layers=1, width=4, heads=1)
    model = Decoder(config).eval()
    model.initialise()
    result = evaluate_text(TextModel(model, TOKENIZER, name="uniform"), "hola, mundo")
    assert result.nats_per_char == pytest.approx(math.log(TOKENIZER.vocab_size))
    assert result.bits_per_char == pytest.approx(math.log2(TOKENIZER.vocab_size))
    assert (result.characters, result.unknown) == (11, 0)


def test_unknown_characters_count_and_never_crash(lm: TextModel) -> None:
    result = evaluate_text(lm, "a😀b\u0416ã")
    assert result.unknown == 3
    assert result.characters == 5
    assert math.isfinite(result.nats_per_char)


def test_decomposed_text_and_windows_line_ends_are_the_same_text(lm: TextModel) -> None:
    assert evaluate_text(lm, "an\u0303o\r\nb") == evaluate_text(lm, "año\nb")


def test_files_that_are_no_text_are_named(lm: TextModel, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("ñandú".encode("latin-1"))
    (tmp_path / "empty").write_bytes(b"")
    for name, message in (("latin", "not UTF-8"), ("empty", "empty"), ("none", "cannot read")):
        with pytest.raises(ValueError, match=message):
            evaluate_file(lm, tmp_path / name)


def test_a_byte_order_mark_is_no_character(lm: TextModel, tmp_path: Path) -> None:
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfhola")
    assert evaluate_file(lm, tmp_path / "bom") == evaluate_text(lm, "hola")


def test_lines_are_read_one_by_one(lm: TextModel) -> None:
    """The batches of like lengths agree with one line at a time."""
    generator = np.random.default_rng(3)
    newline = TOKENIZER.encode("\n").ids[0]
    lengths = generator.integers(0, 10, 40)
    lines = [[*generator.integers(2, TOKENIZER.vocab_size, n).tolist(), newline] for n in lengths]
    expected = 0.0
    for line in lines:
        logits = lm.model(torch.tensor([[newline, *line[:-1]]]))[0][0].log_softmax(-1)
        expected -= logits[torch.arange(len(line)), torch.tensor(line)].sum().item()
    ids = np.array([id for line in lines for id in line])
    for batch_tokens in (1, 13, 10_000):
        total = total_nats_of_lines(lm.model, ids, newline, batch_tokens=batch_tokens)
        assert total == pytest.approx(expected, rel=1e-5)


def test_a_model_of_lines_counts_their_ends_and_no_blank_lines(lm: TextModel) -> None:
    names = TextModel(lm.model, TOKENIZER, name="names", reads="lines")
    result = evaluate_text(names, "a b\n\n  \ncd")
    assert result.characters == len("a b\ncd\n")
    assert result == evaluate_text(names, "a b\ncd\n")
    alone = [evaluate_text(names, line) for line in ("a b", "cd")]
    nats = sum(each.nats_per_char * each.characters for each in alone)
    assert result.nats_per_char * result.characters == pytest.approx(nats, rel=1e-5)
    with pytest.raises(ValueError, match="empty"):
        evaluate_text(names, " \n\n")
