"""A causal language model of others taught to write entities: a local folder, fine-tuned.

The loss is that of the answers. What is written has the labels in `entities.json`, too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from litteragpt.entities.causal_huggingface import (
    FORMAT,
    TABLE_FILE,
    HuggingFaceVocabulary,
    load_causal_huggingface,
)
from litteragpt.entities.generative import GenerativeTagger
from litteragpt.entities.sets import example_of
from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import read_folder
from litteragpt.huggingface.load import load_folder, load_theirs
from litteragpt.training.own_records import Tuned
from litteragpt.training.tagging_lm import (
    Lesson,
    Report,
    answer_loss,
    laid_out,
    lessons_of,
)
from litteragpt.training.tuning_hf import CPU, fine_tune, publish, task_of


def train_causal_huggingface(
    base: Path,
    file: Path,
    out: Path,
    overrides: Sequence[str] = (),
    *,
    low_rank: bool = False,
    device: torch.device = CPU,
    report: Report = lambda line: None,
) -> Tuned:
    """Fine-tune the model of a folder on the records of a file; write a folder with the tagger.

    Raises ValueError for what is missing or malformed, and where `transformers` (for `low_rank`
    also `peft`) is not installed.
    """
    task = task_of(file, out, overrides, low_rank=low_rank)
    own = task.own
    read = read_folder(base)
    loaded = load_folder(read, device)
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
    torch.manual_seed(task.config.seed)
    learner = task.learner_of(loaded.model.theirs, "CAUSAL_LM")

    def logits(ids_BT: Tensor) -> tuple[Tensor, None]:
        return learner(input_ids=ids_BT, use_cache=False).logits, None

    def loss_of(batch: Sequence[Lesson]) -> Tensor:
        # What fills a row up stands behind it, where nothing of the row looks.
        inputs_BT, targets_BT = laid_out(batch)
        return answer_loss(logits, (inputs_BT.to(device), targets_BT.to(device)))

    fine_tune(learner, lessons, loss_of, task.config, report=report)
    loaded.model.theirs = task.trained_of(learner)
    after = own.score(tagger)
    tuned = Tuned(out, own.labels, (), len(own.learned), len(own.held_out), before, after, None)
    labels = json.dumps({"format": FORMAT, "labels": list(own.labels)}, ensure_ascii=False)
    publish(
        tuned,
        loaded.model.theirs,
        load_theirs(read)[1],
        base=read.path.name,
        verb="write",
        files={TABLE_FILE: labels + "\n"},
        load=load_causal_huggingface,
    )
    return tuned
