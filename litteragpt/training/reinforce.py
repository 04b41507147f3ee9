"""Teaching a model of names by reward: exactly one separator, a city that exists, no copy.

Names are sampled from the model, judged, and the model is moved towards what is worth more,
held close to what it was (`litteragpt.training.policy`). A little of the likelihood of real
lines may be mixed in. A run gives its figures over many samples before and after.

Sources: Williams 1992 (REINFORCE), Ziegler et al. 2019 (divergence from the pre-trained model),
Gu et al. 2017 (control over all actions).
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from litteragpt.architectures.base import LanguageModule
from litteragpt.bounds import check_range, check_whole
from litteragpt.evaluation import pad_lines, start_id, total_nats_of_lines
from litteragpt.generation.lines import Lines, sample_lines
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.names.known import KnownNames
from litteragpt.names.prefixes import KINDS, Prefixes
from litteragpt.names.reward import Summary, Verdict, Weights, judge, reward, summarise
from litteragpt.names.structure import parse
from litteragpt.protocols import Tokenizer
from litteragpt.tables import from_table
from litteragpt.training.policy import Hopes, policy_terms
from litteragpt.training.schedule import lr_factor

_NEVER = -1e4
"""The logit of what is never sampled: finite, so that nothing times it is NaN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinforceConfig:
    """How to reinforce: the table `[reinforce]` of a recipe, `[reinforce.reward]` in it."""

    steps: int = 600
    batch: int = 512
    """Names a step."""
    micro_batch: int = 128
    """Names in one forward and backward pass."""
    lr: float = 3e-4
    """Of AdamW."""
    weight_decay: float = 0.0
    warmup_steps: int = 20
    decay_fraction: float = 0.5
    """The share of the steps, at the end, over which the learning rate falls to zero."""
    clip: float = 1.0
    """Largest global norm of a gradient."""
    kl: float = 0.2
    """Price of a nat of divergence from the pre-trained model."""
    entropy: float = 0.0
    """Price of a nat of entropy."""
    anchor: float = 0.0
    """Weight of the likelihood of real lines: nats a line."""
    anchor_batch: int = 128
    """Real lines a step."""
    max_chars: int = 100
    """Where a name is cut."""
    samples: int = 10_000
    """Names that the figures before and after are taken over."""
    evaluate_every: int = 50
    seed: int = 1605
    reward: Weights = field(default_factory=Weights)

    def validate(self) -> None:
        """Raise `ValueError` for a figure out of bounds."""
        check_whole("steps", self.steps, 1, 10**7)
        check_whole("batch", self.batch, 2, 10_000)
        check_whole("micro_batch", self.micro_batch, 1, 10_000)
        check_range("lr", self.lr, 0.0, 10.0)
        check_range("weight_decay", self.weight_decay, 0.0, 100.0)
        check_whole("warmup_steps", self.warmup_steps, 0, self.steps)
        check_range("decay_fraction", self.decay_fraction, 0.0, 1.0)
        check_range("clip", self.clip, 1e-6, 1e6)
        check_range("kl", self.kl, 0.0, 100.0)
        check_range("entropy", self.entropy, 0.0, 100.0)
        check_range("anchor", self.anchor, 0.0, 100.0)
        check_whole("anchor_batch", self.anchor_batch, 1, 10_000)
        check_whole("max_chars", self.max_chars, 1, 200)
        check_whole("samples", self.samples, 1, 10_000)
        check_whole("evaluate_every", self.evaluate_every, 1, 10**7)
        check_whole("seed", self.seed, 0, 2**31)
        self.reward.validate()

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> ReinforceConfig:
        """What a recipe's table says. Raises `ValueError` for fields that will not do."""
        rest = {key: value for key, value in table.items() if key != "reward"}
        worth = table.get("reward", {})
        if not isinstance(worth, Mapping):
            raise ValueError("reinforce.reward must be a table")
        weights = from_table(Weights, worth, "reinforce.reward")
        config = from_table(cls, rest, "reinforce", ready={"reward": weights})
        config.validate()
        return config


