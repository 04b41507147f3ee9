"""A model of others under our engine: what `transformers` itself would write, and no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers

import litteragpt
from litteragpt import SamplingConfig, TextModel
from litteragpt.evaluation import evaluate_text
from litteragpt.huggingface.model import HuggingFaceModel
from tests.huggingface.conftest import LEARNT, Folder

GREEDY = SamplingConfig(temperature=0)

every_kind = pytest.mark.parametrize(
    ("kind", "tokenizer"),
    [
        ("llama", "byte level"),
        ("llama", "byte fallback"),
        ("gpt2", "byte level"),
        ("gpt2", "metaspace"),
        ("mistral", "metaspace"),
    ],
)


def model_of(folder: Folder, kind: str = "llama") -> HuggingFaceModel:
    model = litteragpt.load(folder(kind)).model
    assert isinstance(model, HuggingFaceModel)
    return model


def random_ids(rows: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, 200, (rows, length), generator=torch.Generator().manual_seed(seed))


def written(lm: TextModel, prompt: str, count: int) -> tuple[list[int], str]:
    """The first ids of a greedy continuation, and their text."""
    stream = lm.stream(prompt, [GREEDY], seed=0, sentences=None, max_chars=1000)
    tokens = [token for step in stream for token in step.tokens if token][:count]
    return [token.id for token in tokens], "".join(token.text for token in tokens)


@every_kind
def test_a_greedy_text_is_that_of_generate(hf_folder: Folder, kind: str, tokenizer: str) -> None:
    folder = hf_folder(kind, tokenizer)
    lm = litteragpt.load(folder)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    inputs = transformers.AutoTokenizer.from_pretrained(folder)("Marte é um", return_tensors="pt")
    assert lm.encode_prompt("Marte é um").ids == inputs.input_ids[0].tolist()
    expected = theirs.generate(
        input_ids=inputs.input_ids,
        do_sample=False,
        max_new_tokens=40,
        suppress_tokens=sorted(lm.banned_ids),
    )[0, inputs.input_ids.shape[1] :].tolist()
    ids, _ = written(lm, "Marte é um", 40)
    assert len(ids) > 10
    assert ids == expected[: len(ids)]


@every_kind
def test_a_learnt_text_comes_back_and_ends(hf_folder: Folder, kind: str, tokenizer: str) -> None:
    folder = hf_folder(kind, tokenizer, learnt=True)
    lm = litteragpt.load(folder)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    library = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = library("Marte é", return_tensors="pt")
    whole = theirs.generate(input_ids=inputs.input_ids, do_sample=False, max_new_tokens=60)[0]
    assert library.decode(whole, skip_special_tokens=True) == LEARNT
    completion = lm.complete("Marte é", temperature=0, seed=0, sentences=None)
    assert "Marte é" + completion.continuation == LEARNT
    assert completion.finish_reason == "end"
    assert all("\ufffd" not in token.text for token in completion.tokens)


@every_kind
def test_a_space_at_the_end_of_a_prompt_begins_the_next_word(
    hf_folder: Folder, kind: str, tokenizer: str
) -> None:
    lm = litteragpt.load(hf_folder(kind, tokenizer, learnt=True))
    prompt = "Marte é um "
    completion = lm.complete(prompt, temperature=0, sentences=None)
    assert prompt + completion.continuation == LEARNT
    assert completion.finish_reason == "end"
    assert completion.tokens[0].logprob > -0.5


def test_an_end_leaves_the_other_rows_going(hf_folder: Folder) -> None:
    lm = litteragpt.load(hf_folder(learnt=True))
    hot = SamplingConfig(temperature=5.0)
    stream = lm.stream("Marte é", [GREEDY, hot], seed=5, sentences=None, max_chars=60)
    steps = list(stream)
    assert stream.finish_reasons == ("end", "length")
    assert any(step.tokens[0] is None and step.tokens[1] is not None for step in steps)
    alone = list(lm.stream("Marte é", [hot], seed=5, sentences=None, max_chars=60))
    beside = [step.tokens[1].id for step in steps if step.tokens[1]]
    assert beside == [step.tokens[0].id for step in alone if step.tokens[0]]


def test_words_and_sentences_count_as_with_our_own(hf_folder: Folder) -> None:
    lm = litteragpt.load(hf_folder(learnt=True))
    assert lm.complete("Marte", temperature=0, seed=0, words=3).continuation == " é um planeta"
    one = lm.complete("Marte é um planeta.", temperature=0, seed=0, sentences=1)
    assert one.continuation == " O planeta é um lugar — não?"


def test_a_seed_gives_its_text_again_and_special_ids_are_never_written(hf_folder: Folder) -> None:
    lm = litteragpt.load(hf_folder("gpt2", "metaspace"))
    first = lm.complete("Marte", temperature=5, seed=1, sentences=None, max_chars=300)
    again = lm.complete("Marte", temperature=5, seed=1, sentences=None, max_chars=300)
    assert first.continuation == again.continuation
    assert {token.id for token in first.tokens} & lm.banned_ids == set()
    assert lm.banned_ids == {0, 1}  # <unk> and <s>; </s> ends a text
    assert lm.end_ids == {2}


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral"])
@pytest.mark.parametrize("pieces", [[20], [1] * 20, [5, 7, 1, 1, 6]])
@torch.inference_mode()
def test_steps_and_chunks_equal_one_forward(
    hf_folder: Folder, kind: str, pieces: list[int]
) -> None:
    model, ids_BT = model_of(hf_folder, kind), random_ids(3, 20)
    whole_BTV, none = model(ids_BT)
    assert none is None
    assert whole_BTV.shape == (3, 20, model.vocab_size)
    state: Any = model.initial_state(3)
    parts = []
    for piece in ids_BT.split(pieces, 1):
        logits, state = model(piece, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole_BTV, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral"])
@torch.inference_mode()
def test_states_branch_and_keep_their_own_past(hf_folder: Folder, kind: str) -> None:
    model, prompt, nexts = model_of(hf_folder, kind), random_ids(1, 9), random_ids(4, 3, seed=1)
    _, one = model(prompt, model.initial_state(1))
    assert one is not None
    rows = [3, 0, 2]
    state: Any = model.select_rows(model.repeat_state(one, 4), rows)
    model(random_ids(1, 2, seed=2), one)  # the first goes its own way
    steps = []
    for ids in nexts[rows].split(1, 1):
        logits, state = model(ids, state)
        steps.append(logits)
    whole_BTV, _ = model(torch.cat([prompt.expand(4, -1), nexts], 1))
    torch.testing.assert_close(torch.cat(steps, 1), whole_BTV[rows, 9:], atol=1e-4, rtol=0)
    picked: Any = model.select_rows(state, [1])
    logits, _ = model(nexts[:1, :1], picked)
    alone = torch.cat([prompt, nexts[:1], nexts[:1, :1]], 1)
    torch.testing.assert_close(logits[0, 0], model(alone)[0][0, -1], atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@torch.inference_mode()
def test_a_full_context_goes_on_with_its_last_half(hf_folder: Folder, kind: str) -> None:
    model, ids_BT = model_of(hf_folder, kind), random_ids(1, 70)
    assert model.context == 64
    _, state = model(ids_BT[:, :64], model.initial_state(1))
    logits, state = model(ids_BT[:, 64:65], state)
    expected, _ = model(ids_BT[:, 33:65])
    torch.testing.assert_close(logits[:, -1], expected[:, -1], atol=1e-4, rtol=0)
    logits, _ = model(ids_BT[:, 65:70], state)
    expected, _ = model(ids_BT[:, 33:70])
    torch.testing.assert_close(logits, expected[:, -5:], atol=1e-4, rtol=0)


def test_a_text_may_be_longer_than_the_context(hf_folder: Folder) -> None:
    lm = litteragpt.load(hf_folder("gpt2"))
    text = lm.complete("Marte " * 60, temperature=1, seed=1, sentences=None, max_chars=200)
    assert len(text.tokens) > 64 or text.finish_reason == "end"


def test_evaluate_counts_every_character_once(hf_folder: Folder) -> None:
    lm = litteragpt.load(hf_folder("gpt2", "metaspace"))
    result = evaluate_text(lm, "Marte é um planeta.\nÜber alles.\n")
    assert result.characters == 32
    assert result.unknown >= 1
    assert 1 < result.nats_per_char < 50
    longer = evaluate_text(lm, "Marte é um planeta. " * 40)
    assert longer.characters == 800


def test_one_that_sees_the_future_is_refused(hf_folder: Folder) -> None:
    class Seeing(torch.nn.Module):
        dtype = torch.float32

        def __init__(self) -> None:
            super().__init__()
            self.config = transformers.LlamaConfig(vocab_size=9)
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
            sums = input_ids.sum(1)[:, None, None].float() * torch.arange(9.0)
            return transformers.modeling_outputs.CausalLMOutputWithPast(
                logits=sums.expand(-1, input_ids.shape[1], -1)
            )

    with pytest.raises(ValueError, match="sees what follows"):
        HuggingFaceModel(Seeing(), 8)


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_a_cache_is_handed_on_by_either_name(hf_folder: Folder, name: str) -> None:
    ours = model_of(hf_folder)
    inner, keyword = ours.theirs, ours._cache

    class Renamed(torch.nn.Module):
        """The same model, with a forward that calls its cache `name`."""

        def __init__(self) -> None:
            super().__init__()
            self.inner, self.config, self.dtype = inner, inner.config, inner.dtype

        def call(self, input_ids: torch.Tensor, use_cache: bool, cache: Any = None) -> Any:
            output = self.inner(input_ids=input_ids, use_cache=use_cache, **{keyword: cache})
            return SimpleNamespace(logits=output.logits, **{name: getattr(output, keyword)})

    class Present(Renamed):
        def forward(self, input_ids: Any, use_cache: bool, cache: Any = None) -> Any:
            return self.call(input_ids, use_cache, cache)

    class Former(Renamed):
        def forward(self, input_ids: Any, use_cache: bool, past_key_values: Any = None) -> Any:
            return self.call(input_ids, use_cache, past_key_values)

    renamed = HuggingFaceModel({"cache": Present, "past_key_values": Former}[name](), ours.context)
    ids = random_ids(1, 9)
    expected, _ = ours(ids)
    _, state = renamed(ids[:, :6], renamed.initial_state(1))
    found, _ = renamed(ids[:, 6:], state)
    assert torch.allclose(found, expected[:, 6:], atol=1e-4)
