from __future__ import annotations

import gc
import json
import math
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import MAX_PROMPT_CHARS, Step, Stream, TextModel
from litteragpt.protocols import Replacement
from litteragpt.tokenizers import CharTokenizer
from tests.generation.fakes import ByteTokenizer, FakeModel, WordTokenizer, scripted, uniform

ALPHABET = "\n abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZáéíóúñ.,;:¡!¿?—«»…"
LETTERS = CharTokenizer.from_text(ALPHABET)
WARM = SamplingConfig(temperature=1.0)


def writer(script: str, prompt: str = "Dijo") -> TextModel:
    """A model that writes the script after this prompt."""
    ids = LETTERS.encode(script).ids
    model = scripted(LETTERS.vocab_size, len(LETTERS.encode(prompt).ids), ids)
    return TextModel(model, LETTERS, name="writer")


def texts(steps: Sequence[Step]) -> list[str]:
    rows = zip(*(step.tokens for step in steps), strict=True)
    return ["".join(token.text for token in row if token) for row in rows]


@pytest.fixture(scope="module")
def lm() -> TextModel:
    """A real decoder with random weights and a context shorter than its texts."""
    torch.manual_seed(5)
    shape = {"context": 24, "layers": 2, "width": 32, "heads": 2, "hidden": 48}
    model = Decoder(DecoderConfig(vocab_size=LETTERS.vocab_size, **shape)).eval()
    return TextModel(model, LETTERS, name="random")


# --- the same again ---


def test_same_seed_same_text(lm: TextModel) -> None:
    first = lm.complete("Hola", seed=7, sentences=None, max_chars=80)
    assert (
        first.continuation == lm.complete("Hola", seed=7, sentences=None, max_chars=80).continuation
    )
    assert (
        first.continuation != lm.complete("Hola", seed=8, sentences=None, max_chars=80).continuation
    )
    assert len(first.continuation) == 80


def test_a_seed_is_drawn_and_told(lm: TextModel) -> None:
    first = lm.complete("Hola", max_chars=30)
    assert 0 <= first.seed < 2**31
    assert lm.complete("Hola", seed=first.seed, max_chars=30).continuation == first.continuation


def test_all_ways_to_generate_give_one_text(lm: TextModel) -> None:
    settings: dict[str, Any] = {"temperature": 0.9, "top_k": 30, "top_p": 0.95, "min_p": 0.01}
    limits: dict[str, Any] = {"seed": 3, "max_chars": 60, "sentences": 3}
    whole = lm.complete("Hola", **settings, **limits).continuation
    assert "".join(lm.generate("Hola", **settings, **limits)) == whole
    assert texts(list(lm.stream("Hola", [SamplingConfig(**settings)], **limits))) == [whole]


def test_rows_of_one_pass_are_the_rows_alone(lm: TextModel) -> None:
    temperatures = (0.0, 0.5, 1.0, 1.5)
    configs = [SamplingConfig(temperature=t) for t in temperatures]
    together = texts(list(lm.stream("Hola", configs, seed=4, sentences=2, max_chars=90)))
    for t, row in zip(temperatures, together, strict=True):
        alone = lm.complete("Hola", temperature=t, seed=4, sentences=2, max_chars=90)
        assert row == alone.continuation
    assert len(set(together)) > 1


def test_equal_temperatures_give_equal_text_in_one_computation(lm: TextModel) -> None:
    steps = list(lm.stream("Hola", [WARM] * 4, seed=4, sentences=None, max_chars=90))
    assert len(set(texts(steps))) == 1
    model = uniform(LETTERS.vocab_size)
    other = SamplingConfig(temperature=2.0)
    stream = TextModel(model, LETTERS, name="u").stream("a", [WARM, other, WARM], seed=1)
    steps = [next(stream) for _ in range(3)]
    assert all(step.tokens[0] == step.tokens[2] for step in steps)
    assert {B for B, _ in model.shapes[1:]} == {2}


# --- stops ---


def test_abbreviations_are_no_ends() -> None:
    lm = writer(" el Sr. Pérez: «¿Ud.?». Calló… y salió. Luego")
    completion = lm.complete("Dijo", sentences=2)
    assert completion.continuation == " el Sr. Pérez: «¿Ud.?». Calló… y salió."
    assert completion.finish_reason == "sentences"
    assert "".join(token.text for token in completion.tokens) == completion.continuation


