from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import ROOT_VARIABLE, save_checkpoint
from litteragpt.generation.text import TextModel
from litteragpt.names.generate import Name, NameModel, load_names
from litteragpt.names.known import KnownNames
from litteragpt.names.structure import parse
from litteragpt.tokenizers import CharTokenizer
from tests.generation.fakes import scripted

TOKENIZER = CharTokenizer("\n -ABCSLabcdeilmnorstuzã")
KNOWN = KnownNames.from_tables(
    [("Centro", "Bastos", "SP"), ("Santa Luzia", "Bastos", "SP")],
    [("Bastos", "SP"), ("Lins", "SP"), ("Bom Sucesso", "MG"), ("Bom Sucesso", "PR")],
)
CONFIG = DecoderConfig(
    vocab_size=TOKENIZER.vocab_size, context=64, layers=1, width=32, heads=2, hidden=32
)


def text_model(model: object) -> TextModel:
    return TextModel(model, TOKENIZER, name="test", reads="lines")  # type: ignore[arg-type]


def writes(text: str, prefix: str = "") -> NameModel:
    """A model that writes this text after a prefix, whatever the sampling."""
    ids = TOKENIZER.encode(text).ids
    return NameModel(
        text_model(scripted(TOKENIZER.vocab_size, 1 + len(TOKENIZER.encode(prefix).ids), ids)),
        KNOWN,
    )


@pytest.fixture(scope="module")
def random_model() -> NameModel:
    torch.manual_seed(5)
    decoder = Decoder(CONFIG)
    torch.nn.init.normal_(decoder.head.weight, std=0.3)
    return NameModel(text_model(decoder.eval()), KNOWN)


def only(model: NameModel, prefix: str = "", *, max_chars: int = 100) -> Name:
    (name,) = model.sample(prefix, count=1, seed=1, max_chars=max_chars).names
    return name


@pytest.mark.parametrize(
    ("text", "bairro", "city", "uf", "known"),
    [
        ("Centro - Bastos", "Centro", "Bastos", "SP", True),
        ("Centro - Lins", "Centro", "Lins", "SP", False),
        ("Centro - Bom Sucesso", "Centro", "Bom Sucesso", "MG", False),
        ("Centro - Bastas", "Centro", "Bastas", None, False),
        ("Centro", None, None, None, False),
        ("Centro - Bastos - Lins", None, None, None, False),
    ],
)
def test_what_is_known_of_a_name(
    text: str, bairro: str | None, city: str | None, uf: str | None, known: bool
) -> None:
    name = only(writes(f"{text}\n"))
    assert name.to_dict() == {
        "name": text,
        "bairro": bairro,
        "city": city,
        "uf": uf,
        "logprob": pytest.approx(0.0, abs=1e-3),
        "known": known,
        "city_is_real": uf is not None,
    }
    assert list(name.to_dict()) == [
        "name",
        "bairro",
        "city",
        "uf",
        "logprob",
        "known",
        "city_is_real",
    ]


def test_a_name_that_does_not_end_is_cut_and_not_well_formed() -> None:
    model = writes("Centro - Bastos\n")
    cut = only(model, max_chars=15)
    assert (cut.name, cut.bairro, cut.known, cut.city_is_real) == (
        "Centro - Bastos",
        None,
        False,
        False,
    )
    assert only(model, max_chars=16).city == "Bastos"


@pytest.mark.parametrize(
    ("prefix", "text", "whole"),
    [
        ("", "Centro - Lins\n", "Centro - Lins"),
        ("Santa ", "Luzia - Bastos\n", "Santa Luzia - Bastos"),
        ("Sant", "a Luzia - Bastos\n", "Santa Luzia - Bastos"),
        ("Centro - ", "Bastos\n", "Centro - Bastos"),
        ("Centro - Ba", "stos\n", "Centro - Bastos"),
        ("Centro - Bastos", "\n", "Centro - Bastos"),
    ],
)
def test_a_prefix_is_gone_on_from(prefix: str, text: str, whole: str) -> None:
    name = only(writes(text, prefix), prefix)
    assert name.name == whole
    place = parse(whole)
    assert place is not None
    assert (name.bairro, name.city) == (place.bairro, place.city)


def test_spaces_at_the_beginning_are_left_out() -> None:
    assert only(writes("Centro - Lins\n"), "   ").name == "Centro - Lins"
    assert only(writes(" Luzia - Lins\n", "Santa"), "  Santa").name == "Santa Luzia - Lins"
    # The no-break space is unknown, and is read as one that would stand at the beginning.
    assert only(writes(" Luzia - Lins\n", "Santa"), "\u200b\u00a0Santa").name[:6] == "Santa "


