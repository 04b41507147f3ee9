"""A trained encoder as a tagger, on a small set that it learns by heart."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from litteragpt.architectures.encoder import Encoder, EncoderConfig
from litteragpt.entities import reading
from litteragpt.entities import tagger as module
from litteragpt.entities.folder import load_folder, save_folder
from litteragpt.entities.loading import load_tagger
from litteragpt.entities.readers import labelled_record
from litteragpt.entities.reading import sentences_of
from litteragpt.entities.sets import (
    ANYTHING,
    Example,
    SetConfig,
    epoch,
    example_of,
    open_before,
    read_set,
)
from litteragpt.entities.span import Entity, check_entities
from litteragpt.entities.tagger import EntityTagger, window_starts
from litteragpt.entities.words import split_words
from litteragpt.training.tagging import TaggingConfig, train_tagger
from litteragpt.weights import CheckpointError

LABELS = ("DATE", "TIME", "EMAIL", "NAME")
SENTENCES = (
    ("Ana vive en Lugo .", "B-NAME O O O O"),
    ("Nos vemos el lunes a las 8 .", "O O O B-DATE O O B-TIME O"),
    ("Escribe a ana@correo.es hoy", "O O B-EMAIL B-DATE"),
    ("Luis Gil llega mañana a las 10:30", "B-NAME I-NAME O B-DATE O O B-TIME"),
    ("La versión 3.11 es de 20 euros .", "O O O O O O O O"),
    ("Carta de Luis para Ana Gil", "O O B-NAME O B-NAME I-NAME"),
)


def examples() -> list[Example]:
    known = frozenset(LABELS)
    return [Example(tuple(w.split()), tuple(t.split()), known) for w, t in SENTENCES]


def tiny(**changes: object) -> EncoderConfig:
    figures = {"rows": 512, "width": 24, "shapes": 64, "shape_width": 8, "hidden": 24, **changes}
    return EncoderConfig(labels=LABELS, **figures)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=[0, 2_048], ids=["plain", "templates"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    torch.manual_seed(1)
    encoder = Encoder(
        tiny(intents=("inquiry", "cancel"), templates=request.param, template_dropout=0.2)
    )
    encoder.initialise()
    config = TaggingConfig(
        epochs=40, batch=3, lr=1e-2, table_lr=1e-2, warmup_steps=5, lower=0, upper=0, plain=0
    )
    train_tagger(encoder, [(SetConfig(file="x"), examples())], config)
    return encoder


@pytest.fixture
def tagger(encoder: Encoder) -> EntityTagger:
    return EntityTagger(encoder, name="tiny")


def test_it_learns_a_few_sentences_by_heart(tagger: EntityTagger) -> None:
    text = "Luis Gil llega mañana a las 10:30"
    assert [(e.label, e.text) for e in tagger.tag(text)] == [
        ("NAME", "Luis Gil"),
        ("DATE", "mañana"),
        ("TIME", "10:30"),
    ]
    assert all(0.5 < each.score <= 1.0 for each in tagger.tag(text))
    assert tagger.tag("La versión 3.11 es de 20 euros .") == []


def test_offsets_are_of_the_text_as_given(tagger: EntityTagger) -> None:
    text = "  🙂\n\nAna vive en Lugo .\r\n\tEscribe a ana@correo.es hoy"
    found = tagger.tag(text)
    check_entities(text, found)
    assert {("NAME", "Ana"), ("EMAIL", "ana@correo.es")} <= {(e.label, e.text) for e in found}


def test_labels_and_threshold(tagger: EntityTagger) -> None:
    text = "Luis Gil llega mañana a las 10:30"
    assert {each.label for each in tagger.tag(text, labels=["DATE"])} == {"DATE"}
    best = max(each.score for each in tagger.tag(text))
    assert len(tagger.tag(text, threshold=best)) >= 1
    assert all(each.score >= 0.9 for each in tagger.tag(text, threshold=0.9))
    with pytest.raises(ValueError, match="no label 'LOC'"):
        tagger.tag(text, labels=["LOC"])
    with pytest.raises(ValueError, match="threshold"):
        tagger.tag(text, threshold=float("nan"))


def test_many_texts_are_tagged_as_each_alone(tagger: EntityTagger) -> None:
    texts = [sentence for sentence, _ in SENTENCES] + ["", " \n", "Ana", "x" * 500]
    alone = [[(e.start, e.end, e.label) for e in tagger.tag(text)] for text in texts]
    for size in (1, 3, 64):
        together = list(tagger.pipe(texts, batch_size=size))
        assert [[(e.start, e.end, e.label) for e in each] for each in together] == alone


def test_a_text_is_streamed(tagger: EntityTagger) -> None:
    asked: list[int] = []

    def texts() -> object:
        for number in range(10):
            asked.append(number)
            yield "Ana"

    stream = tagger.pipe(texts(), batch_size=2)  # type: ignore[arg-type]
    next(iter(stream))
    assert len(asked) == 2


def test_nothing_is_lost_at_a_seam(tagger: EntityTagger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence of many windows is marked as its parts are, wherever the windows end."""
    text = " ".join(["Luis Gil llega mañana a las 10:30 ,"] * 30)
    monkeypatch.setattr(reading, "sentences_of", lambda text: [tuple(split_words(text))])
    whole = [(e.start, e.end, e.label) for e in tagger.tag(text)]
    assert len(whole) > 50
    for window, overlap in ((40, 16), (33, 20), (64, 32)):
        monkeypatch.setattr(module, "WINDOW", window)
        monkeypatch.setattr(module, "OVERLAP", overlap)
        assert [(e.start, e.end, e.label) for e in tagger.tag(text)] == whole


