"""From a run to a checkpoint folder: figures, card, and a sample of what the model writes."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from litteragpt.card import CardLosses, CardText, CardTraining, write_card
from litteragpt.checkpoint import save_checkpoint
from litteragpt.corpora.kinds import kind_of
from litteragpt.generation.text import TextModel
from litteragpt.protocols import Reads, Tokenizer
from litteragpt.recipe import Recipe, TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run had reached when its checkpoint was published. Losses in nats per character."""

    step: int
    chars: int
    """Characters seen, repetitions included."""
    epochs: float
    hours: float
    train_loss: float
    val_loss: float
    honest_loss: float | None
    device: str


def publish(
    folder: Path,
    recipe: Recipe,
    figures: Figures,
    *,
    model: nn.Module,
    model_config: Any,
    tokenizer: Tokenizer,
    metrics_file: Path,
    known_file: Path | None,
) -> None:
    """Write the checkpoint folder, in the place of the one that may be there."""
    kind, corpus = kind_of(recipe.corpus)
    card = write_card(
        name=recipe.name,
        language=recipe.language,
        text=CardText.from_table(recipe.card),
        sources=corpus.sources(),
        architecture=recipe.architecture,
        model_config=dataclasses.asdict(model_config),
        parameters=sum(p.numel() for p in model.parameters()),
        losses=CardLosses(
            validation=figures.val_loss, honest=figures.honest_loss, train=figures.train_loss
        ),
        training=CardTraining(
            steps=figures.step,
            characters=figures.chars,
            device=figures.device,
            hours=figures.hours,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        ),
        reproduce=_commands(recipe, honest=figures.honest_loss is not None),
    )
    save_checkpoint(
        folder,
        architecture=recipe.architecture,
        model=model,
        model_config=model_config,
        tokenizer=tokenizer,
        training={
            **({"base": recipe.base} if recipe.base else {}),
            **({"teachers": recipe.teachers} if recipe.teachers else {}),
            **dataclasses.asdict(recipe.training),
            "reached": dataclasses.asdict(figures),
        },
        metrics_file=metrics_file,
        card=card,
        reads=kind.reads,
        language=recipe.language,
        known_file=known_file,
    )


def _commands(recipe: Recipe, *, honest: bool) -> list[str]:
    """What leads from the raw texts to these weights and figures."""
    parts = ["validation", "honest"] if honest else ["validation"]
    before = [*([recipe.base] if recipe.base else []), *recipe.teachers]
    return [
        f"litteragpt data {recipe.corpus_name}",
        *(line for name in before for line in _made(name)),
        f"litteragpt train models/{recipe.name}.toml",
        *(
            f"litteragpt evaluate --model {recipe.name} data/{recipe.corpus_name}/{part}.txt"
            for part in parts
        ),
    ]


def _made(name: str) -> list[str]:
    """What makes a checkpoint that another one needs."""
    return [f"litteragpt data {name}", f"litteragpt train models/{name}.toml"]


def sample(model: Any, tokenizer: Tokenizer, config: TrainingConfig, reads: Reads) -> str:
    """What the model writes after the recipe's prompt: the same seed at every step of a run."""
    model.eval()
    lm = TextModel(model, tokenizer, name="training", reads=reads)
    completion = lm.complete(
        config.sample_prompt,
        temperature=0.8,
        seed=config.seed,
        max_chars=config.sample_chars,
        sentences=None,
    )
    return completion.continuation
