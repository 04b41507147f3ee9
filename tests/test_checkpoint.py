"""Checkpoint folders: what is saved is loaded; whatever is malformed is one clear error."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from litteragpt import architectures, checkpoint
from litteragpt.architectures import Architecture
from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import (
    checkpoints_root,
    list_checkpoints,
    load_checkpoint,
    read_metrics,
    resolve,
    save_checkpoint,
)
from litteragpt.tokenizers import CharTokenizer
from litteragpt.weights import CheckpointError

TOKENIZER = CharTokenizer("\n abc")
CONFIG = DecoderConfig(
    vocab_size=TOKENIZER.vocab_size, context=16, layers=2, width=8, heads=2, hidden=12
)


def decoder() -> Decoder:
    torch.manual_seed(7)
    model = Decoder(CONFIG)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    return model


def save(folder: Path, **changes: Any) -> checkpoint.CheckpointInfo:
    arguments: dict[str, Any] = {
        "architecture": "decoder",
        "model": decoder(),
        "model_config": CONFIG,
        "tokenizer": TOKENIZER,
        "training": {"steps": 10, "validation": 1.25},
        "metrics_file": None,
        "card": "# A card\n\nsha256:\n",
    }
    return save_checkpoint(folder, **arguments | changes)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "good"
    save(folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A good checkpoint to spoil."""
    return Path(shutil.copytree(saved, tmp_path / "spoiled"))


# What is saved is loaded.


def test_round_trip(saved: Path) -> None:
    loaded = load_checkpoint(saved)
    assert loaded.info.name == "good"
    assert loaded.info.path == saved
    assert loaded.info.architecture == "decoder"
    assert loaded.info.config["training"] == {"steps": 10, "validation": 1.25}
    assert loaded.info.parameters == sum(p.numel() for p in decoder().parameters())
    assert loaded.tokenizer == TOKENIZER
    model = loaded.model
    assert isinstance(model, Decoder)
    assert model.config == CONFIG
    assert not model.training
    expected = decoder().state_dict()
    assert model.state_dict().keys() == expected.keys()
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, expected[name].to(torch.float16).float())
    with torch.inference_mode():
        logits, _ = model(torch.tensor([[1, 2, 3]]))
        state = loaded.model.initial_state(1)
        stepped, _ = model(torch.tensor([[1, 2, 3]]), state)
    assert logits.shape == (1, 3, TOKENIZER.vocab_size)
    torch.testing.assert_close(stepped, logits)


def test_files_and_card(saved: Path) -> None:
    assert {path.name for path in saved.iterdir()} == set(checkpoint.REQUIRED_FILES)
    assert [path.name for path in saved.parent.iterdir()] == ["good"]  # nothing temporary
    digest = hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()
    assert load_checkpoint(saved).info.card == f"# A card\n\nsha256: {digest}\n"
    assert load_file(saved / "model.safetensors")["embedding.weight"].dtype == torch.float16
    config = json.loads((saved / "config.json").read_text("utf-8"))
    assert list(config) == ["format", "architecture", "model", "tokenizer", "reads", "training"]
    assert DecoderConfig(**config["model"]) == CONFIG


def test_card_without_the_line_gets_one(tmp_path: Path) -> None:
    save(tmp_path / "x", card="# Card")
    digest = hashlib.sha256((tmp_path / "x/model.safetensors").read_bytes()).hexdigest()
    assert (tmp_path / "x/README.md").read_text("utf-8") == f"# Card\n\nsha256: {digest}\n"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_weight_types(tmp_path: Path, dtype: torch.dtype) -> None:
    save(tmp_path / "x", dtype=dtype)
    loaded = load_checkpoint(tmp_path / "x", dtype=dtype).model
    assert isinstance(loaded, Decoder)
    expected = decoder().to(dtype).state_dict()
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_loaded_weights_do_not_live_in_the_file(tmp_path: Path) -> None:
    save(tmp_path / "x", dtype=torch.float32)
    model = load_checkpoint(tmp_path / "x").model
    assert isinstance(model, Decoder)
    with torch.no_grad():
        model.head.weight.zero_()
    assert load_checkpoint(tmp_path / "x").info.name == "x"  # the sha256 still holds


