"""Learns the weights of the search and of the reader from questions with known answers.

Ranking: softmax over the candidates of each question, linear in their figures. Confidence:
logistic regression of the best passage, right or with the right one taken out of the collection.
Reader: softmax over the spans of the right passage. Judgement: both of the first again, for what
a sentence encoder says beside the score by words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from litteragpt.answers.index import CANDIDATES, RERANKED, Index
from litteragpt.answers.matching import FEATURES, SIZELESS
from litteragpt.answers.meaning import FIGURES as MEANINGS
from litteragpt.answers.meaning import Judgement
from litteragpt.answers.reader import (
    FIGURES,
    KINDS,
    LONGEST,
    Reader,
    Reading,
    kind_of,
    read_passage,
    span_scores,
)
from litteragpt.answers.sets import Question, QuestionSets
from litteragpt.answers.vocabulary import Floats
from litteragpt.answers.weights import Weights, probability_of

_WORDS: Final = 400
"""Words of a passage that the reader learns from."""


def fit_ranking(
    figures: Sequence[tuple[NDArray[np.int32], Floats]],
    questions: Sequence[Question],
    *,
    steps: int = 400,
    decay: float = 1e-3,
) -> tuple[float, ...]:
    """The weights by which the right passage comes first; `figures` are `Index.candidates`.

    Each set counts by the root of its number of questions, so that a large one does not rule.
    """
    kept = [
        (numbers, features, question)
        for (numbers, features), question in zip(figures, questions, strict=True)
        if question.passage in numbers
    ]
    padded = np.zeros((len(kept), CANDIDATES, len(FEATURES)), np.float32)
    there = np.zeros((len(kept), CANDIDATES), bool)
    right = np.zeros(len(kept), np.int64)
    for row, (numbers, features, question) in enumerate(kept):
        padded[row, : len(numbers)] = features
        there[row, : len(numbers)] = True
        right[row] = int(np.flatnonzero(numbers == question.passage)[0])
    shares = _shares([question.set for _, _, question in kept])
    scale = padded[there].std(0) + 1e-6
    x_QKF = torch.tensor(padded / scale)
    mask_QK, right_Q = torch.tensor(there), torch.tensor(right)
    weight_F = torch.zeros(len(FEATURES), requires_grad=True)

    def loss() -> Tensor:
        scores_QK = (x_QKF @ weight_F).masked_fill(~mask_QK, -torch.inf)
        each_Q = F.cross_entropy(scores_QK, right_Q, reduction="none")
        return (each_Q * shares).sum() / shares.sum() + decay * weight_F.square().sum()

    _minimise(loss, [weight_F], steps)
    return tuple(float(w) for w in weight_F.detach().numpy() / scale)


def fit_confidence(best_NF: Floats, right_N: NDArray[np.bool_]) -> tuple[float, ...]:
    """The weights, and last the bias, of the odds that a best passage holds the answer."""
    return _fit_odds(best_NF[:, [FEATURES.index(name) for name in SIZELESS]], right_N, 3e-3)


def _fit_odds(x_NF: Floats, right_N: NDArray[np.bool_], decay: float) -> tuple[float, ...]:
    """Logistic regression: the weights, and last the bias."""
    scale = x_NF.std(0) + 1e-6
    scaled_NF, y_N = torch.tensor(x_NF / scale), torch.tensor(right_N, dtype=torch.float32)
    weight_F = torch.zeros(x_NF.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)

    def loss() -> Tensor:
        odds_N = scaled_NF @ weight_F + bias
        penalty = decay * weight_F.square().sum()
        return F.binary_cross_entropy_with_logits(odds_N, y_N) + penalty

    _minimise(loss, [weight_F, bias], 400)
    weights = weight_F.detach().numpy() / scale
    return (*(float(w) for w in weights), float(bias.detach()))


def _shares(sets: Sequence[str]) -> Tensor:
    """How much each question counts: each set by the root of its number of questions."""
    sizes = Counter(sets)
    return torch.tensor([sizes[name] ** -0.5 for name in sets])


def _best_threshold(probabilities_N: NDArray[np.float64], right_N: NDArray[np.bool_]) -> float:
    """The probability that parts right from wrong best."""
    grid = np.linspace(0.05, 0.95, 91)
    hits = [float(((probabilities_N >= at) == right_N).mean()) for at in grid]
    return round(float(grid[int(np.argmax(hits))]), 2)


def fit_search(sets: QuestionSets, index: Index, *, threshold: float | None = None) -> Weights:
    """The weights of the search from the questions of the tuning part.

    The threshold is the one at which most of those questions are rightly answered or rightly
    left unanswered, half of them with their passage taken out; or the one that is given.
    """
    questions = [question for question in sets.questions if not question.test]
    figures = [index.candidates(index.terms(question.text)) for question in questions]
    ranking = fit_ranking(figures, questions)
    best, right = best_passages(figures, questions, np.array(ranking, np.float32))
    confidence = fit_confidence(best, right)
    weights = Weights(ranking, confidence, 0.5)
    if threshold is None:
        probabilities = np.array([probability_of(odds) for odds in weights.log_odds(best)])
        threshold = _best_threshold(probabilities, right)
    return Weights(ranking, confidence, threshold)


def best_passages(
    figures: Sequence[tuple[NDArray[np.int32], Floats]],
    questions: Sequence[Question],
    ranking_F: Floats,
) -> tuple[Floats, NDArray[np.bool_]]:
    """The figures of the best passage of each question, and whether it is the right one.

    Each question that finds its passage counts twice: as it is, and with that passage taken out
    of the collection; then the best of the others is never right.
    """
    best: list[Floats] = []
    right: list[bool] = []
    for (numbers, features), question in zip(figures, questions, strict=True):
        if not len(numbers):
            continue
        order = np.argsort(-(features @ ranking_F), kind="stable")
        ranked = [k for k in order if numbers[k] != question.passage]
        if numbers[order[0]] == question.passage:
            best.append(features[order[0]])
            right.append(True)
        if ranked:
            best.append(features[ranked[0]])
            right.append(False)
    return np.array(best, np.float32), np.array(right, bool)


@dataclass(frozen=True, slots=True)
class _Judged:
    """The best passages of a question by words, at most `RERANKED`, and what is known of them."""

    numbers_K: NDArray[np.int32]
    scores_K: Floats
    log_odds_K: Floats
    figures_KF: Floats
    right: int
    set: str


def fit_judgement(
    index: Index,
    questions: Sequence[Question],
    figures: Callable[[str, Sequence[str]], Floats],
    *,
    steps: int = 300,
) -> Judgement:
    """How much meaning counts beside words, from questions whose passage is known.

    `figures` are `litteragpt.answers.meaning.Meaning.figures`. Ranking and odds are learned as
    those of words are, from the same questions; so is the threshold.
    """
    judged = [_judged(index, question, figures) for question in questions]
    scale, ranking = _fit_meaning(judged, steps)
    best, right = [], []
    for each in judged:
        scores_K = scale * each.scores_K + each.figures_KF @ np.array(ranking, np.float32)
        order = [int(k) for k in np.argsort(-scores_K, kind="stable")]
        others = [k for k in order if each.numbers_K[k] != each.right]
        if order and each.numbers_K[order[0]] == each.right:
            best.append([each.log_odds_K[order[0]], *each.figures_KF[order[0]]])
            right.append(True)
        if others:
            best.append([each.log_odds_K[others[0]], *each.figures_KF[others[0]]])
            right.append(False)
    x_NF, right_N = np.array(best, np.float32), np.array(right, bool)
    confidence = _fit_odds(x_NF, right_N, 1e-4)
    *weights, bias = confidence
    odds_N = x_NF @ np.array(weights, np.float32) + bias
    probabilities = np.array([probability_of(float(odds)) for odds in odds_N])
    return Judgement(scale, ranking, confidence, _best_threshold(probabilities, right_N))


def _judged(
    index: Index, question: Question, figures: Callable[[str, Sequence[str]], Floats]
) -> _Judged:
    numbers_K, features_KF = index.candidates(index.terms(question.text))
    if not len(numbers_K):
        empty = np.empty(0, np.float32)
        return _Judged(
            numbers_K, empty, empty, np.empty((0, len(MEANINGS)), np.float32), -1, question.set
        )
    scores_K = index.weights.score(features_KF)
    order = np.argsort(-scores_K, kind="stable")[:RERANKED]
    numbers_K = numbers_K[order]
    return _Judged(
        numbers_K,
        scores_K[order],
        index.weights.log_odds(features_KF[order]),
        figures(question.text, [index.text(int(number)) for number in numbers_K]),
        question.passage,
        question.set,
    )


def _fit_meaning(judged: Sequence[_Judged], steps: int) -> tuple[float, tuple[float, ...]]:
    """The scale of the score by words, and the weights of the figures."""
    kept = [each for each in judged if each.right in each.numbers_K]
    if not kept:
        raise ValueError("no question's passage is among those that were found")
    scores_QK = torch.zeros(len(kept), RERANKED)
    there_QK = torch.zeros(len(kept), RERANKED, dtype=torch.bool)
    x_QKF = torch.zeros(len(kept), RERANKED, len(MEANINGS))
    for row, each in enumerate(kept):
        there_QK[row, : len(each.numbers_K)] = True
        scores_QK[row, : len(each.numbers_K)] = torch.from_numpy(each.scores_K)
        x_QKF[row, : len(each.numbers_K)] = torch.from_numpy(each.figures_KF)
    right_Q = torch.tensor([int(np.flatnonzero(e.numbers_K == e.right)[0]) for e in kept])
    shares_Q = _shares([each.set for each in kept])
    scale, weight_F = torch.ones(1), torch.zeros(len(MEANINGS))
    for parameter in (scale, weight_F):
        parameter.requires_grad_()

    def loss() -> Tensor:
        new_QK = (scale * scores_QK + x_QKF @ weight_F).masked_fill(~there_QK, -torch.inf)
        each_Q = F.cross_entropy(new_QK, right_Q, reduction="none")
        return (each_Q * shares_Q).sum() / shares_Q.sum() + 1e-4 * weight_F.square().mean()

    _minimise(loss, [scale, weight_F], steps, rate=0.3)
    return float(scale.detach()), tuple(weight_F.detach().tolist())


def fit_reader(
    sets: QuestionSets,
    *,
    epochs: int = 12,
    rate: float = 0.02,
    decay: float = 1e-3,
    seed: int = 1,
    test: bool = False,
) -> Reader:
    """The reader's weights from the tuning part's questions whose answer stands in the passage."""
    readings: list[tuple[Reading, int, int]] = []
    for question in sets.questions:
        if question.test is not test or not question.spans:
            continue
        reading = read_passage(question.text, sets.passages[question.passage])
        target = target_of(reading, question.spans)
        if target is not None:
            readings.append((reading, kind_of(question.text), target))
    rng = np.random.default_rng(seed)
    shared_F = torch.zeros(FIGURES, requires_grad=True)
    by_kind_KF = torch.zeros(len(KINDS), FIGURES, requires_grad=True)
    optimizer = torch.optim.AdamW([shared_F, by_kind_KF], lr=rate, weight_decay=decay)
    batch = 16
    total = epochs * (-(-len(readings) // batch))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    for _ in range(epochs):
        order = rng.permutation(len(readings))
        for start in range(0, len(order), batch):
            losses = [
                _span_loss(readings[i][0], shared_F + by_kind_KF[readings[i][1]], readings[i][2])
                for i in order[start : start + batch]
            ]
            loss = torch.stack(losses).mean() + decay * by_kind_KF.square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return Reader(shared_F.detach().numpy(), by_kind_KF.detach().numpy())


def _minimise(
    loss: Callable[[], Tensor], parameters: list[Tensor], steps: int, rate: float = 0.05
) -> None:
    optimizer = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        schedule.step()


def target_of(reading: Reading, spans: Sequence[tuple[int, int]]) -> int | None:
    """The place of a marked answer among the spans `T, L`; None where no span is it.

    Of several answers the shortest counts, since people agree on it most.
    """
    for start, end in sorted(spans, key=lambda span: span[1] - span[0]):
        inside = [
            t for t, (begin, stop) in enumerate(reading.offsets) if begin < end and stop > start
        ]
        one_sentence = inside and len({float(reading.sentence_T[t]) for t in inside}) == 1
        if one_sentence and len(inside) <= LONGEST and inside[-1] < _WORDS:
            return inside[0] * LONGEST + len(inside) - 1
    return None


def _span_loss(reading: Reading, weights_F: Tensor, target: int) -> Tensor:
    """The cross-entropy of the target among the spans of a passage."""
    scores = span_scores(reading, weights_F, _WORDS).reshape(1, -1)
    return F.cross_entropy(scores, torch.tensor([target]))
