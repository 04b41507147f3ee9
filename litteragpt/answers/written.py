"""An answer in a language model's own words, from passages that it has to cite.

The passages are numbered in the prompt and the answer names them: `Foi em 1902 [1].` What it
names is checked: a number that stands for no passage is told, and so is a sentence that names
none. Whether a passage really says what a sentence says is left to the reader, who sees both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from litteragpt.answers.language import Language, fold
from litteragpt.answers.passages import sentence_spans
from litteragpt.bounds import check_whole
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.huggingface import HuggingFaceTokenizer
from litteragpt.protocols import Encoding

if TYPE_CHECKING:
    from litteragpt.answers.answer import FoundPassage
    from litteragpt.generation.text import TextModel

MAX_CHARS: Final = 1_200
"""Characters of an answer, unless told otherwise."""
ANSWER_SHARE: Final = 0.3
"""Of a model's context, up to `ANSWER_TOKENS`: kept free for the answer."""
ANSWER_TOKENS: Final = 400
MAX_QUESTION_CHARS: Final = 1_000

_INSTRUCTIONS: Final = {
    "pt": "Responde à pergunta em português, só com o que dizem os trechos numerados. Depois de "
    "cada frase põe entre colchetes o número do trecho de que ela vem, como [1]. Se os trechos "
    "não respondem à pergunta, escreve apenas: não encontrei.",
    "es": "Responde a la pregunta en español, solo con lo que dicen los fragmentos numerados. "
    "Después de cada frase pon entre corchetes el número del fragmento del que sale, como [1]. Si "
    "los fragmentos no responden a la pregunta, escribe solo: no lo encontré.",
}
_HEADS: Final = {
    "pt": ("Trechos", "Pergunta", "Resposta"),
    "es": ("Fragmentos", "Pregunta", "Respuesta"),
}
_REFUSALS: Final = ("nao encontrei", "no lo encontre", "no encontre", "no lo he encontrado")
_CITATION: Final = re.compile(r"\[\s*(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\s*\]")
_LEADING: Final = re.compile(r"(?:\[[\d\s,;]+\]\s*)+[.,;]?\s*")
_SPACE: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """`text[start:end]` of an answer, and the passages that it names; none is a warning."""

    start: int
    end: int
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """What a model wrote. Citation n is the n-th of the passages, from 1."""

    text: str | None
    """None where the passages do not answer the question, in the model's own view."""
    citations: tuple[int, ...]
    """The passages that the answer names, in the order in which it does."""
    sentences: tuple[CitedSentence, ...]
    unknown: tuple[int, ...]
    """Numbers that it names and that stand for no passage."""
    passages: int
    """So many of the passages found room in the model's context."""

    @property
    def uncited(self) -> tuple[str, ...]:
        """The sentences that name no passage."""
        text = self.text or ""
        return tuple(text[each.start : each.end] for each in self.sentences if not each.citations)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "text": self.text,
            "citations": list(self.citations),
            "uncited": list(self.uncited),
            "unknown": list(self.unknown),
            "passages": self.passages,
        }


def write_answer(
    question: str,
    passages: Sequence[FoundPassage],
    lm: TextModel,
    *,
    language: Language,
    max_chars: int = MAX_CHARS,
    report: Callable[[str], None] = lambda piece: None,
    cancel: Callable[[], bool] | None = None,
) -> WrittenAnswer:
    """Let a model answer a question from passages, the best first; always the same answer.

    Args:
        question: What goes beyond 1,000 characters is not read.
        passages: As `answer` found them; those that have no room in the model's context are
            left out, from the last one on.
        lm: The model; one with a chat template is asked by it, one without continues a text.
        language: Of the question, and of the answer.
        max_chars: Characters of the answer at most, 1 to 20,000.
        report: Is told each piece of the answer as it is written.
        cancel: Once it says true, the answer ends.

    Raises ValueError where not even one sentence of a passage has room, and for a chat template
    that cannot be used. Without passages nothing is asked: there is no answer.
    """
    check_whole("max_chars", max_chars, 1, 20_000)
    if not passages:
        return WrittenAnswer(None, (), (), (), 0)
    texts = [_tidy(each.passage) for each in passages]
    encoding, used = fit_prompt(_tidy(question[:MAX_QUESTION_CHARS]), texts, lm, language)
    text = ""
    told = 0
    with lm.stream(
        encoding,
        [SamplingConfig(temperature=0)],
        seed=0,
        max_chars=max_chars,
        sentences=None,
        cancel=cancel,
    ) as stream:
        for step in stream:
            text = (text + "".join(token.text for token in step.tokens if token)).lstrip()
            # One that continues a text does not know where its answer ends: its line does.
            line = text if _chatting(lm) else text.partition("\n")[0]
            report(line[told:])
            told = len(line)
            if line != text:
                text = line
                break
    return checked(text, used)


