"""The text of a file that a stranger made: plain text, Markdown, PDF, DOCX, FAQ in CSV.

Whatever is wrong with a file is a `DocumentError` with one sentence. What a file may unfold to
is bounded before it is unfolded.
"""

from __future__ import annotations

import codecs
import csv
import io
import logging
import re
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from litteragpt.answers.passages import Passage

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_FILE_BYTES: Final = 64 * 2**20
MAX_CHARACTERS: Final = 20_000_000
"""Of a document's text."""
MAX_PAGES: Final = 5_000
MAX_UNZIPPED_BYTES: Final = 256 * 2**20
MAX_ZIP_RATIO: Final = 200
"""How many times its size a member of a DOCX may unfold to; text seldom reaches 20."""
MAX_ZIP_MEMBERS: Final = 5_000

_CSV_COLUMNS: Final = (("pergunta", "resposta"), ("pregunta", "respuesta"))
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_BLANKS: Final = re.compile(r"\n{3,}")
_HYPHENATED: Final = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_])")
_MAX_STRANGE = 0.02  # share of control characters from which on a file is no text


Fault = Literal["kind", "large", "empty", "damaged", "locked", "pictures", "columns"]


class DocumentError(ValueError):
    """A document that cannot be read; `fault` says why in a word, for who tells it elsewhere."""

    def __init__(self, message: str, fault: Fault = "damaged") -> None:
        super().__init__(message)
        self.fault: Fault = fault


def read_plain(data: bytes) -> tuple[str, tuple[Passage, ...]]:
    """UTF-8 or UTF-16 by its mark, UTF-8, or else Windows-1252, as old Portuguese files are."""
    return clean(decode(data)), ()


def read_pdf(data: bytes) -> tuple[str, tuple[Passage, ...]]:
    """The text layer of a PDF; a page that cannot be read is left out if others can."""
    import pypdf

    # A broken file makes it log a line for each object.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not _unlocked(reader)
        pages = 0 if locked else len(reader.pages)
    # Hostile files break it in ways that it does not foresee.
    except Exception as error:
        raise DocumentError(f"is not a readable PDF ({type(error).__name__})") from error
    if locked:
        raise DocumentError("is encrypted: save it without its password", "locked")
    if pages > MAX_PAGES:
        raise DocumentError(f"has more than {MAX_PAGES:,} pages", "large")
    texts: list[str] = []
    broken = 0
    for number in range(pages):
        try:
            texts.append(reader.pages[number].extract_text())
        except Exception:
            broken += 1
        _check_length(sum(map(len, texts)))
    text = clean(_HYPHENATED.sub("", "\n\n".join(texts)))
    if broken and not text:
        raise DocumentError("has no page that can be read")
    if not text:
        raise DocumentError("holds no text: its pages are pictures", "pictures")
    return text, ()


def read_docx(data: bytes) -> tuple[str, tuple[Passage, ...]]:
    """Paragraphs and the rows of tables; headings get Markdown's marks."""
    _check_zip(data)
    import docx
    from docx.table import Table

    try:
        document = docx.Document(io.BytesIO(data))
        parts: list[str] = []
        for block in document.iter_inner_content():
            if isinstance(block, Table):
                rows = (" | ".join(cell.text for cell in row.cells) for row in block.rows)
                parts.append("\n".join(rows))
                continue
            style = (block.style.style_id or "") if block.style is not None else ""
            heading = style.startswith(("Heading", "Title", "Ttulo"))
            parts.append(f"# {block.text}" if heading and block.text.strip() else block.text)
    # lxml, zipfile and python-docx each have errors of their own for what is malformed.
    except Exception as error:
        raise DocumentError(f"is not a readable DOCX ({type(error).__name__})") from error
    return clean("\n\n".join(parts)), ()


def read_faq(data: bytes) -> tuple[str, tuple[Passage, ...]]:
    """A FAQ: a header `pergunta,resposta` (or Spanish), then a question and its reply a line.

    Each line is one passage. Commas, semicolons or tabs part the columns.
    """
    text = decode(data)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    csv_limit = csv.field_size_limit(MAX_CHARACTERS)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names = [name.strip().lower() for name in next(rows, [])]
        columns = next((pair for pair in _CSV_COLUMNS if set(pair) <= set(names)), None)
        if columns is None:
            raise DocumentError(
                "needs the columns pergunta and resposta in its first line", "columns"
            )
        places = [names.index(name) for name in columns]
        parts: list[str] = []
        passages: list[Passage] = []
        length = 0
        for row in rows:
            cells = [clean(row[place]).strip() if place < len(row) else "" for place in places]
            if not all(cells):
                continue
            question, reply = (cell.replace("\n\n", "\n") for cell in cells)
            block = f"{question}\n{reply}"
            passages.append(Passage(length, length + len(block), reply=length + len(question) + 1))
            parts.append(block)
            length += len(block) + 2
            _check_length(length)
    except csv.Error as error:
        raise DocumentError(f"is not valid CSV: {error}") from error
    finally:
        csv.field_size_limit(csv_limit)
    return "\n\n".join(parts), tuple(passages)


READERS: Final[Mapping[str, Callable[[bytes], tuple[str, tuple[Passage, ...]]]]] = MappingProxyType(
    {
        ".txt": read_plain,
        ".md": read_plain,
        ".markdown": read_plain,
        ".pdf": read_pdf,
        ".docx": read_docx,
        ".csv": read_faq,
    }
)
"""By the ending of the file's name: the text, and its passages where the format sets them."""


def decode(data: bytes) -> str:
    """Bytes as text, by mark, as UTF-8 or as Windows-1252; `DocumentError` for what is no text."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if len(_CONTROL.findall(text[:100_000])) > _MAX_STRANGE * min(len(text), 100_000):
        raise DocumentError("is not text")
    return text


def clean(text: str) -> str:
    """NFC, Unix line ends, no control characters, at most one blank line at once."""
    _check_length(len(text))
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n\n")
    text = _CONTROL.sub("", text).encode("utf-8", "replace").decode("utf-8")
    lines = (line.rstrip() for line in unicodedata.normalize("NFC", text).split("\n"))
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


def _unlocked(reader: PdfReader) -> bool:
    """Whether the empty password opens a PDF."""
    from pypdf.errors import PyPdfError

    try:
        return bool(reader.decrypt(""))
    except (PyPdfError, NotImplementedError):  # a cipher that it does not know
        return False


def _check_length(characters: int) -> None:
    if characters > MAX_CHARACTERS:
        raise DocumentError(f"has more than {MAX_CHARACTERS:,} characters", "large")


def _check_zip(data: bytes) -> None:
    """Raise `DocumentError` unless the archive is sound and unfolds to a bounded size."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise DocumentError("is not a readable DOCX (no sound archive)") from error
    if any(member.flag_bits & 1 for member in members):
        raise DocumentError("is encrypted: save it without its password", "locked")
    unfolds = sum(member.file_size for member in members)
    too_dense = any(
        member.file_size > MAX_ZIP_RATIO * max(member.compress_size, 1) and member.file_size > 2**20
        for member in members
    )
    if len(members) > MAX_ZIP_MEMBERS or unfolds > MAX_UNZIPPED_BYTES or too_dense:
        raise DocumentError("unfolds to far more than a document holds", "large")
