"""A trained encoder as a `Tagger`: text to entities with calibrated scores.

A text is read sentence by sentence, each as long as it is: a long one in overlapping windows, the
scores of each word taken from the window that knows most around it, and decoded as a whole, so
that nothing is lost at a seam. The tags are the most probable legal sequence; an entity's score
is the probability, under the same conditional random field, that exactly this stretch has exactly
this label.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from litteragpt.architectures.encoder import Chain, Encoder, tags_of_labels
from litteragpt.bounds import check_whole
from litteragpt.entities import crf
from litteragpt.entities.adapter import adapted, load_adapter
from litteragpt.entities.batch import features_of, words_of
from litteragpt.entities.emails import LABEL as EMAIL
from litteragpt.entities.emails import find_emails
from litteragpt.entities.reading import MAX_CHARS, Sentence, SentenceTagger
from litteragpt.entities.span import Entity, entity_at, without_overlaps
from litteragpt.entities.words import split_words

WINDOW: Final = 160
"""Words that are read at once."""
OVERLAP: Final = 32
"""Words that two windows share."""
_WINDOWS: Final = 256
"""That are read together at most, so that no text takes more memory than that."""


class TokenTagger(SentenceTagger):
    """Marks entities by the scores of each word's tags; see `litteragpt.protocols.Tagger`.

    What gives the scores, and how tags follow one another, is up to the class below this one.
    """

    def __init__(
        self, labels: tuple[str, ...], chain: Chain, *, name: str, calibration: float
    ) -> None:
        super().__init__(name)
        self._labels = labels
        self._tags = tags_of_labels(labels)
        self._calibration = calibration
        between_KK, start_K = crf.transition_mask(self._tags)
        # Decoding is on the CPU, wherever the network is.
        self._transitions_KK = chain.between_KK.detach().cpu() + between_KK
        self._start_K = chain.start_K.detach().cpu() + start_K

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that its entities can have."""
        return self._labels

    @property
    def calibration(self) -> float:
        """The temperature that the scores are read at."""
        return self._calibration

    @property
    def intents(self) -> tuple[str, ...]:
        """What it tells of a whole text; none unless a class below says otherwise."""
        return ()

    @abstractmethod
    def emissions(self, sentences: Sequence[Sequence[str]]) -> list[Tensor]:
        """`T, K` for each sentence: the scores of the tags of its words before decoding."""

    def intent(self, text: str) -> dict[str, float]:
        """How probable each intent of a text is; empty where the tagger, or the text, has none."""
        check_whole("the characters of a text", len(text), 0, MAX_CHARS)
        return {}

    def read(
        self, sentences: Sequence[Sentence], texts: Sequence[str], batch_size: int
    ) -> list[list[Entity]]:
        """The entities of each sentence; sentences of like lengths are read together."""
        order = sorted(range(len(sentences)), key=lambda k: len(sentences[k].words))
        found: list[list[Entity]] = [[] for _ in sentences]
        for at in range(0, len(order), batch_size):
            chosen = [sentences[k] for k in order[at : at + batch_size]]
            for k, entities in zip(
                order[at : at + batch_size], self._decode(chosen, texts), strict=True
            ):
                found[k] = entities
        return found

    @torch.inference_mode()
    def _decode(self, sentences: Sequence[Sentence], texts: Sequence[str]) -> list[list[Entity]]:
        scores = self.emissions(
            [[texts[each.text][a:b] for a, b in each.words] for each in sentences]
        )
        lengths = [len(each) for each in scores]
        emissions_BTK = torch.nn.utils.rnn.pad_sequence(scores, batch_first=True)
        paths = crf.viterbi(emissions_BTK, self._transitions_KK, self._start_K, lengths)
        spans = [spans_of_tags([self._tags[k] for k in path]) for path in paths]
        # Most sentences hold no entity: only the others need the sums behind a probability.
        rows = [row for row, each in enumerate(spans) if each]
        odds: list[list[float]] = []
        if rows:
            odds = crf.span_scores(
                emissions_BTK[rows] / self._calibration,
                self._transitions_KK / self._calibration,
                self._start_K / self._calibration,
                [lengths[row] for row in rows],
                [
                    [(a, b, self._tags.index(f"B-{label}")) for a, b, label in spans[row]]
                    for row in rows
                ],
            )
        probabilities = dict(zip(rows, odds, strict=True))
        return [
            [
                entity_at(
                    texts[sentence.text],
                    sentence.words[a][0],
                    sentence.words[b - 1][1],
                    label,
                    score,
                )
                for (a, b, label), score in zip(spans[row], probabilities.get(row, []), strict=True)
            ]
            for row, sentence in enumerate(sentences)
        ]

    def with_rules(self, text: str, entities: list[Entity]) -> list[Entity]:
        """What the model found, with e-mail addresses as the rule says where it knows of them."""
        if EMAIL not in self.labels or "@" not in text:
            return entities
        certain = find_emails(text)
        return without_overlaps([*(each for each in entities if each.label != EMAIL), *certain])