def test_rows_that_end_early_are_none_from_then_on() -> None:
    # From the shared prompt one id leads to a short text and another to a long one.
    tokenizer = WordTokenizer(["x", " Fin.", " y", " Más"])

    def logits(row: tuple[int, ...]) -> list[float]:
        if len(row) == 1:
            return [-9e9, -9e9, 0.0, 0.5, -9e9]
        return [-9e9, -9e9, -9e9, 0.0, -9e9] if 3 in row else [-9e9, -9e9, -9e9, -9e9, 0.0]

    model = FakeModel(5, logits)
    lm = TextModel(model, tokenizer, name="words")
    configs = [SamplingConfig(temperature=0), SamplingConfig(temperature=5.0)]
    for seed in range(20):
        stream = lm.stream("x", configs, seed=seed, sentences=1, max_chars=10)
        steps = list(stream)
        if texts(steps)[1].startswith(" Fin."):
            break
    assert texts(steps) == [" y y y y y", " Fin."]
    assert stream.finish_reasons == ("length", "sentences")
    assert [step.tokens[1] is None for step in steps] == [False, True, True, True, True]
    assert model.shapes[-1] == (1, 1)


def test_what_is_held_back_comes_together() -> None:
    lm = writer(" Ay. —Ya. Y")
    seen: list[tuple[int, str]] = []
    stream = lm.stream("Dijo", [WARM], seed=1, sentences=2)
    model = lm.model
    assert isinstance(model, FakeModel)
    for step in stream:
        (token,) = step.tokens
        assert token is not None
        seen.append((len(model.shapes), token.text))
    forwards = [
        (2, " "),
        (2, "A"),
        (3, "y"),
        (4, "."),
        (7, " "),
        (7, "—"),
        (7, "Y"),
        (8, "a"),
        (9, "."),
    ]
    assert seen == forwards


def test_a_length_cuts_a_long_piece() -> None:
    tokenizer = WordTokenizer(["casa", " grande"])
    model = scripted(3, 1, [2])
    completion = TextModel(model, tokenizer, name="words").complete("casa", max_chars=10)
    assert completion.continuation == " grande gr"
    assert [token.text for token in completion.tokens] == [" grande", " gr"]
    assert len(model.shapes) == 2


def test_a_character_in_parts_comes_with_its_last_part() -> None:
    script = list("ñ€😀a".encode())
    lm = TextModel(scripted(257, 4, script), ByteTokenizer(), name="bytes")
    completion = lm.complete("Dijo", max_chars=4, sentences=None)
    assert completion.continuation == "ñ€😀a"
    assert [token.text for token in completion.tokens] == [
        "",
        "ñ",
        "",
        "",
        "€",
        "",
        "",
        "",
        "😀",
        "a",
    ]


def test_bytes_that_are_no_text_come_to_an_end() -> None:
    lm = TextModel(scripted(257, 4, [0xFF]), ByteTokenizer(), name="bytes")
    completion = lm.complete("Dijo", max_chars=9)
    assert completion.continuation == "\ufffd" * 9
    assert completion.finish_reason == "length"


# --- stopping from outside ---


def test_cancel_stops_within_one_step(lm: TextModel) -> None:
    model = uniform(LETTERS.vocab_size)
    asked = False
    stream = TextModel(model, LETTERS, name="u").stream(
        "Hola", [WARM, SamplingConfig(temperature=2)], seed=1, sentences=None, cancel=lambda: asked
    )
    for _ in range(5):
        next(stream)
    forwards = len(model.shapes)
    asked = True
    rest = list(stream)
    assert len(model.shapes) - forwards <= 1
    assert rest == []
    assert stream.finish_reasons == ("cancelled", "cancelled")


def test_cancel_gives_what_was_held_back() -> None:
    lm = writer(" Ay. —Ya.")
    assert isinstance(lm.model, FakeModel)
    shapes = lm.model.shapes
    completion = lm.complete("Dijo", sentences=1, cancel=lambda: len(shapes) == 6)
    assert completion.continuation == " Ay. —"
    assert completion.finish_reason == "cancelled"
    assert len(shapes) == 6


def test_cancelled_before_the_first_token() -> None:
    completion = writer("a").complete("Dijo", cancel=lambda: True)
    assert (completion.continuation, completion.tokens) == ("", ())
    assert completion.tokens_per_second == 0


def test_closing_a_stream_stops_it_and_frees_its_state(lm: TextModel) -> None:
    model = uniform(LETTERS.vocab_size)
    with TextModel(model, LETTERS, name="u").stream("Hola", [WARM], seed=1) as stream:
        next(stream)
    forwards = len(model.shapes)
    assert list(stream) == []
    assert len(model.shapes) == forwards
    assert stream.finish_reasons == ("cancelled",)


