"""A sentence encoder learns from a teacher; its texts, its targets, and the whole of a recipe."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from litteragpt.answers.encoder_folder import load_folder
from litteragpt.answers.sets import QuestionSets, read_sets
from litteragpt.answers.vocabulary import Floats
from litteragpt.answers.words import WordRows
from litteragpt.architectures.sentence_encoder import (
    SentenceEncoder,
    SentenceEncoderConfig,
    sentences_of,
)
from litteragpt.cli import main
from litteragpt.training.sentence_recipe import load_encoder_recipe, train_encoder_recipe
from litteragpt.training.sentence_texts import MadeTexts, TextSet, gather, vocabulary
from litteragpt.training.sentences import (
    Lesson,
    SentenceTraining,
    _batches,
    _within,
    begin_table,
    targets_of,
    train,
    unlikeness,
)
from litteragpt.training.taught import taught

NOUNS = ("gato", "cão", "rio", "mar", "livro", "jornal", "trem", "navio")
KINDS = {noun: number // 2 for number, noun in enumerate(NOUNS)}
"""Two nouns each that the teacher finds alike."""
VERBS = ("passa", "fica", "dorme", "some")


def sentence(rng: random.Random) -> tuple[str, int]:
    noun = rng.choice(NOUNS)
    return f"o {noun} {rng.choice(VERBS)} {rng.choice(('hoje', 'ontem', 'sempre'))}", KINDS[noun]


def student() -> tuple[SentenceEncoder, WordRows]:
    words = ["o", *NOUNS, *VERBS]
    config = SentenceEncoderConfig(
        words=len(words),
        grams=128,
        word_width=16,
        dimensions=8,
        longest=12,
        layers=1,
        width=16,
        heads=2,
        hidden=16,
    )
    torch.manual_seed(0)
    encoder = SentenceEncoder(config)
    encoder.initialise()
    return encoder, WordRows(words, config.grams, config.longest)


def test_a_student_comes_near_its_teacher_on_sentences_it_has_not_seen() -> None:
    rng = random.Random(0)
    made = [sentence(rng) for _ in range(400)]
    seen, unseen = made[:300], [each for each in made[300:] if each not in made[:300]]
    encoder, rows = student()
    lesson = Lesson([text for text, _ in seen], torch.eye(8)[[kind for _, kind in seen]], 12)
    lines: list[Any] = []
    config = SentenceTraining(
        steps=120, most=50, lr=5e-3, table_lr=2e-2, report_every=40, precision="fp32"
    )
    train(encoder, rows, lesson, config, report=lines.append)
    assert [line["step"] for line in lines] == [40, 80, 120]
    assert lines[-1]["distance"] < 0.5 * lines[0]["distance"]
    assert not encoder.training
    with torch.inference_mode():
        found = encoder(sentences_of([rows(text) for text, _ in unseen]))
    cosines = found[range(len(unseen)), [kind for _, kind in unseen]]
    assert float(cosines.mean()) > 0.9


def test_batches_are_of_like_sentences_and_hold_each_once() -> None:
    rng = random.Random(0)
    made = [sentence(rng) for _ in range(400)]
    vectors = torch.eye(8)[[kind for _, kind in made]] + 0.01 * torch.randn(400, 8)
    lesson = Lesson([text for text, _ in made], vectors, 12)
    config = SentenceTraining(most=30, words=80)
    batches = _batches(lesson, config, rng)
    read: list[int] = []
    alike = []
    while len(read) < 400:
        batch = next(batches)
        assert 2 <= len(batch) <= 30
        assert (len(batch) - 1) * max(len(lesson.words[n]) for n in batch) <= 80
        read += batch
        kinds = [made[n][1] for n in batch]
        alike.append(max(map(kinds.count, kinds)) / len(kinds))
    assert sorted(read) == list(range(400))
    assert float(np.mean(alike)) > 0.8
    assert len(next(_batches(Lesson(["o"], torch.eye(8)[:1], 12), config, rng))) == 1


@pytest.mark.parametrize("lengths", [[1, 1, 9], [2, 2, 3, 3, 9], [1, 2, 3, 4, 5, 6, 7, 50], [9]])
def test_no_batch_has_one_sentence_alone(lengths: list[int]) -> None:
    words = [["o"] * length for length in lengths]
    batches = _within(range(len(words)), words, 6)
    assert sorted(n for batch in batches for n in batch) == list(range(len(words)))
    assert all(len(batch) > 1 for batch in batches) or len(words) == 1


def test_the_same_seed_gives_the_same_weights() -> None:
    def trained() -> torch.Tensor:
        encoder, rows = student()
        lesson = Lesson(["o gato passa", "o mar fica", "o trem"], torch.eye(8)[:3], 12)
        train(encoder, rows, lesson, SentenceTraining(steps=3, most=2, precision="fp32"))
        return encoder.project.weight.detach()

    assert torch.equal(trained(), trained())


def test_the_table_begins_as_the_teachers_words() -> None:
    encoder, rows = student()
    before = encoder.table.weight.detach().clone()
    begin_table(encoder, rows, ["gato", "onça"], torch.eye(8)[:2])
    row = rows.words.index("gato")
    assert encoder.table.weight[row, :8].tolist() == torch.eye(8)[0].tolist()
    others = [number for number in range(len(before)) if number != row]
    assert torch.equal(encoder.table.weight[others], before[others])


def test_targets_are_centred_by_role_and_keep_what_is_near_what() -> None:
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(200, 6)).astype(np.float32) @ np.diag([5, 4, 3, 1, 0.1, 0.1])
    cone = (plain + 40).astype(np.float32)
    asks = np.arange(200) % 4 == 0
    cone[asks] += 7
    found = targets_of(cone, asks, 4)
    assert found.shape == (200, 4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    lengths = np.linalg.norm(plain, axis=1, keepdims=True)
    exact = (plain / lengths) @ (plain / lengths).T
    assert np.corrcoef(exact.ravel(), (found @ found.T).ravel())[0, 1] > 0.95


def test_likeness_is_that_of_the_others() -> None:
    torch.manual_seed(0)
    one = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    other = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    turned = one @ torch.linalg.qr(torch.randn(4, 4))[0]
    assert float(unlikeness(one, turned, 0.1)) == pytest.approx(0, abs=1e-4)
    expected = 0.0
    for row in range(6):  # written out
        rest = [number for number in range(6) if number != row]
        p = (other[row] @ other[rest].T / 0.1).softmax(0)
        q = (one[row] @ one[rest].T / 0.1).softmax(0)
        expected += float((p * (p / q).log()).sum()) / 6
    assert float(unlikeness(one, other, 0.1)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "table", [{"steps": 0}, {"most": 1}, {"parts": 2.0}, {"precision": "fp8"}, {"speed": 1}]
)
def test_figures_out_of_bounds_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="training"):
        SentenceTraining.from_table(table)


@pytest.fixture
def asked(tmp_path: Path) -> QuestionSets:
    folder = tmp_path / "asked"
    folder.mkdir()
    rows = [
        {
            "question": f"Quando o {noun} {verb}?",
            "answer": "ontem",
            "passage": f"O {noun} {verb} ontem. O céu é azul.",
        }
        for noun in NOUNS
        for verb in VERBS
    ]
    (folder / "pira.json").write_text(json.dumps(rows), "utf-8")
    return read_sets(folder)


def test_texts_are_gathered_with_their_roles(tmp_path: Path, asked: QuestionSets) -> None:
    (tmp_path / "a.txt").write_text(
        "O gato dorme ali. Sim.\nO mar fica longe daqui.\nQuem veio?\n", "utf-8"
    )
    (tmp_path / "b.tsv").write_text("Ana\tB-NAME\nveio\tO\nhoje\tO\n\n", "utf-8")
    tables: list[dict[str, Any]] = [
        {"file": "a.txt", "shortest": 6, "repeats": 2.0, "stretches": True},
        {"file": "b.tsv", "format": "marked"},
    ]
    sets = [TextSet.from_table({"title": "x", "licence": "CC0", **each}) for each in tables]
    made = MadeTexts(
        stretches=1,
        questions=3,
        exchanged_questions=5,
        exchanged_sentences=6,
        templates=("Onde {}?",),
        asked=3.0,
    )
    found = gather(sets, made, [tmp_path], asked, seed=1)
    plain = {each.text: each for each in found}
    assert plain["O gato dorme ali."].repeats == 2.0
    assert "Sim." not in plain
    assert "Ana veio hoje" in plain
    held = {question.text for question in asked.questions if question.test}
    assert held
    assert not held & set(plain)
    tested = {asked.passages[question.passage] for question in asked.questions if question.test}
    assert not any(text in passage for passage in tested for text in plain if "ontem." in text)
    questions = [each for each in found if each.question]
    assert sum(each.text.startswith("Onde ") for each in questions) == 3
    learned, kept_back = asked.tuning()
    assert sum(each.repeats == 3.0 for each in questions) == len(learned)
    assert kept_back
    assert not {question.text for question in kept_back} & set(plain)
    assert not {asked.passages[question.passage] for question in kept_back} & set(plain)
    real = {each.text for each in questions if each.repeats == 3.0}
    made_up = [each.text for each in questions if each.text not in real][4:9]
    assert all(text.startswith("Quando o ") and text.endswith("?") for text in made_up)
    assert not held & set(made_up)
    assert plain["Quem veio?"].question
    assert len(found) == len(gather(sets, made, [tmp_path], asked, seed=2))
    unread = gather(sets, dataclasses.replace(made, asked=0.0), [tmp_path], asked, seed=1)
    assert not real & {each.text for each in unread}
    assert any(each.text.startswith("Quando o ") for each in unread)
    with pytest.raises(ValueError, match=r"none of the folders of texts holds c\.txt"):
        gather([TextSet(title="", licence="", file="c.txt")], made, [tmp_path], None, seed=1)


def test_words_come_by_frequency() -> None:
    pytest.importorskip("wordfreq")
    words = TextSet.from_table({"title": "", "licence": "", "format": "words", "most": 50})
    found = gather(
        [words],
        MadeTexts(stretches=0, questions=0, exchanged_questions=0, exchanged_sentences=0),
        [],
        None,
        seed=1,
    )
    assert all(each.single and not each.question for each in found)
    assert {"que", "para"} <= {each.text for each in found} <= set(vocabulary([], {"pt": 50}))
    assert vocabulary([], {"pt": 3, "es": 3})[0] == "?"


def test_the_recipe_that_ships_can_be_read() -> None:
    recipe = load_encoder_recipe(Path(__file__).parents[2] / "models" / "sentences-pt.toml")
    assert recipe.name == "sentences-pt"
    assert recipe.card.limits
    assert all(each.licence for each in recipe.sets)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('licence = "CC0"', 'licence = "CC0"\nsize = 3'),
        ("pt = 40", "pt = 0"),
        ("heads = 2", "heads = 3"),
        ('file = "notas.txt"', 'format = "marked"'),
        ("stretches = 4", 'stretches = 4\ntemplates = ["Quem?"]'),
        ("[vocabulary]", "[vocabulary"),
        ("epochs = 2", "epochs = 0"),
    ],
)
def test_a_recipe_that_is_wrong_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "recipe.toml"
    assert old in RECIPE
    path.write_text(RECIPE.replace(old, new), "utf-8")
    with pytest.raises(ValueError, match=r"sets|vocabulary|width|templates|reader|recipe\.toml"):
        load_encoder_recipe(path)


RECIPE = """
name = "sentences-tiny"
language = ["pt"]
[vocabulary]
pt = 40
[model]
grams = 64
word_width = 16
width = 16
layers = 1
heads = 2
hidden = 16
dimensions = 8
longest = 12
[training]
steps = 20
most = 16
precision = "fp32"
[[sets]]
title = "Notas"
licence = "CC0"
file = "notas.txt"
[made]
stretches = 4
questions = 4
exchanged_questions = 4
exchanged_sentences = 4
[reader]
epochs = 2
width = 8
[card]
limits = ["It knows eight nouns."]
"""


def test_a_recipe_is_trained_judged_and_published(tmp_path: Path, asked: QuestionSets) -> None:
    pytest.importorskip("wordfreq")
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")
    (tmp_path / "notas.txt").write_text("O rio passa sempre. O mar some hoje.\n", "utf-8")
    calls: list[int] = []

    def teach(texts: Sequence[str], questions: Sequence[bool]) -> Floats:
        calls.append(len(texts))
        rng = np.random.default_rng(0)
        plain = rng.normal(size=(len(texts), 12)) + np.array(questions)[:, None]
        return np.asarray(plain, np.float32)

    def run() -> Any:
        return train_encoder_recipe(
            load_encoder_recipe(tmp_path / "recipe.toml"),
            teach=teach,
            folders=[tmp_path],
            asked=asked,
            checkpoints=tmp_path / "out",
            runs=tmp_path / "runs",
            device=torch.device("cpu"),
        )

    info, recalls = run()
    assert set(recalls["pira"]) == {"BM25 alone", "words", "meaning"}
    loaded = load_folder(info.path)
    assert loaded.rows.words[0] == "?"
    assert "It knows eight nouns." in info.card
    assert loaded.reader() is not None
    assert "| Set | log-linear | convolutions |" in info.card
    assert 0 < calls[0] <= info.training["texts"]
    again, _ = run()
    assert len(calls) == 1, "the teacher's vectors are kept"
    assert again.judgement == info.judgement


def test_a_teacher_is_asked_only_for_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("litteragpt.training.taught._AT_ONCE", 2)
    calls: list[list[tuple[str, bool]]] = []

    def teach(texts: Sequence[str], questions: Sequence[bool]) -> Floats:
        calls.append(list(zip(texts, questions, strict=True)))
        return np.array([[len(text), asks, 0.1] for text, asks in calls[-1]], np.float32)

    texts, asks = ["a", "bb", "a", "a", "cçc"], [False, True, False, True, False]
    expected = np.array([[len(t), a, np.float16(0.1)] for t, a in zip(texts, asks, strict=True)])
    found = taught(texts, asks, teach, tmp_path)
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert [len(call) for call in calls] == [2, 2], "each once, a file after every second"
    assert taught(["d", "bb"], [False, True], teach, tmp_path)[:, 0].tolist() == [1, 2]
    assert calls[2:] == [[("d", False)]]
    np.testing.assert_array_equal(taught(texts, asks, teach, tmp_path), found)
    assert len(calls) == 3

    def fail(texts: Sequence[str], questions: Sequence[bool]) -> Floats:
        if "f" in texts:
            raise RuntimeError("broken off")
        return teach(texts, questions)

    with pytest.raises(RuntimeError, match="broken off"):
        taught(["x", "y", "f"], [False] * 3, fail, tmp_path)
    taught(["x", "y"], [False] * 2, teach, tmp_path)
    assert len(calls) == 4, "what was said before is not lost"
    (tmp_path / "vectors-0.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="does not hold what a teacher said"):
        taught(texts, asks, teach, tmp_path)


def test_a_teacher_of_others_teaches_by_the_command(
    tmp_path: Path, asked: QuestionSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wordfreq")
    transformers = pytest.importorskip("transformers")
    from litteragpt.huggingface.sentence_encoder import Roles, TheirSentences
    from tests.tiny_hf import bert_config, word_pieces

    texts = ["query: o gato dorme?", "passage: o mar fica longe"]
    pieces = word_pieces(texts * 4, 60, lowercase=True)
    folder = tmp_path / "teacher"
    model = transformers.BertModel(bert_config(len(pieces), 32), add_pooling_layer=False).eval()
    model.save_pretrained(folder)
    pieces.save_pretrained(folder)
    teacher = TheirSentences(folder, Roles(), torch.device("cpu"))
    given = ["o gato dorme?", "o mar fica longe " * 50, "o mar"]
    found = teacher(given, [True, False, False])
    read = pieces("query: o gato dorme?", return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        mean = model(**read).last_hidden_state[0].mean(0)
    expected = torch.nn.functional.normalize(mean, dim=0).numpy()
    np.testing.assert_allclose(found[0], expected, atol=2e-2)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")
    (tmp_path / "notas.txt").write_text("O rio passa sempre. O mar some hoje.\n", "utf-8")
    argv = ["litteragpt", "sentence-train", str(tmp_path / "recipe.toml")]
    argv += ["--teacher", str(folder), "--questions", str(tmp_path / "asked")]
    argv += ["--texts", str(tmp_path), "--device", "cpu", "--runs", str(tmp_path / "runs")]
    argv += ["--checkpoints", str(tmp_path / "out"), "--override", "training.steps=2"]
    monkeypatch.setattr("sys.argv", argv)
    assert main() == 0
    assert load_folder(tmp_path / "out" / "sentences-tiny").info.training["steps"] == 2
    kept = tmp_path / "runs" / "sentences-tiny"
    assert len(list(kept.iterdir())) == 1
    monkeypatch.setattr("sys.argv", [*argv, "--override", "teacher.question=asked: "])
    assert main() == 0
    assert len(list(kept.glob("teacher-*/vectors-*"))) == 2, "other prompts, other vectors"
