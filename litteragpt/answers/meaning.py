"""Passages judged by what their sentences mean, with a sentence encoder.

The index compares words. A sentence encoder puts a question and each sentence of the passages that
were found as vectors, and those that mean much the same lie close together, whatever their words.
How much that counts beside the words is learned with the checkpoint of an encoder of ours; for one
of others it is fixed (`litteragpt.answers.foreign`).

Shapes: P passages, S sentences, D dimensions, F figures.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from litteragpt.answers.index import RERANKED
from litteragpt.answers.passages import sentence_spans
from litteragpt.answers.reader import PassageReader
from litteragpt.answers.vocabulary import Floats
from litteragpt.answers.words import WordRows
from litteragpt.architectures.sentence_encoder import SentenceEncoder, sentences_of

FIGURES: Final = ("sentence", "passage", "sentence among others", "passage among others")
"""What a passage is judged by: the cosine between the question and its nearest sentence, that
between the question and the whole passage, and how far each lies above those of the other passages
that were found, in their standard deviations."""
DEFAULT_ENCODER: Final = "sentences-pt"
MOST_KEPT: Final = 4_096
"""Passages whose vectors are kept, the last ones used: some 8 MB."""
MOST_SENTENCES: Final = 64
"""Of a passage; the rest is not read."""
_NOTHING: Final[Floats] = np.empty((0, 1), np.float32)
_WORDS: Final = 2_048
"""Read at once, with what fills up shorter sentences."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How much meaning counts beside words.

    A passage's new score is `scale` times its score by words and the sum of its figures weighed by
    `ranking`; the new logarithm of the odds that it holds the answer is the sum of the old one,
    the figures and one, weighed by `confidence`, where there are `RERANKED` passages, and the
    nearer to the old one the fewer there are. `threshold` is the probability from which on
    an answer is given; without one it is the index's.
    """

    scale: float
    ranking: tuple[float, ...]
    confidence: tuple[float, ...]
    threshold: float | None

    def __post_init__(self) -> None:
        if len(self.ranking) != len(FIGURES) or len(self.confidence) != len(FIGURES) + 2:
            raise ValueError(
                f"a judgement weighs {len(FIGURES)} figures, and {len(FIGURES) + 2} for the odds"
            )


Encode = Callable[[Sequence[str], Sequence[bool]], Floats]
"""From texts, and whether each is a question, to their vectors, `S, D`, each of length one."""


class Vectors:
    """Sentences as vectors, by an encoder of ours and the rows of its words: an `Encode`."""

    def __init__(self, encoder: SentenceEncoder, rows: WordRows) -> None:
        self._encoder, self._rows = encoder.eval(), rows

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str], questions: Sequence[bool] = ()) -> Floats:
        """`S, D`: their vectors, each of length one, whether they are questions or not."""
        read = [self._rows(text) for text in texts]
        order = sorted(range(len(read)), key=lambda number: len(read[number]))
        found_SD = np.zeros((len(read), self._encoder.config.dimensions), np.float32)
        while order:
            size = max(1, _WORDS // len(read[order[-1]]))  # the longest first
            chosen, order = order[-size:], order[:-size]
            batch = sentences_of([read[number] for number in chosen]).to(self._encoder.device)
            found_SD[chosen] = self._encoder(batch).cpu().numpy()
        return found_SD


class Meaning:
    """A reranker: `litteragpt.answers.index.Reranker`. Keeps the vectors of what it has read."""

    def __init__(
        self,
        encode: Encode,
        judgement: Judgement,
        *,
        name: str,
        whole: bool = False,
        reader: PassageReader | None = None,
    ) -> None:
        """With `whole`, a passage's own vector is that of the whole read at once, and else the
        mean of its sentences."""
        self.encode, self.judgement, self.name = encode, judgement, name
        self.reader = reader
        self._whole = whole
        self._kept: OrderedDict[str, Floats] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def threshold(self) -> float | None:
        """The probability from which on there is an answer; None: the index's own."""
        return self.judgement.threshold

    def judge(
        self, question: str, passages: Sequence[str], scores_P: Floats, log_odds_P: Floats
    ) -> tuple[Floats, Floats]:
        """See `Reranker`."""
        figures_PF = self.figures(question, passages)
        mine = self.judgement
        scores_P = mine.scale * scores_P + figures_PF @ np.array(mine.ranking, np.float32)
        old, *weights, bias = mine.confidence
        odds_P = old * log_odds_P + figures_PF @ np.array(weights, np.float32) + bias
        # Among few there is little to stand out from: then it is the words' odds that count.
        share = min(1.0, (len(passages) - 1) / (RERANKED - 1))
        odds_P = share * odds_P + (1 - share) * log_odds_P
        return np.asarray(scores_P, np.float32), np.asarray(odds_P, np.float32)

    def figures(self, question: str, passages: Sequence[str]) -> Floats:
        """`P, F`: `FIGURES` of each passage."""
        (question_D,) = self.encode([question], [True])
        cosines_P2 = np.array(
            [
                (float((vectors_SD[:-1] @ question_D).max()), float(vectors_SD[-1] @ question_D))
                for vectors_SD in self._read(passages)
            ],
            np.float32,
        ).reshape(len(passages), 2)
        return np.concatenate([cosines_P2, _among_others(cosines_P2)], 1, dtype=np.float32)

    def _read(self, passages: Sequence[str]) -> list[Floats]:
        """The vectors of the sentences of each passage, one at least, and last its own."""
        with self._lock:
            known = {text: self._kept[text] for text in passages if text in self._kept}
        new = list(dict.fromkeys(text for text in passages if text not in known))
        groups = [[*_sentences(text), *([text] if self._whole else [])] for text in new]
        texts = [each for group in groups for each in group]
        vectors_SD = self.encode(texts, [False] * len(texts)) if texts else _NOTHING
        ends = np.cumsum([len(group) for group in groups])
        for text, group, end in zip(new, groups, ends, strict=True):
            group_SD = vectors_SD[end - len(group) : end]
            own = [] if self._whole else [_mean(group_SD)]
            known[text] = np.vstack([group_SD, *own])
        with self._lock:
            for text in passages:
                self._kept[text] = known[text]
                self._kept.move_to_end(text)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return [known[text] for text in passages]


