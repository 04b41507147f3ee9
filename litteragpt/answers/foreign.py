"""What judges passages and is of others: local folders of Hugging Face's layout, of two kinds.

A cross-encoder reads question and passage together (`litteragpt.answers.cross_encoder`). A sentence
encoder makes a vector of each, and those that belong together lie close: it is asked as ours is
(`litteragpt.answers.meaning`), with weights that were learned once, with one such encoder.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from litteragpt.answers.cross_encoder import load_cross_encoder
from litteragpt.answers.index import Reranker
from litteragpt.answers.meaning import Judgement, Meaning, has_encoder, load_meaning
from litteragpt.checkpoint import checkpoints_root
from litteragpt.huggingface.folder import is_cross_encoder, model_folders
from litteragpt.huggingface.sentence_encoder import TheirSentences, is_sentence_encoder
from litteragpt.weights import CheckpointError

JUDGEMENT: Final = Judgement(
    scale=0.606,
    ranking=(0.0, 0.0, 0.865, 0.985),
    confidence=(0.656, 0.0, 0.0, 1.039, 1.138, -3.643),
    threshold=0.49,
)
"""How much meaning counts by an encoder whose cosines may lie anywhere: by what is among others
alone. Learned from the tuning questions with multilingual-e5-small (`models/LOG.md`)."""


def load_judge(folder: Path) -> Reranker:
    """The cross-encoder or sentence encoder of a folder; answers are marked by our own reader.

    Raises ValueError for whatever is wrong with it.
    """
    judge: Reranker
    if is_cross_encoder(folder):
        judge = load_cross_encoder(folder)
    else:
        theirs = TheirSentences(folder)
        theirs(["a", "b c"], [True, False])  # what it cannot do is told now, and not at a question
        judge = Meaning(theirs, JUDGEMENT, name=theirs.name, whole=True)
    if has_encoder():
        # What is wrong with that encoder is told where it is asked for itself.
        with suppress(CheckpointError):
            judge.reader = load_meaning().reader
    return judge


def judges() -> list[Path]:
    """The folders of both kinds in `checkpoints/` and `$LITTERAGPT_MODELS`, by name.

    Of several with one name the first counts.
    """
    try:
        below = list(checkpoints_root().iterdir())
    except OSError:
        below = []
    found: dict[str, Path] = {}
    for path in [*below, *model_folders()]:
        if is_cross_encoder(path) or is_sentence_encoder(path):
            found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]
