"""A decoder that writes entities: what it may write, what it learns, its folder, its command."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from litteragpt import load_tagger, taggers
from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import list_checkpoints
from litteragpt.cli import main
from litteragpt.entities import generative
from litteragpt.entities.causal_folder import load_causal, save_causal
from litteragpt.entities.chat import read_answer
from litteragpt.entities.copying import Copying, Script
from litteragpt.entities.generative import GenerativeTagger, copied, windows_of
from litteragpt.entities.sets import Example, read_set
from litteragpt.entities.span import check_entities
from litteragpt.entities.vocabulary import OwnVocabulary, right_answer, script_of
from litteragpt.entities.words import split_words
from litteragpt.recipe import TrainingConfig
from litteragpt.tokenizers import BPETokenizer, CharTokenizer
from litteragpt.training.causal_recipe import load_causal_recipe, train_causal_recipe
from litteragpt.training.tagging_lm import (
    Lesson,
    answer_loss,
    laid_out,
    lessons_of,
    sentences,
    train_writer,
)
from litteragpt.weights import CheckpointError

LABELS = ("DATE", "TIME", "NAME")
SENTENCES = (
    ("Ana vive en Lugo .", "B-NAME O O O O"),
    ("Nos vemos el lunes a las 8 .", "O O O B-DATE O O B-TIME O"),
    ("Luis Gil llega mañana a las 10:30", "B-NAME I-NAME O B-DATE O O B-TIME"),
    ("La versión 3.11 es de 20 euros .", "O O O O O O O O"),
    ("Carta de Luis para Ana Gil", "O O B-NAME O B-NAME I-NAME"),
)
WORD = st.sampled_from(
    ["10", "10:30", "10:3", "a", "ab", "[stop]", ":", "B-DATE", "é", "🙂", "a@b.c"]
)


def examples() -> list[Example]:
    known = frozenset(LABELS)
    return [Example(tuple(w.split()), tuple(t.split()), known) for w, t in SENTENCES]


@cache
def vocabulary() -> OwnVocabulary:
    texts = [f" {words}" for words, _ in SENTENCES] * 3
    return OwnVocabulary(BPETokenizer.train(texts, 300), LABELS)


@cache
def random_tagger(seed: int = 0, scale: float = 8.0) -> GenerativeTagger:
    """Random weights whose logits are far apart, so that it insists on nonsense."""
    words = vocabulary()
    torch.manual_seed(seed)
    decoder = Decoder(_shape(words)).eval()
    with torch.no_grad():
        decoder.head.weight.mul_(scale)
    return GenerativeTagger(decoder, words, LABELS, name="random")


def _shape(words: OwnVocabulary, width: int = 16, layers: int = 1) -> DecoderConfig:
    return DecoderConfig(
        vocab_size=words.vocab_size,
        context=96,
        layers=layers,
        width=width,
        heads=2,
        hidden=2 * width,
    )


@pytest.fixture(scope="module")
def learnt() -> GenerativeTagger:
    words = vocabulary()
    torch.manual_seed(1)
    decoder = Decoder(_shape(words, 48, 2))
    decoder.initialise()
    lessons = list(lessons_of(examples(), words, LABELS, 96))
    train_writer(decoder, lessons, _config(steps=60))
    return GenerativeTagger(decoder, words, LABELS, name="learnt")


def _config(**changes: Any) -> TrainingConfig:
    figures: dict[str, Any] = {
        "steps": 40,
        "batch": 4,
        "window": 96,
        "long_window": 96,
        "warmup_steps": 2,
        "adam_lr": 1e-2,
        "precision": "fp32",
        "evaluate_every": 20,
        "seed": 3,
    }
    return TrainingConfig(**{**figures, **changes})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(WORD, min_size=1, max_size=12), min_size=1, max_size=4), st.integers(0, 9))
def test_random_weights_can_write_no_wrong_answer(batch: list[list[str]], seed: int) -> None:
    tagger = random_tagger(seed)
    for words in batch:
        script = script_of(tagger.vocabulary, words)
        prompt = tagger.vocabulary.prompt(words)
        ((ids, scores),) = copied(tagger.model, [prompt], [script])
        text = tagger.vocabulary.text(ids)
        answer = read_answer(text, words, LABELS)
        assert not answer.hallucinated + answer.disordered + answer.illegal, text
        assert answer.stopped
        assert len(answer.lines) == len(scores)
        assert all(0 <= score <= 1 for score in scores)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_allowed_leads_to_an_answer_and_every_right_answer_is_allowed(
    data: st.DataObject,
) -> None:
    """Ids of words and tags that begin alike, as a vocabulary of others may have them."""
    words = tuple(data.draw(st.lists(st.sampled_from(["a", "ab", "a:", "[", "b"]), max_size=6)))
    tags = {
        f"{kind}-{label}": tuple(map(ord, f": {kind}-{label}\n")) for label in "XY" for kind in "BI"
    }
    script = Script(
        words, tuple(tuple(map(ord, w)) for w in words), tags, tuple(map(ord, "[stop]"))
    )
    copying, written_ids = Copying(script), list[int]()
    while not copying.ended:
        allowed = copying.allowed()
        assert allowed == sorted(set(allowed))
        assert allowed
        written_ids.append(data.draw(st.sampled_from(allowed)))
        copying.feed(written_ids[-1])
    text = "".join(map(chr, written_ids))
    answer = read_answer(text, words, "XY")
    assert not answer.hallucinated + answer.disordered + answer.illegal, text
    again = Copying(script)
    for id in written_ids:
        assert id in again.allowed()
        again.feed(id)


def test_an_inside_tag_is_allowed_behind_its_own_alone() -> None:
    words = ("x", "y", "x")
    tags = {
        f"{kind}-{label}": (10 + 2 * k + (kind == "I"),)
        for k, label in enumerate("AB")
        for kind in "BI"
    }
    script = Script(words, ((1,), (2,), (1,)), tags, (0,))
    copying = Copying(script)
    assert copying.allowed() == [0, 1, 2]
    copying.feed(1)
    assert copying.allowed() == [10, 12]  # nothing to go on with
    copying.feed(10)
    copying.feed(2)
    assert copying.allowed() == [10, 11, 12]  # y stands behind the first x, tagged B-A
    copying.feed(12)
    assert copying.allowed() == [0, 1]
    copying.feed(1)
    assert copying.allowed() == [10, 12, 13]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=80))
def test_entities_are_stretches_of_any_text(text: str) -> None:
    check_entities(text, TAGGER.tag(text))


TAGGER = random_tagger(4, 3.0)


def test_many_texts_are_tagged_as_each_alone(learnt: GenerativeTagger) -> None:
    texts = [words for words, _ in SENTENCES] + ["", " \n", "Ana", "x" * 500, "Ana vive. Luis no."]
    alone = [[(e.start, e.end, e.label) for e in learnt.tag(text)] for text in texts]
    for size in (1, 3, 64):
        together = list(learnt.pipe(texts, batch_size=size))
        assert [[(e.start, e.end, e.label) for e in each] for each in together] == alone


def test_it_learns_a_few_sentences_by_heart(learnt: GenerativeTagger) -> None:
    found = learnt.tag("Luis Gil llega mañana a las 10:30")
    assert [(e.label, e.text) for e in found] == [
        ("NAME", "Luis Gil"),
        ("DATE", "mañana"),
        ("TIME", "10:30"),
    ]
    assert all(0.3 < each.score <= 1 for each in found)
    (raw,) = learnt.raw("Nos vemos el lunes a las 8 .")
    assert raw.text == " lunes: B-DATE\n 8: B-TIME\n[stop]"
    assert raw.answer.tags[3] == "B-DATE"
    assert raw.answer.stopped
    assert [e.text for e in learnt.tag(SENTENCES[2][0], labels=["DATE"])] == ["mañana"]
    with pytest.raises(ValueError, match="no label 'LOC'"):
        learnt.tag("Ana", labels=["LOC"])


def test_a_long_sentence_is_read_in_windows(
    learnt: GenerativeTagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sentences that it knows, as one: in windows of the length of each both are found."""
    words = f"{SENTENCES[2][0]} {SENTENCES[2][0]}"
    monkeypatch.setattr(generative, "WINDOW", 7)
    monkeypatch.setattr(generative, "OVERLAP", 0)
    (found,) = learnt.tag_words([words], [split_words(words)])
    check_entities(words, found)
    assert [each.text for each in found] == ["Luis Gil", "mañana", "10:30"] * 2


