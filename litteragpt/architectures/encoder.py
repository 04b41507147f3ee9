"""A tagger's encoder: hashed word vectors, a bidirectional LSTM, a score for each tag.

Beside them, where the configuration has a table of them, stand the scores of feature templates
(`litteragpt.architectures.templates`).

Sources: Huang et al. 2015 and Lample et al. 2016 (bidirectional LSTM with a CRF over its scores, or
a softmax for each word),
Bojanowski et al. 2017 (words as sums of character n-grams), Gal & Ghahramani 2016 (one dropout
mask for a whole sentence).

Shapes: B sentences, T words, N rows of all words together, U different words, D width, H hidden
width of a direction, K tags.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from litteragpt.architectures.decoder import SequenceDropout
from litteragpt.architectures.templates import TemplateScores
from litteragpt.bounds import check_range, check_whole

CRF: Final = "crf"
SOFTMAX: Final = "softmax"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """The shape of the model; saved as JSON beside the weights."""

    labels: tuple[str, ...]
    """Of the entities; the tags are O and a B- and an I- of each, in this order."""
    intents: tuple[str, ...] = ()
    """What a whole text may be for, such as inquiry and cancel."""
    rows: int = 65_536
    """Of the table of n-grams."""
    width: int = 128
    """Of a word vector."""
    shapes: int = 1_024
    shape_width: int = 32
    hidden: int = 128
    """Of each direction."""
    layers: int = 1
    dropout: float = 0.0
    """On the words and on the output of each layer, in training only."""
    templates: int = 0
    """Rows of the table of feature templates; 0 for none of them."""
    template_dropout: float = 0.0
    """The share of a word's templates that are left out, in training only."""
    decoding: str = CRF
    """crf: how tags follow one another is learned. softmax: each word's tag is learned by itself.
    Either way the tags given are the best legal ones."""

    def validate(self) -> None:
        """Raise `ValueError` where a figure is out of bounds: nothing has been allocated yet."""
        check_whole("rows", self.rows, 2, 1_048_576)
        check_whole("width", self.width, 1, 4_096)
        check_whole("shapes", self.shapes, 1, 65_536)
        check_whole("shape_width", self.shape_width, 1, 1_024)
        check_whole("hidden", self.hidden, 1, 4_096)
        check_whole("layers", self.layers, 1, 16)
        check_range("dropout", self.dropout, 0.0, 0.9)
        check_whole("templates", self.templates, 0, 1_048_576)
        check_range("template_dropout", self.template_dropout, 0.0, 0.9)
        if self.decoding not in (CRF, SOFTMAX):
            raise ValueError(f"decoding must be {CRF} or {SOFTMAX}, not {self.decoding!r}")
        for field, names in (("labels", self.labels), ("intents", self.intents)):
            if len(set(names)) != len(names) or not all(0 < len(name) <= 64 for name in names):
                raise ValueError(f"{field} must differ and have 1 to 64 characters each")
        check_whole("the number of labels", len(self.labels), 1, 256)
        check_whole("the number of intents", len(self.intents), 0, 256)

    @property
    def tags(self) -> tuple[str, ...]:
        """K tags, `O` the first."""
        return tags_of_labels(self.labels)


def tags_of_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """K tags: `O`, then a B- and an I- of each label."""
    return ("O", *(f"{kind}-{label}" for label in labels for kind in "BI"))


@dataclass(frozen=True, slots=True)
class Words:
    """A batch of sentences, longest first or not, as an encoder reads them."""

    rows_N: Tensor
    """Rows of the different words, one after another."""
    offsets_U: Tensor
    """Where the rows of each different word begin."""
    shapes_U: Tensor
    attributes_UA: Tensor
    """Hashes of what feature templates ask of the different words; `U, 0` where none do."""
    words_BT: Tensor
    """Which of the different words stands where; anything after a sentence's end."""
    lengths_B: Tensor
    """Always on the CPU, where packing wants them: asking a GPU for them would wait for it."""

    @property
    def mask_BT(self) -> Tensor:
        """Where there is a word."""
        device = self.words_BT.device
        positions = torch.arange(self.words_BT.shape[1], device=device)
        return positions < self.lengths_B.to(device)[:, None]

    def to(self, device: torch.device) -> Words:
        """The same batch for an encoder on a device."""
        return dataclasses.replace(
            self,
            rows_N=self.rows_N.to(device),
            offsets_U=self.offsets_U.to(device),
            shapes_U=self.shapes_U.to(device),
            attributes_UA=self.attributes_UA.to(device),
            words_BT=self.words_BT.to(device),
        )


