"""Marks in a passage the words that answer a question.

A log-linear model of spans: each stretch of up to `LONGEST` words within one sentence is scored
by what its first and last words are (a number, a name, a date, …), what stands before and after
it, how near the question's own words stand, and its length; all of that apart for each kind of
question (who, when, where, how much, …). The score of a span is a sum over its words, its two
ends and its length, so that all spans of a passage are scored at once by running sums. The
weights are learned from questions whose answers are marked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from torch import Tensor

from litteragpt.answers.language import EMPTY_WORDS, fold
from litteragpt.answers.matching import content_words
from litteragpt.answers.passages import sentence_spans
from litteragpt.answers.vocabulary import Floats, letter_grams
from litteragpt.architectures.span_reader import score_spans
from litteragpt.files import read_bytes

LONGEST: Final = 24
"""Words of an answer at most."""
MAX_WORDS: Final = 2_000
"""Words of a passage that are read."""
READER_FILE: Final = Path(__file__).with_name("reader.safetensors")
KINDS: Final = ("who", "when", "where", "how much", "what is", "which", "how", "why", "other")
"""Kinds of question."""

_ASKED: Final = {
    "who": "quem quien quienes nome nombre pessoa persona autor autora ator actor actriz atriz "
    "presidente diretor director rei rey cantor cantora escritor",
    "when": "quando cuando ano data dia mes seculo epoca decada periodo fecha siglo hora",
    "where": "onde donde aonde cidade pais estado local lugar regiao ciudad region continente "
    "municipio bairro rua capital",
    "how much": "quanto quanta quantos quantas cuanto cuanta cuantos cuantas porcentagem "
    "percentual numero valor idade preco porcentaje edad precio quantidade cantidad",
    "how": "como",
}
_ASKED_BY: Final = {word: kind for kind, words in _ASKED.items() for word in words.split()}
_WHY: Final = re.compile(r"\bpor ?qu[eê]\b|\bmotivos?\b|\braz[aãoõ]|\bcausas?\b|\bporqu")
_WHAT_IS: Final = re.compile(r"^\W*(o )?que? (e|sao|era|significa|es|son)\b")
_WHICH: Final = re.compile(r"\b(qual|quais|que|cual|cuales)\b")

_TOKEN: Final = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’-][^\W_]+)*|[^\w\s]")
_YEAR: Final = re.compile(r"(1\d|20)\d\d$")
_LISTS: Final = {
    "month": "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro "
    "dezembro enero febrero marzo mayo junio julio septiembre octubre noviembre diciembre",
    "number": "um dois duas tres quatro cinco seis sete oito nove dez onze doze quinze vinte "
    "trinta quarenta cinquenta sessenta setenta oitenta noventa cem cento duzentos mil milhao "
    "milhoes bilhao bilhoes dos cuatro siete ocho nueve diez cien millon millones meio metade",
    "unit": "anos ano dias dia horas meses mes semanas km metros m kg por % reais dolares euros "
    "r us minutos segundos graus vezes pesos",
    "in": "em no na nos nas en num numa",
    "of": "de do da dos das del",
    "by": "por pelo pela pelos pelas para ao a aos",
    "is": "e foi era sao eram foram ser es son fue fueron como",
    "article": "o a os as um uma el la los las un una",
    "and": "e ou y o que",
    "because": "porque pois devido causa ya",
}
_IN_LIST: Final = {name: frozenset(listed.split()) for name, listed in _LISTS.items()}

_TRAITS: Final = 22
"""Figures of a word by itself."""
_NEAR: Final = 4
"""Figures of where it stands to the question's words."""
START_FIGURES: Final = 2 * _TRAITS + _NEAR
AFTER: Final = slice(_TRAITS, 2 * _TRAITS)
"""Of a word as a span's last one: the figures of the word after it."""
INSIDE_FIGURES: Final = 8
LENGTHS: Final = 12
FIGURES: Final = 2 * START_FIGURES + INSIDE_FIGURES + LENGTHS