def test_what_a_model_reads_and_the_names_it_knows_go_along(tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_bytes(b"hashes")
    info = save(tmp_path / "x", reads="lines", language="pt", known_file=known)
    assert (info.reads, info.language) == ("lines", "pt")
    assert (tmp_path / "x/known.safetensors").read_bytes() == b"hashes"
    plain = save(tmp_path / "x")  # replaced, the extra file with it
    assert (plain.reads, plain.language) == ("text", None)
    assert not (tmp_path / "x/known.safetensors").exists()


def test_save_replaces_a_checkpoint(tmp_path: Path) -> None:
    metrics = tmp_path / "m.jsonl"
    metrics.write_text('{"step": 1}\n', "utf-8")
    save(tmp_path / "x")
    save(tmp_path / "x", training={"steps": 20}, metrics_file=metrics)
    save(tmp_path / "x", training={"steps": 30}, metrics_file=tmp_path / "x/metrics.jsonl")
    assert load_checkpoint(tmp_path / "x").info.config["training"] == {"steps": 30}
    assert read_metrics(tmp_path / "x") == [{"step": 1}]
    assert {path.name for path in tmp_path.iterdir()} == {"x", "m.jsonl"}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_save_refuses_weights_that_are_not_finite(tmp_path: Path, value: float) -> None:
    save(tmp_path / "x")
    model = decoder()
    with torch.no_grad():
        model.head.weight[0, 0] = value
    with pytest.raises(CheckpointError, match="NaN or infinite"):
        save(tmp_path / "x", model=model, training={"steps": 99})
    assert load_checkpoint(tmp_path / "x").info.config["training"]["steps"] == 10
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_save_refuses_what_could_not_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="vocab_size"):
        save(tmp_path / "x", tokenizer=CharTokenizer("ab"))
    with pytest.raises(CheckpointError, match="cannot be saved as JSON"):
        save(tmp_path / "x", training={"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_save_loses_no_other_files(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/thesis.txt").write_text("years of work", "utf-8")
    with pytest.raises(CheckpointError, match=r"thesis\.txt"):
        save(tmp_path / "x")
    (tmp_path / "y").write_text("a file", "utf-8")
    with pytest.raises(CheckpointError, match="not a folder"):
        save(tmp_path / "y")
    assert (tmp_path / "x/thesis.txt").read_text("utf-8") == "years of work"


def test_failed_save_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "x")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "x" and Path(target) == tmp_path / "x":
            raise OSError("no space left")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no space left"):
        save(tmp_path / "x", training={"steps": 99})
    monkeypatch.undo()
    assert load_checkpoint(tmp_path / "x").info.config["training"]["steps"] == 10
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_symlinks(copy: Path, tmp_path: Path) -> None:
    (copy / "config.json").rename(tmp_path / "elsewhere.json")
    (copy / "config.json").symlink_to(tmp_path / "elsewhere.json")
    (tmp_path / "link").symlink_to(copy)
    assert load_checkpoint(tmp_path / "link").info.name == "link"


def test_unknown_device(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="'abacus' cannot be used"):
        load_checkpoint(saved, device="abacus")


# Another architecture, with config fields of every type.


@dataclass(frozen=True, kw_only=True)
class BagConfig:
    vocab_size: int
    scale: float
    centred: bool
    kind: str

    def validate(self) -> None:
        if not 0 < self.scale < 10:
            raise ValueError("scale must be from 0 to 10")


class Bag(nn.Module):
    """One table, and a buffer that is saved with it."""

    scale: Tensor

    def __init__(self, config: BagConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.vocab_size, config.vocab_size)
        self.register_buffer("scale", torch.tensor(config.scale))


