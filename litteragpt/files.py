"""Strict reading and atomic writing of the small files that describe a model or a corpus.

What is read may come from a stranger: the size is bounded before reading, and whatever is wrong
with the content is a `ValueError` with a sentence that names the file.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
import tempfile
from pathlib import Path
from typing import Any, NoReturn


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The content of a file of at most `max_bytes` bytes.

    Raises ValueError where the file is missing, unreadable, or too large.
    """
    try:
        if not path.is_file():
            raise ValueError(f"{path} is missing or is not a file")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise ValueError(f"{path} is larger than {max_bytes} bytes")
    return data


def read_text(path: Path, max_bytes: int) -> str:
    """The UTF-8 text of a file, with the limits of `read_bytes`; ValueError where it is none."""
    return _decode(read_bytes(path, max_bytes), str(path))


def read_json_object(path: Path, max_bytes: int) -> dict[str, Any]:
    """The JSON object in a file, with the limits of `read_bytes` and `parse_json_object`."""
    return parse_json_object(read_bytes(path, max_bytes), str(path))


def parse_json_object(data: bytes, source: str) -> dict[str, Any]:
    """The JSON object in UTF-8 text, as `parse_json`; ValueError for what is none, too."""
    value = parse_json(data, source)
    if not isinstance(value, dict):
        raise ValueError(f"{source} must hold a JSON object, not {type(value).__name__}")
    return value


def parse_json(data: bytes, source: str) -> Any:
    """The JSON value in UTF-8 text; `source` names the text in messages.

    Raises ValueError for what is no JSON, and also for what Python's reader would let through: NaN
    and infinities, a key that occurs twice (which of them counts would be a guess), and nesting
    too deep to read.
    """
    text = _decode(data, source)
    try:
        return json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique
        )
    except RecursionError:
        raise ValueError(f"{source} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{source} is not valid JSON: {error}") from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text so that a reader finds either the old file or the whole new one."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes so that a reader finds either the old file or the whole new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)  # mkstemp makes it private to the user
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{source} is not UTF-8 text (byte {error.start})") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"the number {digits[:20]} is too large")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {reprlib.repr(key)} occurs twice")
        result[key] = value
    return result
