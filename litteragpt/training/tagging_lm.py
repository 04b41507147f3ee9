"""Training a decoder to write entities: conversations in, and the loss of the answers alone.

The prompt is read but not learned: what a user says need not be foretold. Sentences of like
lengths share a batch. What a step trains on is a function of the seed and the step, so a run goes
on exactly from its saved state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from litteragpt.architectures.decoder import Decoder
from litteragpt.entities.bio import OUTSIDE
from litteragpt.entities.chat import written
from litteragpt.entities.sets import ANYTHING, Example
from litteragpt.entities.vocabulary import ChatVocabulary, right_answer
from litteragpt.precision import autocast_for
from litteragpt.recipe import TrainingConfig
from litteragpt.training.optim import MovingAverage, Optimizers
from litteragpt.training.schedule import lr_factor
from litteragpt.training.state import load_state, save_state

Report = Callable[[Mapping[str, Any]], None]

_STRETCH: Final = 50
"""Batches among which sentences are sorted by length."""
_IGNORED: Final = -100
_ENDS: Final = frozenset(".?!")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A conversation as ids; the answer is what is learned."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def lessons_of(
    examples: Iterable[Example], vocabulary: ChatVocabulary, labels: Sequence[str], longest: int
) -> Iterator[Lesson]:
    """The conversations about some examples; those of more than `longest` ids are left out.

    Every other example is taken apart into its sentences, as a tagger reads a text. Labels that
    are not among `labels` are outside. An example of which something is unknown is left out.
    Raises ValueError where a set does not know all of the labels: what is left out of an answer
    says that it is none.
    """
    for number, example in enumerate(examples):
        if unknown := sorted(set(labels) - example.known):
            raise ValueError(
                f"a set to write from must know every label, and not lack {unknown[0]}"
            )
        parts = sentences(example) if number % 2 else [(example.words, example.tags)]
        for words, tags in parts:
            if ANYTHING in tags:
                continue
            shown = [written(word) for word in words]
            kept = [tag if tag[2:] in labels else OUTSIDE for tag in tags]
            prompt = vocabulary.prompt(shown)
            lesson = Lesson(tuple(prompt), tuple(right_answer(vocabulary, shown, kept)))
            if len(lesson) <= longest:
                yield lesson


def sentences(example: Example) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Words and tags of each sentence of an example; an entity is never cut."""
    words, tags = example.words, example.tags
    cuts = [
        at
        for at in range(1, len(words))
        if words[at - 1] in _ENDS and not tags[at].startswith("I-")
    ]
    return [(words[a:b], tags[a:b]) for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]


class Lessons:
    """The batches of a run, any of which can be had without those before it."""

    def __init__(self, lessons: Sequence[Lesson], config: TrainingConfig) -> None:
        if len(lessons) < config.batch:
            raise ValueError(
                f"there are {len(lessons)} sentences: too few for batches of {config.batch}"
            )
        self._lessons = lessons
        self._config = config
        self._lengths = np.array([len(lesson) for lesson in lessons])
        self._order: tuple[int, np.ndarray] | None = None

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets `B, T` of a step; -100 where nothing is to be learned."""
        epoch, place = divmod(step, len(self._lessons) // self._config.batch)
        return laid_out([self._lessons[k] for k in self._batches(epoch)[place]])

    def _batches(self, epoch: int) -> np.ndarray:
        if self._order is None or self._order[0] != epoch:
            generator = np.random.Generator(np.random.PCG64([self._config.seed, epoch]))
            size = self._config.batch
            order = generator.permutation(len(self._lessons))
            order = order[: len(order) // size * size]
            stretches = [
                stretch[np.argsort(self._lengths[stretch], kind="stable")].reshape(-1, size)
                for stretch in np.split(order, range(_STRETCH * size, len(order), _STRETCH * size))
            ]
            self._order = (epoch, generator.permutation(np.concatenate(stretches)))
        return self._order[1]


def laid_out(lessons: Sequence[Lesson]) -> tuple[Tensor, Tensor]:
    """Inputs and targets `B, T` of some conversations, which begin together."""
    most = max(map(len, lessons)) - 1
    inputs = np.zeros((len(lessons), most), dtype=np.int64)
    targets = np.full((len(lessons), most), _IGNORED, dtype=np.int64)
    for row, lesson in enumerate(lessons):
        ids = (*lesson.prompt, *lesson.answer)
        inputs[row, : len(ids) - 1] = ids[:-1]
        targets[row, len(lesson.prompt) - 1 : len(ids) - 1] = lesson.answer
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def answer_loss(model: Callable[[Tensor], Any], batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean nats of an id of the answers."""
    inputs_BT, targets_BT = batch
    logits_BTV, _ = model(inputs_BT)
    learned_BT = targets_BT != _IGNORED
    return functional.cross_entropy(logits_BTV[learned_BT].float(), targets_BT[learned_BT])


def train_writer(
    decoder: Decoder,
    lessons: Sequence[Lesson],
    config: TrainingConfig,
    *,
    state_file: Path | None = None,
    resume: bool = False,
    report: Report = lambda line: None,
    evaluated: Callable[[int], Mapping[str, Any]] = lambda step: {},
) -> None:
    """Train a decoder in place, where it is; in the end it is its moving average, if one is kept.

    The state is saved to `state_file`, from which `resume` goes on. `evaluated` is asked for
    figures every `evaluate_every` steps, the model in evaluation mode. Raises ValueError where
    there is too little to learn from, FloatingPointError for a loss that is not finite.
    """
    batches = Lessons(lessons, config)
    parameters = list(decoder.parameters())
    optimizers = Optimizers(decoder, config)
    average = MovingAverage(parameters, config.ema_decay) if config.ema_decay else None
    device = parameters[0].device
    autocast = autocast_for(device, config.precision)
    first, losses = 0, list[Tensor]()
    if resume and state_file is not None and state_file.exists():
        first, kept = load_state(state_file, decoder, optimizers, average)
        losses = [loss.to(device) for loss in kept]
    began = time.monotonic()
    for step in range(first, config.steps):
        torch.manual_seed(config.seed * 1_000_003 + step)
        decoder.train()
        inputs_BT, targets_BT = batches.batch(step)
        with autocast():
            loss = answer_loss(decoder, (inputs_BT.to(device), targets_BT.to(device)))
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, config.clip)
        optimizers.step(lr_factor(step, config))
        if average is not None:
            average.update(parameters, step)
        losses.append(loss.detach())
        done, last = step + 1, step + 1 == config.steps
        if done % config.evaluate_every == 0 or last:
            mean = torch.stack(losses).mean().item()
            losses.clear()
            if not math.isfinite(mean):
                raise FloatingPointError(f"the loss is not finite at step {done}")
            seconds = round(time.monotonic() - began, 1)
            decoder.eval()
            figures = {"step": done, "seconds": seconds, "train_loss": round(mean, 4)}
            report({**figures, **evaluated(done)})
        if state_file is not None and (done % config.save_every == 0 or last):
            save_state(state_file, done, decoder, optimizers, average, losses)
    if average is not None:
        with torch.no_grad():
            for parameter, value in zip(parameters, average.values, strict=True):
                parameter.copy_(value)
    decoder.eval()
