"""A causal language model as a `Tagger`: it reads a sentence and writes its words with their tags.

What it writes is held to `litteragpt.entities.copying` by masking the logits, so that any weights
give an answer that can be read without a doubt: each word is copied from the sentence, in order,
and each tag is legal. `raw` shows what it would write without. Decoding is greedy; many sentences
are written at once, with the model's own cache.

The score of a line is the probability of its ids among those that were allowed; an entity is as
sure as the least sure of its lines.

Shapes: B rows, T positions, K ids that a row may choose from, V vocabulary entries.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from litteragpt.entities.bio import spans_of
from litteragpt.entities.chat import Answer, messages, read_answer, text_of, written
from litteragpt.entities.copying import Copying, Script
from litteragpt.entities.reading import Sentence, SentenceTagger, sentences_in
from litteragpt.entities.span import Entity, without_overlaps
from litteragpt.entities.vocabulary import ChatVocabulary, script_of
from litteragpt.protocols import LanguageModel

WINDOW: Final = 80
"""Words that are read at once."""
OVERLAP: Final = 16
"""Words that two windows share."""
MOST_IDS: Final = 160
"""Ids of the words that are read at once, unless one word alone has more."""
ROWS: Final = 32
"""Windows that are written at once."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a sentence that is read at once."""

    sentence: int
    first: int
    """Its first word."""
    kept: range
    """The words at which an entity of this window may begin; the rest is its neighbours'."""
    script: Script
    prompt: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """What the model writes about a sentence, or a window of one."""

    words: tuple[str, ...]
    """What it was asked about."""
    text: str
    answer: Answer
    """The text as it is understood."""

    def to_dict(self) -> dict[str, Any]:
        """What was asked, what was written, and what is wrong with it."""
        return {
            "asked": text_of(messages(self.words)),
            "written": self.text,
            "hallucinated": list(self.answer.hallucinated),
            "disordered": list(self.answer.disordered),
            "illegal": list(self.answer.illegal),
            "stopped": self.answer.stopped,
        }


