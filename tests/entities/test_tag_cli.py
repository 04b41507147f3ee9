"""`litteragpt tag` and `litteragpt ner-train --base`, on a base that has learnt one sentence."""

from __future__ import annotations

import io
import json
import sys
import tracemalloc
from pathlib import Path

import pytest
import torch

from litteragpt import cli
from litteragpt.architectures.encoder import Encoder, EncoderConfig
from litteragpt.entities import streaming
from litteragpt.entities.folder import save_folder
from litteragpt.entities.loading import load_encoder
from litteragpt.entities.readers import read_jsonl
from litteragpt.entities.reading import BATCH, BATCH_CHARS, batches_of
from litteragpt.entities.sets import Example, SetConfig
from litteragpt.entities.streaming import lines_of, mark, parts_of
from litteragpt.training.tagging import TaggingConfig, train_tagger

TEXT = "Ana vive en Lugo hoy"
SENTENCES = ((TEXT, "B-NAME O O B-LOC B-DATE", "cancel"), ("No hay nada", "O O O", "inquiry"))
MARKED = [(0, 3, "NAME", "Ana"), (12, 16, "LOC", "Lugo"), (17, 20, "DATE", "hoy")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = ("NAME", "LOC", "DATE")
    torch.manual_seed(1)
    encoder = Encoder(
        EncoderConfig(
            labels=labels,
            intents=("inquiry", "cancel"),
            rows=512,
            width=24,
            shapes=64,
            shape_width=8,
            hidden=24,
        )
    )
    encoder.initialise()
    examples = [
        Example(tuple(text.split()), tuple(tags.split()), frozenset(labels), intent)
        for text, tags, intent in SENTENCES
    ]
    config = TaggingConfig(epochs=30, lr=2e-2, warmup_steps=2, lower=0, upper=0, plain=0)
    train_tagger(encoder, [(SetConfig(file="x"), examples)], config)
    path = tmp_path_factory.mktemp("taggers") / "tiny"
    save_folder(path, encoder=encoder, training={}, card="")
    return path


class Command:
    """Runs a command of the real parser."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, out: pytest.CaptureFixture[str]):
        self._folder = folder
        self._patch = patch
        self._out = out

    def __call__(self, *arguments: object, model: bool = True) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        named = ["--model", str(self._folder)] if model else []
        self._patch.setattr(sys, "argv", ["litteragpt", *map(str, arguments), *named])
        self._out.readouterr()
        status = cli.main()
        output, errors = self._out.readouterr()
        return status, output, errors

    def tag(self, *arguments: object) -> str:
        """The output of `litteragpt tag`, that must have gone well."""
        status, output, errors = self("tag", *arguments)
        assert status == 0, errors
        return output


@pytest.fixture
def command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    return Command(folder, monkeypatch, capsys)


def marked(line: str) -> list[tuple[int, int, str, str]]:
    return [(e["start"], e["end"], e["label"], e["text"]) for e in json.loads(line)["entities"]]


def test_a_text_is_marked_in_each_format(command: Command, tmp_path: Path) -> None:
    line = command.tag(TEXT)
    assert marked(line) == MARKED
    assert list(json.loads(line)) == ["text", "entities"]
    assert list(json.loads(line)["entities"][0]) == ["start", "end", "label", "text", "score"]
    conll = command.tag(TEXT, "--format", "conll")
    assert conll == "Ana\tB-NAME\nvive\tO\nen\tO\nLugo\tB-LOC\nhoy\tB-DATE\n\n"
    rows = command.tag(TEXT, "--format", "csv").splitlines()
    assert rows[0] == "start,end,label,text,score"
    assert [row.rsplit(",", 1)[0] for row in rows[1:]] == [
        "0,3,NAME,Ana",
        "12,16,LOC,Lugo",
        "17,20,DATE,hoy",
    ]
    page = command.tag("<img onerror=x> Ana", "--format", "html")
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert "<img" not in page
    assert "&lt;" in page


def test_labels_and_threshold(command: Command) -> None:
    assert [each[2] for each in marked(command.tag(TEXT, "--labels", "LOC,NAME"))] == [
        "NAME",
        "LOC",
    ]
    assert [each[2] for each in marked(command.tag(TEXT, "--labels", "LOC", "NAME"))] == [
        "NAME",
        "LOC",
    ]
    assert marked(command.tag(TEXT, "--threshold", "1.0")) == []
    for wrong in (["--labels", "XYZ"], ["--threshold", "1.5"], ["--threshold", "nan"]):
        status, output, errors = command("tag", TEXT, *wrong)
        assert (status, output) == (2, "")
        assert errors.startswith("error: ")
        assert errors.count("\n") == 1


def test_a_file_is_read_line_by_line(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes(f"\ufeff{TEXT}\n\nsin nada\u2028mas\r\n{TEXT}".encode())
    lines = command.tag("--file", file).splitlines()
    assert [json.loads(line)["text"] for line in lines] == [
        TEXT,
        "",
        "sin nada\u2028mas\r",
        TEXT,
    ]
    assert marked(lines[0]) == marked(lines[3]) == MARKED
    file.write_bytes(b"")
    assert command.tag("--file", file) == ""
    assert "</html>" in command.tag("--file", file, "--format", "html")


def test_standard_input(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TEXT}\nnada\n"))
    lines = command.tag("-").splitlines()
    assert marked(lines[0]) == MARKED
    assert len(lines) == 2


def test_intents(command: Command, tmp_path: Path) -> None:
    assert json.loads(command.tag(TEXT, "--intent"))["intent"] == "cancel"
    assert json.loads(command.tag("No hay nada", "--intent"))["intent"] == "inquiry"
    assert "intent" not in json.loads(command.tag("", "--intent"))
    file = tmp_path / "out.jsonl"
    file.write_text(command.tag(TEXT, "--intent"), "utf-8")
    assert [record.intent for record in read_jsonl(file)] == ["cancel"]
    status, _, errors = command("tag", TEXT, "--intent", "--format", "csv")
    assert status == 2
    assert "jsonl" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a text"),
        (["x", "--file", "y"], "give a text"),
        (["--file", "missing.txt"], "missing.txt"),
        (["--evaluate", "missing.tsv"], "missing.tsv"),
        (["x", "--adapter", "nowhere"], "nowhere"),
        (["x", "--engine", "ray"], "--file"),
        (["x", "--raw"], "writes"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    command: Command, arguments: list[str], message: str
) -> None:
    status, output, errors = command("tag", *arguments)
    assert (status, output) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1


def test_an_unknown_tagger(command: Command) -> None:
    status, _, errors = command("tag", "x", "--model", "nobody", model=False)
    assert status == 2
    assert "no tagger 'nobody'" in errors


def test_a_file_in_another_encoding(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("Ana\nmañana\n".encode("latin-1"))
    status, _, errors = command("tag", "--file", file)
    assert status == 2
    assert "not UTF-8 text (byte 6)" in errors


def test_a_line_that_is_too_long(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "MAX_LINE_BYTES", 100)
    file = tmp_path / "long.txt"
    file.write_text("x" * 101)
    status, _, errors = command("tag", "--file", file)
    assert status == 2
    assert "more than 100 bytes" in errors


def test_evaluate_with_other_names_of_labels(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "gold.tsv"
    file.write_text(
        "Ana\tB-PER\nvive\tO\nen\tO\nLugo\tO\nhoy\tB-WHEN\n\nNo\tO\nhay\tO\nnada\tB-LOC\n", "utf-8"
    )
    status, output, errors = command("tag", "--evaluate", file, "--map", "PER=NAME", "WHEN=DATE")
    assert status == 0, errors
    found = json.loads(output)
    assert list(found) == ["micro", "labels", "sentences", "sentences_per_second"]
    assert found["micro"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
    }
    assert set(found["labels"]) == {"NAME", "LOC", "DATE"}
    assert found["sentences"] == 2
    only = json.loads(command.tag("--evaluate", file, "--map", "PER=NAME", "--only", "NAME,DATE"))
    assert only["labels"]["NAME"]["f1"] == 1.0
    assert only["labels"]["DATE"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    status, _, errors = command("tag", "--evaluate", file, "--map", "PER")
    assert status == 2
    assert "THEIRS=OURS" in errors


def test_a_tagger_is_fitted_to_own_records_and_used(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    tools = tmp_path / "own.tsv"
    sentences = [(f"trae el {tool}", tool) for tool in ("martillo", "taladro", "serrucho") * 4]
    with tools.open("w", encoding="utf-8") as file:
        for text, tool in sentences:
            file.writelines(f"{w}\t{'B-TOOL' if w == tool else 'O'}\n" for w in text.split())
            file.write("\n")
    base = ["--base", str(command._folder)]
    out = tmp_path / "tools"
    fitted = command(
        "ner-train", *base, "--lora", tools, "--out", out, "--override", "training.lr=0.02",
        model=False,
    )  # fmt: skip
    assert fitted[0] == 0, fitted[2]
    assert fitted[1].strip() == str(out)
    assert "before" in fitted[2]
    assert "10 records learned from, 2 held out" in fitted[2]
    assert marked(command.tag("trae el taladro", "--adapter", out)) == [(8, 15, "TOOL", "taladro")]
    for wrong, message in (
        ([*base, "--data", tools, "--out", out], "--lora"),
        ([*base, "--lora", tools], "--out"),
        ([], "recipe"),
        (["recipe.toml", *base, "--lora", tools, "--out", out], "no recipe"),
    ):
        status, _, errors = command("ner-train", *wrong, model=False)
        assert status == 2
        assert message in errors


def save_lines(file: Path, count: int) -> Path:
    with file.open("w", encoding="utf-8") as out:
        out.writelines(f"{TEXT} {k % 7}\n" for k in range(count))
    return file


def test_a_corpus_is_marked_at_constant_memory(folder: Path, tmp_path: Path) -> None:
    tagger = load_encoder(folder)
    peaks = []
    for count in (2 * BATCH, 2 * BATCH, 12 * BATCH):  # the first fills what is remembered
        file = save_lines(tmp_path / "texts.txt", count)
        tracemalloc.start()
        assert sum(len(each.entities) > 0 for each in mark(tagger, lines_of(file))) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 2 * peaks[1]  # all that was marked would be six times as much


def test_long_texts_are_read_a_few_at_a_time() -> None:
    long = "x" * (BATCH_CHARS // 2)
    texts = [long, "a", long, "b", "c", 2 * long, "d"]
    assert list(batches_of(texts, BATCH)) == [texts[:3], texts[3:6], texts[6:]]
    assert [len(each) for each in batches_of(["a"] * 7, 3)] == [3, 3, 1]
    assert list(batches_of([], 3)) == []


def test_parts_of_a_file_are_whole_batches(tmp_path: Path) -> None:
    file = save_lines(tmp_path / "texts.txt", 10 * BATCH + 5)
    parts = list(parts_of(file))
    assert len(parts) == 3
    assert [a for a, _ in parts[1:]] == [b for _, b in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == (0, file.stat().st_size)
    counts = [sum(1 for _ in lines_of(file, *part)) for part in parts]
    assert counts == [4 * BATCH, 4 * BATCH, 2 * BATCH + 5]
    assert [line for part in parts for line in lines_of(file, *part)] == list(lines_of(file))
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfa\nb")
    assert list(parts_of(tmp_path / "bom.txt")) == [(0, 6)]


def test_ray_gives_what_one_process_gives(
    command: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(streaming, "_PART_BATCHES", 1)
    file = save_lines(tmp_path / "texts.txt", 2 * BATCH + 9)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = command.tag("--file", file, "--intent")
    finally:
        torch.set_num_threads(threads)
    assert command.tag("--file", file, "--intent", "--engine", "ray", "--workers", "2") == alone
    assert len(alone.splitlines()) == 2 * BATCH + 9
