"""Encoders of others as taggers, on a tiny DistilBERT with random weights."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import tokenizers
import torch
from tokenizers import models, normalizers, pre_tokenizers, processors

from litteragpt.entities import huggingface as module
from litteragpt.entities.huggingface import (
    Cutter,
    HuggingFaceTagger,
    labels_of,
    load_huggingface_tagger,
    rows_of,
)
from litteragpt.entities.loading import load_tagger
from litteragpt.entities.span import check_entities
from litteragpt.entities.words import split_words
from litteragpt.training.own_records import Tuned
from litteragpt.training.tagging_hf import train_huggingface
from litteragpt.weights import CheckpointError
from tests.entities.test_adapter import TEXT, save_own
from tests.tiny_hf import word_pieces

transformers = pytest.importorskip("transformers")

CONTEXT = 24


def save_distilbert(folder: Path) -> Path:
    """A tiny DistilBERT for masked words, with word pieces as BERT has them."""
    theirs = word_pieces(
        ["Trae el taladro de Eva", "Guarda el martillo de Luis"], 90, lowercase=False
    )
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        vocab_size=len(theirs),
        dim=32,
        hidden_dim=48,
        n_layers=1,
        n_heads=2,
        max_position_embeddings=CONTEXT,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.2,
    )
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bars
        transformers.DistilBertForMaskedLM(config).save_pretrained(folder)
        theirs.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_distilbert(tmp_path_factory.mktemp("bases") / "distilbert")


@pytest.fixture(scope="module")
def tuned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    folder = tmp_path_factory.mktemp("tuned")
    own = save_own(folder / "own.jsonl")
    return train_huggingface(base, own, folder / "tools", ["training.lr=5e-3"])


def found(tagger: HuggingFaceTagger, text: str) -> list[tuple[str, str]]:
    return [(each.label, each.text) for each in tagger.tag(text)]


def test_it_learns_and_its_folder_is_loaded_as_any_tagger(tuned: Tuned) -> None:
    assert tuned.after["micro"].f1 > 0.8
    assert tuned.after["micro"].f1 > tuned.before["micro"].f1
    tagger = load_tagger(tuned.path)
    assert isinstance(tagger, HuggingFaceTagger)
    assert tagger.labels == ("NAME", "TOOL")
    assert found(tagger, TEXT) == [("TOOL", "taladro"), ("NAME", "Eva")]
    assert {each.label for each in tagger.tag(TEXT, labels=["NAME"])} == {"NAME"}
    assert all(0.3 < each.score <= 1.0 for each in tagger.tag(TEXT))
    assert not [path for path in tuned.path.iterdir() if path.suffix in (".bin", ".pt")]
    with pytest.raises(CheckpointError, match="takes no adapter"):
        load_tagger(tuned.path, adapter=tuned.path)


def test_low_rank_updates_are_merged(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    own = save_own(tmp_path / "own.jsonl")
    overrides = ["training.lr=0.02", "training.epochs=12"]
    tuned = train_huggingface(base, own, tmp_path / "out", overrides, low_rank=True)
    assert tuned.after["micro"].f1 > tuned.before["micro"].f1
    tagger = load_huggingface_tagger(tuned.path)
    assert found(tagger, TEXT) == [("TOOL", "taladro"), ("NAME", "Eva")]


def test_a_long_sentence_is_read_in_windows(tuned: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = load_huggingface_tagger(tuned.path)
    text = "Trae el taladro de Eva , " * 40
    entities = tagger.tag(text)
    check_entities(text, entities)
    assert sum(each.label == "TOOL" for each in entities) > 20
    monkeypatch.setattr(module, "WINDOWS", 3)
    together = list(tagger.pipe([TEXT, "", " \n", "x" * 3000, text], batch_size=2))
    assert [[e.text for e in each] for each in (together[0], together[4])] == [
        ["taladro", "Eva"],
        [e.text for e in entities],
    ]


class Words:
    """Cuts text into its letters, as a tokenizer that drops `#`."""

    pad_token_id = 0

    def __init__(self) -> None:
        letters = {"[CLS]": 0, "[SEP]": 1} | {letter: k + 2 for k, letter in enumerate("abcd")}
        self.backend_tokenizer = tokenizers.Tokenizer(models.WordLevel(letters, unk_token="[CLS]"))
        self.backend_tokenizer.normalizer = normalizers.Replace("#", "")
        self.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("", "isolated")]
        )
        self.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
        )


@pytest.mark.parametrize("context", [5, 6, 9, 40])
def test_a_word_is_scored_at_its_first_token(context: int) -> None:
    cutter = Cutter(Words(), context)
    words = ["abc", "#", "d", "ba", "cab", "#a#", "d" * 7]
    pieces = cutter(words)
    assert pieces.places[1] is None
    ids = {"a": 2, "b": 3, "c": 4, "d": 5}
    for word, place in zip(words, pieces.places, strict=True):
        if place is not None:
            assert pieces.windows[place[0]][place[1]] == ids[word.strip("#")[0]]
    assert all(len(window) <= context for window in pieces.windows)
    assert all(window[0] == 0 and window[-1] == 1 for window in pieces.windows)


def test_no_room_for_a_text_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        Cutter(Words(), 3)


def test_a_text_that_spells_a_special_token_is_text(tuned: Tuned) -> None:
    tagger = load_huggingface_tagger(tuned.path)
    text = "[SEP] [CLS] [PAD] " + TEXT
    assert len(tagger.emissions([[text[a:b] for a, b in split_words(text)]])[0]) == 14
    check_entities(text, tagger.tag(text))


@pytest.mark.parametrize(
    ("id2label", "message"),
    [
        (None, "must name"),
        ({"0": "O"}, "must name"),
        ({str(k): f"B-{k}" for k in range(600)}, "must name"),
        ({"0": "O", "2": "B-A"}, "number its tags"),
        ({"0": "O", "1": "LABEL_1"}, "B-LABEL"),
        ({"0": "O", "1": "B-A", "2": "B-A"}, "different"),
        ({"0": "B-A", "1": "I-A"}, "IOB2"),
        ({"0": "O", "1": 7}, "IOB2"),
    ],
)
def test_classes_that_are_no_tags_are_refused(id2label: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        labels_of(id2label, "config.json")


def test_tags_in_any_order_and_without_some_are_read() -> None:
    id2label = {"0": "B-LOC", "1": "O", "2": "I-PER", "3": "B-PER"}
    assert labels_of(id2label, "x") == ("LOC", "PER")
    tags: Sequence[str] = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert rows_of({int(k): v for k, v in id2label.items()}, tags) == [1, 0, 4, 3, 2]


def test_hostile_folders_are_refused(base: Path, tuned: Tuned, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not classify tokens"):
        load_tagger(base)
    pickled = Path(shutil.copytree(tuned.path, tmp_path / "pickled"))
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="pickles"):
        load_tagger(pickled)
    config_file = tuned.path / "config.json"
    for number, (changes, message) in enumerate(
        [
            ({"n_layers": 4_000}, "n_layers"),
            ({"dim": 2**20, "hidden_dim": 2**20}, "parameters|cannot be used"),
            ({"id2label": {"0": "O", "1": "B-A", "2": "B-B"}}, "cannot be used"),
            (
                {
                    "auto_map": {"AutoModelForTokenClassification": "code.Evil"},
                    "model_type": "evil",
                },
                "cannot be used",
            ),
        ]
    ):
        broken = Path(shutil.copytree(tuned.path, tmp_path / str(number)))
        config = json.loads(config_file.read_text("utf-8")) | changes
        (broken / "config.json").write_text(json.dumps(config), "utf-8")
        with pytest.raises(CheckpointError, match=message):
            load_tagger(broken)