@dataclass(frozen=True, slots=True)
class Reached:
    """What a model's names are like, and what it thinks of real ones."""

    summary: Summary
    val_nats_per_char: float
    """Over the validation lines, their ends included."""

    def to_dict(self) -> dict[str, float]:
        return {**dataclasses.asdict(self.summary), "val_nats_per_char": self.val_nats_per_char}


@dataclass(frozen=True, slots=True)
class Reinforced:
    """The figures before and after."""

    before: Reached
    after: Reached

    def to_dict(self) -> dict[str, Any]:
        return {"before": self.before.to_dict(), "after": self.after.to_dict()}


def reinforce(
    model: LanguageModule[Any],
    tokenizer: Tokenizer,
    known: KnownNames,
    config: ReinforceConfig,
    *,
    training: Sequence[str],
    validation: Sequence[str],
    report: Callable[[dict[str, Any]], None] = lambda line: None,
) -> Reinforced:
    """Reinforce a model of names in place; what its names were like before and are after.

    `training` and `validation` are lines without their ends: the cities of the first make up the
    control, and its lines the anchor. `report` takes a line of the curve after each step. The
    model stays in evaluation mode: without dropout, what samples is what learns.

    Raises `ValueError` for a tokenizer whose ids are not characters, and where there are no
    lines.
    """
    return _Reinforcement(
        model, tokenizer, known, config, training=training, validation=validation
    ).run(report)


