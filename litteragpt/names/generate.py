"""Inventing names of places: many at once, each with what is known about it."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from litteragpt.bounds import check_whole
from litteragpt.checkpoint import KNOWN_FILE, load_checkpoint, resolve
from litteragpt.generation.lines import sample_lines
from litteragpt.generation.sampling import MAX_SEED, SamplingConfig
from litteragpt.generation.text import TextModel
from litteragpt.names.known import KnownNames
from litteragpt.names.structure import parse
from litteragpt.protocols import Encoding, Replacement

DEFAULT_MODEL: Final = "toponimos-mlp"
MAX_NAMES: Final = 10_000
MAX_PREFIX_CHARS: Final = 60
MAX_NAME_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Name:
    """An invented name."""

    name: str
    bairro: str | None
    """None, as `city` is, where the name is not well-formed, or was cut."""
    city: str | None
    uf: str | None
    """None where the city is not real."""
    logprob: float
    """Nats of what was written after the prefix, the end of the line included, under the model's
    own distribution (temperature 1, no filter)."""
    known: bool
    """Whether the training data has this very name."""
    city_is_real: bool

    def to_dict(self) -> dict[str, Any]:
        """One object of what `litteragpt names --json` writes."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class NameList:
    """Names of one call."""

    names: tuple[Name, ...]
    seed: int
    """What gives the same names again."""
    replaced: tuple[Replacement, ...]
    """What of the prefix the model does not know, and what it read instead."""


def load_names(name: str | Path = DEFAULT_MODEL) -> NameModel:
    """The model of names of a checkpoint, by its name in `checkpoints/` or by its folder.

    Raises `ValueError` where there is none, where a file of it is malformed, or where it is no
    model of names.
    """
    loaded = load_checkpoint(resolve(name))
    known = KnownNames.load(loaded.info.path / KNOWN_FILE)
    lm = TextModel(
        loaded.model,
        loaded.tokenizer,
        name=loaded.info.name,
        info=loaded.info,
        reads=loaded.info.reads,
    )
    return NameModel(lm, known)


class NameModel:
    """A model of lines `bairro - city`, and what it was trained on."""

    def __init__(self, lm: TextModel, known: KnownNames) -> None:
        """Raises `ValueError` for a model that was not trained on lines."""
        if lm.reads != "lines":
            raise ValueError(f"{lm.name} is a model of running text, not of names")
        self.lm = lm
        self.known = known

    def sample(
        self,
        prefix: str = "",
        *,
        count: int = 20,
        temperature: float = 0.9,
        top_k: int | None = None,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int | None = None,
        max_chars: int = 100,
        progress: Callable[[int], None] = lambda done: None,
        cancel: Callable[[], bool] | None = None,
    ) -> NameList:
        """`count` names that go on from a prefix, in the order they were asked for.

        The prefix may be empty, may end within a word, and may hold the separator: then its city
        is continued. Spaces at its beginning are left out. Name i of a seed is the same whatever
        `count` is. A name that does not end within `max_chars` characters after the prefix is
        cut there and counts as not well-formed.

        `progress` is told after each step how many names are done. Once `cancel`, which is asked
        before each step, says true, the names that were done are given.

        `ValueError`, at once, for a prefix with a line break or of more than 60 characters, a
        `count` outside of 1 to 10000, a seed outside of 0 to 2**63 - 1, `max_chars` outside of 1
        to 200, and for sampling figures as `SamplingConfig` says.
        """
        config = SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        check_whole("count", count, 1, MAX_NAMES)
        check_whole("max_chars", max_chars, 1, MAX_NAME_CHARS)
        if seed is None:
            seed = secrets.randbelow(2**31)
        check_whole("seed", seed, 0, MAX_SEED)
        prompt = self._read_prefix(prefix)
        lines = sample_lines(
            self.lm.model,
            prompt.ids,
            config,
            count=count,
            seed=seed,
            end_id=prompt.ids[0],
            max_tokens=max_chars,
            banned=self.lm.banned_ids,
            progress=progress,
            cancel=cancel,
            device=self.lm.device,
        )
        cancelled = cancel is not None and cancel()
        names = [
            self._name(prompt.text, ids[:length], ended, logprob, max_chars)
            for ids, length, ended, logprob in zip(
                lines.ids_NT.tolist(),
                lines.lengths_N.tolist(),
                lines.ended_N.tolist(),
                lines.logprobs_N.tolist(),
                strict=True,
            )
            if ended or not cancelled
        ]
        return NameList(tuple(names), seed, prompt.replacements)

    def _read_prefix(self, prefix: str) -> Encoding:
        """The prefix as the model reads it, from the start of a line."""
        if not isinstance(prefix, str):
            raise ValueError(f"prefix must be text, not {type(prefix).__name__}")
        if prefix.splitlines() not in ([], [prefix]):
            raise ValueError("prefix must be within one line: it holds a line break")
        stripped = prefix.lstrip()
        if len(stripped) > MAX_PREFIX_CHARS:
            raise ValueError(
                f"prefix must have at most {MAX_PREFIX_CHARS} characters, not {len(stripped)}"
            )
        read = self.lm.encode_prompt(stripped)
        # What the model does not know may have become a space, or stood before one.
        text = read.text.lstrip()
        ids = read.ids if text == read.text else self.lm.encode_prompt(text).ids
        left_out = len(prefix) - len(stripped)
        replacements = tuple(
            dataclasses.replace(each, index=each.index + left_out) for each in read.replacements
        )
        return Encoding(ids, text, replacements)

    def _name(
        self, prefix: str, ids: list[int], ended: bool, logprob: float, max_chars: int
    ) -> Name:
        written = self.lm.tokenizer.decode(ids[:-1] if ended else ids)
        name = prefix + written[:max_chars]
        whole = ended and len(written) <= max_chars
        place = parse(name) if whole else None
        if place is None:
            return Name(name, None, None, None, logprob, False, False)
        uf = self.known.uf(place.bairro, place.city)
        known = self.known.is_known(name)
        return Name(name, place.bairro, place.city, uf, logprob, known, uf is not None)
