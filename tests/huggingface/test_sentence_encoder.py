"""Vectors of texts by an encoder of others, as its folder asks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from litteragpt.huggingface.sentence_encoder import (
    NO_ROLES,
    Roles,
    TheirSentences,
    _roles_of,
    is_sentence_encoder,
)
from tests.tiny_cross_encoder import QUESTION, RIGHT
from tests.tiny_hf import save_hf
from tests.tiny_their_sentences import MODULES, save_their_sentences


def written_out(folder: Path, text: str, *, first: bool = False) -> Any:
    """The vector by the library alone."""
    import transformers

    pieces = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        hidden = model(**pieces(text, return_tensors="pt")).last_hidden_state[0]
    pooled = hidden[0] if first else hidden.mean(0)
    return torch.nn.functional.normalize(pooled, dim=0).numpy()


@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token"])
def test_the_vectors_that_count(tmp_path: Path, pooling: str) -> None:
    folder = save_their_sentences(tmp_path / "otra", steps=0, pooling=pooling)
    found = TheirSentences(folder)([RIGHT, QUESTION, "a"], [False, True, False])
    for text, vector in zip((RIGHT, QUESTION, "a"), found, strict=True):
        expected = written_out(folder, text, first=pooling == "cls_token")
        np.testing.assert_allclose(vector, expected, atol=2e-2)  # a CPU may multiply in bf16


def test_what_is_written_before_a_text(tmp_path: Path) -> None:
    prompts = {"query": "pregunta: ", "document": "texto: "}
    folder = save_their_sentences(tmp_path / "otra", steps=0, prompts=prompts)
    asked, read = TheirSentences(folder)([RIGHT, RIGHT], [True, False])
    np.testing.assert_allclose(asked, written_out(folder, f"pregunta: {RIGHT}"), atol=2e-2)
    np.testing.assert_allclose(read, written_out(folder, f"texto: {RIGHT}"), atol=2e-2)
    plain = TheirSentences(folder, NO_ROLES)([RIGHT], [True])[0]
    np.testing.assert_allclose(plain, written_out(folder, RIGHT), atol=2e-2)


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("multilingual-e5-small", Roles()),
        ("E5_base", Roles()),
        ("minilm-l6", NO_ROLES),
        ("bge5-small", NO_ROLES),
    ],
)
def test_roles_by_name(tmp_path: Path, name: str, roles: Roles) -> None:
    (tmp_path / name).mkdir()
    assert _roles_of(tmp_path / name) == roles


def test_many_and_long_texts_are_read_as_each_alone(tmp_path: Path) -> None:
    theirs = TheirSentences(save_their_sentences(tmp_path / "otra", steps=0))
    texts = [RIGHT * 50, "", *(f"{QUESTION} {RIGHT}"[:size] for size in range(1, 40))]
    told: list[tuple[int, int]] = []
    together = theirs(texts, [False] * len(texts), report=lambda *each: told.append(each))
    alone = np.concatenate([theirs([text], [False]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-2)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    assert told[-1] == (len(texts), len(texts))


def test_a_folder_says_so_or_not(tmp_path: Path) -> None:
    assert is_sentence_encoder(save_their_sentences(tmp_path / "dice", steps=0))
    silent = save_their_sentences(tmp_path / "calla", steps=0, modules=None)
    assert not is_sentence_encoder(silent)
    assert len(TheirSentences(silent)(["a"], [False])) == 1
    assert not is_sentence_encoder(tmp_path / "none")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            {"modules": [*MODULES, {"type": "sentence_transformers.models.Dense"}]},
            "asks for 'sentence_transformers.models.Dense' after its model",
        ),
        ({"modules": ["x"]}, "asks for 'something else'"),
        ({"modules": {"a": 1}}, "asks for 'None'"),
        ({"pooling": "max_tokens"}, "asks for pooling_mode_max_tokens"),
        ({"context": 2}, "reads too few tokens: 2"),
    ],
)
def test_what_this_version_lacks_is_told_of(
    tmp_path: Path, options: dict[str, Any], fault: str
) -> None:
    folder = save_their_sentences(tmp_path / "otra", steps=0, **options)
    with pytest.raises(ValueError, match=fault):
        TheirSentences(folder)


@pytest.mark.parametrize("file", ["modules.json", "1_Pooling/config.json", "config.json"])
def test_a_broken_file_is_named(tmp_path: Path, file: str) -> None:
    folder = save_their_sentences(tmp_path / "otra", steps=0)
    (folder / file).write_text("{", "utf-8")
    with pytest.raises(ValueError, match=file):
        TheirSentences(folder)


def test_one_that_fails_at_a_text_is_told_of(tmp_path: Path) -> None:
    theirs = TheirSentences(save_their_sentences(tmp_path / "otra", steps=0))
    theirs._theirs.embeddings.word_embeddings = torch.nn.Embedding(5, 24)  # too few words
    with pytest.raises(ValueError, match="otra cannot be used: "):
        theirs([RIGHT], [False])
    theirs._theirs.embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(
        torch.full((500, 24), float("nan"))
    )
    with pytest.raises(ValueError, match="vectors that are not finite"):
        theirs([RIGHT], [False])


def test_a_writer_is_none(tmp_path: Path) -> None:
    folder = save_hf(tmp_path / "writer")
    assert json.loads((folder / "config.json").read_text("utf-8"))["architectures"]
    with pytest.raises(ValueError, match="no encoder of text"):
        TheirSentences(folder)
