from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from litteragpt.architectures.decoder import Decoder, DecoderConfig
from litteragpt.checkpoint import load_checkpoint, read_metrics, save_checkpoint
from litteragpt.generation.text import TextModel
from litteragpt.names.generate import NameModel
from litteragpt.names.known import KnownNames
from litteragpt.protocols import Reads
from litteragpt.tokenizers import CharTokenizer
from litteragpt.training.reinforce import ReinforceConfig
from litteragpt.training.reinforced import reinforce_checkpoint

TOKENIZER = CharTokenizer("\n -abcd")
LINES = [f"{bairro} - {city}" for bairro in ("a", "bc", "da") for city in ("ab", "cd")]
CONFIG = ReinforceConfig(
    steps=3, batch=16, samples=32, max_chars=12, evaluate_every=2, warmup_steps=0
)
CARD = "# Names\n\n## Training\n\nLong.\n\n## Intended use\n\nNames.\n\nsha256:\n"


def folders(tmp_path: Path, reads: Reads = "lines") -> tuple[Path, Path, Path]:
    """A corpus, runs, and checkpoints with a model that knows nothing yet."""
    corpus, runs, checkpoints = (tmp_path / name for name in ("corpus", "runs", "checkpoints"))
    corpus.mkdir()
    (corpus / "train.txt").write_text("\n".join(LINES[:4]) + "\n", encoding="utf-8")
    (corpus / "validation.txt").write_text("\n".join(LINES[4:]) + "\n", encoding="utf-8")
    known = KnownNames.from_tables(
        [(*line.split(" - "), "SP") for line in LINES[:4]],  # type: ignore[misc]
        [("ab", "SP"), ("cd", "SP")],
    )
    known.save(tmp_path / "known")
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "val_loss": 2.0}\n', encoding="utf-8")
    config = DecoderConfig(
        vocab_size=TOKENIZER.vocab_size, context=16, layers=1, width=16, heads=1, hidden=16
    )
    torch.manual_seed(1)
    model = Decoder(config)
    model.initialise()
    save_checkpoint(
        checkpoints / "names",
        architecture="decoder",
        model=model,
        model_config=config,
        tokenizer=TOKENIZER,
        training={"steps": 1},
        metrics_file=tmp_path / "metrics.jsonl",
        card=CARD,
        reads=reads,
        language="pt",
        known_file=tmp_path / "known",
    )
    return corpus, runs, checkpoints


def test_the_checkpoint_is_reinforced_in_its_place(tmp_path: Path) -> None:
    corpus, runs, checkpoints = folders(tmp_path)
    before = load_checkpoint(checkpoints / "names")
    told: list[dict[str, float]] = []
    reached = reinforce_checkpoint(
        "names", CONFIG, corpus, runs=runs, checkpoints=checkpoints, report=told.append
    )
    after = load_checkpoint(checkpoints / "names")
    assert [line["step"] for line in told] == [1, 2, 3]
    assert (after.info.reads, after.info.language) == ("lines", "pt")
    settings = after.info.config["training"]["reinforce"]
    assert settings["after"] == reached.after.to_dict()
    assert settings["reward"]["real_city"] == 1.0
    assert after.info.config["training"]["steps"] == 1
    assert isinstance(after.model, Decoder)
    assert isinstance(before.model, Decoder)
    assert not torch.equal(after.model.head.weight, before.model.head.weight)
    metrics = read_metrics(checkpoints / "names")
    assert metrics == [
        {"step": 1, "val_loss": 2.0},
        *({"reinforce": line} for line in told),
        {"step": 1, "val_loss": reached.after.val_nats_per_char},
    ]
    curve = (runs / "names" / "reinforce.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in curve] == told
    order = [after.info.card.index(f"## {part}") for part in ("Training", "Reinf", "Intended")]
    assert order == sorted(order)
    assert f"| city exists | {reached.before.summary.real_city:.2%} |" in after.info.card
    known = KnownNames.load(checkpoints / "names" / "known.safetensors")
    lm = TextModel(after.model, after.tokenizer, name="names", reads=after.info.reads)
    assert len(NameModel(lm, known).sample(count=3, seed=1).names) == 3


def test_a_second_run_starts_from_what_was_trained(tmp_path: Path) -> None:
    corpus, runs, checkpoints = folders(tmp_path)
    reached, again = (
        reinforce_checkpoint("names", CONFIG, corpus, runs=runs, checkpoints=checkpoints)
        for _ in range(2)
    )
    assert reached == again
    assert load_checkpoint(checkpoints / "names").info.card.count("## Reinforcement") == 1


def test_what_will_not_do_is_a_clear_error(tmp_path: Path) -> None:
    corpus, runs, checkpoints = folders(tmp_path)

    def run() -> None:
        reinforce_checkpoint("names", CONFIG, corpus, runs=runs, checkpoints=checkpoints)

    run()
    (runs / "names" / "pretrained").rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"is reinforced already, and .* is not there"):
        run()
    (tmp_path / "elsewhere").rename(runs / "names" / "pretrained")
    (corpus / "validation.txt").unlink()
    with pytest.raises(ValueError, match=r"cannot read .*validation\.txt: build the corpus first"):
        run()


def test_a_model_of_text_is_refused(tmp_path: Path) -> None:
    corpus, runs, checkpoints = folders(tmp_path, reads="text")
    with pytest.raises(ValueError, match="is a model of running text, not of names"):
        reinforce_checkpoint("names", CONFIG, corpus, runs=runs, checkpoints=checkpoints)
    assert "reinforce" not in load_checkpoint(checkpoints / "names").info.config["training"]