def fit_prompt(
    question: str, texts: Sequence[str], lm: TextModel, language: Language
) -> tuple[Encoding, int]:
    """The prompt with as many of the texts as have room, and how many those are.

    Raises ValueError where not even the first sentence of the first one does.
    """
    context = lm.model.context
    room = context - min(ANSWER_TOKENS, int(ANSWER_SHARE * context))
    for count in range(len(texts), 0, -1):
        encoding = _encode(prompt(question, texts[:count], language), lm, language)
        if len(encoding.ids) <= room:
            return encoding, count
    for _, end in reversed(sentence_spans(texts[0])[:-1]):
        encoding = _encode(prompt(question, [texts[0][:end]], language), lm, language)
        if len(encoding.ids) <= room:
            return encoding, 1
    raise ValueError(
        f"the model's context of {context} tokens is too small for a question and a passage"
    )


def prompt(question: str, texts: Sequence[str], language: Language) -> str:
    """What a model is asked: instructions, numbered passages, and the question."""
    passages, asked, _ = _HEADS[language]
    numbered = "\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
    return f"{_INSTRUCTIONS[language]}\n\n{passages}:\n{numbered}\n\n{asked}: {question}"


def checked(text: str, passages: int) -> WrittenAnswer:
    """A text with the citations of so many passages read out of it and looked at."""
    text = text.strip()
    folded = fold(text).lstrip(" \"'«“*_")
    if not text or folded.startswith(_REFUSALS):
        return WrittenAnswer(None, (), (), (), passages)
    sentences: list[CitedSentence] = []
    for start, end in _cited_spans(text):
        numbers = _numbers(text[start:end])
        known = tuple(number for number in numbers if 1 <= number <= passages)
        sentences.append(CitedSentence(start, end, known))
    numbers = _numbers(text)
    return WrittenAnswer(
        text,
        tuple(number for number in numbers if 1 <= number <= passages),
        tuple(sentences),
        tuple(number for number in numbers if not 1 <= number <= passages),
        passages,
    )


def _encode(text: str, lm: TextModel, language: Language) -> Encoding:
    if (tokenizer := _chatting(lm)) is not None:
        return tokenizer.chat(text)
    return lm.tokenizer.encode(f"{text}\n{_HEADS[language][2]}:")


def _chatting(lm: TextModel) -> HuggingFaceTokenizer | None:
    """The tokenizer of a model that knows how it is spoken to."""
    tokenizer = lm.tokenizer
    return tokenizer if isinstance(tokenizer, HuggingFaceTokenizer) and tokenizer.chats else None


def _cited_spans(text: str) -> list[tuple[int, int]]:
    """Sentences; a citation that stands after a sentence's full stop belongs to it."""
    spans: list[tuple[int, int]] = []
    for start, end in sentence_spans(text):
        leading = _LEADING.match(text, start, end)
        if leading and spans:
            cited = start + len(leading.group().rstrip())
            spans[-1] = (spans[-1][0], cited)
            start = leading.end()
        if start < end:
            spans.append((start, end))
    return spans


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers cited, each once, in their order."""
    found = (part for each in _CITATION.findall(text) for part in re.split(r"[,;]", each))
    return tuple(dict.fromkeys(int(part) for part in found))


def _tidy(text: str) -> str:
    """A passage on one line, without what would look like citations of ours."""
    return _SPACE.sub(" ", _CITATION.sub("", text)).strip()
