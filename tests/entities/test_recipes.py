"""The recipe of the tagger that ships, and a run of a small one from files to a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from litteragpt.architectures.encoder import Encoder
from litteragpt.entities.folder import load_folder
from litteragpt.entities.loading import load_tagger
from litteragpt.entities.sets import ANYTHING, read_set
from litteragpt.entities.synth import synth
from litteragpt.training.causal_recipe import load_causal_recipe
from litteragpt.training.masked import LAYERS, take_pretrained
from litteragpt.training.tagger_recipe import load_tagger_recipe, train_recipe

SHIPPED = Path(__file__).parents[2] / "models" / "ner-multi.toml"
RESEARCH_ONLY = ("conll", "wikineural", "wikiann", "harem", "paramopama", "gmb", "seed")


def test_the_recipe_of_the_shipped_tagger() -> None:
    recipe = load_tagger_recipe(SHIPPED, ["training.epochs=3"])
    assert recipe.name == "ner-multi"
    assert recipe.training.epochs == 3
    assert {"DATE", "TIME", "EMAIL", "NAME", "LOC", "ORG"} <= set(recipe.model.labels)
    assert recipe.card.limits


def test_it_learns_only_from_sets_whose_weights_may_ship() -> None:
    for config in load_tagger_recipe(SHIPPED).sets:
        assert not any(name in config.file for name in RESEARCH_ONLY)
        assert config.synth or (config.licence and config.address)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.hidden=0", "hidden"),
        ("training.epochs=0", "epochs"),
        ("training.lower=2", "lower"),
        ("training.nonsense=1", "nonsense"),
        ("card.limits=3", "limits"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_tagger_recipe(SHIPPED, [change])


def test_from_a_recipe_to_a_folder(tmp_path: Path) -> None:
    lines = [json.dumps(record.to_dict()) for record in synth("es", 60, 5)]
    (tmp_path / "mails.jsonl").write_text("\n".join(lines), "utf-8")
    (tmp_path / "tiny.toml").write_text(
        """