@pytest.fixture
def bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(
        architectures, "ARCHITECTURES", {"bag": Architecture(BagConfig, cast(Any, Bag))}
    )
    config = BagConfig(vocab_size=TOKENIZER.vocab_size, scale=2.0, centred=True, kind="sum")
    save(tmp_path / "bag", architecture="bag", model=Bag(config), model_config=config)
    return tmp_path / "bag"


def test_other_architecture(bag: Path) -> None:
    loaded = load_checkpoint(bag)
    model = loaded.model
    assert isinstance(model, Bag)
    assert model.config.centred is True
    assert model.scale.item() == 2.0
    assert loaded.info.parameters == TOKENIZER.vocab_size**2


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("centred", 1, "centred must be of type bool, not 1"),
        ("kind", 3, "kind must be of type str, not 3"),
        ("scale", True, "scale must be of type float, not True"),
        ("scale", 11, "scale must be from 0 to 10"),
    ],
)
def test_other_field_types(bag: Path, field: str, value: object, message: str) -> None:
    edit_config(bag, lambda config: config["model"].update({field: value}))
    assert_broken(bag, message)


def test_whole_number_for_a_float(bag: Path) -> None:
    edit_config(bag, lambda config: config["model"].update(scale=2))
    model = load_checkpoint(bag).model
    assert isinstance(model, Bag)
    assert type(model.config.scale) is float


# Malformed checkpoints.


def edit_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    change(config)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def edit_tensors(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Other weights, and a card that knows their sha256: only the change itself is wrong."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    sign(folder)


def sign(folder: Path) -> None:
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "README.md").write_text(f"sha256: {digest}\n", "utf-8")


def assert_broken(folder: Path, message: str, *, listed: bool = True) -> None:
    """One CheckpointError of one line; the listing says the same and goes on."""
    with pytest.raises(CheckpointError, match=message) as error:
        load_checkpoint(folder)
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 500
    if listed:
        listing = list_checkpoints(folder.parent)
        assert (folder, text) in listing.broken