def has_encoder() -> bool:
    """Whether there is a folder of the encoder that is taken where none is named."""
    from litteragpt.checkpoint import checkpoints_root

    return (checkpoints_root() / DEFAULT_ENCODER).is_dir()


def load_meaning(name: str | Path = DEFAULT_ENCODER) -> Meaning:
    """The reranker of a sentence encoder's checkpoint, by name or folder.

    Raises CheckpointError for whatever is wrong with it.
    """
    from litteragpt.answers.encoder_folder import load_folder
    from litteragpt.checkpoint import resolve

    loaded = load_folder(resolve(name))
    vectors = Vectors(loaded.encoder, loaded.rows)
    return Meaning(vectors, loaded.judgement, name=loaded.info.name, reader=loaded.reader())


def _sentences(text: str) -> list[str]:
    spans = sentence_spans(text)[:MOST_SENTENCES]
    return [text[start:end] for start, end in spans] or [text]


def _mean(vectors_SD: Floats) -> Floats:
    mean_D = vectors_SD.mean(0)
    return np.asarray(mean_D / max(float(np.linalg.norm(mean_D)), 1e-9), np.float32)


def _among_others(cosines_P2: Floats) -> Floats:
    """How far each lies above the mean, in standard deviations; 0 where all are alike."""
    if not len(cosines_P2):
        return cosines_P2
    spread_2 = cosines_P2.std(0)
    above_P2 = cosines_P2 - cosines_P2.mean(0)
    return np.asarray(above_P2 / np.where(spread_2 > 1e-6, spread_2, np.inf), np.float32)
