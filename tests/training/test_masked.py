"""Hidden words: which are hidden, that they are learned, and that a tagger starts from that."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from litteragpt.architectures.encoder import Encoder
from litteragpt.training.masked import (
    HIDDEN,
    LAYERS,
    MaskedConfig,
    frequent,
    hide,
    pretrain,
    save_pretrained,
    sentences,
    take_pretrained,
)
from litteragpt.weights import CheckpointError
from tests.entities.test_tagger import tiny

LINES = (
    "Ana vive en la ciudad de Lugo .",
    "Luis vive en la ciudad de Vigo .",
    "El tren de Lugo llega a las diez .",
    "El tren de Vigo llega a las nueve .",
)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("\n".join([*LINES, "no", ""]), "utf-8")
    return file


def fresh(**changes: object) -> Encoder:
    torch.manual_seed(1)
    encoder = Encoder(tiny(**changes))
    encoder.initialise()
    return encoder


def test_the_sentences_and_their_most_frequent_words(text: Path) -> None:
    read = list(sentences([text]))
    assert [" ".join(words) for words in read] == list(LINES)
    assert frequent(read, 3) == [".", "de", "a"]


def test_a_share_of_the_known_words_is_hidden() -> None:
    rows = [line.split() for line in LINES] * 50
    number = {"tren": 0, "ciudad": 1, "vive": 2}
    shown, places, due = hide(rows, number, 0.5, random.Random(3))
    may = sum(word.lower() in number for row in rows for word in row)
    assert len(places) == len(set(places)) == round(may / 2)
    assert [number[rows[row][at]] for row, at in places] == due
    of = [shown[row][at] for row, at in places]
    assert of.count(HIDDEN) == pytest.approx(0.8 * len(of), rel=0.15)
    assert {each for each in of if each != HIDDEN} <= set(number)
    elsewhere = [
        (shown[row][at], word)
        for row, words in enumerate(rows)
        for at, word in enumerate(words)
        if (row, at) not in set(places)
    ]
    assert all(now == word for now, word in elsewhere)
    assert hide([["nada"]], number, 0.5, random.Random(3)) == ([["nada"]], [], [])


def test_the_loss_falls_and_a_tagger_takes_the_weights(text: Path, tmp_path: Path) -> None:
    encoder = fresh()
    nats: list[float] = []
    config = MaskedConfig(
        steps=60, batch=4, lr=1e-2, table_lr=1e-2, warmup_steps=5, report_every=20, hidden=0.3
    )
    pretrain(encoder, [text], config, report=lambda line: nats.append(line["nats"]))
    assert nats[-1] < 0.6 * nats[0]
    out = tmp_path / "made" / "start.safetensors"
    save_pretrained(encoder, out)
    other = fresh(decoding="softmax", intents=("inquiry", "cancel"))
    before = {name: value.clone() for name, value in other.state_dict().items()}
    take_pretrained(other, out)
    for name, value in other.state_dict().items():
        if name.partition(".")[0] in LAYERS:
            torch.testing.assert_close(value, encoder.state_dict()[name], rtol=1e-3, atol=1e-3)
        else:
            assert torch.equal(value, before[name]), name


def test_the_same_seed_gives_the_same_weights(text: Path) -> None:
    found = []
    for _ in range(2):
        encoder = fresh()
        pretrain(encoder, [text], MaskedConfig(steps=4, batch=2))
        found.append(encoder.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_weights_of_another_shape_or_none_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "start.safetensors"
    save_pretrained(fresh(), out)
    with pytest.raises(CheckpointError, match=r"bytes where|shape"):
        take_pretrained(fresh(hidden=16), out)
    with pytest.raises(CheckpointError, match="cannot be read"):
        take_pretrained(fresh(), tmp_path / "none")
    whole = out.read_bytes()
    out.write_bytes(whole[:8] + b"\xff" * 20 + whole[28:])
    with pytest.raises(CheckpointError, match="safetensors"):
        take_pretrained(fresh(), out)


def test_texts_that_cannot_be_learned_from_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        pretrain(fresh(), [tmp_path / "none.txt"], MaskedConfig(steps=1))
    (tmp_path / "empty.txt").write_text("si\n", "utf-8")
    with pytest.raises(ValueError, match="fewer than two"):
        pretrain(fresh(), [tmp_path / "empty.txt"], MaskedConfig(steps=1))


@pytest.mark.parametrize("change", [{"hidden": 0.0}, {"steps": 0}, {"precision": "fp8"}])
def test_figures_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"pretrain.{next(iter(change))}"):
        MaskedConfig.from_table(change)
