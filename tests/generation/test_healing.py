"""A prompt that ends in a space: its model reads the space as the beginning of the next word."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import TextModel
from litteragpt.protocols import Tokenizer
from litteragpt.tokenizers import BPETokenizer, CharTokenizer
from tests.generation.fakes import FakeModel, WordTokenizer, uniform

TEXT = "Marte é um planeta. O planeta é um lugar \u00a0 e é um mundo;  um sol.\n"
PIECES = BPETokenizer.train([TEXT] * 4, 330)
LETTERS = CharTokenizer.from_text(TEXT)
ROWS = [SamplingConfig(temperature=t) for t in (0.0, 0.8, 1.5)]


def model_of(tokenizer: Tokenizer, reads: Any = "text") -> TextModel:
    """Random weights."""
    torch.manual_seed(5)
    shape = {"context": 24, "layers": 1, "width": 32, "heads": 2, "hidden": 48}
    decoder = Decoder(DecoderConfig(vocab_size=tokenizer.vocab_size, **shape)).eval()
    return TextModel(decoder, tokenizer, name="random", reads=reads)


@pytest.fixture(scope="module")
def lm() -> TextModel:
    return model_of(PIECES)


def read_by(lm: TextModel, prompt: str) -> list[int]:
    """The ids that the model is first given."""
    seen: list[list[int]] = []

    def logits(row: tuple[int, ...]) -> list[float]:
        seen.append(list(row))
        return [0.0] * lm.tokenizer.vocab_size

    model = FakeModel(lm.tokenizer.vocab_size, logits, context=100)
    other = TextModel(model, lm.tokenizer, name="seen", reads=lm.reads)
    with other.stream(prompt, ROWS[:1], seed=1, max_chars=1) as stream:
        list(stream)
    return seen[model.shapes[0][1] - 1]


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("Marte é um ", "Marte é um"),
        ("Marte é um  ", "Marte é um "),  # its last space alone
        (" ", "\n"),
        ("   ", "  "),
        ("é um\u00a0 ", "é um\u00a0"),
        ("Marte é um", "Marte é um"),
        ("Marte é um\n", "Marte é um\n"),
        ("é um \n", "é um \n"),
        ("é um\u00a0", "é um\u00a0"),  # no word begins with one
        ("é um \u00a0", "é um \u00a0"),
        ("é um\t", "é um\t"),
        ("", "\n"),
    ],
)
def test_the_last_space_is_taken_back(lm: TextModel, prompt: str, read: str) -> None:
    assert read_by(lm, prompt) == PIECES.encode(read).ids


@pytest.mark.parametrize("prompt", ["Marte é um ", " ", "um  ", "um\u00a0 "])
def test_the_text_goes_on_after_the_space_and_has_no_other(lm: TextModel, prompt: str) -> None:
    """What is written, put behind the prompt, spells what the ids do."""
    stream = lm.stream(prompt, ROWS, seed=3, sentences=None, max_chars=40, alternatives=3)
    steps = list(stream)
    assert stream.encoding.text == prompt
    for row in range(len(ROWS)):
        tokens = [step.tokens[row] for step in steps]
        ids = [token.id for token in tokens if token]
        text = "".join(token.text for token in tokens if token)
        spelt = PIECES.decode(ids)
        assert spelt.startswith(" ")
        assert spelt[1:].startswith(text)
        assert len(text) == 40
    first = steps[0].tokens[0]
    assert first is not None
    assert all(piece.startswith("␣") for piece, _ in first.alternatives)


def test_with_and_without_the_space_a_word_is_the_same() -> None:
    """A model that begins every word with a space writes one text after both."""
    words = [id for id in range(1, PIECES.vocab_size) if PIECES.token_bytes(id).startswith(b" ")]
    allowed = [0.0 if id in words else -1e9 for id in range(PIECES.vocab_size)]
    lm = TextModel(FakeModel(PIECES.vocab_size, lambda _: allowed, 100), PIECES, name="words")
    limits: dict[str, Any] = {"sentences": None, "max_chars": 60, "temperature": 1.0}
    for seed in range(3):
        before = lm.complete("Marte é um", seed=seed, **limits)
        after = lm.complete("Marte é um ", seed=seed, **limits)
        assert before.continuation[1:] == after.continuation[:59]
        assert [t.logprob for t in before.tokens] == pytest.approx(
            [t.logprob for t in after.tokens][: len(before.tokens)], abs=1e-5
        )


def test_all_ways_to_generate_give_one_text(lm: TextModel) -> None:
    limits: dict[str, Any] = {"seed": 4, "sentences": None, "max_chars": 50}
    whole = lm.complete("Marte é um ", temperature=0.8, **limits)
    pieces = list(lm.generate("Marte é um ", temperature=0.8, **limits))
    assert "".join(pieces) == whole.continuation == whole.to_dict()["continuation"]
    assert whole.to_dict()["prompt"] == "Marte é um "
    assert pieces == [token.text for token in whole.tokens if token.text]
    repeated = list(lm.stream("Marte é um ", [ROWS[1]] * 3 + [ROWS[2]], **limits))
    texts = [
        "".join(token.text for token in row if token)
        for row in zip(*(step.tokens for step in repeated), strict=True)
    ]
    assert texts[:3] == [whole.continuation] * 3
    assert texts[3] != whole.continuation


def test_figures_are_those_of_what_may_follow(lm: TextModel) -> None:
    """The first piece's probability is that among the pieces that begin with the space."""
    step = next(lm.stream("Marte é um ", ROWS[:2], seed=1, alternatives=4))
    with torch.inference_mode():
        logits_BTV, _ = lm.model(torch.tensor([PIECES.encode("Marte é um").ids]), None)
    begin = [id for id in range(1, PIECES.vocab_size) if PIECES.token_bytes(id).startswith(b" ")]
    logprobs = dict(zip(begin, logits_BTV[0, -1, begin].log_softmax(-1).tolist(), strict=True))
    for token in step.tokens:
        assert token is not None
        assert token.logprob == pytest.approx(logprobs[token.id], abs=1e-5)
    best = sorted(logprobs.values(), reverse=True)[:4]
    greedy = step.tokens[0]
    assert greedy is not None
    assert [p for _, p in greedy.alternatives] == pytest.approx([math.exp(x) for x in best])


