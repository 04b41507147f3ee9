"""Causal language models of others as taggers that write, on tiny ones with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from litteragpt import load_tagger
from litteragpt.entities.causal_huggingface import (
    TABLE_FILE,
    HuggingFaceVocabulary,
    load_causal_huggingface,
    tagger_of,
)
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.entities.span import check_entities
from litteragpt.training.tagging_causal_hf import train_causal_huggingface
from litteragpt.weights import CheckpointError
from tests.tiny_hf import CHAT, save_hf

pytest.importorskip("transformers")

LABELS = ("TOOL", "WHO")
SENTENCES = [
    "Trae el 10 de 10:30 a Eva .",
    "[stop] : x : 10",
    "é🙂 a@b.c 10:3 10:30 10",
]


def save_own(path: Path) -> Path:
    lines = []
    for tool in ("taladro", "martillo", "cepillo"):
        for who in ("Eva", "Luis"):
            text = f"Trae el {tool} de {who}"
            at = len("Trae el ")
            spans = [
                {"start": at, "end": at + len(tool), "label": "TOOL"},
                {"start": len(text) - len(who), "end": len(text), "label": "WHO"},
            ]
            lines.append(json.dumps({"text": text, "entities": spans}) + "\n")
    path.write_text("".join(lines), "utf-8")
    return path


@pytest.mark.parametrize("tokenizer", ["byte level", "byte fallback"])
@pytest.mark.parametrize("chat", [None, CHAT])
def test_random_weights_can_write_no_wrong_answer(
    tmp_path: Path, tokenizer: str, chat: str | None
) -> None:
    """Words and tags are several tokens here, some of which begin alike."""
    folder = save_hf(tmp_path / "hf", tokenizer=tokenizer, context=512, chat=chat)
    tagger = tagger_of(folder, LABELS)
    found = tagger.answers([each.split() for each in SENTENCES], held=True)
    for raw in found:
        answer = raw.answer
        assert not answer.hallucinated + answer.disordered + answer.illegal, raw.text
        assert answer.stopped
    for text, entities in zip(SENTENCES, tagger.pipe(SENTENCES), strict=True):
        check_entities(text, entities)


def test_a_tokenizer_that_cannot_write_a_tag_is_refused(tmp_path: Path) -> None:
    folder = save_hf(tmp_path / "hf", tokenizer="metaspace")
    with pytest.raises(CheckpointError, match="cannot write the tag"):
        tagger_of(folder, LABELS)


@pytest.mark.parametrize("low_rank", [False, True])
def test_a_model_of_others_is_taught_to_write(tmp_path: Path, low_rank: bool) -> None:
    if low_rank:
        pytest.importorskip("peft")
    base = save_hf(tmp_path / "hf", context=256)
    own = save_own(tmp_path / "own.jsonl")
    told: list[float] = []
    tuned = train_causal_huggingface(
        base,
        own,
        tmp_path / "out",
        ["training.epochs=3", "training.lr=1e-2"],
        low_rank=low_rank,
        report=lambda line: told.append(line["train_loss"]),
    )
    assert tuned.labels == LABELS
    assert told[-1] < told[0]
    tagger = load_tagger(tmp_path / "out")
    assert isinstance(tagger, GenerativeTagger)
    assert tagger.labels == LABELS
    assert tuned.after["micro"].gold == 2


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"format": 2, "labels": ["A"]}, "format 1"),
        ({"format": 1, "labels": "A"}, "must be a list"),
        ({"format": 1, "labels": []}, "1 to 256 labels"),
        ({"format": 1}, "lacks 'labels'"),
    ],
)
def test_a_hostile_table_is_refused(tmp_path: Path, table: dict[str, object], message: str) -> None:
    (tmp_path / TABLE_FILE).write_text(json.dumps(table), "utf-8")
    with pytest.raises(CheckpointError, match=message):
        load_causal_huggingface(tmp_path)


def test_a_word_is_written_as_it_stands_in_the_sentence(tmp_path: Path) -> None:
    tagger = tagger_of(save_hf(tmp_path / "hf", context=256), LABELS)
    assert isinstance(tagger.vocabulary, HuggingFaceVocabulary)
    prompt = tagger.vocabulary.prompt(["en", "lugar"])
    ids = list(tagger.vocabulary.word_ids("lugar"))
    assert prompt[-1 - len(ids) : -1] == ids