def test_held_to_the_sentence_it_writes_nothing_else_and_free_it_does() -> None:
    sentences = [words.split() for words, _ in SENTENCES]
    held = TAGGER.answers(sentences, held=True)
    free = TAGGER.answers(sentences, held=False)
    assert [each.words for each in held] == [tuple(each) for each in sentences]
    assert not any(e.answer.hallucinated + e.answer.disordered + e.answer.illegal for e in held)
    assert any(e.answer.hallucinated + e.answer.illegal for e in free)


def test_an_entity_at_a_seam_is_found_once() -> None:
    """However long a sentence is, each window answers for its own words alone."""
    text = " ".join(f"a{number}" for number in range(400))
    check_entities(text, TAGGER.tag_words([text], [split_words(text)])[0])


@given(st.lists(st.integers(0, 300), max_size=300))
def test_windows_cover_every_word_and_are_bounded(lengths: list[int]) -> None:
    found = windows_of(lengths, 160)
    covered = {at for first, end in found for at in range(first, end)}
    assert covered == set(range(len(lengths)))
    for first, end in found:
        assert end - first <= 1 or sum(lengths[first:end]) <= 160
        assert end - first <= generative.WINDOW


def test_the_cache_changes_nothing(learnt: GenerativeTagger) -> None:
    """Ids chosen step by step are the best allowed ones of the conversation read at once."""
    words = SENTENCES[1][0].split()
    script = script_of(learnt.vocabulary, words)
    prompt = learnt.vocabulary.prompt(words)
    ((ids, _),) = copied(learnt.model, [prompt], [script])
    copying = Copying(script)
    logits_BTV, _ = learnt.model(torch.tensor([[*prompt, *ids[:-1]]]))
    for logits_V, id in zip(logits_BTV[0, len(prompt) - 1 :], ids, strict=True):
        allowed = copying.allowed()
        assert id == allowed[int(logits_V[allowed].argmax())]
        copying.feed(id)


