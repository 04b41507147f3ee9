"""The training loop: a recipe and a built corpus in, a checkpoint out.

Plain PyTorch on one process or several (`torchrun`), on CPU, CUDA or MPS. A run keeps its
state and its curve in a folder of its own, and publishes the checkpoint with the best loss on
the validation text.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from litteragpt.architectures import ARCHITECTURES
from litteragpt.checkpoint import KNOWN_FILE
from litteragpt.corpora.kinds import kind_of
from litteragpt.corpora.shards import Shards, has_shards
from litteragpt.evaluation import start_id, total_nats, total_nats_of_lines
from litteragpt.precision import autocast_for, obstacle_to_compiling
from litteragpt.protocols import Tokenizer
from litteragpt.recipe import Recipe
from litteragpt.tokenizers import load_tokenizer, normalize
from litteragpt.training.base import take_base
from litteragpt.training.batches import Batches, HeldTokens, Lines, MappedTokens, Windows
from litteragpt.training.distil import Distilled, load_teachers
from litteragpt.training.distributed import Processes
from litteragpt.training.optim import MovingAverage, Optimizers
from litteragpt.training.publish import Figures, publish, sample
from litteragpt.training.schedule import lr_factor
from litteragpt.training.state import load_state, save_state

Report = Callable[[dict[str, Any]], None]
"""Takes each line of the curve, and `{"message": …}`, as they come."""


Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""`LanguageModule.loss` or `Distilled`, compiled or not."""


