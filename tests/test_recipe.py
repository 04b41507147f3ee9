"""Recipes: what ships can be read, what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from litteragpt.architectures import ARCHITECTURES
from litteragpt.card import CardText
from litteragpt.corpora.kinds import kind_of
from litteragpt.recipe import load_corpus_recipe, load_recipe
from litteragpt.training.schedule import lr_factor

RECIPES = sorted((Path(__file__).parents[1] / "models").glob("*.toml"))
TAGGERS = [path for path in RECIPES if path.stem.startswith("ner-")]
ENCODERS = [path for path in RECIPES if path.stem.startswith("sentences-")]
ES = next(path for path in RECIPES if path.stem == "litteragpt-es")


@pytest.mark.parametrize(
    "path",
    [each for each in RECIPES if each not in TAGGERS + ENCODERS],
    ids=lambda path: path.stem,
)
def test_every_recipe_can_be_read(path: Path) -> None:
    kind_of(load_corpus_recipe(path).corpus)
    if "\narchitecture = " not in path.read_text(encoding="utf-8"):
        return  # a corpus alone
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    recipe.model_config(vocab_size=8192)
    assert CardText.from_table(recipe.card).limits


def test_several_recipes_may_share_one_corpus(tmp_path: Path) -> None:
    head = 'name = "{}"\nlanguage = "pt"\n'
    shared = tmp_path / "places.toml"
    shared.write_text(head.format("places") + '[corpus]\nkind = "books"\nseed = 3\n', "utf-8")
    model = tmp_path / "places-mlp.toml"
    model.write_text(
        head.format("places-mlp")
        + 'architecture = "decoder"\ncorpus = "places"\n'
        + "[training]\nsteps = 1\nbatch = 1\nwindow = 8\nlong_window = 8\nwarmup_steps = 0\n",
        "utf-8",
    )
    recipe = load_recipe(model)
    assert (recipe.name, recipe.corpus_name) == ("places-mlp", "places")
    assert recipe.corpus == {"kind": "books", "seed": 3}
    assert load_corpus_recipe(shared, ["corpus.seed=4"]).corpus["seed"] == 4
    with pytest.raises(ValueError, match="architecture"):
        load_recipe(shared)
    shared.write_text(head.format("places") + 'corpus = "places-mlp"\n', "utf-8")
    with pytest.raises(ValueError, match="corpus must be a table"):
        load_recipe(model)


def test_the_spanish_decoder_keeps_its_promises() -> None:
    config = load_recipe(ES).model_config(vocab_size=103)
    assert config.context >= 528


@pytest.mark.parametrize(
    ("name", "vocab_size", "parameters"),
    [("original-es", 115, 19_294_323), ("tinyshakespeare", 66, 10_673_280)],
)
def test_the_yardsticks_have_the_sizes_that_they_say(
    name: str, vocab_size: int, parameters: int
) -> None:
    path = next(path for path in RECIPES if path.stem == name)
    recipe = load_recipe(path)
    with torch.device("meta"):
        config = recipe.model_config(vocab_size)
        model = ARCHITECTURES[recipe.architecture].build(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert f"{parameters:,}" in path.read_text(encoding="utf-8")
    assert recipe.training.long_window <= config.context


def test_overrides_replace_and_keep_the_rest() -> None:
    plain = load_recipe(ES)
    changed = load_recipe(ES, ["training.steps=100", "training.precision=fp32", "model.dropout=0"])
    assert changed.training.steps == 100
    assert changed.training.precision == "fp32"
    assert changed.model_config(103).dropout == 0.0
    assert changed.training.batch == plain.training.batch


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        ('name = "../x"\nlanguage = "es"\n[corpus]', "name must be"),
        ('name = "x"\nlanguage = "es"\narchitecture = "rnn"\n[corpus]', "architecture must"),
        ('name = "x"\narchitecture = "decoder"\n[corpus]', "lacks 'language'"),
        ('name = "x"\nlanguage = "spanish"\n[corpus]', "language must be"),
        ('name = "x"\nlanguage = "es"\narchitecture = "decoder"', "lacks 'corpus'"),
        ('name = "x"\nlanguage = "es"\nnombre = 1\n[corpus]', "nombre"),
        ('name = "x"\nlanguage = "es"\ncorpus = "../y"', "corpus must be"),
        ('name = "x"\nlanguage = "es"\nmodel = 1\n[corpus]', "model must be a table"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_recipe(path)


def test_the_learning_rate_warms_up_holds_and_ends_near_zero() -> None:
    changes = ("steps=1000", "warmup_steps=9", "decay_fraction=0.4")
    config = load_recipe(ES, [f"training.{change}" for change in changes]).training
    factors = [lr_factor(step, config) for step in range(1000)]
    assert factors[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert factors[9] == factors[600] == 1.0
    assert factors[800] == pytest.approx(0.5)
    assert factors[999] == pytest.approx(1 / 400)
    assert factors == factors[:10] + sorted(factors[10:], reverse=True)