def test_a_word_that_was_begun_is_counted_once() -> None:
    tokenizer = WordTokenizer(["um", " ", " sol", " mar", "é"])
    sol = tokenizer.encode(" sol").ids[0]
    model = FakeModel(6, lambda _: [0.0 if id == sol else -1e9 for id in range(6)])
    lm = TextModel(model, tokenizer, name="words")
    assert lm.complete("um ", words=2).continuation == "sol sol"
    assert lm.complete("um", words=2).continuation == " sol sol"


def test_a_piece_that_is_the_space_alone_adds_nothing() -> None:
    tokenizer = WordTokenizer(["um", " ", " sol", "é"])
    alone, other = tokenizer.encode(" ").ids[0], tokenizer.encode("é").ids[0]

    def logits(row: tuple[int, ...]) -> list[float]:
        wanted = other if alone in row else alone
        return [0.0 if id == wanted else -1e9 for id in range(5)]

    completion = TextModel(FakeModel(5, logits), tokenizer, name="w").complete("um ", max_chars=3)
    assert [token.text for token in completion.tokens] == ["", "é", "é", "é"]


def test_half_a_character_behind_the_space_waits_for_the_rest() -> None:
    halves = BPETokenizer([(b" ", b"\xc3"), (b" ", b"a")])
    begin = halves.vocab_size - 2
    rest = next(id for id in range(1, 257) if halves.token_bytes(id) == b"\xa9")

    def logits(row: tuple[int, ...]) -> list[float]:
        wanted = rest if row[-1] == begin else begin
        return [0.0 if id == wanted else -1e9 for id in range(halves.vocab_size)]

    lm = TextModel(FakeModel(halves.vocab_size, logits), halves, name="halves")
    completion = lm.complete("a ", max_chars=3, sentences=None)
    assert completion.continuation == "é é"
    assert [token.text for token in completion.tokens][:2] == ["", "é"]


@pytest.mark.parametrize("prompt", ["Marte é um ", " ", "um\u00a0", "um  "])
def test_letters_are_read_as_they_stand(prompt: str) -> None:
    assert read_by(model_of(LETTERS), prompt) == LETTERS.encode(prompt).ids


def test_what_is_given_as_ids_is_read_as_it_stands(lm: TextModel) -> None:
    encoding = lm.encode_prompt("Marte é um ")
    step = next(lm.stream(encoding, ROWS[:1], seed=1))
    with torch.inference_mode():
        logits_BTV, _ = lm.model(torch.tensor([encoding.ids]), None)
    assert step.tokens[0] is not None
    assert step.tokens[0].id == logits_BTV[0, -1, 1:].argmax().item() + 1


def test_a_line_is_taken_back_from_its_own_beginning() -> None:
    lm = model_of(PIECES, reads="lines")
    assert read_by(lm, "x\num ") == PIECES.encode("\num").ids
    assert read_by(lm, " ") == PIECES.encode("\n").ids


def test_where_no_word_begins_with_a_space_nothing_is_taken_back() -> None:
    spaces = BPETokenizer([(b" ", b" "), (b"a", b"b")])
    lm = TextModel(uniform(spaces.vocab_size), spaces, name="spaces")
    assert read_by(lm, "ab ") == spaces.encode("ab ").ids
