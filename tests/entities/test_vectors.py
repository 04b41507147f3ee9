"""Word vectors from plain text to an encoder's table, by the commands."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
import torch

from litteragpt.cli import main
from litteragpt.entities.features import WordFeatures
from litteragpt.entities.vectors import read_vectors

WORDS = ("el", "la", "ministro", "gobierno", "ciudad", "calle", "lunes", "vino", "dijo", "casa")


def test_the_command_writes_what_an_encoder_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floret = pytest.importorskip("floret")
    rng = random.Random(1)
    lines = [" ".join(rng.choices(WORDS, k=8)) for _ in range(400)]
    (tmp_path / "text.txt").write_text("\n".join(lines), "utf-8")
    out = tmp_path / "made" / "vectors.floret"
    figures = ["--rows", "256", "--width", "8", "--epochs", "1"]
    monkeypatch.setattr(
        sys, "argv", ["x", "ner-vectors", str(tmp_path / "text.txt"), "--out", str(out), *figures]
    )
    assert main() == 0
    table = read_vectors(out, 256, 8)
    assert table.std().item() == pytest.approx(1.0, abs=1e-4)
    # The rows that our features name are those that floret learned: its own vector of a word.
    source = tmp_path / "again.txt"
    source.write_text("\n".join(lines), "utf-8")
    model = floret.train_unsupervised(
        str(source),
        model="skipgram",
        mode="floret",
        hashCount=2,
        bucket=256,
        minn=3,
        maxn=5,
        dim=8,
        epoch=1,
        minCount=1,
        thread=1,
        verbose=0,
    )
    model.save_floret_vectors(str(tmp_path / "again.floret"))
    text = (tmp_path / "again.floret").read_text("utf-8").splitlines()[1:]
    rows = torch.tensor([[float(value) for value in line.split()[1:]] for line in text])
    for word in ("ministro", "ñandú"):
        mean = rows[list(WordFeatures(256, 16)(word)[0])].mean(0)
        due = torch.from_numpy(model.get_word_vector(word))
        torch.testing.assert_close(mean, due, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("4 2 3 6 2 2166136261 < >\n", "must begin with"),
        ("4 2 3 5 2 2166136261 < >\n0 1 2\n", "4 rows"),
        ("4 2 3 5 2 2166136261 < >\n" + "0 nan 2\n" * 4, "finite"),
        ("", "must begin with"),
    ],
)
def test_other_vectors_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "v.floret").write_text(content, "utf-8")
    with pytest.raises(ValueError, match=message):
        read_vectors(tmp_path / "v.floret", 4, 2)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_vectors(tmp_path / "none", 4, 2)
