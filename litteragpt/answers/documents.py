"""Documents: what the user gave, as text cut into passages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePath

from litteragpt.answers import formats
from litteragpt.answers.formats import MAX_FILE_BYTES, DocumentError
from litteragpt.answers.language import LANGUAGES, Language, detect_language
from litteragpt.answers.passages import Passage, cut
from litteragpt.files import read_bytes

__all__ = ["Document", "DocumentError", "document_paths", "read_document", "read_file"]

MAX_FILES = 20_000
"""Files in a folder of documents."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text and its passages; all offsets are characters of `text`.

    `name` tells the documents of an index apart, such as the path in the folder. `sha256` is
    that of the file's bytes; `modified` its time in nanoseconds and `size` its bytes, both 0
    where there is no file.
    """

    name: str
    text: str
    passages: tuple[Passage, ...]
    language: Language
    sha256: str
    modified: int = 0
    size: int = 0


def read_document(
    name: str,
    data: bytes,
    *,
    language: Language | None = None,
    length: int | None = None,
    modified: int = 0,
) -> Document:
    """A document from the bytes of a file, or of a pasted text; the name's ending tells its format.

    Args:
        name: Such as `notas/ata.pdf`; one without ending is plain text.
        data: At most 64 MiB.
        language: That of the text; detected without it.
        length: Characters of a passage at most; default `passages.LENGTH`.
        modified: The file's time.

    Raises `DocumentError`, whose sentence begins with the name.
    """
    if language is not None and language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}")
    suffix = PurePath(name).suffix.lower() or ".txt"
    if suffix not in formats.READERS:
        known = ", ".join(formats.READERS)
        raise DocumentError(f"{name}: files of this kind are not read, only {known}", "kind")
    if len(data) > MAX_FILE_BYTES:
        raise DocumentError(f"{name} is larger than {MAX_FILE_BYTES} bytes", "large")
    try:
        text, passages = formats.READERS[suffix](data)
    except DocumentError as error:
        raise DocumentError(f"{name} {error}", error.fault) from error.__cause__
    if not text:
        raise DocumentError(f"{name} is empty", "empty")
    return Document(
        name,
        text,
        passages or tuple(cut(text) if length is None else cut(text, length)),
        language or detect_language(text),
        hashlib.sha256(data).hexdigest(),
        modified,
        len(data),
    )


def read_file(path: Path, name: str, *, language: Language | None = None) -> Document:
    """The document in a file, called `name`; `DocumentError` where it cannot be read."""
    try:
        data = read_bytes(path, MAX_FILE_BYTES)
        modified = path.stat().st_mtime_ns
    except (ValueError, OSError) as error:
        raise DocumentError(str(error)) from error
    return read_document(name, data, language=language, modified=modified)


def document_paths(folder: Path) -> dict[str, Path]:
    """The files of a folder and those below it that have a known ending, by their names.

    Hidden files, Office's lock files (`~$…`) and whatever links lead out of the folder are left
    out. ValueError where there is no such folder, or where it holds too many files.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    root = folder.resolve()
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith((".", "~$")) for part in relative.parts)
        if hidden or path.suffix.lower() not in formats.READERS or not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            continue
        found[relative.as_posix()] = path
        if len(found) > MAX_FILES:
            raise ValueError(f"{folder} holds more than {MAX_FILES:,} documents")
    return found
