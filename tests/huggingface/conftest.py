"""Tiny model folders, made once; tests that change one change a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from tests.tiny_hf import TEXTS, save_hf

LEARNT = TEXTS[0].strip()

Folder = Callable[..., Path]


@pytest.fixture(scope="session")
def hf_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder of a kind of model and tokenizer, made when it is first asked for."""
    root = tmp_path_factory.mktemp("hf")
    made: dict[str, Path] = {}

    def folder(kind: str = "llama", tokenizer: str = "byte level", *, learnt: bool = False) -> Path:
        name = f"{kind}-{tokenizer.replace(' ', '-')}{'-learnt' if learnt else ''}"
        if name not in made:
            learn = LEARNT if learnt else None
            made[name] = save_hf(root / name, kind=kind, tokenizer=tokenizer, learn=learn)
        return made[name]

    return folder


@pytest.fixture
def own_copy(hf_folder: Folder, tmp_path: Path) -> Path:
    """A folder that a test may spoil."""
    return Path(shutil.copytree(hf_folder(), tmp_path / "Tiny-Llama"))