class TrainingError(RuntimeError):
    """Training cannot go on, such as after a loss that is no number."""


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a corpus."""

    ids: np.ndarray
    characters: int


class Run:
    """One run of a recipe: `train()` does the steps; what is here is what they need."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Path,
        run_folder: Path,
        checkpoint: Path,
        *,
        device: torch.device,
        processes: Processes,
        report: Report,
        base: str | Path | None = None,
        teachers: Sequence[str | Path] = (),
    ) -> None:
        """Read the corpus folder and build the model; training starts from the weights of `base`.

        `teachers` are checkpoints to learn from beside the text.

        Raises `ValueError` where a file of the corpus is missing or the recipe does not fit it.
        """
        self.recipe, self.config = recipe, recipe.training
        self.corpus, self.folder, self.checkpoint = corpus, run_folder, checkpoint
        self.device, self.processes, self._report = device, processes, report
        self.base = base
        self.tokenizer: Tokenizer = load_tokenizer(corpus / "tokenizer.json")
        self.reads = kind_of(recipe.corpus)[0].reads
        self.first_id = start_id(self.tokenizer)
        self.batches = self._batches()
        self.held_out = {"validation": self._read("validation")}
        if (corpus / "honest.txt").exists():
            self.held_out["honest"] = self._read("honest")
        self.autocast = autocast_for(device, self.config.precision)
        self.model_config = recipe.model_config(self.tokenizer.vocab_size)
        torch.manual_seed(self.config.seed)
        self.model = ARCHITECTURES[recipe.architecture].build(self.model_config).to(device)
        self.model.initialise()
        self.loss: Loss = self.model.loss
        if teachers:
            teacher = load_teachers(teachers, self.tokenizer, device)
            self.loss = Distilled(self.model, teacher, self.config.teacher_share)
        self.parameters = list(self.model.parameters())
        self.optimizers = Optimizers(self.model, self.config)
        decay = self.config.ema_decay
        self.average = MovingAverage(self.parameters, decay) if decay else None
        self.best = math.inf
        self.since_best = 0
        """Evaluations since the best one."""

    def train(
        self, *, resume: bool = False, stopped: Callable[[], bool] = lambda: False
    ) -> Figures | None:
        """Train to the recipe's last step; the figures of the checkpoint published.

        None where `stopped` asked to end before the first evaluation; the state is then saved,
        as after every stop, and `resume` goes on from there with the same curve. Raises
        `TrainingError` for a loss that is not finite; the last saved state stays.
        """
        config, figures = self.config, None
        self.folder.mkdir(parents=True, exist_ok=True)
        step, losses = self._resume() if resume else self._start()
        loss_of = self.compiled()
        began, first_step = time.perf_counter(), step
        seconds_before, seconds_aside = self._seconds_so_far(), 0.0
        while step < config.steps:
            torch.manual_seed(config.seed * 1_000_003 + step * 1_009 + self.processes.rank)
            losses.append(self.step(loss_of, step))
            step += 1
            stop = self.processes.any(stopped(), self.device)
            last = step == config.steps
            evaluates = step % config.evaluate_every == 0 or last
            if step % 10 == 0 or step == 1 or evaluates:
                loss = self._mean_loss(losses, step)
                losses.clear()
                seconds = time.perf_counter() - began
                rate = (self._chars(step) - self._chars(first_step)) / (seconds - seconds_aside)
                line = {
                    "step": step,
                    "chars": round(self._chars(step)),
                    "seconds": round(seconds_before + seconds, 1),
                    "train_loss": loss,
                    "lr": self.optimizers.base_lr * lr_factor(step - 1, config),
                    "chars_per_second": round(rate),
                    "steps_left": config.steps - step,
                    "seconds_left": round((self._chars(config.steps) - self._chars(step)) / rate),
                }
                self._log(line)
            aside = time.perf_counter()
            if self.processes.leads:
                if evaluates:
                    better = self._evaluate(step, line, final=last)
                    figures = better or figures
                    self.since_best = 0 if better else self.since_best + 1
                elif self._is_early_sample(step):
                    self._log_sample(step)
                if step % config.save_every == 0 or last or stop:
                    save_state(
                        self._state_file,
                        step,
                        self.model,
                        self.optimizers,
                        self.average,
                        losses,
                    )
            self.processes.wait()
            seconds_aside += time.perf_counter() - aside
            if config.patience and not last:
                spent = self.since_best >= config.patience
                if self.processes.any(spent, self.device):
                    self._report({"message": f"ended at step {step}: the loss falls no more"})
                    break
            if stop:
                self._report({"message": f"stopped after step {step}; resume to go on"})
                break
        return figures

    def step(self, loss_of: Loss, step: int) -> Tensor:
        """One optimiser step over this process's share of the batch; its mean loss."""
        batch = self.batches.batch(step, self.processes.rank, self.processes.count)
        inputs_BT, targets_BT = batch.inputs_BT, batch.targets_BT
        micro = self.config.micro_batch or len(inputs_BT)
        self.model.train()
        total = torch.zeros((), device=self.device)
        for x_BT, y_BT in zip(inputs_BT.split(micro), targets_BT.split(micro), strict=True):
            with self.autocast():
                loss, nats = loss_of(x_BT, y_BT)
            (loss / batch.tokens).backward()
            total += nats.detach() / batch.tokens
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        self.processes.average([*gradients, total])
        nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimizers.step(lr_factor(step, self.config))
        if self.average is not None:
            self.average.update(self.parameters, step)
        return total

    def _mean_loss(self, losses: list[Tensor], step: int) -> float:
        loss = torch.stack(losses).mean().item()
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {step}: lower the learning rates (muon_lr "
                f"{self.config.muon_lr:g}, adam_lr {self.config.adam_lr:g}) or clip below "
                f"{self.config.clip:g}, and resume from the last saved state"
            )
        return loss / self.chars_per_token

    def _chars(self, steps: int) -> float:
        """Characters that so many steps go through."""
        return self.batches.tokens(steps) * self.chars_per_token

    def _evaluate(self, step: int, line: dict[str, Any], *, final: bool) -> Figures | None:
        """Losses over the whole of the held-out texts; publish the weights if they are the best."""
        with self._averaged_weights():
            window = self.batches.window(step - 1)
            losses: dict[str, float] = {"val_loss": self._loss("validation", window)}
            best = losses["val_loss"] < self.best
            if (best or final) and "honest" in self.held_out:
                losses["honest_loss"] = self._loss("honest", window)
            self._log({"step": step, "chars": line["chars"], "window": window, **losses})
            self._log_sample(step)
            if not best:
                return None
            self.best = losses["val_loss"]
            figures = Figures(
                step=step,
                chars=line["chars"],
                epochs=self.batches.tokens(step) / self.train_tokens,
                hours=line["seconds"] / 3600,
                train_loss=line["train_loss"],
                device=str(self.device),
                val_loss=losses["val_loss"],
                honest_loss=losses.get("honest_loss"),
            )
            publish(
                self.checkpoint,
                self.recipe,
                figures,
                model=self.model,
                model_config=self.model_config,
                tokenizer=self.tokenizer,
                metrics_file=self._metrics_file,
                known_file=known if (known := self.corpus / KNOWN_FILE).exists() else None,
            )
            return figures

    def _loss(self, name: str, window: int) -> float:
        """Nats per character over the whole of a held-out text, read as in training."""
        part = self.held_out[name]
        self.model.eval()
        if self.reads == "lines":
            nats = total_nats_of_lines(
                self.model, part.ids, self.first_id, device=self.device, autocast=self.autocast
            )
        else:
            nats = total_nats(
                self.model,
                part.ids,
                self.first_id,
                window=window,
                device=self.device,
                autocast=self.autocast,
            )
        return nats / part.characters

    def _log_sample(self, step: int) -> None:
        text = sample(self.model, self.tokenizer, self.config, self.reads)
        self._log({"step": step, "prompt": self.config.sample_prompt, "sample": text})

    @staticmethod
    def _is_early_sample(step: int) -> bool:
        """The film of training needs its first scenes: steps 1, 10, 30, 100, 300."""
        return step in (1, 10, 30, 100, 300)

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """The moving average in the model's place, if there is one."""
        if self.average is None:
            yield
            return
        kept = [p.detach().clone() for p in self.parameters]
        self._put(self.average.values)
        try:
            yield
        finally:
            self._put(kept)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.copy_(value)

    def compiled(self) -> Loss:
        if not self.config.compile:
            return self.loss
        if reason := obstacle_to_compiling(self.device):
            self._report({"message": f"torch.compile is off: {reason}"})
            return self.loss
        # Two lengths of windows are two graphs, not one with unknown shapes.
        return cast(Loss, torch.compile(self.loss, dynamic=False))

    def _batches(self) -> Batches:
        """Of the training text, or of its shards where there are any."""
        if self.reads == "text" and has_shards(self.corpus):
            shards = Shards(self.corpus)
            if shards.vocab_size != self.tokenizer.vocab_size:
                raise ValueError(f"the shards of {self.corpus} are of another vocabulary")
            self.train_tokens = len(shards)
            self.chars_per_token = shards.characters / len(shards)
            return Windows(MappedTokens(shards, self.device), self.config)
        text = self._read("train")
        self.train_tokens = len(text.ids)
        self.chars_per_token = text.characters / len(text.ids)
        if self.reads == "lines":
            return Lines(text.ids, self.first_id, self.config, self.device)
        return Windows(HeldTokens(text.ids, self.device), self.config)

    def _read(self, name: str) -> Part:
        path = self.corpus / f"{name}.txt"
        try:
            text = normalize(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"cannot read {path}: build the corpus first") from error
        if self.reads == "lines" and not text.endswith("\n"):
            text += "\n"
        ids, _ = self.tokenizer.encode_array(text)
        if len(ids) == 0:
            raise ValueError(f"{path} is empty")
        small = self.tokenizer.vocab_size <= 256
        return Part(ids.astype(np.uint8) if small else ids, len(text))

    @property
    def _state_file(self) -> Path:
        return self.folder / "state.safetensors"

    @property
    def _metrics_file(self) -> Path:
        return self.folder / "metrics.jsonl"

    def _start(self) -> tuple[int, list[Tensor]]:
        if self.base is not None:
            take_base(self.model, self.model_config, self.tokenizer, self.base)
        if self.processes.leads:
            self._metrics_file.unlink(missing_ok=True)
            settings = {"recipe": dataclasses.asdict(self.recipe)}
            (self.folder / "recipe.json").write_text(
                json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
            )
        return 0, []

    def _resume(self) -> tuple[int, list[Tensor]]:
        step, losses = load_state(self._state_file, self.model, self.optimizers, self.average)
        if self.processes.leads:
            lines = [line for line in self._curve() if line["step"] <= step]
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            self._metrics_file.write_text(text, encoding="utf-8")
            losses_before = [line["val_loss"] for line in lines if "val_loss" in line]
            if losses_before:
                self.best = min(losses_before)
                self.since_best = losses_before[::-1].index(self.best)
        self.processes.wait()
        return step, [loss.to(self.device) for loss in losses]

    def _seconds_so_far(self) -> float:
        return max((line.get("seconds", 0.0) for line in self._curve()), default=0.0)

    def _curve(self) -> list[dict[str, Any]]:
        if not self._metrics_file.exists():
            return []
        lines = self._metrics_file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def _log(self, line: dict[str, Any]) -> None:
        if not self.processes.leads:
            return
        with self._metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._report(line)