class EntityTagger(TokenTagger):
    """An encoder of ours as a tagger."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        name: str = "tagger",
        calibration: float = 1.0,
        weights: Path | None = None,
    ) -> None:
        """`calibration`: the temperature, fitted on held-out text, that the scores are read at.

        `weights` is the file that the encoder was read from, by which adapters know their base.
        """
        super().__init__(encoder.config.labels, encoder.chain, name=name, calibration=calibration)
        self._encoder = encoder.eval()
        self._features = features_of(encoder.config)
        self._weights = weights

    @property
    def encoder(self) -> Encoder:
        """The network, in evaluation mode."""
        return self._encoder

    @property
    def weights(self) -> Path | None:
        """The file that the network was read from, where it was."""
        return self._weights

    @property
    def intents(self) -> tuple[str, ...]:
        """What it tells of a whole text, such as inquiry and cancel."""
        return self._encoder.config.intents

    def calibrated(self, temperature: float) -> EntityTagger:
        """This tagger with its scores read at another temperature."""
        return EntityTagger(
            self._encoder, name=self.name, calibration=temperature, weights=self._weights
        )

    def with_adapter(self, folder: Path) -> EntityTagger:
        """This tagger with an adapter's labels; it shares this one's large layers.

        So several adapters take the memory of one base, and this tagger stays as it is. Raises
        CheckpointError for a folder that is malformed, or of another base.
        """
        if self._weights is None:
            raise ValueError(f"the tagger {self.name} has no weights on disk to adapt")
        adapter = load_adapter(folder, self._encoder.config, self._weights)
        return EntityTagger(
            adapted(self._encoder, adapter), name=adapter.name, calibration=adapter.calibration
        )

    def emissions(self, sentences: Sequence[Sequence[str]]) -> list[Tensor]:
        """`T, K` for each sentence: the scores of the tags of its words before decoding."""
        windows = [
            (number, start, sentence[start : start + WINDOW])
            for number, sentence in enumerate(sentences)
            for start in window_starts(len(sentence))
        ]
        found = [torch.empty(len(sentence), len(self._tags)) for sentence in sentences]
        for at in range(0, len(windows), _WINDOWS):
            some = windows[at : at + _WINDOWS]
            batch = words_of([words for *_, words in some], self._features)
            scores_BTK = self._encoder(batch.to(self._encoder.device)).cpu()
            for (number, start, words), scores_TK in zip(some, scores_BTK, strict=True):
                # A later window knows more from the middle of what the two share.
                first = start + OVERLAP // 2 if start else 0
                found[number][first : start + len(words)] = scores_TK[first - start : len(words)]
        return found

    @torch.inference_mode()
    def intent(self, text: str) -> dict[str, float]:
        """How probable each intent of a text is; empty where the tagger, or the text, has none."""
        check_whole("the characters of a text", len(text), 0, MAX_CHARS)
        words = [text[start:end] for start, end in split_words(text)]
        if not self.intents or not words:
            return {}
        best: list[Tensor] = []
        starts = window_starts(len(words))
        for at in range(0, len(starts), _WINDOWS):
            batch = words_of(
                [words[start : start + WINDOW] for start in starts[at : at + _WINDOWS]],
                self._features,
            )
            batch = batch.to(self._encoder.device)
            read_BTH = self._encoder.read(batch).masked_fill(~batch.mask_BT[:, :, None], -1e4)
            best.append(read_BTH.amax((0, 1)))
        read_1TH = torch.stack(best)[None]
        mask_1T = torch.ones(read_1TH.shape[:2], dtype=torch.bool, device=read_1TH.device)
        scores_1I = self._encoder.score_intents(read_1TH, mask_1T)
        return dict(zip(self.intents, scores_1I.softmax(1)[0].tolist(), strict=True))


def window_starts(length: int) -> range:
    """Where the windows over a sentence of so many words begin."""
    return range(0, max(1, length - OVERLAP), WINDOW - OVERLAP)


def spans_of_tags(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """First word, word after the last, and label of each entity in legal tags."""
    found: list[tuple[int, int, str]] = []
    for at, tag in enumerate(tags):
        if tag.startswith("B-"):
            found.append((at, at + 1, tag[2:]))
        elif tag.startswith("I-"):
            start, _, label = found[-1]
            found[-1] = (start, at + 1, label)
    return found