def model_field(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["model"].update(values)


CONFIGS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format 2": (lambda c: c.update(format=2), "has format 2"),
    "format true": (lambda c: c.update(format=True), "has format True"),
    "format 1.0": (lambda c: c.update(format=1.0), r"has format 1\.0"),
    "no format": (lambda c: c.pop("format"), "lacks 'format'"),
    "other key": (lambda c: c.update(auto_map="evil.py"), "unknown 'auto_map'"),
    "architecture": (lambda c: c.update(architecture="os.system"), "architecture 'os.system'"),
    "architecture list": (lambda c: c.update(architecture=[]), "unknown architecture"),
    "architecture long": (lambda c: c.update(architecture="x" * 10**5), "unknown architecture"),
    "model list": (lambda c: c.update(model=[1]), "model must be a table"),
    "training null": (lambda c: c.update(training=None), "training must be a table"),
    "tokenizer kind": (lambda c: c.update(tokenizer={"kind": "wp"}), "kind 'wp'"),
    "other tokenizer kind": (lambda c: c.update(tokenizer={"kind": "bpe"}), "says 'bpe'"),
    "reads": (lambda c: c.update(reads="pickles"), "reads must be text or lines"),
    "reads list": (lambda c: c.update(reads=["text"]), "reads must be text or lines"),
    "language": (lambda c: c.update(language="<b>"), "language must be a code"),
    "language number": (lambda c: c.update(language=1), "language must be a code"),
    "tokenizer kind list": (lambda c: c.update(tokenizer={"kind": []}), "tokenizer kind"),
    "no tokenizer kind": (lambda c: c.update(tokenizer={}), "tokenizer kind None"),
    "missing field": (lambda c: c["model"].pop("width"), "model lacks 'width'"),
    "unknown field": (model_field(bias=True), "model has the unknown 'bias'"),
    "many unknown": (model_field(**{f"k{i}": 1 for i in range(999)}), "and 996 more"),
    "huge layers": (model_field(layers=10**9), "layers must be a whole number from"),
    "huge width": (model_field(width=2**40), "width must be a whole number from"),
    "huge context": (model_field(context=2**40), "context must be a whole number from"),
    "huge everything": (
        model_field(layers=128, width=16_384, heads=128, hidden=65_536),
        "bytes where its config asks for",
    ),
    "astronomic": (model_field(width=10**400), "width is out of bounds"),
    "negative": (model_field(width=-8), "width must be a whole number from"),
    "zero": (model_field(heads=0), "heads must be a whole number from"),
    "bool": (model_field(layers=True), "layers must be of type int, not True"),
    "float": (model_field(layers=2.0), r"layers must be of type int, not 2\.0"),
    "string": (model_field(width="8"), "width must be of type int, not '8'"),
    "null": (model_field(width=None), "width must be of type int, not None"),
    "list": (model_field(width=[8]), r"width must be of type int, not \[8\]"),
    "string float": (model_field(dropout="0.1"), "dropout must be of type float"),
    "nan": (model_field(dropout=float("nan")), "NaN is no JSON number"),
    "infinite": (model_field(rope_theta=float("inf")), "Infinity is no JSON number"),
    "huge float": (model_field(rope_theta=1e300), "rope_theta is out of bounds"),
    "uneven heads": (model_field(heads=3), "multiple"),
    "other shape": (model_field(hidden=16), "bytes where|has the shape"),
    "one more layer": (model_field(layers=3), "bytes where|lacks"),
    "one layer less": (model_field(layers=1), "bytes where|unknown"),
    "wrong vocabulary": (model_field(vocab_size=7), "has 6 entries where .* vocab_size 7"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_hostile_config(copy: Path, name: str) -> None:
    change, message = CONFIGS[name]
    edit_config(copy, change)
    assert_broken(copy, message)


@pytest.mark.parametrize("file", checkpoint.REQUIRED_FILES)
def test_missing_file(copy: Path, file: str) -> None:
    (copy / file).unlink()
    assert_broken(copy, f"{file} is missing")
    (copy / file).mkdir()
    assert_broken(copy, f"{file} is missing or is not a file")


TEXTS = {
    "empty": (b"", "not valid JSON"),
    "truncated": (b'{"format": 1, "arch', "not valid JSON"),
    "garbage": (b"\x80\x81\x00", "not UTF-8"),
    "list": (b"[1]", "JSON object, not list"),
    "infinite": (b'{"format": 1e999}', "too large"),
    "digits": (b'{"format": ' + b"9" * 100_000 + b"}", "not valid JSON"),
    "twice": (b'{"format": 1, "format": 1}', "'format' occurs twice"),
    "deep": (b'{"format": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", r"\.json"),
    "large": (b" " * (16 * 2**20 + 1), "larger than"),
}


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("name", TEXTS)
def test_malformed_json(copy: Path, file: str, name: str) -> None:
    data, message = TEXTS[name]
    (copy / file).write_bytes(data)
    assert_broken(copy, message)
    with pytest.raises(CheckpointError, match=file):
        load_checkpoint(copy)


def test_nested_model_config(copy: Path) -> None:
    text = (copy / "config.json").read_text("utf-8")
    deep = "[" * 10_000 + "]" * 10_000
    (copy / "config.json").write_text(text.replace('"width": 8', f'"width": {deep}'), "utf-8")
    assert_broken(copy, "nested too deeply|width must be of type int")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda vocab: vocab.update(c=2), "once each"),
        (lambda vocab: vocab.pop("c"), "has 5 entries where"),
        (lambda vocab: vocab.update(d=6), "has 7 entries where"),
    ],
    ids=["duplicate id", "one less", "one more"],
)
def test_wrong_tokenizer(
    copy: Path, change: Callable[[dict[str, int]], object], message: str
) -> None:
    path = copy / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    change(content["model"]["vocab"])
    path.write_text(json.dumps(content), "utf-8")
    assert_broken(copy, message)


