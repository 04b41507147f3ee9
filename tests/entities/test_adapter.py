"""Adapters: other labels on the same base, small, switchable, and read without trust."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from litteragpt.architectures.encoder import Encoder, EncoderConfig
from litteragpt.entities import tagger as tagger_module
from litteragpt.entities.adapter import Adapter, adapted, load_adapter
from litteragpt.entities.batch import features_of, words_of
from litteragpt.entities.folder import save_folder
from litteragpt.entities.loading import load_encoder, load_tagger
from litteragpt.entities.score import MICRO
from litteragpt.entities.tagger import EntityTagger
from litteragpt.training.lora import LowRank, low_rank_of, train_adapter, with_new_heads
from litteragpt.training.own_records import Tuned
from litteragpt.weights import CheckpointError

TOOLS = ("martillo", "taladro", "serrucho", "destornillador")
NAMES = ("Ana", "Luis", "Eva", "Juan")
TEXT = "Trae el taladro de Eva"


def save_base(folder: Path, **changes: int) -> Path:
    """A base with random weights, that knows NAME and DATE and two intents."""
    figures: dict[str, Any] = {
        "rows": 512,
        "width": 24,
        "shapes": 64,
        "shape_width": 8,
        "hidden": 24,
    } | changes
    torch.manual_seed(1)
    encoder = Encoder(
        EncoderConfig(labels=("NAME", "DATE"), intents=("inquiry", "cancel"), **figures)
    )
    encoder.initialise()
    save_folder(folder, encoder=encoder, training={"calibration": 1.2}, card="")
    return folder


def save_own(file: Path) -> Path:
    records = []
    for tool in TOOLS:
        for name in NAMES:
            for verb, intent in (("Trae", "fetch"), ("Guarda", "store")):
                text = f"{verb} el {tool} de {name}"
                spans = [(len(verb) + 4, tool, "TOOL"), (len(text) - len(name), name, "NAME")]
                entities = [
                    {"start": start, "end": start + len(word), "label": label}
                    for start, word, label in spans
                ]
                records.append({"text": text, "entities": entities, "intent": intent})
    file.write_text("".join(json.dumps(each) + "\n" for each in records), "utf-8")
    return file


@pytest.fixture(scope="module", params=[0, 1_024], ids=["plain", "templates"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("bases") / "tiny", templates=request.param)


@pytest.fixture(scope="module")
def tuned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    pytest.importorskip("peft")
    folder = tmp_path_factory.mktemp("adapters")
    own = save_own(folder / "own.jsonl")
    return train_adapter(base, own, folder / "tools", ["training.epochs=20", "training.lr=0.02"])


@pytest.fixture
def copy(tuned: Tuned, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tuned.path, tmp_path / "copy"))


def test_it_learns_ones_own_labels_and_intents(tuned: Tuned, base: Path) -> None:
    assert (tuned.labels, tuned.intents) == (("NAME", "TOOL"), ("fetch", "store"))
    assert (tuned.learned_from, tuned.held_out) == (26, 6)
    assert tuned.before["TOOL"].f1 == 0
    assert tuned.after[MICRO].f1 > 0.8
    assert tuned.intents_right == 1.0
    tagger = load_tagger(base, adapter=tuned.path)
    assert isinstance(tagger, EntityTagger)
    assert [(e.label, e.text) for e in tagger.tag(TEXT)] == [("TOOL", "taladro"), ("NAME", "Eva")]
    odds = tagger.intent(TEXT)
    assert max(odds, key=lambda name: odds[name]) == "fetch"
    assert sum(odds.values()) == pytest.approx(1.0)


def test_its_folder_is_as_peft_writes_it_and_small(tuned: Tuned, base: Path) -> None:
    assert sorted(path.name for path in tuned.path.iterdir()) == [
        "README.md",
        "adapter.json",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    peft = pytest.importorskip("peft")
    tagger = load_encoder(base)
    encoder = with_new_heads(tagger.encoder, tuned.labels, tuned.intents)
    theirs = peft.PeftModel.from_pretrained(encoder, str(tuned.path)).eval()
    words = words_of([TEXT.split()], features_of(encoder.config))
    ours = tagger.with_adapter(tuned.path)
    with torch.inference_mode():
        torch.testing.assert_close(ours.encoder(words), theirs(words), rtol=1e-5, atol=1e-5)
        read_BTH = ours.encoder.read(words)
        torch.testing.assert_close(
            ours.encoder.score_intents(read_BTH, words.mask_BT),
            encoder.score_intents(encoder.read(words), words.mask_BT),
            rtol=1e-5,
            atol=1e-5,
        )
    torch.testing.assert_close(ours.encoder.chain.between_KK, encoder.chain.between_KK)


def test_of_the_shipped_size_it_takes_less_than_a_megabyte(tmp_path: Path) -> None:
    """The table of n-grams, the only large part, does not count: here it has two rows."""
    pytest.importorskip("peft")
    figures = {"rows": 2, "width": 128, "shape_width": 32, "hidden": 160}
    base = save_base(tmp_path / "wide", **figures)
    labels = tuple(f"LABEL{k}" for k in range(64))
    encoder = with_new_heads(load_encoder(base).encoder, labels, labels)
    theirs, _ = low_rank_of(encoder, LowRank(rank=32))
    theirs.save_pretrained(str(tmp_path / "out"), save_embedding_layers=False)
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) < 1_000_000


def test_adapters_share_the_large_layers_and_leave_the_base_as_it_is(
    tuned: Tuned, base: Path
) -> None:
    tagger = load_encoder(base)
    before = {name: tensor.clone() for name, tensor in tagger.encoder.state_dict().items()}
    first, second = tagger.with_adapter(tuned.path), tagger.with_adapter(tuned.path)
    for each in (first, second):
        assert each.encoder.grams is tagger.encoder.grams
        assert each.encoder.reader is tagger.encoder.reader
        assert each.encoder.mix.weight.data_ptr() != tagger.encoder.mix.weight.data_ptr()
    assert first.labels == ("NAME", "TOOL")
    assert tagger.labels == ("NAME", "DATE")
    after = tagger.encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_new_heads_begin_where_the_base_knows_the_label(base: Path) -> None:
    encoder = load_encoder(base).encoder
    new = with_new_heads(encoder, ("DATE", "TOOL"), ("cancel", "fetch"))
    assert new.intents is not None
    assert encoder.intents is not None
    assert torch.equal(new.tags.weight[:3], encoder.tags.weight[[0, 3, 4]])
    assert torch.equal(new.intents.weight[0], encoder.intents.weight[1])


def test_of_another_base_it_is_refused(tuned: Tuned, tmp_path: Path) -> None:
    torch.manual_seed(2)
    other = Encoder(EncoderConfig(labels=("NAME",), rows=512, width=24, shapes=64, hidden=24))
    save_folder(tmp_path / "other", encoder=other, training={}, card="")
    with pytest.raises(CheckpointError, match="base 'tiny' with other weights"):
        load_tagger(tmp_path / "other", adapter=tuned.path)
    with pytest.raises(ValueError, match="no weights on disk"):
        EntityTagger(other).with_adapter(tuned.path)


def edited(folder: Path, file: str, **changes: object) -> None:
    table = json.loads((folder / file).read_text("utf-8"))
    (folder / file).write_text(json.dumps(table | changes), "utf-8")


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("adapter.json", {"format": 2}, "format 2"),
        ("adapter.json", {"labels": ["A"] * 2}, "differ"),
        ("adapter.json", {"labels": [str(k) for k in range(65)]}, "number of labels"),
        ("adapter.json", {"labels": []}, "number of labels"),
        ("adapter.json", {"labels": ["A"]}, "shape"),
        ("adapter.json", {"labels": "NAME"}, "must be a list"),
        ("adapter.json", {"labels": [1, 2]}, "type str"),
        ("adapter.json", {"intents": []}, "modules_to_save"),
        ("adapter.json", {"calibration": 1e9}, "calibration"),
        ("adapter.json", {"code": "x"}, "unknown"),
        ("adapter_config.json", {"r": 2**40}, "r must be"),
        ("adapter_config.json", {"r": 64}, "adapter_model.safetensors"),
        ("adapter_config.json", {"lora_alpha": 1e300}, "lora_alpha"),
        ("adapter_config.json", {"peft_type": "IA3"}, "peft_type"),
        ("adapter_config.json", {"target_modules": ["mix"]}, "target_modules"),
        ("adapter_config.json", {"target_modules": [["mix"]]}, "target_modules"),
        ("adapter_config.json", {"use_dora": True}, "use_dora"),
        ("adapter_config.json", {"use_rslora": True}, "use_rslora"),
        ("adapter_config.json", {"bias": "all"}, "bias"),
    ],
)
def test_hostile_tables_are_refused(
    copy: Path, base: Path, file: str, changes: dict[str, object], message: str
) -> None:
    edited(copy, file, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_tagger(base, adapter=copy)


def _huge(tensors: dict[str, torch.Tensor]) -> None:
    tensors["base_model.model.mix.lora_A.weight"] = torch.zeros(8, 4096)


def _nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["base_model.model.tags.bias"][0] = float("nan")


def _overflowing(tensors: dict[str, torch.Tensor]) -> None:
    for name in ("A", "B"):
        tensors[f"base_model.model.mix.lora_{name}.weight"].fill_(3e38)


def _missing(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["base_model.model.chain.start_K"]


@pytest.mark.parametrize(
    ("change", "message"),
    [(_huge, "shape"), (_nan, "NaN"), (_overflowing, "out of bounds"), (_missing, "lacks")],
)
def test_hostile_weights_are_refused(
    copy: Path, base: Path, change: Callable[[dict[str, torch.Tensor]], None], message: str
) -> None:
    file = copy / "adapter_model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match=message):
        load_tagger(base, adapter=copy)


def test_a_pickle_is_never_read(copy: Path, base: Path) -> None:
    file = copy / "adapter_model.safetensors"
    file.rename(copy / "adapter_model.bin")
    with pytest.raises(CheckpointError, match="safetensors is missing"):
        load_tagger(base, adapter=copy)
    file.write_bytes(b"\x80\x04not safetensors")
    with pytest.raises(CheckpointError, match="bytes where its config asks for"):
        load_tagger(base, adapter=copy)


def test_a_merged_update_is_the_sum_that_it_says(base: Path) -> None:
    tagger = load_encoder(base)
    config = tagger.encoder.config
    torch.manual_seed(3)
    heads = {
        k: v for k, v in tagger.encoder.state_dict().items() if k[:4] in ("tags", "chai", "inte")
    }
    updates = {
        f"{name}.lora_{side}.weight": torch.randn(shape)
        for name, size in (("mix", 32), ("dense", 48))
        for side, shape in (("A", (2, size)), ("B", (size, 2)))
    }
    encoder = adapted(tagger.encoder, Adapter("x", config, 0.5, heads | updates, 1.0, {}))
    expected = tagger.encoder.mix.weight + 0.5 * (
        updates["mix.lora_B.weight"] @ updates["mix.lora_A.weight"]
    )
    torch.testing.assert_close(encoder.mix.weight, expected)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"text": "a b", "entities": []}'] * 4, "5 or more"),
        (['{"text": "a b", "entities": []}'] * 9, "marks no entity"),
        (["{"], "line 1"),
    ],
)
def test_records_that_teach_nothing_are_refused(
    base: Path, tmp_path: Path, lines: list[str], message: str
) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    with pytest.raises(ValueError, match=message):
        train_adapter(base, file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("override", ["lora.rank=0", "training.epochs=0", "model.rows=2", "lora"])
def test_overrides_are_checked(base: Path, tmp_path: Path, override: str) -> None:
    with pytest.raises(ValueError, match=r"rank|epochs|model|override"):
        train_adapter(base, save_own(tmp_path / "own.jsonl"), tmp_path / "out", [override])


def test_files_of_others_are_not_overwritten(base: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="thesis"):
        train_adapter(base, save_own(tmp_path / "own.jsonl"), tmp_path / "out")


def test_an_intent_is_of_the_whole_text_however_long(
    tuned: Tuned, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = load_tagger(base, adapter=tuned.path)
    assert isinstance(tagger, EntityTagger)
    long = "Trae el taladro . " + "Sí . " * 400
    odds = tagger.intent(long)
    monkeypatch.setattr(tagger_module, "_WINDOWS", 1)
    assert tagger.intent(long) == pytest.approx(odds, abs=1e-5)
    assert tagger.intent(" \n") == {}
    plain = Encoder(EncoderConfig(labels=("A",), rows=16, width=4, shapes=4, hidden=4))
    assert EntityTagger(plain).intent(TEXT) == {}


def test_what_is_loaded_says_what_it_is(tuned: Tuned, base: Path) -> None:
    tagger = load_encoder(base)
    assert tagger.weights is not None
    adapter = load_adapter(tuned.path, tagger.encoder.config, tagger.weights)
    assert (adapter.name, adapter.scale, adapter.calibration) == ("tools", 2.0, 1.2)
    assert adapter.training["records"] == 26