class Chain(nn.Module):
    """How tags follow one another: scores `K, K` (from, to) and `K` at the beginning.

    All 0, and left at that, where each word's tag is learned by itself.
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.between_KK = nn.Parameter(torch.zeros(tags, tags))
        self.start_K = nn.Parameter(torch.zeros(tags))


class Encoder(nn.Module):
    """Scores of each tag for each word, and of how tags follow one another."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        config.validate()
        self.config = config
        number = len(config.tags)
        self.grams = nn.EmbeddingBag(config.rows, config.width, mode="mean")
        self.shapes = nn.Embedding(config.shapes, config.shape_width)
        inner = config.width + config.shape_width
        self.mix = nn.Linear(inner, inner)
        self.reader = nn.LSTM(
            inner,
            config.hidden,
            config.layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.dense = nn.Linear(2 * config.hidden, 2 * config.hidden)
        self.tags = nn.Linear(2 * config.hidden, number)
        self.chain = Chain(number)
        self.templates = (
            TemplateScores(config.templates, number, config.template_dropout)
            if config.templates
            else None
        )
        self.intents = nn.Linear(2 * config.hidden, len(config.intents)) if config.intents else None
        self.dropout = SequenceDropout(config.dropout)

    def initialise(self) -> None:
        """Random weights to train from, drawn from torch's default generator."""
        nn.init.normal_(self.grams.weight)
        nn.init.normal_(self.shapes.weight, std=0.5)
        if self.templates is not None:
            self.templates.initialise()
        for name, parameter in self.reader.named_parameters():
            if name.startswith("weight_hh"):
                for gate_HH in parameter.chunk(4):
                    nn.init.orthogonal_(gate_HH)
            elif name.startswith("weight_ih"):
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih"):  # forget gates that start open
                    nn.init.ones_(parameter.chunk(4)[1])

    @property
    def device(self) -> torch.device:
        """Where its weights are, and so what it reads must be."""
        return self.shapes.weight.device

    def read(self, words: Words) -> Tensor:
        """`B, T, 2H`: each word in its sentence."""
        grams_UD = self.grams(words.rows_N, words.offsets_U)
        vectors_UD = torch.cat((grams_UD, self.shapes(words.shapes_U)), 1)
        x_BTD = self.dropout(vectors_UD[words.words_BT])
        x_BTD = x_BTD + functional.gelu(self.mix(x_BTD))
        # Sorted here and not by the packing, which would ask a GPU for the order and wait for it.
        lengths_B, order_B = words.lengths_B.sort(descending=True)
        sorted_BTD = x_BTD.index_select(0, order_B.to(x_BTD.device))
        packed = pack_padded_sequence(sorted_BTD, lengths_B, batch_first=True)
        y_BTH, _ = pad_packed_sequence(
            self.reader(packed)[0], batch_first=True, total_length=words.words_BT.shape[1]
        )
        y_BTH = self.dropout(y_BTH.index_select(0, order_B.argsort().to(y_BTH.device)))
        dense_BTH: Tensor = y_BTH + functional.gelu(self.dense(y_BTH))
        return dense_BTH

    def forward(self, words: Words) -> Tensor:
        """`B, T, K`: the scores of the tags of each word, before any transition."""
        return self.emissions(self.read(words), words)

    def emissions(self, read_BTH: Tensor, words: Words) -> Tensor:
        """`B, T, K`: the same from what `read` gave."""
        emissions_BTK: Tensor = self.tags(read_BTH)
        if self.templates is not None:
            attributes_BTA = words.attributes_UA[words.words_BT]
            emissions_BTK = emissions_BTK + self.templates(attributes_BTA, words.mask_BT)
        return emissions_BTK

    def score_intents(self, read_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        """`B, I`: the scores of the intents of each sentence, from what `read` gave."""
        assert self.intents is not None, "the config names no intents"
        best_BH = read_BTH.masked_fill(~mask_BT[:, :, None], -1e4).amax(1)
        scores_BI: Tensor = self.intents(best_BH)
        return scores_BI
