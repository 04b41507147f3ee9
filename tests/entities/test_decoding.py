"""Tags learned word by word: the loss against enumeration, and decoding that stays legal."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
import torch

from litteragpt.architectures.encoder import CRF, SOFTMAX, Encoder, EncoderConfig
from litteragpt.entities import crf
from litteragpt.entities.bio import illegal
from litteragpt.entities.folder import load_folder, save_folder
from litteragpt.entities.sets import SetConfig
from litteragpt.entities.span import check_entities
from litteragpt.entities.tagger import EntityTagger
from litteragpt.training.tagging import TaggingConfig, train_tagger
from litteragpt.weights import CheckpointError
from tests.entities.test_tagger import LABELS, examples, tiny

TAGS = ("O", "B-A", "I-A", "B-B", "I-B")
LENGTHS = [4, 2, 1]


def mask() -> torch.Tensor:
    return torch.arange(4) < torch.tensor(LENGTHS)[:, None]


def fresh(config: EncoderConfig, seed: int = 1) -> Encoder:
    torch.manual_seed(seed)
    encoder = Encoder(config)
    encoder.initialise()
    return encoder


def test_the_loss_of_words_sums_what_is_allowed() -> None:
    torch.manual_seed(4)
    emissions_BTK = torch.randn(3, 4, len(TAGS))
    allowed_BTK = torch.rand(3, 4, len(TAGS)) < 0.5
    allowed_BTK[:, :, 0] = True
    loss_B = crf.word_loss(emissions_BTK, mask(), allowed_BTK)
    odds_BTK = emissions_BTK.softmax(2)
    for row, length in enumerate(LENGTHS):
        kept = sum(
            math.prod(odds_BTK[row, t, tag].item() for t, tag in enumerate(path))
            for path in itertools.product(range(len(TAGS)), repeat=length)
            if all(allowed_BTK[row, t, tag] for t, tag in enumerate(path))
        )
        assert loss_B[row].item() == pytest.approx(-math.log(kept), abs=1e-4)


def test_what_is_not_known_of_a_word_is_no_negative() -> None:
    emissions_BTK = torch.zeros(1, 1, len(TAGS), requires_grad=True)
    allowed_BTK = torch.tensor([[[True, False, False, True, True]]])  # a set that knows A alone
    crf.word_loss(emissions_BTK, torch.ones(1, 1, dtype=torch.bool), allowed_BTK).sum().backward()
    assert emissions_BTK.grad is not None
    down = (emissions_BTK.grad[0, 0] > 0).tolist()
    assert down == [False, True, True, False, False]


@pytest.mark.parametrize("seed", range(5))
def test_the_best_legal_tagging_is_given(seed: int) -> None:
    torch.manual_seed(seed)
    emissions_BTK = 3 * torch.randn(3, 4, len(TAGS))
    found = crf.viterbi(emissions_BTK, *crf.transition_mask(TAGS), LENGTHS)
    odds_BTK = emissions_BTK.softmax(2)
    for row, length in enumerate(LENGTHS):
        legal = [
            path
            for path in itertools.product(range(len(TAGS)), repeat=length)
            if not any(
                illegal(a, b) for a, b in itertools.pairwise(["O", *(TAGS[k] for k in path)])
            )
        ]
        best = max(
            legal,
            key=lambda path: math.prod(odds_BTK[row, t, k].item() for t, k in enumerate(path)),
        )
        assert tuple(found[row]) == best


def test_it_learns_by_heart_without_a_chain(tmp_path: Path) -> None:
    encoder = fresh(tiny(decoding=SOFTMAX))
    config = TaggingConfig(
        epochs=40, batch=3, lr=1e-2, table_lr=1e-2, warmup_steps=5, lower=0, upper=0, plain=0
    )
    train_tagger(encoder, [(SetConfig(file="x"), examples())], config)
    assert not encoder.chain.between_KK.any()
    assert not encoder.chain.start_K.any()
    save_folder(tmp_path / "words", encoder=encoder, training={}, card="# Words\n")
    info, loaded = load_folder(tmp_path / "words")
    assert info.model.decoding == SOFTMAX
    found = EntityTagger(loaded).tag("Luis Gil llega mañana a las 10:30")
    assert [(e.label, e.text) for e in found] == [
        ("NAME", "Luis Gil"),
        ("DATE", "mañana"),
        ("TIME", "10:30"),
    ]
    assert all(0.5 < each.score <= 1.0 for each in found)


@pytest.mark.parametrize("seed", range(3))
def test_random_weights_give_legal_entities(seed: int) -> None:
    tagger = EntityTagger(fresh(tiny(decoding=SOFTMAX), seed))
    text = "Ana vive en Lugo y Luis Gil llega mañana a las 10:30 de Vigo . " * 5
    check_entities(text, tagger.tag(text))


def test_a_folder_from_before_there_was_a_choice_is_read_as_it_was(tmp_path: Path) -> None:
    encoder = fresh(tiny(hidden=16), 3)
    save_folder(tmp_path / "old", encoder=encoder, training={}, card="# Old\n")
    file = tmp_path / "old" / "config.json"
    config = json.loads(file.read_text("utf-8"))
    text = "Ana vive en Lugo y Luis Gil llega mañana ."
    before = EntityTagger(load_folder(file.parent)[1]).tag(text)
    assert config["model"].pop("decoding") == CRF
    file.write_text(json.dumps(config), "utf-8")
    info, loaded = load_folder(file.parent)
    assert info.model == encoder.config
    assert EntityTagger(loaded).tag(text) == before
    config["model"]["decoding"] = "guess"
    file.write_text(json.dumps(config), "utf-8")
    with pytest.raises(CheckpointError, match="decoding must be crf or softmax"):
        load_folder(file.parent)


def test_a_decoding_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="decoding must be crf or softmax"):
        EncoderConfig(labels=LABELS, decoding="greedy").validate()