def test_windows_cover_every_word() -> None:
    for length in (1, module.WINDOW, module.WINDOW + 1, 1_000):
        covered = set()
        for start in window_starts(length):
            covered |= set(range(start, min(length, start + module.WINDOW)))
        assert covered == set(range(length))


def test_sentences_hold_every_word_once() -> None:
    text = "El Sr. Gil vino. ¿Y Ana?\nNo.\n\n- Sí -"
    assert [word for words in sentences_of(text) for word in words] == split_words(text)
    assert len(sentences_of(text)) == 4


def test_what_a_set_does_not_know_is_no_negative() -> None:
    record = labelled_record(
        {"text": "Ana vino el lunes", "labels": [{"word": "Ana", "label": "B-PER"}]}, "test"
    )
    example = example_of(record, {"PER": "NAME"}, frozenset({"NAME"}))
    assert example.tags == ("B-NAME", "O", "O", "O")
    from litteragpt.entities.batch import features_of, words_of
    from litteragpt.training.tagging import allowed_tags

    tags = tiny().tags
    words = words_of([example.words], features_of(tiny()))
    allowed_TK = allowed_tags([example], tags, words)[0]
    assert [tag for tag, may in zip(tags, allowed_TK[0], strict=True) if may] == ["B-NAME"]
    may = {tag for tag, may in zip(tags, allowed_TK[3], strict=True) if may}
    assert may == {"O", "B-DATE", "I-DATE", "B-TIME", "I-TIME", "B-EMAIL", "I-EMAIL"}
    unsure = example_of(record, {}, frozenset({"NAME"}), frozenset({"PER"}))
    assert unsure.tags[0] == ANYTHING
    assert allowed_tags([unsure], tags, words)[0, 0].all()


def test_titles_before_a_name_may_be_its_beginning() -> None:
    words = ("Dr", ".", "Ana", "Gil", "y", "Luis")
    tags = ("O", "O", "B-NAME", "I-NAME", "O", "B-NAME")
    example = Example(words, tags, frozenset({"NAME"}))
    opened = open_before(example, ("dr", "."))
    assert opened.tags == (ANYTHING, ANYTHING, ANYTHING, "I-NAME", "O", "B-NAME")
    assert open_before(example, ("dr",)) == example
    assert open_before(Example(words[3:4], ("B-NAME",), frozenset()), ("dr",)).tags == ("B-NAME",)


def test_an_epoch_takes_each_set_by_its_share() -> None:
    both = [
        (SetConfig(file="a", share=2.5), examples()),
        (SetConfig(file="b", share=0.5), examples()),
    ]
    assert len(epoch(both, random.Random(1))) == 6 * 2 + 3 + 3