@pytest.mark.parametrize("how", ["close", "let go"])
def test_no_state_outlives_its_stream(how: str) -> None:
    class Watched(FakeModel):
        def __call__(self, ids_BT: Any, state: Any = None) -> Any:
            logits, state = super().__call__(ids_BT, state)
            states.append(weakref.ref(state))
            return logits, state

    states: list[weakref.ref[Any]] = []
    model = Watched(LETTERS.vocab_size, lambda _: [0.0] * LETTERS.vocab_size)
    stream: Stream | None = TextModel(model, LETTERS, name="w").stream("Hola", [WARM], seed=1)
    gc.disable()
    try:
        assert stream is not None
        next(stream)
        next(stream)
        assert states[-1]() is not None
        if how == "close":
            stream.close()
        else:
            stream = None
        assert all(state() is None for state in states)
    finally:
        gc.enable()


def test_an_error_of_the_model_ends_the_stream() -> None:
    nan = FakeModel(LETTERS.vocab_size, lambda _: [math.nan] * LETTERS.vocab_size)
    with pytest.raises(ValueError, match="the model gave no valid logits"):
        TextModel(nan, LETTERS, name="nan").complete("Hola")


# --- prompts ---


def test_unknown_characters_are_told_and_never_an_error(lm: TextModel) -> None:
    completion = lm.complete("Ho\u0302la 🙂\ud800", seed=1, max_chars=5)
    assert completion.prompt == "Ho\u0302la 🙂\ud800"
    assert Replacement("🙂", "", 6) in [
        Replacement(each.source[:1], each.target, each.index) for each in completion.replaced
    ]
    assert len(completion.continuation) == 5


@pytest.mark.parametrize("prompt", ["", "🙂", "漢字"])
def test_a_prompt_without_known_characters_starts_a_paragraph(lm: TextModel, prompt: str) -> None:
    encoding = lm.encode_prompt(prompt)
    assert (encoding.text, encoding.ids) == ("\n", LETTERS.encode("\n").ids)
    assert bool(encoding.replacements) == bool(prompt)
    expected = lm.complete("\n", seed=1, max_chars=20).continuation
    assert lm.complete(prompt, seed=1, max_chars=20).continuation == expected


def test_a_vocabulary_without_a_line_break_has_a_start_too() -> None:
    tokenizer = CharTokenizer.from_text("abc")
    lm = TextModel(uniform(tokenizer.vocab_size), tokenizer, name="abc")
    assert len(lm.complete("", max_chars=9).continuation) == 9


def test_white_space_of_a_prompt_is_kept(lm: TextModel) -> None:
    assert lm.encode_prompt("  Hola \n").text == "  Hola \n"


def test_a_prompt_longer_than_the_context(lm: TextModel) -> None:
    tail = "y entonces vino el caballero andante"
    long = lm.complete("abc " * 500 + tail, seed=1, max_chars=40).continuation
    assert long == lm.complete(tail[-24:], seed=1, max_chars=40).continuation


def test_special_ids_and_padding_are_never_written() -> None:
    tokenizer = CharTokenizer.from_text("ab")
    logits = [9.0, 0.0, 0.0, 9.0, 9.0]
    lm = TextModel(FakeModel(5, lambda _: logits), tokenizer, name="padded")
    steps = list(lm.stream("a", [WARM], seed=1, sentences=None, max_chars=50, alternatives=5))
    tokens = [token for step in steps for token in step.tokens if token]
    assert {token.id for token in tokens} == {1, 2}
    assert all({piece for piece, _ in token.alternatives} == {"a", "b"} for token in tokens)


def test_a_model_smaller_than_its_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="3 ids, its tokenizer"):
        TextModel(uniform(3), LETTERS, name="small")


# --- figures ---


def test_figures_of_a_token(lm: TextModel) -> None:
    (step,) = lm.stream(
        "Hola", [SamplingConfig(temperature=0)], seed=1, max_chars=1, alternatives=3
    )
    (token,) = step.tokens
    assert token is not None
    with torch.inference_mode():
        logits_BTV, _ = lm.model(torch.tensor([LETTERS.encode("Hola").ids]), None)
    probabilities = logits_BTV[0, -1].softmax(-1)
    top = probabilities.topk(3)
    assert token.id == top.indices[0].item()
    assert math.exp(token.logprob) == pytest.approx(top.values[0].item(), abs=1e-6)
    assert token.entropy == 0
    assert [piece for piece, _ in token.alternatives] == [
        LETTERS.piece(id) for id in top.indices.tolist()
    ]
    shown = [p for _, p in token.alternatives]
    assert shown == pytest.approx(top.values.tolist(), abs=1e-6)


