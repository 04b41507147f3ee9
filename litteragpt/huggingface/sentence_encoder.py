"""Sentence encoders of others: a local folder of Hugging Face's layout, texts in, vectors out.

Such a folder is that of an encoder and, as the library `sentence-transformers` leaves it, says in
`modules.json` what becomes of the last layer, in `1_Pooling/config.json` which of its vectors
count, and in `config_sentence_transformers.json` what is written before a text (Reimers & Gurevych
2019, "Sentence-BERT"; Wang et al. 2022, E5). None of these is needed.

Shapes: N texts, B of them at once, T tokens, E dimensions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from litteragpt.files import parse_json, read_bytes, read_json_object
from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import ENCODERS, MAX_CONFIG_BYTES, is_model_folder, read_folder
from litteragpt.huggingface.load import load_theirs
from litteragpt.precision import autocast_for

Vectors = NDArray[np.float32]

MODULES_FILE: Final = "modules.json"
POOLING_FILE: Final = "1_Pooling/config.json"
PROMPTS_FILE: Final = "config_sentence_transformers.json"
LONGEST: Final = 512
"""Tokens that are read, even where a model knows more."""
MARGIN: Final = 2
"""Positions that models after RoBERTa count and cannot use."""
_MODULES: Final = frozenset({"Transformer", "Pooling", "Normalize"})
_TOKENS: Final = 6_144
_MOST: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What an encoder wants to read before a text; as it stands, what E5 does."""

    question: str = "query: "
    sentence: str = "passage: "


NO_ROLES: Final = Roles(question="", sentence="")


def is_sentence_encoder(folder: Path) -> bool:
    """Whether a folder says that its model makes vectors of texts; it may be broken all the same.

    A folder without `modules.json` does not say so, and may be one all the same.
    """
    return is_model_folder(folder) and (folder / MODULES_FILE).is_file()


class TheirSentences:
    """Vectors of texts by an encoder of others, each of length one."""

    def __init__(
        self, folder: Path, roles: Roles | None = None, device: torch.device | None = None
    ) -> None:
        """Without `roles`, the folder's own. Raises ValueError for whatever is wrong with it."""
        read = read_folder(folder, ENCODERS)
        self._first = _first_counts(read.path)
        self._roles = roles or _roles_of(read.path)
        theirs, tokenizer = load_theirs(read, "AutoModel", head=("pooler",))
        self._device = device or torch.device("cpu")
        with as_value_error(f"{read.path} cannot be used"):
            self._theirs: Any = theirs.to(self._device).eval()
        self._tokenizer: Any = tokenizer
        self._longest = min(read.context - MARGIN, LONGEST)
        if self._longest < 1:
            raise ValueError(f"{read.path} reads too few tokens: {read.context}")
        self.prompts = dataclasses.asdict(self._roles)
        """What it reads before a text."""
        self._autocast = autocast_for(self._device, "auto")
        self.name = read.path.name

    @torch.inference_mode()
    def __call__(
        self,
        texts: Sequence[str],
        questions: Sequence[bool],
        *,
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> Vectors:
        """`N, E`: the vectors of texts, each a question or not; `report` is told how many are read.

        Raises ValueError where the model fails or gives figures that are not finite.
        """
        roles = (self._roles.sentence, self._roles.question)
        given = [roles[asks] + text for text, asks in zip(texts, questions, strict=True)]
        order = sorted(range(len(given)), key=lambda number: len(given[number]))
        found: list[Vectors] = [np.empty(0, np.float32)] * len(given)
        done = 0
        while order:
            size = max(1, min(_MOST, 2 * _TOKENS // max(1, len(given[order[-1]]))))
            chosen, order = order[-size:], order[:-size]  # the longest first
            with as_value_error(f"{self.name} cannot be used"):
                vectors_BE = self._read([given[number] for number in chosen])
            if not np.isfinite(vectors_BE).all():
                raise ValueError(f"{self.name} gives vectors that are not finite")
            for number, vector_E in zip(chosen, vectors_BE, strict=True):
                found[number] = vector_E
            done += len(chosen)
            report(done, len(given))
        return np.stack(found).astype(np.float32)

    def _read(self, texts: Sequence[str]) -> Vectors:
        read = self._tokenizer(
            list(texts),
            truncation=True,
            max_length=self._longest,
            padding=True,
            return_tensors="pt",
            return_token_type_ids=False,
        ).to(self._device)
        with self._autocast():
            hidden_BTE: Tensor = self._theirs(**read).last_hidden_state.float()
        if self._first:
            pooled_BE = hidden_BTE[:, 0]
        else:
            there_BT1 = read["attention_mask"][:, :, None].float()
            pooled_BE = (hidden_BTE * there_BT1).sum(1) / there_BT1.sum(1)
        vectors: Vectors = functional.normalize(pooled_BE, dim=1).cpu().numpy()
        return vectors


def _first_counts(folder: Path) -> bool:
    """Whether a text's vector is that of its first token, and not the mean of all."""
    if (modules := folder / MODULES_FILE).is_file():
        listed = parse_json(read_bytes(modules, MAX_CONFIG_BYTES), str(modules))
        kinds = listed if isinstance(listed, list) else [listed]
        for each in kinds:
            kind = str(each.get("type")) if isinstance(each, dict) else "something else"
            if kind.rpartition(".")[2] not in _MODULES:
                raise ValueError(
                    f"{modules} asks for {kind[:100]!r} after its model, which this version lacks"
                )
    if not (pooling := folder / POOLING_FILE).is_file():
        return False
    table = read_json_object(pooling, MAX_CONFIG_BYTES)
    modes = {key for key, value in table.items() if key.startswith("pooling_mode_") and value}
    if modes == {"pooling_mode_cls_token"}:
        return True
    if modes <= {"pooling_mode_mean_tokens"}:
        return False
    raise ValueError(f"{pooling} asks for {', '.join(sorted(modes))}, which this version lacks")


def _roles_of(folder: Path) -> Roles:
    """The folder's own prompts; E5's, whose folders lack them, for a model that bears its name."""
    path = folder / PROMPTS_FILE
    prompts = read_json_object(path, MAX_CONFIG_BYTES).get("prompts") if path.is_file() else None
    given = {
        str(key).lower(): value
        for key, value in (prompts if isinstance(prompts, dict) else {}).items()
        if isinstance(value, str) and value
    }
    if not given:
        return Roles() if "e5" in folder.name.lower().replace("_", "-").split("-") else NO_ROLES
    question = next((given[key] for key in ("query", "question") if key in given), "")
    names = ("passage", "document", "text")
    return Roles(
        question=question, sentence=next((given[key] for key in names if key in given), "")
    )
