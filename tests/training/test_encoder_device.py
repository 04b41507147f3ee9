"""That training and tagging make every tensor where the model is.

The meta device stands for a GPU: it has shapes and no values, and refuses to compute with tensors
of the CPU. Layers that take indices from anywhere are watched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from litteragpt.architectures.decoder import Decoder
from litteragpt.architectures.encoder import CRF, SOFTMAX, Encoder
from litteragpt.entities.batch import features_of
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.entities.sets import Example, SetConfig
from litteragpt.entities.tagger import EntityTagger
from litteragpt.training import tagging_lm
from litteragpt.training.encoder_optim import EncoderOptimizers
from litteragpt.training.masked import MaskedConfig, pretrain
from litteragpt.training.tagging import (
    TaggingConfig,
    batch_loss,
    encoder_device,
    legal_of,
    train_tagger,
)
from litteragpt.training.tagging_lm import lessons_of, train_writer
from tests.entities.test_generative import LABELS, _config, _shape, vocabulary
from tests.entities.test_generative import examples as lessons_examples
from tests.entities.test_tagger import examples, tiny

META = torch.device("meta")


@contextmanager
def watched(module: nn.Module) -> Iterator[list[str]]:
    """The layers that were called, each of them with tensors of the meta device alone."""
    called: list[str] = []

    def look(name: str, arguments: tuple[object, ...]) -> None:
        called.append(name)
        for each in arguments:
            if isinstance(each, Tensor):
                assert each.device == META, name

    handles = [
        layer.register_forward_pre_hook(lambda _, given, name=name: look(name, given))
        for name, layer in module.named_modules()
        if name
    ]
    yield called
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("decoding", [CRF, SOFTMAX])
def test_a_step_of_training_stays_on_the_device(decoding: str) -> None:
    shape = tiny(
        intents=("inquiry", "cancel"),
        dropout=0.3,
        templates=256,
        template_dropout=0.3,
        decoding=decoding,
    )
    encoder = Encoder(shape).to(META)
    marked = [Example(e.words, e.tags, e.known, "cancel") for e in examples()]
    # The tables want sparse gradients.
    EncoderOptimizers(encoder, TaggingConfig(), 10, template_lr=0.001)
    encoder.train()
    with watched(encoder) as called:
        features = features_of(encoder.config)
        loss = batch_loss(encoder, marked, features, legal_of(encoder))
        loss.backward()
    assert {"grams", "shapes", "mix", "reader", "dense", "tags", "intents"} <= set(called)
    assert loss.device == META
    learned = {name: p for name, p in encoder.named_parameters() if p.grad is not None}
    assert ("chain.between_KK" in learned) == (decoding == CRF)
    for table in ("grams.weight", "templates.table.weight"):
        gradient = learned[table].grad
        assert gradient is not None
        assert gradient.is_sparse
    assert all(p.grad is not None and p.grad.device == META for p in learned.values())


def test_a_loop_asks_the_device_for_nothing_before_the_epoch_is_over() -> None:
    """Values that a step asked for would be refused here; the mean of an epoch is."""
    encoder = Encoder(tiny()).to(META)
    config = TaggingConfig(batch=2, table_lr=0.0)  # sparse Adam has no arithmetic of shapes
    with watched(encoder) as called, pytest.raises((NotImplementedError, RuntimeError)):
        train_tagger(encoder, [(SetConfig(file="x"), examples())], config)
    assert called.count("reader") == len(examples()) // 2


def test_hidden_words_are_learned_on_the_device(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("Ana vive en Lugo .\nLuis vive en Vigo .\n", "utf-8")
    encoder = Encoder(tiny()).to(META)
    with watched(encoder) as called, pytest.raises((NotImplementedError, RuntimeError)):
        pretrain(encoder, [text], MaskedConfig(steps=3, batch=2, table_lr=0.0))
    assert called.count("reader") == 3


def test_scores_come_back_to_the_cpu_all_at_once() -> None:
    encoder = Encoder(tiny(intents=("inquiry", "cancel"))).to(META).eval()
    with pytest.raises(NotImplementedError, match="meta"):
        EntityTagger(encoder)  # its chain is read on the CPU
    chain = encoder.chain
    encoder.chain = type(chain)(len(encoder.config.tags))
    tagger = EntityTagger(encoder)
    with watched(encoder) as called:
        with pytest.raises(NotImplementedError, match="meta"):
            tagger.tag("Ana vive en Lugo .")
        assert called.count("tags") == 1
        with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
            tagger.intent("Ana vive en Lugo .")
        assert "intents" in called


def test_a_writer_reads_its_lessons_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    words = vocabulary()
    lessons = list(lessons_of(lessons_examples(), words, LABELS, 96))
    decoder = Decoder(_shape(words)).to(META)
    seen: list[torch.device] = []

    def loss(model: Decoder, batch: tuple[Tensor, Tensor]) -> Tensor:
        seen.extend(each.device for each in batch)
        logits_BTV: Tensor = model(batch[0])[0]
        return logits_BTV.mean()

    monkeypatch.setattr(tagging_lm, "answer_loss", loss)
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        train_writer(decoder, lessons, _config(steps=2, ema_decay=0.9))
    assert seen == [META] * 4
    with watched(decoder) as called, pytest.raises((NotImplementedError, RuntimeError)):
        GenerativeTagger(decoder, words, LABELS).tag("Ana vive en Lugo .")
    assert called


def test_the_device_of_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert encoder_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert encoder_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match="cpu or cuda"):
        encoder_device("mps")
    with pytest.raises(ValueError, match="no cuda device"):
        encoder_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert encoder_device("auto").type == "cuda"
