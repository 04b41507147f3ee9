"""An encoder of others made a tagger: a local folder of Hugging Face's layout, fine-tuned.

Each word is scored at its first token (Devlin et al. 2019); all weights learn, or low-rank updates
of its linear layers alone (Hu et al. 2021), which are added to the weights in the end. What is
written is a folder of the same layout, as safetensors.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from litteragpt.architectures.encoder import tags_of_labels
from litteragpt.bounds import check_range, check_whole
from litteragpt.card import escape_cell
from litteragpt.entities.huggingface import (
    HEAD,
    KIND,
    Cutter,
    HuggingFaceTagger,
    load_huggingface_tagger,
    score_windows,
)
from litteragpt.entities.score import MICRO
from litteragpt.entities.sets import Example, example_of
from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import ENCODERS, read_folder
from litteragpt.huggingface.load import load_theirs, quiet
from litteragpt.recipe import override_table
from litteragpt.tables import check_keys, from_table
from litteragpt.training.lora import LowRank
from litteragpt.training.own_records import Tuned, read_own
from litteragpt.training.tagging import Report
from litteragpt.weights import CARD_FILE, check_replaceable, replaced_folder

FILES: Final = frozenset(
    {
        CARD_FILE,
        "config.json",
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
    """How to train an encoder of others."""

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


def train_huggingface(
    base: Path,
    file: Path,
    out: Path,
    overrides: Sequence[str] = (),
    *,
    low_rank: bool = False,
    report: Report = lambda line: None,
) -> Tuned:
    """Fine-tune the encoder of a folder on the records of a file; write a folder with the tagger.

    Raises ValueError for what is missing or malformed, and where `transformers` (for `low_rank`
    also `peft`) is not installed.
    """
    table: dict[str, Any] = {"training": {"lr": 1e-3} if low_rank else {}, "lora": {}}
    for override in overrides:
        override_table(table, override)
    check_keys(table, (), ("lora", "training"), "override")
    size, config = LowRank.from_table(table["lora"]), FineTuning.from_table(table["training"])
    check_replaceable(out, FILES)
    own = read_own(file, seed=config.seed)
    read = read_folder(base, ENCODERS)
    tags = tags_of_labels(own.labels)
    torch.manual_seed(config.seed)
    theirs, tokenizer = load_theirs(
        read,
        KIND,
        head=HEAD,
        id2label=dict(enumerate(tags)),
        label2id={tag: number for number, tag in enumerate(tags)},
    )
    with as_value_error(f"{read.path} cannot be used"):
        cutter = Cutter(tokenizer, read.context)
        before = own.score(HuggingFaceTagger(theirs, cutter, own.labels, name=read.path.name))
    learner = _low_rank_of(theirs, size) if low_rank else theirs
    examples = [example_of(each, None, frozenset(own.labels)) for each in own.learned]
    fine_tune(learner, cutter, examples, tags, config, report=report)
    trained = learner.merge_and_unload() if low_rank else theirs
    after = own.score(HuggingFaceTagger(trained, cutter, own.labels, name=out.name))
    tuned = Tuned(out, own.labels, (), len(own.learned), len(own.held_out), before, after, None)
    import transformers

    with replaced_folder(out) as new:
        with quiet(transformers):
            trained.save_pretrained(new)
            tokenizer.save_pretrained(new)
        (new / CARD_FILE).write_text(_card(out.name, read.path.name, tuned), "utf-8", newline="\n")
        for path in new.iterdir():
            path.chmod(0o644)
        load_huggingface_tagger(new)
    return tuned


def fine_tune(
    theirs: Any,
    cutter: Cutter,
    examples: Sequence[Example],
    tags: Sequence[str],
    config: FineTuning,
    *,
    report: Report = lambda line: None,
) -> None:
    """Train in place what of a model wants a gradient, its classes in the order of `tags`.

    The same seed, examples and number of threads give the same weights. Raises
    FloatingPointError for a loss that is not finite.
    """
    rng = random.Random(config.seed)
    torch.manual_seed(config.seed)
    learned = [each for each in theirs.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=config.lr, weight_decay=config.weight_decay)
    steps = math.ceil(len(examples) / config.batch) * config.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _factor(step, steps, config.warmup)
    )
    shuffled = list(examples)
    for epoch in range(config.epochs):
        rng.shuffle(shuffled)
        theirs.train()
        losses: list[float] = []
        for at in range(0, len(shuffled), config.batch):
            loss = batch_loss(theirs, cutter, shuffled[at : at + config.batch], tags)
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


def batch_loss(
    theirs: Any, cutter: Cutter, examples: Sequence[Example], tags: Sequence[str]
) -> Tensor:
    """Mean loss in nats a word, over the words that the tokenizer keeps."""
    number = {tag: k for k, tag in enumerate(tags)}
    windows: list[tuple[int, ...]] = []
    places: list[tuple[int, int]] = []
    due: list[int] = []
    for example in examples:
        pieces = cutter(example.words)
        for place, tag in zip(pieces.places, example.tags, strict=True):
            if place is not None:
                places.append((len(windows) + place[0], place[1]))
                due.append(number[tag])
        windows += pieces.windows
    scores_WTK = score_windows(theirs, windows, cutter.padding)
    if not due:
        return scores_WTK.sum() * 0.0
    at, positions = torch.tensor(places).T
    return functional.cross_entropy(scores_WTK[at, positions], torch.tensor(due))


def _low_rank_of(theirs: Any, size: LowRank) -> Any:
    try:
        import peft
    except ImportError as error:
        raise ValueError("--lora needs the package peft: pip install 'litteragpt[hf]'") from error
    config = peft.LoraConfig(
        task_type="TOKEN_CLS",  # the layer of the tags learns as a whole
        r=size.rank,
        lora_alpha=size.alpha,
        target_modules="all-linear",
        exclude_modules=list(HEAD),
    )
    return peft.get_peft_model(theirs, config)


def _factor(step: int, steps: int, warmup: float) -> float:
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (steps - step) / max(1, steps - rising))


def _card(name: str, base: str, tuned: Tuned) -> str:
    figures = 100 * tuned.after[MICRO].f1
    return (
        "---\nlibrary_name: transformers\npipeline_tag: token-classification\n---\n\n"
        f"# {escape_cell(name)}\n\n"
        + escape_cell(
            f"{base}, fine-tuned to mark {', '.join(tuned.labels)} with {tuned.learned_from} "
            f"records; F1 {figures:.1f} per cent on {tuned.held_out} others, strict span and "
            "label. What its base may be used for holds for it, too."
        )
        + "\n"
    )