name = "tiny"
language = ["es"]
architecture = "encoder"
[model]
labels = ["DATE", "TIME", "EMAIL", "NAME", "LOC", "ORG"]
rows = 512
width = 16
shapes = 64
shape_width = 8
hidden = 16
[training]
epochs = 2
[[sets]]
synth = "es"
count = 80
known = ["DATE", "TIME", "EMAIL", "NAME", "LOC", "ORG"]
[[validation]]
title = "mails"
file = "mails.jsonl"
labels = ["DATE=DATE", "TIME=TIME", "EMAIL=EMAIL"]
only = ["DATE", "TIME", "EMAIL"]
""",
        "utf-8",
    )
    seen: list[dict[str, object]] = []
    info, figures = train_recipe(
        load_tagger_recipe(tmp_path / "tiny.toml"),
        tmp_path,
        made=tmp_path,
        checkpoints=tmp_path / "checkpoints",
        runs=tmp_path / "runs",
        report=lambda line: seen.append(dict(line)),
    )
    assert [line["epoch"] for line in seen if "epoch" in line] == [1, 2]
    assert figures["mails"]["EMAIL"].recall == 1.0  # by rule, from the first epoch on
    assert info.training["reached"]["mails"]["micro"]["gold"] == figures["mails"]["micro"].gold
    curve = (info.path / "metrics.jsonl").read_text("utf-8").splitlines()
    assert len(curve) == 2
    assert "| mails |" in info.card
    found = load_tagger(info.path).tag("Escribe a ana@correo.es.")
    assert ("EMAIL", "ana@correo.es") in [(each.label, each.text) for each in found]


@pytest.mark.parametrize("name", ["ner-bosque", "ner-conll-es", "ner-lener"])
def test_the_recipes_of_one_set_alone(name: str) -> None:
    recipe = load_tagger_recipe(SHIPPED.with_name(f"{name}.toml"), ["model.decoding=softmax"])
    assert recipe.name == name
    assert recipe.model.decoding == "softmax"
    (learned,), ((held_out, only),) = recipe.sets, recipe.validation
    assert Path(learned.file).parent == Path(held_out.file).parent
    assert set(learned.renamed.values()) == set(recipe.model.labels) == only
    assert not SHIPPED.parents[1].joinpath("checkpoints", name).exists()


def test_the_recipe_of_the_originals_mails_leaves_titles_open() -> None:
    recipe = load_tagger_recipe(SHIPPED.with_name("ner-mails.toml"))
    mails, made_up = recipe.sets
    (held_out, _), *others = recipe.validation
    assert not others
    assert mails.file != held_out.file
    assert "dr" in made_up.before
    examples = list(read_set(made_up, Path(), seed=3))
    titled = [each for each in examples if "Mr" in each.words and ANYTHING in each.tags]
    assert titled
    assert all(each.tags[each.words.index("Mr")] in ("O", ANYTHING) for each in titled)
    assert not SHIPPED.parents[1].joinpath("checkpoints", "ner-mails").exists()


def test_the_written_recipe_of_the_originals_mails_never_reads_the_held_out() -> None:
    recipe = load_causal_recipe(SHIPPED.with_name("ner-causal-mails.toml"))
    mails, made_up = recipe.sets
    ((held_out, only),) = recipe.validation
    assert mails.file != held_out.file
    assert set(recipe.labels) == set(made_up.renamed.values()) == only
    assert "dr" in made_up.before
    assert not SHIPPED.parents[1].joinpath("checkpoints", recipe.name).exists()


def test_a_tagger_starts_from_what_hidden_words_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [record.text.replace("\n", " ") for record in synth("es", 30, 5)]
    (tmp_path / "text.txt").write_text("\n".join(texts), "utf-8")
    lines = [json.dumps(record.to_dict()) for record in synth("es", 20, 6)]
    (tmp_path / "mails.jsonl").write_text("\n".join(lines), "utf-8")
    recipe, start = tmp_path / "tiny.toml", tmp_path / "made" / "start.safetensors"
    recipe.write_text(
        """
name = "tiny"
language = ["es"]
[model]
labels = ["DATE", "NAME"]
rows = 512
width = 16
shapes = 64
shape_width = 8
hidden = 16
[training]
epochs = 1
table_lr = 0.0
lr = 0.0
[pretrain]
steps = 5
batch = 8
[[sets]]
file = "mails.jsonl"
labels = ["DATE=DATE", "NAME=NAME"]
[[validation]]
title = "mails"
file = "mails.jsonl"
labels = ["DATE=DATE", "NAME=NAME"]
only = ["DATE", "NAME"]
""",
        "utf-8",
    )
    assert _run(monkeypatch, "ner-pretrain", recipe, tmp_path / "text.txt", "--out", start) == 0
    folders = ["--checkpoints", str(tmp_path / "c"), "--runs", str(tmp_path / "r")]
    source = ["--source", str(tmp_path)]
    assert _run(monkeypatch, "ner-train", recipe, *source, "--pretrained", start, *folders) == 0
    told = capsys.readouterr().err
    assert "nats" in told
    assert "F1" in told
    # Nothing is learned at a rate of 0, so what is published is what it started from.
    _, published = load_folder(tmp_path / "c" / "tiny")
    again = Encoder(published.config)
    take_pretrained(again, start)
    for layer in LAYERS:
        for name, value in getattr(published, layer).state_dict().items():
            assert torch.equal(value, getattr(again, layer).state_dict()[name]), name
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _run(monkeypatch, "ner-train", recipe, *source, "--device", "cuda") == 2
    assert "no cuda device" in capsys.readouterr().err


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    from litteragpt.cli import main

    monkeypatch.setattr(sys, "argv", ["litteragpt", *map(str, arguments)])
    return main()