class _Reinforcement:
    def __init__(
        self,
        model: LanguageModule[Any],
        tokenizer: Tokenizer,
        known: KnownNames,
        config: ReinforceConfig,
        *,
        training: Sequence[str],
        validation: Sequence[str],
    ) -> None:
        if not training or not validation:
            raise ValueError("reinforcement needs training lines and validation lines")
        self.model, self.tokenizer, self.known, self.config = model.eval(), tokenizer, known, config
        self.reference = copy.deepcopy(model).requires_grad_(False)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.device = self.parameters[0].device
        self.end_id = start_id(tokenizer)
        padding = range(tokenizer.vocab_size, model.vocab_size)
        self.banned = tokenizer.special_ids | frozenset(padding)
        places = filter(None, map(parse, training))
        cities = {place.city for place in places}
        self.prefixes = Prefixes(cities, tokenizer, model.vocab_size, self.end_id)
        self.hopes = Hopes(KINDS)
        self.training = [self._encode(line) for line in training]
        self.validation = np.concatenate([self._encode(line) for line in validation])
        self.validation_chars = sum(len(line) + 1 for line in validation)
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.lr, betas=(0.9, 0.95), weight_decay=config.weight_decay
        )

    def run(self, report: Callable[[dict[str, Any]], None]) -> Reinforced:
        config = self.config
        began = time.perf_counter()
        before = self._reached()
        self._learn(0, learn=False)  # The first control must not come from names it is used on.
        for step in range(1, config.steps + 1):
            for group in self.optimizer.param_groups:
                group["lr"] = config.lr * lr_factor(step - 1, config)
            line = {"step": step, **self._learn(step)}
            if step % config.evaluate_every == 0 or step == config.steps:
                line["val_nats_per_char"] = self._validation_loss()
            report({**line, "seconds": round(time.perf_counter() - began, 1)})
        return Reinforced(before, self._reached())

    def _learn(self, step: int, *, learn: bool = True) -> dict[str, float]:
        """Sample, judge, and move once; figures of the batch."""
        config = self.config
        lines = self._sample(config.batch, step)
        verdicts, names = self._judge(lines)
        rewards_N = torch.tensor([reward(verdict, config.reward) for verdict in verdicts])
        hopes_K = self.hopes.values_K
        divergence = 0.0
        led_to, returns = [], []
        # Names of like lengths share a pass: all of one are as long as its longest.
        for part in lines.lengths_N.argsort().split(config.micro_batch):
            T = int(lines.lengths_N[part].max())
            ids_NT, lengths_N = lines.ids_NT[part, :T], lines.lengths_N[part]
            mask_NT = torch.arange(T) < lengths_N[:, None]
            kinds_NTV = self.prefixes.follow(ids_NT)
            with torch.set_grad_enabled(learn):
                terms = policy_terms(
                    self._logits(self.model, ids_NT),
                    self._logits(self.reference, ids_NT),
                    ids_NT.to(self.device),
                    mask_NT.to(self.device),
                    rewards_N[part].to(self.device),
                    hopes_K[kinds_NTV].to(self.device),
                    kl=config.kl,
                    entropy=config.entropy,
                )
            if learn:
                (terms.loss / config.batch).backward()
            divergence += float(terms.divergences_N.sum())
            led_to.append(kinds_NTV.gather(-1, ids_NT[..., None])[..., 0][mask_NT])
            returns.append(terms.returns_NT.cpu()[mask_NT])
        self.hopes.update(torch.cat(led_to), torch.cat(returns))
        if learn:
            if config.anchor:
                self._anchor(step).backward()
            nn.utils.clip_grad_norm_(self.parameters, config.clip)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        found = summarise(names, verdicts, lines.entropies_N.tolist())
        return {
            "reward": float(rewards_N.mean()),
            "well_formed": found.well_formed,
            "real_city": found.real_city,
            "new": found.new,
            "distinct": found.distinct,
            "kl": divergence / config.batch,
            "entropy": found.entropy_per_name,
            "entropy_per_char": found.entropy_per_char,
        }

    def _anchor(self, step: int) -> Tensor:
        """The weighted loss of some real lines, nats a line."""
        config = self.config
        generator = np.random.Generator(np.random.PCG64([config.seed, step]))
        chosen = generator.integers(len(self.training), size=config.anchor_batch)
        inputs, targets = pad_lines([self.training[line] for line in chosen], self.end_id)
        logits_BTV, _ = self.model(inputs.to(self.device))
        nats = F.cross_entropy(
            logits_BTV.flatten(0, 1), targets.to(self.device).flatten(), reduction="sum"
        )
        return config.anchor * nats / config.anchor_batch

    def _logits(self, model: LanguageModule[Any], ids_NT: Tensor) -> Tensor:
        """What each of the ids was drawn from: a name begins from the line's start."""
        inputs_NT = F.pad(ids_NT, (1, 0), value=self.end_id)[:, :-1].to(self.device)
        logits_NTV, _ = model(inputs_NT)
        banned = torch.tensor(sorted(self.banned), device=self.device, dtype=torch.long)
        allowed_NTV: Tensor = logits_NTV.float().index_fill(-1, banned, _NEVER)
        return allowed_NTV

    def _sample(self, count: int, step: int) -> Lines:
        return sample_lines(
            self.model,
            [self.end_id],
            SamplingConfig(temperature=1.0),
            count=count,
            seed=self.config.seed * 1_000_003 + step,
            end_id=self.end_id,
            max_tokens=self.config.max_chars,
            banned=self.banned,
            device=self.device,
        )

    def _judge(self, lines: Lines) -> tuple[list[Verdict], list[str]]:
        rows = zip(
            lines.ids_NT.tolist(), lines.lengths_N.tolist(), lines.ended_N.tolist(), strict=True
        )
        verdicts, names = [], []
        for ids, length, ended in rows:
            names.append(self.tokenizer.decode(ids[: length - 1 if ended else length]))
            verdicts.append(judge(names[-1], self.known, ended=ended))
        return verdicts, names

    def _reached(self) -> Reached:
        # The same seed before and after, and none that a step uses.
        lines = self._sample(self.config.samples, 2**20)
        verdicts, names = self._judge(lines)
        summary = summarise(names, verdicts, lines.entropies_N.tolist())
        return Reached(summary, self._validation_loss())

    def _validation_loss(self) -> float:
        nats = total_nats_of_lines(self.model, self.validation, self.end_id, device=self.device)
        return nats / self.validation_chars

    def _encode(self, line: str) -> np.ndarray:
        return self.tokenizer.encode_array(f"{line}\n")[0]