_ALIKE = 0.55
_EDGES = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 21])


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` of the passage that was read, and the model's probability for it."""

    start: int
    end: int
    probability: float


class PassageReader(Protocol):
    """Marks answers: the model of this module, or `litteragpt.answers.neural_reader`."""

    def read(self, question: str, text: str) -> Span | None:
        """The most probable answer in a passage; None where it has no words."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A passage as the model sees it; `T` words and marks, `LONGEST` of which make a span at most.

    `starts_TF` are the figures of each as a span's first one, `ends_TF` as its last one,
    `inside_TI` as one of its words; `sentence_T` is the number of its sentence.
    """

    offsets: tuple[tuple[int, int], ...]
    starts_TF: Floats
    ends_TF: Floats
    inside_TI: Floats
    sentence_T: Floats


@dataclass(frozen=True, slots=True)
class Reader:
    """The weights: `shared_F`, to which `by_kind_KF` adds for each kind of question."""

    shared_F: Floats
    by_kind_KF: Floats

    def read(self, question: str, text: str) -> Span | None:
        """The most probable answer in a passage; None where it has no words."""
        reading = read_passage(question, text)
        if not reading.offsets:
            return None
        weights_F = torch.from_numpy(self.shared_F + self.by_kind_KF[kind_of(question)])
        return most_probable(span_scores(reading, weights_F), reading.offsets)

    def save(self, path: Path) -> None:
        """Write the weights as safetensors."""
        path.write_bytes(save_tensors({"shared": self.shared_F, "by_kind": self.by_kind_KF}))

    @classmethod
    def load(cls, path: Path) -> Reader:
        """The weights in a file; ValueError where it is malformed."""
        try:
            tensors = load_tensors(read_bytes(path, 2**20))
        except SafetensorError as error:
            raise ValueError(f"{path} is not a valid safetensors file: {error}") from error
        shapes = {"shared": (FIGURES,), "by_kind": (len(KINDS), FIGURES)}
        found = {name: tensor.shape for name, tensor in tensors.items()}
        if found != shapes or any(tensor.dtype != np.float32 for tensor in tensors.values()):
            raise ValueError(f"{path} does not hold the weights of a reader")
        if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
            raise ValueError(f"{path} holds weights that are no numbers")
        return cls(tensors["shared"], tensors["by_kind"])


@cache
def load_reader() -> Reader:
    """The reader that comes with the package."""
    return Reader.load(READER_FILE)


def kind_of(question: str) -> int:
    """The kind of a question, an index into `KINDS`."""
    folded = fold(question[:1000])
    if _WHY.search(folded):
        return KINDS.index("why")
    if _WHAT_IS.match(folded):
        return KINDS.index("what is")
    for word in re.findall(r"\w+", folded)[:8]:
        if word in _ASKED_BY:
            return KINDS.index(_ASKED_BY[word])
    return KINDS.index("which" if _WHICH.search(folded) else "other")


def read_passage(question: str, text: str) -> Reading:
    """The figures of a passage's words for a question."""
    tokens: list[tuple[int, int]] = []
    sentences: list[int] = []
    for number, (start, end) in enumerate(sentence_spans(text)):
        for match in _TOKEN.finditer(text, start, end):
            tokens.append(match.span())
            sentences.append(number)
    tokens, sentences = tokens[:MAX_WORDS], sentences[:MAX_WORDS]
    raw = [text[start:end] for start, end in tokens]
    folded = [fold(word) for word in raw]
    asked = _asked(folded, [word for word, _ in content_words(question)])
    sentence_T = np.array(sentences, np.float32)
    traits_TF = np.array(
        [_traits(word, plain) for word, plain in zip(raw, folded, strict=True)], np.float32
    ).reshape(len(raw), _TRAITS - 2)
    firsts = np.diff(sentence_T, prepend=-1) != 0
    lasts = np.diff(sentence_T, append=-1) != 0
    traits_TF = np.concatenate([traits_TF, asked[:, None], firsts[:, None]], 1, dtype=np.float32)
    near_TF = _near(asked, sentence_T)
    outside = np.zeros((1, _TRAITS), np.float32)
    before = np.concatenate([outside, traits_TF[:-1]]) * ~firsts[:, None]
    after = np.concatenate([traits_TF[1:], outside]) * ~lasts[:, None]
    inside = np.stack(
        [
            np.ones(len(raw)),
            asked,
            traits_TF[:, 0],
            traits_TF[:, 1],
            traits_TF[:, 2],
            traits_TF[:, 5],
            traits_TF[:, 7],
            traits_TF[:, 8],
        ],
        1,
    )
    return Reading(
        tuple(tokens),
        np.concatenate([traits_TF, before, near_TF], 1, dtype=np.float32),
        np.concatenate([traits_TF, after, near_TF], 1, dtype=np.float32),
        inside.astype(np.float32),
        sentence_T,
    )


def span_scores(reading: Reading, weights_F: Tensor, most: int = MAX_WORDS) -> Tensor:
    """The score of each span, `T, L`: from word t on, `l + 1` words; -inf where none is.

    Of the passage `most` words are read.
    """
    cut = START_FIGURES
    return score_spans(
        torch.from_numpy(reading.starts_TF[:most]) @ weights_F[:cut],
        torch.from_numpy(reading.ends_TF[:most]) @ weights_F[cut : 2 * cut],
        torch.from_numpy(reading.inside_TI[:most]) @ weights_F[2 * cut : 2 * cut + INSIDE_FIGURES],
        weights_F[2 * cut + INSIDE_FIGURES :][torch.from_numpy(length_bins())],
        torch.from_numpy(reading.sentence_T[:most]),
    )


def most_probable(scores_TL: Tensor, offsets: Sequence[tuple[int, int]]) -> Span:
    """The span of the highest score, and its share of all in a softmax."""
    probabilities = scores_TL.reshape(-1).softmax(0)
    first, extra = divmod(int(probabilities.argmax()), scores_TL.shape[1])
    share = min(1.0, float(probabilities.max()))
    return Span(offsets[first][0], offsets[first + extra][1], share)


def length_bins() -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The bin of each length from 1 to `LONGEST` words."""
    return np.searchsorted(_EDGES, np.arange(1, LONGEST + 1))


def _asked(folded: list[str], terms: list[str]) -> Floats:
    """How well each word stands for one of the question's (0 to 1)."""
    grams = [letter_grams(term, 3) for term in terms]
    known: dict[str, float] = {}
    for word in folded:
        if word in known:
            continue
        known[word] = 0.0
        if word in EMPTY_WORDS or not word[:1].isalnum():
            continue
        own = letter_grams(word, 3)
        for term, other in zip(terms, grams, strict=True):
            dice = 1.0 if term == word else 2 * len(own & other) / (len(own) + len(other))
            if dice >= _ALIKE:
                known[word] = max(known[word], dice)
    return np.array([known[word] for word in folded], np.float32)


def _traits(word: str, folded: str) -> tuple[float, ...]:
    """What a word is by itself."""
    letter = word[0].isalpha()
    return tuple(
        map(
            float,
            (
                folded in EMPTY_WORDS,
                letter and word[0].isupper(),
                word[0].isdigit(),
                bool(_YEAR.match(word)),
                folded in _IN_LIST["month"],
                folded in _IN_LIST["number"],
                folded in _IN_LIST["unit"],
                word in ",;:",
                not letter and not word[0].isdigit(),
                word in "([\"'“«",
                word in ")]\"'”»",
                word in ".!?",
                folded in _IN_LIST["in"],
                folded in _IN_LIST["of"],
                folded in _IN_LIST["by"],
                folded in _IN_LIST["is"],
                folded in _IN_LIST["article"],
                folded in _IN_LIST["and"],
                folded in _IN_LIST["because"],
                letter and len(word) > 9,
            ),
        )
    )


def _near(asked_T: Floats, sentence_T: Floats) -> Floats:
    """How much of the question stands in a word's sentence, just before, just after, around."""
    words = len(asked_T)
    if not words:
        return np.zeros((0, _NEAR), np.float32)
    in_sentence = np.bincount(sentence_T.astype(int), weights=asked_T)
    share_T = (in_sentence / max(in_sentence.max(), 1e-6))[sentence_T.astype(int)]
    sums = np.concatenate([[0.0], np.cumsum(asked_T)])
    at = np.arange(words)
    before = sums[at] - sums[np.maximum(at - 4, 0)]
    after = sums[np.minimum(at + 5, words)] - sums[at + 1]
    around = sums[np.minimum(at + 11, words)] - sums[np.maximum(at - 10, 0)]
    return np.stack([share_T, before / 2, after / 2, around / 4], 1).astype(np.float32)
