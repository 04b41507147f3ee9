"""A causal language model of others taught to write entities: a local folder, fine-tuned.

All weights learn, or low-rank updates of its linear layers alone (Hu et al. 2021), which are added
to the weights in the end; the loss is that of the answers. What is written is a folder of the same
layout, as safetensors, with `entities.json`.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from litteragpt.card import escape_cell
from litteragpt.entities.causal_huggingface import (
    FORMAT,
    TABLE_FILE,
    HuggingFaceVocabulary,
    load_causal_huggingface,
)
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.entities.score import MICRO
from litteragpt.entities.sets import example_of
from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import read_folder
from litteragpt.huggingface.load import load_folder, load_theirs, quiet
from litteragpt.recipe import override_table
from litteragpt.tables import check_keys
from litteragpt.training.lora import LowRank
from litteragpt.training.own_records import Tuned, read_own
from litteragpt.training.tagging_hf import FILES as ENCODER_FILES
from litteragpt.training.tagging_hf import FineTuning
from litteragpt.training.tagging_lm import (
    Lesson,
    Report,
    answer_loss,
    laid_out,
    lessons_of,
)
from litteragpt.weights import CARD_FILE, check_replaceable, replaced_folder

FILES: Final = ENCODER_FILES | {TABLE_FILE, "generation_config.json", "chat_template.jinja"}
"""What a folder written here may hold."""


def train_causal_huggingface(
    base: Path,
    file: Path,
    out: Path,
    overrides: Sequence[str] = (),
    *,
    low_rank: bool = False,
    report: Report = lambda line: None,
) -> Tuned:
    """Fine-tune the model of a folder on the records of a file; write a folder with the tagger.

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
    read = read_folder(base)
    loaded = load_folder(read)
    with as_value_error(f"{read.path} cannot be used"):
        vocabulary = HuggingFaceVocabulary(loaded.tokenizer, own.labels)
    tagger = GenerativeTagger(
        loaded.model, vocabulary, own.labels, name=read.path.name, end_ids=loaded.end_ids
    )
    before = own.score(tagger)
    examples = [example_of(each, None, frozenset(own.labels)) for each in own.learned]
    lessons = list(lessons_of(examples, vocabulary, own.labels, loaded.model.context))
    if not lessons:
        raise ValueError(f"no record of {file} fits into {loaded.model.context} positions")
    torch.manual_seed(config.seed)
    theirs = loaded.model.theirs
    learner = _low_rank_of(theirs, size) if low_rank else theirs
    fine_tune_writer(learner, lessons, config, report=report)
    trained = learner.merge_and_unload() if low_rank else theirs
    loaded.model.theirs = trained.eval()
    after = own.score(tagger)
    tuned = Tuned(out, own.labels, (), len(own.learned), len(own.held_out), before, after, None)
    import transformers

    with replaced_folder(out) as new:
        with quiet(transformers):
            trained.save_pretrained(new)
            load_theirs(read)[1].save_pretrained(new)
        labels = json.dumps({"format": FORMAT, "labels": list(own.labels)}, ensure_ascii=False)
        (new / TABLE_FILE).write_text(labels + "\n", "utf-8", newline="\n")
        (new / CARD_FILE).write_text(_card(out.name, read.path.name, tuned), "utf-8", newline="\n")
        for path in new.iterdir():
            path.chmod(0o644)
        load_causal_huggingface(new)
    return tuned


def fine_tune_writer(
    theirs: Any,
    lessons: Sequence[Lesson],
    config: FineTuning,
    *,
    report: Report = lambda line: None,
) -> None:
    """Train in place what of a model wants a gradient.

    Raises FloatingPointError for a loss that is not finite.
    """
    rng = random.Random(config.seed)
    learned = [each for each in theirs.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=config.lr, weight_decay=config.weight_decay)
    steps = math.ceil(len(lessons) / config.batch) * config.epochs
    rising = max(1, round(config.warmup * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / rising, (steps - step) / max(1, steps - rising)),
    )

    def logits(ids_BT: Tensor) -> tuple[Tensor, None]:
        return theirs(input_ids=ids_BT, use_cache=False).logits, None

    shuffled = list(lessons)
    for epoch in range(config.epochs):
        rng.shuffle(shuffled)
        theirs.train()
        losses: list[float] = []
        for at in range(0, len(shuffled), config.batch):
            # What fills a row up stands behind it, where nothing of the row looks.
            loss = answer_loss(logits, laid_out(shuffled[at : at + config.batch]))
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


def _low_rank_of(theirs: Any, size: LowRank) -> Any:
    try:
        import peft
    except ImportError as error:
        raise ValueError("--lora needs the package peft: pip install 'litteragpt[hf]'") from error
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=size.rank, lora_alpha=size.alpha, target_modules="all-linear"
    )
    return peft.get_peft_model(theirs, config)


def _card(name: str, base: str, tuned: Tuned) -> str:
    figures: Mapping[str, Any] = tuned.after
    told = escape_cell(
        f"{base}, fine-tuned to write {', '.join(tuned.labels)} with {tuned.learned_from} records; "
        f"F1 {100 * figures[MICRO].f1:.1f} per cent on {tuned.held_out} others, strict span and "
        "label. What its base may be used for holds for it, too."
    )
    return f"---\nlibrary_name: transformers\n---\n\n# {escape_cell(name)}\n\n{told}\n"
