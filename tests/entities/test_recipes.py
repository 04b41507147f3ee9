"""The recipe of the tagger that ships, and a run of a small one from files to a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from litteragpt.entities.loading import load_tagger
from litteragpt.entities.synth import synth
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