def test_halves_of_a_set_share_nothing(tmp_path: Path) -> None:
    lines = [f"palabra{k}\tO\n\n" for k in range(10)]
    (tmp_path / "a.tsv").write_text("".join(lines), "utf-8")
    odd, even = (
        {e.words for e in read_set(SetConfig(file="a.tsv", part=part), tmp_path)}
        for part in ("odd", "even")
    )
    assert len(odd) == len(even) == 5
    assert not odd & even


def test_the_same_seed_gives_the_same_weights() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(5)
        encoder = Encoder(tiny(templates=512, template_dropout=0.3))
        encoder.initialise()
        train_tagger(encoder, [(SetConfig(file="x"), examples())], TaggingConfig(epochs=2, seed=9))
        assert encoder.templates is not None
        assert encoder.templates.table.weight.any()
        found.append(encoder.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_a_table_whose_rate_is_0_stays_as_it_is() -> None:
    encoder = Encoder(tiny(templates=512))
    encoder.initialise()
    config = TaggingConfig(epochs=1, template_lr=0.0)
    before = encoder.grams.weight.clone()
    train_tagger(encoder, [(SetConfig(file="x"), examples())], config)
    assert encoder.templates is not None
    assert not encoder.templates.table.weight.any()
    assert not torch.equal(before, encoder.grams.weight)


def test_a_folder_is_read_as_it_was_written(encoder: Encoder, tmp_path: Path) -> None:
    info = save_folder(
        tmp_path / "tiny", encoder=encoder, training={"calibration": 1.4}, card="# Tiny\n"
    )
    assert info.model == encoder.config
    assert info.training["calibration"] == 1.4
    loaded = load_tagger(tmp_path / "tiny")
    text = "Luis Gil llega mañana a las 10:30"
    assert [(e.label, e.text) for e in loaded.tag(text)] == [
        (e.label, e.text) for e in EntityTagger(encoder).tag(text)
    ]


def test_a_folder_from_before_there_were_templates_is_read(tmp_path: Path) -> None:
    torch.manual_seed(1)
    save_folder(tmp_path / "t", encoder=Encoder(tiny()), training={}, card="")
    path = tmp_path / "t" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    for name in ("decoding", "templates", "template_dropout"):
        del config["model"][name]
    path.write_text(json.dumps(config), "utf-8")
    assert load_folder(tmp_path / "t")[0].model == tiny()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2"),
        ({"architecture": "decoder"}, "no tagger"),
        ({"model": {}}, "lacks"),
        ({"extra": 1}, "unknown"),
    ],
)
def test_a_hostile_config_is_refused(
    encoder: Encoder, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    save_folder(tmp_path / "t", encoder=encoder, training={}, card="")
    config = json.loads((tmp_path / "t" / "config.json").read_text("utf-8"))
    (tmp_path / "t" / "config.json").write_text(json.dumps({**config, **change}), "utf-8")
    with pytest.raises(CheckpointError, match=message):
        load_tagger(tmp_path / "t")


def test_truncated_and_other_weights_are_refused(encoder: Encoder, tmp_path: Path) -> None:
    folder = tmp_path / "t"
    save_folder(folder, encoder=encoder, training={}, card="")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(CheckpointError, match="not a valid safetensors file"):
        load_folder(folder)
    weights.write_bytes(whole[:-4] + b"\x01\x02\x03\x04")
    with pytest.raises(CheckpointError, match="sha256"):
        load_folder(folder)


def test_a_huge_config_takes_no_memory(encoder: Encoder, tmp_path: Path) -> None:
    save_folder(tmp_path / "t", encoder=encoder, training={}, card="")
    path = tmp_path / "t" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["model"].update(rows=1_048_576, width=4_096)
    path.write_text(json.dumps(config), "utf-8")
    with pytest.raises(CheckpointError, match="asks for"):
        load_folder(tmp_path / "t")


def test_emails_are_certain(tagger: EntityTagger) -> None:
    text = "zzz qqq@www.example.org ttt"
    assert Entity(4, 23, "EMAIL", "qqq@www.example.org", 1.0) in tagger.tag(text)
