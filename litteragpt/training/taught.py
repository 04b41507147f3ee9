"""What a teacher said of texts, kept in a folder: another try asks only for what is new.

Shapes: N texts, E dimensions of the teacher.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

Floats = NDArray[np.float32]
Teaching = Callable[[Sequence[str], Sequence[bool]], Floats]
"""From texts, and whether each is a question, to vectors `N, E`."""

_AT_ONCE: Final = 50_000
"""Texts between two files: so much is lost where a run is broken off."""


def taught(
    texts: Sequence[str], questions: Sequence[bool], teach: Teaching, folder: Path
) -> Floats:
    """`N, E`: the teacher's vectors, as 16-bit floats hold them, of texts that may stand twice.

    A folder is one teacher's. Raises ValueError where a file of it is malformed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys = [_key(text, asks) for text, asks in zip(texts, questions, strict=True)]
    known: dict[bytes, NDArray[np.float16]] = {}
    for path in sorted(folder.glob("vectors-*.safetensors")):
        known |= _read(path)
    new = list({key: number for number, key in enumerate(keys) if key not in known}.values())
    for at in range(0, len(new), _AT_ONCE):
        part = new[at : at + _AT_ONCE]
        vectors = teach([texts[n] for n in part], [questions[n] for n in part]).astype(np.float16)
        own = b"".join(keys[n] for n in part)
        save_file(
            {"keys": np.frombuffer(own, np.uint8).reshape(len(part), -1), "vectors": vectors},
            folder / f"vectors-{hashlib.sha256(own).hexdigest()[:16]}.safetensors",
        )
        known |= zip((keys[n] for n in part), vectors, strict=True)
    return np.stack([known[key] for key in keys]).astype(np.float32)


def _key(text: str, question: bool) -> bytes:
    return hashlib.blake2b(f"{int(question)}{text}".encode(), digest_size=16).digest()


def _read(path: Path) -> dict[bytes, NDArray[np.float16]]:
    try:
        tensors = load_file(path)
        keys, vectors = tensors["keys"], tensors["vectors"]
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} does not hold what a teacher said: {error}") from error
    if keys.dtype != np.uint8 or vectors.ndim != 2 or len(keys) != len(vectors):
        raise ValueError(f"{path} does not hold what a teacher said")
    return dict(zip((key.tobytes() for key in keys), vectors, strict=True))