def test_unknown_characters_are_replaced_and_told() -> None:
    model = writes("o - Lins\n", "Sa")
    found = model.sample(" Sá☃", count=1, seed=1)
    assert [(r.source, r.target, r.index) for r in found.replaced] == [("á", "a", 2), ("☃", "", 3)]
    assert found.names[0].name == "Sao - Lins"


def test_a_prefix_is_read_as_nfc() -> None:
    found = writes("o - Lins\n", "Sã").sample("Sa\u0303", count=1, seed=1)
    assert found.names[0].name == "São - Lins"
    assert found.replaced == ()


@pytest.mark.parametrize("prefix", ["\n", "Santa\n", "Santa\nLuzia", "\r", "a\u2028b", "a\x85"])
def test_a_line_break_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix must be within one line"):
        writes("\n").sample(prefix)


def test_figures_out_of_range_are_named() -> None:
    model = writes("\n")
    model.sample("a" * 60, count=1, max_chars=1)
    with pytest.raises(ValueError, match="prefix must have at most 60 characters, not 61"):
        model.sample("a" * 61)
    with pytest.raises(ValueError, match="prefix must be text, not int"):
        model.sample(3)  # type: ignore[arg-type]
    for count in (0, 10_001, True, 1.5):
        with pytest.raises(ValueError, match="count must be a whole number from 1 to 10000"):
            model.sample(count=count)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_chars must be a whole number from 1 to 200"):
        model.sample(max_chars=201)
    with pytest.raises(ValueError, match="seed must be a whole number from 0"):
        model.sample(seed=-1)
    with pytest.raises(ValueError, match="temperature must be from 0 to 5"):
        model.sample(temperature=math.nan)
    with pytest.raises(ValueError, match="top_p must be more than 0"):
        model.sample(top_p=0.0)


def test_a_seed_gives_the_same_names_whatever_the_count(random_model: NameModel) -> None:
    many = random_model.sample("Sa", count=50, seed=3, max_chars=30).names
    few = random_model.sample("Sa", count=7, seed=3, max_chars=30).names
    assert [name.name for name in few] == [name.name for name in many[:7]]
    assert len({name.name for name in many}) > 40
    other = random_model.sample("Sa", count=7, seed=4, max_chars=30).names
    assert [name.name for name in other] != [name.name for name in few]


def test_a_drawn_seed_gives_the_names_again(random_model: NameModel) -> None:
    drawn = random_model.sample(count=3, max_chars=20)
    assert random_model.sample(count=3, max_chars=20, seed=drawn.seed) == drawn


def test_the_logprob_is_the_models_own_whatever_the_temperature(random_model: NameModel) -> None:
    for temperature in (0.5, 2.0):
        found = random_model.sample(
            "Sa", count=5, temperature=temperature, top_k=9, seed=1, max_chars=20
        )
        for name in found.names:
            line = f"\n{name.name}"
            ids = TOKENIZER.encode(line if len(name.name) == 22 else f"{line}\n").ids
            logits_BTV, _ = random_model.lm.model(torch.tensor([ids[:-1]]))
            logprobs_TV = logits_BTV[0].log_softmax(-1)
            chosen_T = logprobs_TV[torch.arange(len(ids) - 1), torch.tensor(ids[1:])]
            assert name.logprob == pytest.approx(chosen_T[2:].sum().item(), abs=1e-3)


def test_what_was_done_before_a_cancel_is_given(random_model: NameModel) -> None:
    told: list[int] = []
    found = random_model.sample(
        count=200, seed=1, progress=told.append, cancel=lambda: len(told) == 8
    )
    assert len(told) == 8
    assert 0 < len(found.names) == told[-1] < 200


def test_a_model_of_text_is_refused() -> None:
    lm = TextModel(scripted(TOKENIZER.vocab_size, 1, [1]), TOKENIZER, name="prose")
    with pytest.raises(ValueError, match="prose is a model of running text, not of names"):
        NameModel(lm, KNOWN)


def test_load_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    KNOWN.save(tmp_path / "known")
    torch.manual_seed(1)
    decoder = Decoder(CONFIG)
    decoder.initialise()
    save_checkpoint(
        tmp_path / "toponimos-mlp",
        architecture="decoder",
        model=decoder,
        model_config=CONFIG,
        tokenizer=TOKENIZER,
        training={},
        metrics_file=None,
        card="card",
        reads="lines",
        known_file=tmp_path / "known",
    )
    names = load_names().sample(count=3, seed=1).names
    assert len(names) == 3
    json.dumps([name.to_dict() for name in names])
    (tmp_path / "toponimos-mlp" / "known.safetensors").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"known\.safetensors"):
        load_names()