def test_the_loss_is_of_the_answers_alone() -> None:
    words = vocabulary()
    (lesson,) = lessons_of(examples()[:1], words, LABELS, 96)
    inputs_BT, targets_BT = laid_out([lesson, Lesson(lesson.prompt, lesson.answer[:1])])
    learned = targets_BT[0][targets_BT[0] != -100].tolist()
    assert learned == right_answer(words, ["Ana"], ["B-NAME"]) == list(lesson.answer)
    assert (targets_BT[1] != -100).sum() == 1
    vocab = words.vocab_size

    def sure(ids_BT: torch.Tensor) -> tuple[torch.Tensor, None]:
        right = torch.nn.functional.one_hot(targets_BT.clamp(min=0), vocab)
        return right * 50.0, None

    assert answer_loss(sure, (inputs_BT, targets_BT)).item() < 1e-6


def test_what_is_unknown_is_not_learned() -> None:
    words = vocabulary()
    known = frozenset(LABELS)
    assert not list(lessons_of([Example(("a",), ("?",), known)], words, LABELS, 96))
    other = [Example(("a", "b"), ("B-ORG", "B-NAME"), known)]
    (lesson,) = lessons_of(other, words, LABELS, 96)
    assert words.text(lesson.answer) == " b: B-NAME\n[stop]"
    with pytest.raises(ValueError, match="must know every label, and not lack TIME"):
        list(lessons_of([Example(("a",), ("O",), known - {"TIME"})], words, LABELS, 96))


def test_an_example_is_taken_apart_outside_of_entities() -> None:
    example = Example(
        ("Hola", ".", "Dr", ".", "Gil", "."),
        ("O", "O", "B-NAME", "I-NAME", "I-NAME", "O"),
        frozenset(LABELS),
    )
    assert [words for words, _ in sentences(example)] == [("Hola", "."), ("Dr", ".", "Gil", ".")]


