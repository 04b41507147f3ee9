"""Text to ids and back: one character a token, or byte-level BPE.

On disk a tokenizer is a `tokenizer.json` of Hugging Face's `tokenizers` library, which reads it
and gives the same ids.
"""

from __future__ import annotations

import reprlib
from pathlib import Path

from litteragpt.files import read_json_object
from litteragpt.protocols import Tokenizer
from litteragpt.tokenizers.bpe import END_OF_TEXT, BPETokenizer
from litteragpt.tokenizers.characters import UNKNOWN, CharTokenizer
from litteragpt.tokenizers.common import MAX_FILE_BYTES, normalize
from litteragpt.tokenizers.pieces import TokenView, pieces_of

__all__ = [
    "END_OF_TEXT",
    "UNKNOWN",
    "BPETokenizer",
    "CharTokenizer",
    "TokenView",
    "load_tokenizer",
    "normalize",
    "pieces_of",
]


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a `tokenizer.json`, of the class that its model type asks for.

    Raises ValueError where the file is missing, malformed, or of a type this version lacks.
    """
    path = Path(path)
    content = read_json_object(path, MAX_FILE_BYTES)
    model = content.get("model")
    model_type = model.get("type") if isinstance(model, dict) else None
    if model_type == "WordLevel":
        return CharTokenizer.from_json(content, path)
    if model_type == "BPE":
        return BPETokenizer.from_json(content, path)
    given = reprlib.repr(model_type)
    raise ValueError(
        f"{path} has the unsupported tokenizer type {given} (known: 'WordLevel', 'BPE')"
    )