class GenerativeTagger(SentenceTagger):
    """Marks entities by token generation; see `litteragpt.protocols.Tagger`."""

    def __init__(
        self,
        model: LanguageModel[Any],
        vocabulary: ChatVocabulary,
        labels: Sequence[str],
        *,
        name: str = "tagger",
        end_ids: Collection[int] = (),
    ) -> None:
        """`end_ids`: by which the model ends a text, besides its `[stop]`."""
        super().__init__(name)
        self.model = model
        self.vocabulary = vocabulary
        self._labels = tuple(labels)
        self._end_ids = frozenset(end_ids)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that its entities can have."""
        return self._labels

    def raw(self, text: str) -> list[Raw]:
        """What the model writes about each sentence of a text, unconstrained."""
        sentences = sentences_in([text])
        return self.answers([_words(text, each) for each in sentences], held=False)

    def answers(self, sentences: Sequence[Sequence[str]], *, held: bool) -> list[Raw]:
        """What the model writes about sentences of the words given, `held` to them or not.

        A sentence that is longer than a window has several answers.
        """
        windows = [
            each
            for number, words in enumerate(sentences)
            for each in self._windows(number, tuple(map(written, words)))
        ]
        found: dict[int, Raw] = {}
        for numbers in _batches(windows):
            chosen = [windows[k] for k in numbers]
            for k, window, answer in zip(
                numbers, chosen, self._ids(chosen, held=held), strict=True
            ):
                text = self.vocabulary.text(answer)
                words = window.script.words
                found[k] = Raw(words, text, read_answer(text, words, self._labels))
        return [found[k] for k in range(len(windows))]

    def read(
        self, sentences: Sequence[Sentence], texts: Sequence[str], batch_size: int
    ) -> list[list[Entity]]:
        """The entities of each sentence of the texts, in order."""
        windows = [
            each
            for number, sentence in enumerate(sentences)
            for each in self._windows(
                number, tuple(map(written, _words(texts[sentence.text], sentence)))
            )
        ]
        found: list[list[Entity]] = [[] for _ in sentences]
        for numbers in _batches(windows, min(batch_size, ROWS)):
            chosen = [windows[k] for k in numbers]
            answers = copied(
                self.model, [each.prompt for each in chosen], [each.script for each in chosen]
            )
            for window, (ids, scores) in zip(chosen, answers, strict=True):
                sentence = sentences[window.sentence]
                found[window.sentence] += self._entities(
                    window, sentence, texts[sentence.text], ids, scores
                )
        return [without_overlaps(each) for each in found]

    def _ids(self, windows: Sequence[Window], *, held: bool) -> list[list[int]]:
        prompts = [each.prompt for each in windows]
        scripts = [each.script for each in windows]
        if held:
            return [ids for ids, _ in copied(self.model, prompts, scripts)]
        limits = [2 * _longest(each) + 16 for each in scripts]
        ends = (self.vocabulary.stop_ids, *((id,) for id in sorted(self._end_ids)))
        return continued(self.model, prompts, ends, limits)

    def _entities(
        self,
        window: Window,
        sentence: Sentence,
        text: str,
        ids: Sequence[int],
        scores: Sequence[float],
    ) -> list[Entity]:
        words = window.script.words
        answer = read_answer(self.vocabulary.text(ids), words, self._labels)
        of_word = [1.0] * len(words)
        for at, score in zip(answer.lines, scores, strict=True):
            assert at is not None, "what is copied is understood"
            of_word[at] = score
        places = sentence.words[window.first : window.first + len(words)]
        begins = {places[at - window.first][0] for at in window.kept}
        found = spans_of(places, answer.tags, text, of_word)
        return [each for each in found if each.start in begins]

    def _windows(self, sentence: int, words: tuple[str, ...]) -> Iterator[Window]:
        script = script_of(self.vocabulary, words)
        most = min(MOST_IDS, max(1, self.model.context // 2))
        stretches = windows_of([len(ids) for ids in script.word_ids], most)
        for number, (first, end) in enumerate(stretches):
            # Where two windows share words, each knows more on its own side of their middle.
            begin = (first + stretches[number - 1][1]) // 2 if number else 0
            until = (stretches[number + 1][0] + end) // 2 if number + 1 < len(stretches) else end
            part = Script(
                words[first:end], script.word_ids[first:end], script.tag_ids, script.stop_ids
            )
            prompt = tuple(self.vocabulary.prompt(part.words))[-self.model.context :]
            yield Window(sentence, first, range(begin, until), part, prompt)


def windows_of(lengths: Sequence[int], most_ids: int) -> list[tuple[int, int]]:
    """Stretches of the words of a sentence that are read at once: first word, word after the last.

    Each has at most `WINDOW` words and `most_ids` ids, but at least one word; they cover all.
    """
    found: list[tuple[int, int]] = []
    first = 0
    while True:
        end, ids = first, 0
        while end < min(len(lengths), first + WINDOW) and (
            end == first or ids + lengths[end] <= most_ids
        ):
            ids += lengths[end]
            end += 1
        found.append((first, end))
        if end == len(lengths):
            return found
        first = max(first + 1, end - min(OVERLAP, (end - first) // 2))


@torch.inference_mode()
def copied(
    model: LanguageModel[Any], prompts: Sequence[Sequence[int]], scripts: Sequence[Script]
) -> list[tuple[list[int], list[float]]]:
    """The answer to each prompt that its script allows, greedily: ids, and the score of each line.

    The prompts have one length. Raises ValueError where the model's logits are NaN or infinite.
    """
    answers: list[tuple[list[int], list[float]]] = [([], []) for _ in prompts]
    copying = [Copying(each) for each in scripts]
    logprobs = [0.0] * len(prompts)
    rows = _Rows(model, prompts)
    while rows.numbers:
        allowed = [copying[row].allowed() for row in rows.numbers]
        columns, logprobs_taken = _best(rows.logits_BV, allowed)
        for row, ids, column, taken in zip(
            rows.numbers, allowed, columns, logprobs_taken, strict=True
        ):
            answer, scores = answers[row]
            answer.append(ids[column])
            logprobs[row] += taken
            copying[row].feed(ids[column])
            if copying[row].ended:
                rows.finish(row)
            elif copying[row].begins_line:
                scores.append(math.exp(logprobs[row]))
                logprobs[row] = 0.0
        rows.step([answers[row][0][-1] for row in rows.numbers])
    return answers


@torch.inference_mode()
def continued(
    model: LanguageModel[Any],
    prompts: Sequence[Sequence[int]],
    ends: Collection[Sequence[int]],
    limits: Sequence[int],
) -> list[list[int]]:
    """What the model itself writes after each prompt, greedily, up to one of `ends` or its limit.

    The prompts have one length.
    """
    answers: list[list[int]] = [[] for _ in prompts]
    rows = _Rows(model, prompts)
    while rows.numbers:
        for row, id in zip(rows.numbers, rows.logits_BV.argmax(-1).tolist(), strict=True):
            answer = answers[row]
            answer.append(id)
            if len(answer) >= limits[row] or any(
                tuple(answer[-len(end) :]) == tuple(end) for end in ends
            ):
                rows.finish(row)
        rows.step([answers[row][-1] for row in rows.numbers])
    return answers


class _Rows:
    """Prompts of one length that are continued together; those that have ended fall away."""

    def __init__(self, model: LanguageModel[Any], prompts: Sequence[Sequence[int]]) -> None:
        self._model = model
        self.numbers = list(range(len(prompts)))
        """The rows that go on."""
        self._ended: set[int] = set()
        first = next(model.parameters(), None) if isinstance(model, nn.Module) else None
        self._device = torch.device("cpu") if first is None else first.device
        ids_BT = torch.tensor(prompts, device=self._device)
        logits_BTV, self._state = model(ids_BT, model.initial_state(len(prompts)))
        self.logits_BV: Tensor = self._checked(logits_BTV)
        """Of the rows that go on."""

    def finish(self, row: int) -> None:
        """Drop a row before the next step."""
        self._ended.add(row)

    def step(self, ids: Sequence[int]) -> None:
        """Go on with the last id of each row of `numbers`; those that have ended are dropped."""
        kept = [k for k, row in enumerate(self.numbers) if row not in self._ended]
        if len(kept) < len(self.numbers):
            self.numbers = [self.numbers[k] for k in kept]
            if not kept:
                return
            self._state = self._model.select_rows(self._state, kept)
        next_ids_B1 = torch.tensor([[ids[k]] for k in kept], device=self._device)
        logits_BTV, self._state = self._model(next_ids_B1, self._state)
        self.logits_BV = self._checked(logits_BTV)

    def _checked(self, logits_BTV: Tensor) -> Tensor:
        logits_BV = logits_BTV[:, -1].to("cpu", torch.float32)
        if not math.isfinite(logits_BV.sum().item()):
            raise ValueError("the model gave no valid logits")
        return logits_BV


def _best(logits_BV: Tensor, allowed: Sequence[Sequence[int]]) -> tuple[list[int], list[float]]:
    """Which of the ids allowed to each row is its best, and its log-probability among them."""
    most = max(map(len, allowed))
    ids_BK = torch.tensor([[*ids, *[ids[0]] * (most - len(ids))] for ids in allowed])
    counts_B1 = torch.tensor([[len(ids)] for ids in allowed])
    surplus_BK = torch.arange(most) >= counts_B1
    scores_BK = logits_BV.gather(1, ids_BK).masked_fill(surplus_BK, -math.inf).log_softmax(-1)
    best = scores_BK.max(-1)
    return best.indices.tolist(), best.values.tolist()


def _batches(windows: Sequence[Window], rows: int = ROWS) -> Iterator[list[int]]:
    """Numbers of windows whose prompts are of one length."""
    by_length: dict[int, list[int]] = {}
    for number, window in enumerate(windows):
        by_length.setdefault(len(window.prompt), []).append(number)
    for numbers in by_length.values():
        yield from (numbers[at : at + rows] for at in range(0, len(numbers), rows))


def _longest(script: Script) -> int:
    """Ids of an answer that copies every word."""
    tag = max(map(len, script.tag_ids.values()))
    return sum(len(ids) + tag for ids in script.word_ids) + len(script.stop_ids)


def _words(text: str, sentence: Sentence) -> list[str]:
    return [text[start:end] for start, end in sentence.words]
