"""Counts and weights in a folder, to be mixed with the model they were fitted to.

A folder holds `config.json` (order, vocabulary, weights) and `counts.safetensors`
(`litteragpt.mixing.counts`). It may come from a stranger: whatever is wrong with it is a
`ValueError` that names the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from litteragpt.bounds import check_range
from litteragpt.evaluation import LONGEST_WINDOW, start_id
from litteragpt.files import read_json_object
from litteragpt.generation.text import TextModel
from litteragpt.mixing.counts import CountModel
from litteragpt.mixing.mixture import EDGES, ByConfidence, Mixture, classes, fitted
from litteragpt.tables import check_keys, typed
from litteragpt.tokenizers import normalize
from litteragpt.weights import check_replaceable, replaced_folder

CONFIG_FILE: Final = "config.json"
COUNTS_FILE: Final = "counts.safetensors"
FILES: Final = (CONFIG_FILE, COUNTS_FILE)
MAX_CONFIG_BYTES: Final = 2**20
_KEYS: Final = ("format", "order", "vocabulary", "edges", "shares")


def count(
    lm: TextModel, text: str, *, fit: str | None = None, order: int = 6, held_out: float = 0.03
) -> Mixture:
    """Count a training text, and fit the weights with which its counts go beside the model's.

    The weights are fitted on the text `fit`, which neither the model nor the counts have read.
    Without it they are fitted on the last `held_out` of the training text, with counts of what is
    before it; then all of it is counted. That end the model has seen in training, the counts have
    not: the weights lean to the model by as much as it has learnt it by heart. Raises `ValueError`
    for a text too short, an order out of range, or a model of lines.
    """
    check_range("held_out", held_out, 0.001, 0.5)
    if lm.reads == "lines":
        raise ValueError("counts go with a model of running text, not with one of lines")
    ids, _ = lm.tokenizer.encode_array(normalize(text))
    size = lm.model.vocab_size
    counts = CountModel.of_text(ids, order=order, vocab_size=size)
    if fit is not None:
        unseen, _ = lm.tokenizer.encode_array(normalize(fit))
        before = counts
    else:
        cut = len(ids) - round(len(ids) * held_out)
        unseen = ids[cut:]
        before = CountModel.of_text(ids[:cut], order=order, vocab_size=size)
    return Mixture([lm.model, counts], fitted(*_confidences(lm, before, unseen)))


def save(folder: Path, mixture: Mixture, lm: TextModel) -> None:
    """Write what `count` gave, in place of what may be in the folder."""
    _, counts = mixture.parts
    assert isinstance(counts, CountModel), "of a mixture with counts"
    assert isinstance(mixture.weigh, ByConfidence), "with weights by confidence"
    config = {
        "format": 1,
        "order": counts.order,
        "vocabulary": _vocabulary(lm),
        "edges": mixture.weigh.edges,
        "shares": [[round(share, 6) for share in row] for row in mixture.weigh.shares_IJ.tolist()],
    }
    check_replaceable(folder, FILES)
    with replaced_folder(folder) as new:
        counts.save(new / COUNTS_FILE)
        text = json.dumps(config, ensure_ascii=False, indent=1) + "\n"
        (new / CONFIG_FILE).write_text(text, encoding="utf-8", newline="\n")


def mixed(lm: TextModel, folder: Path) -> TextModel:
    """The model with a folder's counts mixed in: it writes and is evaluated as any other.

    Raises `ValueError` where the folder is malformed or made for another vocabulary.
    """
    path = folder / CONFIG_FILE
    config = read_json_object(path, MAX_CONFIG_BYTES)
    check_keys(config, _KEYS, _KEYS, str(path))
    if config["format"] != 1:
        raise ValueError(f"{path} has a format that this version does not read")
    if config["vocabulary"] != _vocabulary(lm):
        raise ValueError(f"{path} counts another vocabulary than that of {lm.name}")
    if lm.reads == "lines":
        raise ValueError("counts go with a model of running text, not with one of lines")
    weigh = _weights(config, path)
    order = typed(config["order"], int, f"{path}: order")
    size = lm.model.vocab_size
    counts = CountModel.load(folder / COUNTS_FILE, order=order, vocab_size=size)
    mixture = Mixture([lm.model, counts], weigh)
    name = f"{lm.name} + {folder.name}"
    return TextModel(mixture, lm.tokenizer, name=name, info=lm.info, end_ids=lm.end_ids)


def _weights(config: dict[str, Any], path: Path) -> ByConfidence:
    """The table of a config, each figure within its range."""
    edges, shares = config["edges"], config["shares"]
    rows = [edges, *shares] if isinstance(shares, list) else []
    if not rows or not all(isinstance(row, list) for row in rows) or len(edges) > 100:
        raise ValueError(f"{path}: edges and the rows of shares must be lists")
    for row in rows:
        for figure in row:
            check_range(f"{path}: each edge and share", figure, 0.0, 1.0)
    if {len(shares), *map(len, shares)} != {len(edges) + 1} or sorted(edges) != edges:
        raise ValueError(f"{path}: shares must have a row and a column for each class of edges")
    return ByConfidence(torch.tensor(shares, dtype=torch.float64), edges)


def _vocabulary(lm: TextModel) -> list[str]:
    return [lm.tokenizer.piece(id) for id in range(lm.tokenizer.vocab_size)]


@torch.inference_mode()
def _confidences(lm: TextModel, counts: CountModel, ids: np.ndarray) -> tuple[Tensor, Tensor]:
    """For each place of a text, what either model gives to what stands there, and how sure it is.

    Only places with half a window before them count, as in evaluation.
    """
    window = min(lm.model.context, LONGEST_WINDOW, len(ids))
    half = window // 2
    inputs = np.concatenate([[start_id(lm.tokenizer)], ids[:-1]]).astype(np.int64)
    given, sure = [], []
    for start in range(0, len(ids) - window + 1, window - half):
        row = torch.from_numpy(inputs[None, start : start + window]).to(lm.device)
        wanted = torch.from_numpy(ids[start + half : start + window].astype(np.int64))
        logits = [model(row)[0][0, half:].float() for model in (lm.model, counts)]
        log_p_2TV = torch.stack(logits).log_softmax(-1).cpu()
        index = wanted[None, :, None].expand(2, -1, 1)
        given.append(log_p_2TV.gather(2, index)[..., 0])
        sure.append(classes(log_p_2TV, EDGES))
    return torch.cat(given, 1), torch.cat(sure, 1)