def test_a_run_goes_on_exactly(tmp_path: Path) -> None:
    words = vocabulary()
    lessons = list(lessons_of(examples(), words, LABELS, 96))

    def fresh() -> Decoder:
        torch.manual_seed(2)
        decoder = Decoder(_shape(words))
        decoder.initialise()
        return decoder

    state = tmp_path / "state.safetensors"
    whole, broken = fresh(), fresh()
    train_writer(whole, lessons, _config(steps=12, ema_decay=0.9))
    # The run breaks off after its eighth step, which was saved.
    with pytest.raises(KeyboardInterrupt):
        train_writer(
            broken,
            lessons,
            _config(steps=12, ema_decay=0.9, save_every=8, evaluate_every=9),
            state_file=state,
            evaluated=_interrupt,
        )
    again = fresh()
    train_writer(again, lessons, _config(steps=12, ema_decay=0.9), state_file=state, resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def _interrupt(step: int) -> dict[str, float]:
    raise KeyboardInterrupt


def test_a_vocabulary_that_lacks_a_character_never_writes_it() -> None:
    words = OwnVocabulary(CharTokenizer.from_text(" abc"), LABELS)
    assert words.word_ids("ab")
    assert not words.word_ids("xé")
    decoder = Decoder(_shape(words)).eval()
    for entity in GenerativeTagger(decoder, words, LABELS).tag("ab xé c ab"):
        assert "xé" not in entity.text


def test_one_word_is_the_same_ids_in_the_prompt_and_in_the_answer() -> None:
    words = vocabulary()
    said = ["Luis", "Gil", "10:30"]
    prompt = words.prompt(said)
    answer = right_answer(words, said, ["B-NAME", "I-NAME", "B-TIME"])
    assert len(prompt) % 8 == 0
    for word in said:
        ids = list(words.word_ids(word))
        assert any(prompt[k : k + len(ids)] == ids for k in range(len(prompt)))
        assert any(answer[k : k + len(ids)] == ids for k in range(len(answer)))


def test_a_folder_is_a_tagger_and_no_language_model(
    learnt: GenerativeTagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(tmp_path / "escribe", learnt)
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path))
    assert taggers() == ["escribe"]
    listed = list_checkpoints(tmp_path)
    assert not listed.found
    assert not listed.broken
    loaded = load_tagger("escribe")
    assert isinstance(loaded, GenerativeTagger)
    assert loaded.labels == LABELS
    text = SENTENCES[2][0]
    assert [(e.label, e.text) for e in loaded.tag(text)] == [
        (e.label, e.text) for e in learnt.tag(text)
    ]


def _save(folder: Path, tagger: GenerativeTagger) -> None:
    assert isinstance(tagger.model, Decoder)
    assert isinstance(tagger.vocabulary, OwnVocabulary)
    save_causal(
        folder,
        decoder=tagger.model,
        vocabulary=tagger.vocabulary,
        labels=tagger.labels,
        training={},
        card="# Tiny\n",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": True}, "has format True"),
        ({"task": "text"}, "task must be 'entities'"),
        ({"architecture": "lstm"}, "architecture must be 'decoder'"),
        ({"labels": ["DATE", "DATE", "X"]}, "each of them once"),
        ({"labels": ["A B", "C", "D"]}, "without spaces"),
        ({"labels": [1, 2, 3]}, "printable"),
        ({"labels": "DATE"}, "must be a list"),
        ({"labels": ["DATE"]}, "vocab_size"),
        ({"model": {}}, "lacks"),
        ({"extra": 1}, "unknown"),
    ],
)
def test_a_hostile_config_is_refused(
    learnt: GenerativeTagger, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    _save(tmp_path / "t", learnt)
    path = tmp_path / "t" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), "utf-8")
    with pytest.raises(CheckpointError, match=message):
        load_causal(tmp_path / "t")