def test_entropy_grows_with_temperature(lm: TextModel) -> None:
    configs = [SamplingConfig(temperature=t) for t in (0.0, 0.3, 1.0, 5.0)]
    step = next(lm.stream("Hola", configs, seed=1))
    entropies = [token.entropy for token in step.tokens if token]
    assert entropies == sorted(entropies)
    assert 0 == entropies[0] < entropies[1] < entropies[3] <= math.log(LETTERS.vocab_size)


def test_the_dictionary_is_json_of_the_agreed_shape(lm: TextModel) -> None:
    completion = lm.complete("Hola 🙂", seed=7, max_chars=12, sentences=None)
    read = json.loads(json.dumps(completion.to_dict()))
    assert list(read) == [
        "prompt",
        "continuation",
        "seed",
        "model",
        "tokens",
        "replaced",
        "seconds_to_first",
        "tokens_per_second",
    ]
    assert read["replaced"] == [{"from": "🙂", "to": "", "index": 5}]
    assert (read["seed"], read["model"]) == (7, "random")
    assert "".join(token["text"] for token in read["tokens"]) == read["continuation"]
    assert all(set(token) == {"text", "logprob"} for token in read["tokens"])
    assert all(token["logprob"] < 0 for token in read["tokens"])
    assert read["seconds_to_first"] > 0
    assert read["tokens_per_second"] > 0


# --- validation: at the call, before any step ---


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ({"seed": -1}, "seed must be a whole number from 0 to 9223372036854775807"),
        ({"seed": 2**63}, "seed must be a whole number from 0 to"),
        ({"seed": 1.0}, "seed must be a whole number from 0 to"),
        ({"seed": True}, "seed must be a whole number from 0 to"),
        ({"max_chars": 0}, "max_chars must be a whole number from 1 to 20000"),
        ({"max_chars": 10**6}, "max_chars must be a whole number from 1 to 20000"),
        ({"sentences": 0}, "sentences must be a whole number from 1 to 100"),
        ({"sentences": 101}, "sentences must be a whole number from 1 to 100"),
        ({"alternatives": -1}, "alternatives must be a whole number from 0 to 20"),
        ({"alternatives": 21}, "alternatives must be a whole number from 0 to 20"),
        ({"rows": []}, "rows must be 1 to 16"),
        ({"rows": [WARM] * 17}, "rows must be 1 to 16"),
        ({"prompt": "a" * (MAX_PROMPT_CHARS + 1)}, "at most 20000 characters, not 20001"),
        ({"prompt": None}, "prompt must be text"),
    ],
)
def test_streams_are_checked_at_once(
    lm: TextModel, arguments: dict[str, Any], allowed: str
) -> None:
    with pytest.raises(ValueError, match=allowed):
        lm.stream(**{"prompt": "Hola", "rows": [WARM], "seed": 1, **arguments})


@pytest.mark.parametrize(
    "arguments",
    [
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"temperature": -1},
        {"top_k": 0},
        {"top_p": 0},
        {"top_p": math.nan},
        {"min_p": 2},
        {"seed": -5},
        {"max_chars": -5},
        {"sentences": -5},
    ],
)
def test_generate_and_complete_are_checked_at_once(
    lm: TextModel, arguments: dict[str, Any]
) -> None:
    (field,) = arguments
    with pytest.raises(ValueError, match=field):
        lm.generate("Hola", **arguments)
    with pytest.raises(ValueError, match=field):
        lm.complete("Hola", **arguments)


# --- words and lines ---


def test_exactly_so_many_words() -> None:
    completion = writer("s vivos, d").complete("Dijo", words=3, seed=1)
    assert completion.continuation == "s vivos, ds vivos"
    assert completion.finish_reason == "words"
    long = writer("a").complete("Dijo", words=2, seed=1)
    assert (len(long.continuation), long.finish_reason) == (60, "length")
    with pytest.raises(ValueError, match="words"):
        writer("a").complete("Dijo", words=0)


def test_a_model_of_lines_reads_the_last_line_and_ends_with_it() -> None:
    tokenizer = LETTERS
    prompt = tokenizer.encode("\nSan").ids
    model = scripted(tokenizer.vocab_size, len(prompt), tokenizer.encode("ta. Si. No. Ay\nX").ids)
    lm = TextModel(model, tokenizer, name="names", reads="lines")
    assert lm.encode_prompt("San").ids == prompt
    assert lm.encode_prompt("Bom\nSan").ids == prompt
    assert lm.encode_prompt("").ids == tokenizer.encode("\n").ids
    completion = lm.complete("Bom\nSan", seed=1)
    assert completion.continuation == "ta. Si. No. Ay"
    assert completion.finish_reason == "line"
