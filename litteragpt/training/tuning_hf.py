"""What fine-tuning any model of others to tags has in common: settings, updates, folder, card.

All weights learn, or low-rank updates of the linear layers alone (Hu et al. 2021), which are added
to the weights in the end. What is written is a folder of the same layout, as safetensors.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from torch import Tensor

from litteragpt.bounds import check_range, check_whole
from litteragpt.card import escape_cell
from litteragpt.entities.causal_huggingface import TABLE_FILE
from litteragpt.entities.score import MICRO
from litteragpt.huggingface.load import quiet
from litteragpt.recipe import override_table
from litteragpt.tables import check_keys, from_table
from litteragpt.training.lora import LowRank
from litteragpt.training.own_records import OwnRecords, Tuned, read_own
from litteragpt.training.tagging import Report
from litteragpt.weights import CARD_FILE, check_replaceable, replaced_folder

CPU: Final = torch.device("cpu")

Item = TypeVar("Item")

FILES: Final = frozenset(
    {
        CARD_FILE,
        TABLE_FILE,
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "merges.txt",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    }
)
"""What a folder written here may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuning:
    """How to train a model of others."""

    epochs: int = 10
    batch: int = 16
    """Sentences in a step."""
    lr: float = 5e-5
    """With low-rank updates, 1e-3 fits better and is what is taken where none is given."""
    weight_decay: float = 0.01
    warmup: float = 0.1
    """The share of the steps in which the learning rate rises; then it falls to 0."""
    clip: float = 1.0
    seed: int = 1

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> FineTuning:
        """From a table. Raises ValueError for a figure out of bounds."""
        config = from_table(cls, table, "training")
        check_whole("epochs", config.epochs, 1, 10_000)
        check_whole("batch", config.batch, 1, 4_096)
        check_range("lr", config.lr, 0.0, 1.0)
        check_range("weight_decay", config.weight_decay, 0.0, 100.0)
        check_range("warmup", config.warmup, 0.0, 1.0)
        check_range("clip", config.clip, 1e-6, 1e6)
        return config


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for: which records, how to learn from them, where the result goes."""

    own: OwnRecords
    config: FineTuning
    low_rank: LowRank | None
    """The size of low-rank updates; None where all weights learn."""
    out: Path

    def learner_of(self, theirs: Any, kind: str, **more: Any) -> Any:
        """The model with only that learning which is to; `kind` is the task as `peft` names it.

        Raises ValueError where `peft` is needed and not installed.
        """
        if self.low_rank is None:
            return theirs
        try:
            import peft
        except ImportError as error:
            raise ValueError(
                "--lora needs the package peft: pip install 'litteragpt[hf]'"
            ) from error
        size = self.low_rank
        config = peft.LoraConfig(
            task_type=kind, r=size.rank, lora_alpha=size.alpha, target_modules="all-linear", **more
        )
        return peft.get_peft_model(theirs, config)

    def trained_of(self, learner: Any) -> Any:
        """The model with its updates added to the weights, in evaluation mode."""
        return (learner if self.low_rank is None else learner.merge_and_unload()).eval()


def task_of(file: Path, out: Path, overrides: Sequence[str], *, low_rank: bool) -> Task:
    """Read what is asked for. Raises ValueError for what is missing or malformed."""
    table: dict[str, Any] = {"training": {"lr": 1e-3} if low_rank else {}, "lora": {}}
    for override in overrides:
        override_table(table, override)
    check_keys(table, (), ("lora", "training"), "override")
    size, config = LowRank.from_table(table["lora"]), FineTuning.from_table(table["training"])
    check_replaceable(out, FILES)
    return Task(read_own(file, seed=config.seed), config, size if low_rank else None, out)


def fine_tune(
    theirs: Any,
    items: Sequence[Item],
    loss_of: Callable[[Sequence[Item]], Tensor],
    config: FineTuning,
    *,
    report: Report = lambda line: None,
) -> None:
    """Train in place what of a model wants a gradient; `loss_of` is that of a batch of the items.

    The same seed, items and number of threads give the same weights. Raises FloatingPointError
    for a loss that is not finite.
    """
    rng = random.Random(config.seed)
    torch.manual_seed(config.seed)
    learned = [each for each in theirs.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=config.lr, weight_decay=config.weight_decay)
    steps = math.ceil(len(items) / config.batch) * config.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _factor(step, steps, config.warmup)
    )
    shuffled = list(items)
    for epoch in range(config.epochs):
        rng.shuffle(shuffled)
        theirs.train()
        losses: list[float] = []
        for at in range(0, len(shuffled), config.batch):
            loss = loss_of(shuffled[at : at + config.batch])
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is not finite in epoch {epoch + 1}")
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, config.clip)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.item())
        report({"epoch": epoch + 1, "train_loss": sum(losses) / len(losses)})
    theirs.eval()


def publish(
    tuned: Tuned,
    trained: Any,
    tokenizer: Any,
    *,
    base: str,
    verb: str,
    load: Callable[[Path], object],
    card: str = "",
    files: Mapping[str, str] | None = None,
) -> None:
    """Write the folder in place of the one that may be there, whole or not at all.

    `verb` says what it does with entities, `card` are more lines of the card's head, `files` more
    files, and `load` is what must be able to read it. Raises CheckpointError where it is not.
    """
    import transformers

    with replaced_folder(tuned.path) as new:
        with quiet(transformers):
            trained.save_pretrained(new)
            tokenizer.save_pretrained(new)
        texts = {**(files or {}), CARD_FILE: _card(tuned, base, verb, card)}
        for name, text in texts.items():
            (new / name).write_text(text, "utf-8", newline="\n")
        for path in new.iterdir():
            path.chmod(0o644)
        load(new)


def _factor(step: int, steps: int, warmup: float) -> float:
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (steps - step) / max(1, steps - rising))


def _card(tuned: Tuned, base: str, verb: str, head: str) -> str:
    told = escape_cell(
        f"{base}, fine-tuned to {verb} {', '.join(tuned.labels)} with {tuned.learned_from} "
        f"records; F1 {100 * tuned.after[MICRO].f1:.1f} per cent on {tuned.held_out} others, "
        "strict span and label. What its base may be used for holds for it, too."
    )
    return (
        f"---\nlibrary_name: transformers\n{head}---\n\n"
        f"# {escape_cell(tuned.path.name)}\n\n{told}\n"
    )