def test_cut_and_other_weights_are_refused(learnt: GenerativeTagger, tmp_path: Path) -> None:
    _save(tmp_path / "t", learnt)
    weights = tmp_path / "t" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(CheckpointError, match="not a valid safetensors file"):
        load_causal(tmp_path / "t")
    weights.write_bytes(whole[:-4] + b"\x01\x02\x03\x04")
    with pytest.raises(CheckpointError, match="sha256"):
        load_causal(tmp_path / "t")


RECIPE = """
name = "tiny-causal"
language = ["es"]
architecture = "decoder"
labels = ["DATE", "TIME", "NAME"]
pieces = 300
[model]
context = 96
layers = 1
width = 16
heads = 2
hidden = 32
[training]
steps = 4
batch = 2
window = 96
long_window = 96
warmup_steps = 1
evaluate_every = 2
precision = "fp32"
[[sets]]
file = "a.tsv"
labels = ["DATE=DATE", "TIME=TIME", "PER=NAME"]
[[validation]]
file = "a.tsv"
labels = ["DATE=DATE", "TIME=TIME", "PER=NAME"]
only = ["DATE", "NAME"]
title = "the same"
"""


def _write_set(folder: Path) -> None:
    lines: list[str] = []
    for words, tags in SENTENCES:
        pairs = zip(words.split(), tags.replace("NAME", "PER").split(), strict=True)
        lines += [*(f"{word}\t{tag}\n" for word, tag in pairs), "\n"]
    (folder / "a.tsv").write_text("".join(lines), "utf-8")


def test_the_commands_train_a_recipe_and_tag_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_set(tmp_path)
    (tmp_path / "r.toml").write_text(RECIPE, "utf-8")
    out = ["--checkpoints", str(tmp_path / "out"), "--runs", str(tmp_path / "runs")]
    source = ["--source", str(tmp_path), *out]
    assert _run(monkeypatch, "ner-train", str(tmp_path / "r.toml"), *source) == 0
    curve = (tmp_path / "runs" / "tiny-causal" / "metrics.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["step"] for line in curve] == [2, 4]
    assert "f1 the same" in json.loads(curve[-1])
    more = ["--resume", "--override", "training.steps=6"]
    assert _run(monkeypatch, "ner-train", str(tmp_path / "r.toml"), *source, *more) == 0
    curve = (tmp_path / "runs" / "tiny-causal" / "metrics.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["step"] for line in curve] == [2, 4, 6]
    seconds = [json.loads(line)["seconds"] for line in curve]
    assert seconds == sorted(seconds)
    folder = str(tmp_path / "out" / "tiny-causal")
    capsys.readouterr()
    assert _run(monkeypatch, "tag", "Ana vive en Lugo .", "--model", folder) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "Ana vive en Lugo ."
    assert _run(monkeypatch, "tag", "Ana vive en Lugo .", "--model", folder, "--raw") == 0
    raw = json.loads(capsys.readouterr().out)
    assert raw["asked"].endswith("<|user|>\nAna vive en Lugo .\n<|assistant|>\n")
    assert set(raw) == {"asked", "written", "hallucinated", "disordered", "illegal", "stopped"}
    assert _run(monkeypatch, "tag", "--evaluate", str(tmp_path / "a.tsv"), "--model", folder) == 0
    assert json.loads(capsys.readouterr().out)["sentences"] == len(SENTENCES)
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path / "out"))
    assert _run(monkeypatch, "tag", "Ana", "--method", "generation") == 2
    assert "no tagger 'ner-causal'" in capsys.readouterr().err


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["litteragpt", *arguments])
    return main()


def test_a_recipe_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(RECIPE, "utf-8")
    for override, message in (
        ("pieces=10", "pieces"),
        ("labels=[]", "1 to 256 labels"),
        ("training.batch=0", "batch"),
        ("other=1", "unknown"),
    ):
        with pytest.raises(ValueError, match=message):
            load_causal_recipe(path, [override])
    recipe = load_causal_recipe(path, ['sets=[{synth="es", count=5, known=["DATE"]}]'])
    pytest.importorskip("faker")
    assert len(list(read_set(recipe.sets[0], tmp_path))) == 5
    with pytest.raises(ValueError, match="must know every label"):
        train_causal_recipe(recipe, tmp_path, made=tmp_path, checkpoints=tmp_path, runs=tmp_path)