@pytest.mark.parametrize("data", [b"\xff", b"#" * (2**20 + 1)], ids=["binary", "large"])
def test_malformed_card(copy: Path, data: bytes) -> None:
    (copy / "README.md").write_bytes(data)
    assert_broken(copy, r"README\.md")


def _header(data: bytes, length: int | None = None) -> bytes:
    """A safetensors file with this header, padded to a plausible size."""
    length = len(data) if length is None else length
    return (length.to_bytes(8, "little") + data).ljust(6_000, b"\0")


WEIGHTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "has 0 bytes where"),
    "short": (lambda data: data[:100], "has 100 bytes where"),
    "truncated": (lambda data: data[:-1], "not a valid safetensors file"),
    "trailing": (lambda data: data + b"\0", "not a valid safetensors file"),
    "huge": (lambda data: data + bytes(2**21), "bytes where"),
    "garbage": (lambda data: b"\x93" * len(data), "not a valid safetensors file"),
    "zeros": (lambda data: bytes(len(data)), "not a valid safetensors file"),
    "text": (lambda data: b"version https://git-lfs".ljust(len(data)), "not a valid safetensors"),
    "pickle": (lambda data: b"PK\x03\x04".ljust(len(data), b"\0"), "not a valid safetensors"),
    "giant header": (lambda data: _header(b"{}", 2**62), "not a valid safetensors file"),
    "header past the end": (lambda data: _header(b"{}", 6_001), "not a valid safetensors file"),
    "header list": (lambda data: _header(b"[]"), "not a valid safetensors file"),
    "header binary": (lambda data: _header(b"\xff\xfe"), "not a valid safetensors file"),
    "header deep": (
        lambda data: _header(b'{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
        "not a valid safetensors file",
    ),
    "overlap": (
        lambda data: _header(
            b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},'
            b'"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}'
        ),
        "not a valid safetensors file",
    ),
    "overflow": (
        lambda data: _header(
            b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}}'
        ),
        "not a valid safetensors file",
    ),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_malformed_weights(copy: Path, name: str) -> None:
    change, message = WEIGHTS[name]
    path = copy / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    sign(copy)
    assert_broken(copy, message)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_checkpoint(copy)


def _set(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], object]:
    return lambda tensors: tensors.update({name: change(tensors[name])})


TENSORS: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "missing key": (lambda t: t.pop("norm.weight"), r"lacks 'norm\.weight'"),
    "extra key": (lambda t: t.update(extra=torch.zeros(2)), "unknown 'extra'"),
    "renamed": (lambda t: t.update(other=t.pop("norm.weight")), r"lacks 'norm\.weight'"),
    "wrong shape": (_set("head.weight", lambda t: t[:, :-1].contiguous()), "has the shape"),
    "transposed": (_set("head.weight", lambda t: t.T.contiguous()), r"\[8, 6\] .* \[6, 8\]"),
    "flat": (_set("head.weight", torch.flatten), "has the shape"),
    "int": (_set("head.weight", lambda t: t.to(torch.int32)), "is of type I32"),
    "bool": (_set("head.weight", lambda t: t.to(torch.int16)), "is of type I16"),
    "float64": (_set("norm.weight", lambda t: t.double()), "is of type F64"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_wrong_tensors(copy: Path, name: str) -> None:
    change, message = TENSORS[name]
    edit_tensors(copy, change)
    assert_broken(copy, message)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_weights_that_are_not_finite(copy: Path, value: float, dtype: torch.dtype) -> None:
    def spoil(tensor: Tensor) -> Tensor:
        tensor = tensor.to(dtype)
        tensor[-1, -1] = value
        return tensor

    edit_tensors(copy, _set("head.weight", spoil))
    assert_broken(copy, r"head\.weight holds NaN or infinite", listed=False)


def test_sha256(copy: Path) -> None:
    path = copy / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert_broken(copy, "sha256", listed=False)
    for line in ("no digest here", "sha256:", "see sha256: below"):
        (copy / "README.md").write_text(f"# Card\n{line}\n", "utf-8")
        assert load_checkpoint(copy).info.name == "spoiled"
    (copy / "README.md").write_text("sha256: feedbeef\n", "utf-8")
    assert_broken(copy, "feedbeef", listed=False)


@pytest.mark.parametrize("file", checkpoint.REQUIRED_FILES)
def test_unreadable_file(copy: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    opened = Path.open

    def failing(self: Path, *arguments: Any, **keywords: Any) -> Any:
        if self.name == file:
            raise PermissionError(13, "Permission denied")
        return opened(self, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", failing)
    assert_broken(copy, f"{file}.* Permission denied", listed=False)


@pytest.mark.parametrize("path", ["nothing", "a\0b", "x" * 5_000, ""])
def test_no_such_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / path)


# Names, listings and metrics.


def test_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LITTERAGPT_CHECKPOINTS", raising=False)
    package = Path(checkpoint.__file__).resolve().parent
    assert checkpoints_root() == package.parent / "checkpoints"
    (tmp_path / "checkpoints").mkdir()
    assert checkpoints_root().resolve() == tmp_path / "checkpoints"
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path / "other"))
    assert checkpoints_root() == tmp_path / "other"


