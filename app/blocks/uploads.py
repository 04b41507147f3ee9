"""The text of a file that a person brings."""

from __future__ import annotations

from pathlib import PurePath

KINDS = ("txt", "md", "pdf", "docx")
MAX_MB = 10
"""Of a file: a PDF is many times larger than its text."""

_AS_IT_IS = frozenset({".txt", ".md"})


def text_of(name: str, data: bytes) -> str:
    """The text of a file, by the ending of its name.

    Plain text stays as it is, its accents composed or not; only its line ends become those of a
    text field. Raises `ValueError` for what cannot be read, and `ModuleNotFoundError` where the
    libraries that read documents are not installed.
    """
    # They are an extra of their own.
    from litteragpt.answers.formats import READERS, DocumentError, decode

    kind = PurePath(name).suffix.lower()
    if kind in _AS_IT_IS:
        return decode(data).replace("\r\n", "\n").replace("\r", "\n")
    if kind.removeprefix(".") not in KINDS:
        raise DocumentError("must be a TXT, MD, PDF or DOCX file")
    return READERS[kind](data)[0]
