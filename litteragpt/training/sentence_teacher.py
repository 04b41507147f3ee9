"""A sentence encoder of others, a local folder of Hugging Face's layout, as a teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from litteragpt.answers.vocabulary import Floats
from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import ENCODERS, read_folder
from litteragpt.huggingface.load import load_theirs
from litteragpt.training.precision import autocast_for

LONGEST: Final = 512
"""Tokens that are read."""
_TOKENS: Final = 6_144
_MOST: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What a teacher wants to read before a text (E5: Wang et al. 2022)."""

    question: str = "query: "
    sentence: str = "passage: "


class Teacher:
    """Vectors of texts: the mean of the last layer, of length one."""

    def __init__(self, folder: Path, roles: Roles, device: torch.device) -> None:
        """Raises ValueError for whatever is wrong with the folder."""
        read = read_folder(folder, ENCODERS)
        theirs, tokenizer = load_theirs(read, "AutoModel", head=("pooler",))
        with as_value_error(f"{read.path} cannot be used"):
            self._theirs: Any = theirs.to(device).eval()
        self._tokenizer: Any = tokenizer
        self._roles, self._device = roles, device
        self._longest = min(read.context, LONGEST)
        self._autocast = autocast_for(device, "auto")
        self.name = read.path.name

    @torch.inference_mode()
    def __call__(
        self,
        texts: Sequence[str],
        questions: Sequence[bool],
        *,
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> Floats:
        """`N, E`: the vectors of texts, each a question or a sentence."""
        roles = (self._roles.sentence, self._roles.question)
        given = [roles[asks] + text for text, asks in zip(texts, questions, strict=True)]
        order = sorted(range(len(given)), key=lambda number: len(given[number]))
        found: list[Floats | None] = [None] * len(given)
        done = 0
        while order:
            size = max(1, min(_MOST, 2 * _TOKENS // max(1, len(given[order[-1]]))))
            chosen, order = order[-size:], order[:-size]
            with as_value_error(f"{self.name} cannot be used"):
                vectors_BE = self._read([given[number] for number in chosen])
            for number, vector_E in zip(chosen, vectors_BE, strict=True):
                found[number] = vector_E
            done += len(chosen)
            report(done, len(given))
        return np.stack([each for each in found if each is not None]).astype(np.float32)

    def _read(self, texts: Sequence[str]) -> Floats:
        read = self._tokenizer(
            list(texts),
            truncation=True,
            max_length=self._longest,
            padding=True,
            return_tensors="pt",
            return_token_type_ids=False,
        ).to(self._device)
        with self._autocast():
            hidden_BTE = self._theirs(**read).last_hidden_state.float()
        there_BT1 = read["attention_mask"][:, :, None].float()
        mean_BE = (hidden_BTE * there_BT1).sum(1) / there_BT1.sum(1)
        vectors: Floats = functional.normalize(mean_BE, dim=1).cpu().numpy()
        return vectors