def test_resolve(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(saved.parent))
    monkeypatch.chdir(tmp_path)
    assert resolve("good") == saved
    assert resolve("good", names_only=True) == saved
    assert resolve(saved) == saved
    assert resolve(str(saved)) == saved
    (tmp_path / "run").mkdir()
    assert resolve("run") == Path("run")
    with pytest.raises(CheckpointError, match=r"no checkpoint 'bad'; there are in .*: good"):
        resolve("bad")
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path / "nowhere"))
    with pytest.raises(CheckpointError, match="none"):
        resolve("good")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../good", "good/../good", "/", "GOOD", "good\n", "a\0b", "x" * 9_999, "%2e"],
)
def test_names_from_strangers(saved: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(saved.parent))
    monkeypatch.chdir(saved.parent)
    with pytest.raises(CheckpointError, match="no checkpoint") as error:
        resolve(name, names_only=True)
    assert len(str(error.value)) < 500
    with pytest.raises(CheckpointError, match="no checkpoint"):
        resolve(str(saved), names_only=True)


def test_list(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b", "a", "broken", "Bad Name", ".hidden"):
        shutil.copytree(saved, tmp_path / name)
    (tmp_path / "broken/config.json").unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no folder", "utf-8")
    listing = list_checkpoints(tmp_path)
    assert [info.name for info in listing.found] == ["a", "b"]
    assert listing.found[0].parameters == load_checkpoint(saved).info.parameters
    assert [path.name for path, _ in listing.broken] == ["Bad Name", "broken", "empty"]
    assert all(reason for _, reason in listing.broken)
    monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(tmp_path))
    assert list_checkpoints() == listing
    assert list_checkpoints(tmp_path / "nowhere").found == []


def test_metrics(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "sample": "á\u2028"}\n\n{"step": 2}\n', "utf-8")
    assert read_metrics(tmp_path) == [{"step": 1, "sample": "á\u2028"}, {"step": 2}]
    path.write_text('{"step": 1}\n{"step": 2', "utf-8")
    assert read_metrics(tmp_path) == [{"step": 1}]
    path.write_bytes(b"")
    assert read_metrics(tmp_path) == []


@pytest.mark.parametrize(
    "data",
    [b'{"step": 1\n{"step": 2}\n', b"[1]\n", b'{"loss": NaN}\n', b"\xff\n", b"[" * 10_000 + b"\n"],
)
def test_malformed_metrics(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl"):
        read_metrics(tmp_path)


def test_metrics_cut_within_a_character(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes('{"s": 1}\n{"s": "ñ'.encode()[:-1])
    assert read_metrics(tmp_path) == [{"s": 1}]


def test_metrics_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MAX_METRICS_BYTES", 10)
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n', "utf-8")
    with pytest.raises(CheckpointError, match="larger than 10 bytes"):
        read_metrics(tmp_path)
