"""An encoder of others made a tagger: a local folder of Hugging Face's layout, fine-tuned.

Each word is scored at its first token (Devlin et al. 2019); the loss is the mean over the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from litteragpt.architectures.encoder import tags_of_labels
from litteragpt.entities.huggingface import (
    HEAD,
    KIND,
    Cutter,
    HuggingFaceTagger,
    load_huggingface_tagger,
    score_windows,
)
from litteragpt.entities.sets import Example, example_of
from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import ENCODERS, read_folder
from litteragpt.huggingface.load import load_theirs
from litteragpt.training.own_records import Tuned
from litteragpt.training.tagging import Report
from litteragpt.training.tuning_hf import CPU, fine_tune, publish, task_of


def train_huggingface(
    base: Path,
    file: Path,
    out: Path,
    overrides: Sequence[str] = (),
    *,
    low_rank: bool = False,
    device: torch.device = CPU,
    report: Report = lambda line: None,
) -> Tuned:
    """Fine-tune the encoder of a folder on the records of a file; write a folder with the tagger.

    Raises ValueError for what is missing or malformed, and where `transformers` (for `low_rank`
    also `peft`) is not installed.
    """
    task = task_of(file, out, overrides, low_rank=low_rank)
    own = task.own
    read = read_folder(base, ENCODERS)
    tags = tags_of_labels(own.labels)
    torch.manual_seed(task.config.seed)
    theirs, tokenizer = load_theirs(
        read,
        KIND,
        head=HEAD,
        id2label=dict(enumerate(tags)),
        label2id={tag: number for number, tag in enumerate(tags)},
    )
    theirs.to(device)
    with as_value_error(f"{read.path} cannot be used"):
        cutter = Cutter(tokenizer, read.context)
        before = own.score(HuggingFaceTagger(theirs, cutter, own.labels, name=read.path.name))
    # The layer of the tags learns as a whole.
    learner = task.learner_of(theirs, "TOKEN_CLS", exclude_modules=list(HEAD))
    examples = [example_of(each, None, frozenset(own.labels)) for each in own.learned]
    fine_tune(
        learner,
        examples,
        lambda batch: batch_loss(learner, cutter, batch, tags),
        task.config,
        report=report,
    )
    trained = task.trained_of(learner)
    after = own.score(HuggingFaceTagger(trained, cutter, own.labels, name=out.name))
    tuned = Tuned(out, own.labels, (), len(own.learned), len(own.held_out), before, after, None)
    publish(
        tuned,
        trained,
        tokenizer,
        base=read.path.name,
        verb="mark",
        card="pipeline_tag: token-classification\n",
        load=load_huggingface_tagger,
    )
    return tuned


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
    scores_NK = scores_WTK[at, positions]
    return functional.cross_entropy(scores_NK, torch.tensor(due, device=scores_NK.device))
