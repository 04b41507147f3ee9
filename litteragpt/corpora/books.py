"""Get the text of a work, from the network or from a local folder, and clean it.

A cleaned text is NFC, has one paragraph or verse line a line and no blank lines, and few kinds
of characters: straight quotes, `...` for the ellipsis, `—` for every dash.
"""

from __future__ import annotations

import lzma
import os
import re
import tarfile
import tempfile
import time
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from litteragpt.corpora.manifest import Work

MAX_BYTES = 64 * 2**20  # of one text; Spain's longest novels are below 6 MB
_CHUNK = 1 << 16
_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_USER_AGENT = "LitteraGPT (corpus builder)"

Progress = Callable[[str], None]


class SourceError(OSError):
    """A text could not be had; the message names where from and what to do instead."""


def read_work(
    work: Work,
    *,
    source: Path | None,
    cache: Path,
    report: Progress,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """The raw text of a work: from `source` where given, else downloaded, through `cache`.

    `source` is a folder (or one `.tar.xz`). The work is `FILE.txt` in it or in a folder below
    it, a folder `FILE` of `.txt` (joined in the order of their names), or one of these within a
    `.tar.xz` there.
    Raises SourceError where the text cannot be had.
    """
    if source is not None:
        return _read_local(work, source)
    volumes = []
    for number, url in enumerate(work.url, start=1):
        name = work.file if len(work.url) == 1 else f"{work.file}-{number}"
        path = download(url, cache / f"{name}.txt", report=report, wait=wait)
        volumes.append(strip_gutenberg(decode(path.read_bytes())))
    return "\n\n".join(volumes)


def download(
    url: str,
    path: Path,
    *,
    report: Progress,
    tries: int = 4,
    timeout: float = 30.0,
    wait: Callable[[float], None] = time.sleep,
    max_bytes: int | None = None,
) -> Path:
    """Fetch `url` into `path`, unless it is there already, and return `path`.

    A try that fails for a passing reason (no answer, a broken connection, a server's error) is
    repeated after 1, 2, 4... seconds by `wait`; an address that does not exist is not. The file
    appears whole or not at all, and `max_bytes` (MAX_BYTES) long at most. Raises SourceError after
    the last try.
    """
    if path.is_file():
        report(f"{path.name}: from the cache")
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    reason = "no try was made"
    for attempt in range(tries):
        if attempt:
            wait(2.0 ** (attempt - 1))
        try:
            _fetch(url, path, timeout, report, MAX_BYTES if max_bytes is None else max_bytes)
            return path
        except urllib.error.HTTPError as error:
            reason = str(error)
            passing = error.code >= 500 or error.code in (408, 425, 429)
            error.close()
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            passing = not isinstance(error, SourceError)
        report(f"{path.name}: try {attempt + 1} of {tries} failed: {reason}")
        if not passing:
            break
    raise SourceError(
        f"{url} could not be downloaded: {reason}. "
        f"With the texts on this machine, name their folder by --source."
    )


def _fetch(url: str, path: Path, timeout: float, report: Progress, max_bytes: int) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT})
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urllib.request.urlopen(request, timeout=timeout) as response,
        ):
            announced = response.headers.get("Content-Length", "")
            expected = int(announced) if announced.isdigit() else None
            size, told = 0, 0
            while block := response.read(_CHUNK):
                file.write(block)
                size += len(block)
                if size > max_bytes:
                    raise SourceError(f"it is larger than {max_bytes >> 20} MiB")
                if size - told >= 1 << 19:
                    told = size
                    of = f" of {expected:,}" if expected else ""
                    report(f"{path.name}: {size:,}{of} bytes")
        if expected is not None and size != expected:
            raise OSError(f"it broke off after {size:,} of {expected:,} bytes")
        if not size:
            raise OSError("the answer was empty")
        temporary.replace(path)
        report(f"{path.name}: {size:,} bytes from {url}")
    finally:
        temporary.unlink(missing_ok=True)


def _read_local(work: Work, source: Path) -> str:
    if not source.exists():
        raise SourceError(f"the source {source} does not exist")
    files = {
        path.relative_to(source).as_posix(): path
        for path in sorted(source.rglob("*.txt"))
        if path.is_file()
    }
    names = _names_of(work.file, list(files))
    if names:
        return _join([_bounded(files[name]) for name in names])
    archives = [source] if source.is_file() else sorted(source.rglob("*.tar.xz"))
    for archive in archives:
        texts = _from_archive(archive, work.file)
        if texts:
            return _join(texts)
    raise SourceError(
        f"{work.title} is not in the source {source}: there is no {work.file}.txt, no folder "
        f"{work.file} of .txt files, and neither in a .tar.xz"
    )


def _names_of(stem: str, names: list[str]) -> list[str]:
    """The names (paths with `/`) that are a work's: `…/STEM.txt`, else `…/STEM/….txt`."""
    single = [name for name in names if name.rsplit("/", 1)[-1] == f"{stem}.txt"]
    if single:
        return [min(single, key=lambda name: (name.count("/"), name))]
    return sorted(name for name in names if f"/{stem}/" in f"/{name}")


def _bounded(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SourceError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    return path.read_bytes()


def _from_archive(archive: Path, stem: str) -> list[bytes]:
    """A work's texts in an archive; only regular files are read, and nothing is written."""
    try:
        with tarfile.open(archive, "r:xz") as tar:
            members = {
                member.name.removeprefix("./"): member
                for member in tar
                if member.isreg() and member.name.endswith(".txt")
            }
            texts = []
            for name in _names_of(stem, list(members)):
                if members[name].size > MAX_BYTES:
                    raise SourceError(f"{name} in {archive} is larger than {MAX_BYTES >> 20} MiB")
                file = tar.extractfile(members[name])
                assert file is not None, "a regular member has content"
                texts.append(file.read())
            return texts
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise SourceError(f"{archive} is not a readable .tar.xz: {error}") from error


def _join(parts: list[bytes]) -> str:
    return "\n\n".join(strip_gutenberg(decode(part)) for part in parts)


def decode(data: bytes) -> str:
    """Text of UTF-8 bytes, else of Latin-1 (old files of Project Gutenberg); `\\n` line ends."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace").replace("\ufffd", "")
    return _BREAK.sub("\n", text)


_START = re.compile(
    r"^[* ]*START OF TH(?:E|IS) PROJECT GUTENBERG[^*]*\*\*\*[^\n]*$"
    r"|^\*END[* ]*THE SMALL PRINT!?[^\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(
    r"^[* ]*END OF (?:TH(?:E|IS) )?PROJECT GUTENBERG[^\n]*$", re.IGNORECASE | re.MULTILINE
)


def strip_gutenberg(text: str) -> str:
    """The text between Project Gutenberg's header and footer, of any of its times."""
    start = 0
    for found in _START.finditer(text):
        start = found.end()
    end = _END.search(text, start)
    return text[start : end.start() if end else len(text)].strip("\n")


_CONTROLS = {chr(code) for code in (*range(32), *range(127, 160))} - {"\n", "\t"}
_REPLACED = str.maketrans(
    {
        **dict.fromkeys(_CONTROLS, None),
        **dict.fromkeys("“”„‟", '"'),
        **dict.fromkeys("‘’‚‛", "'"),
        **dict.fromkeys("–―‒", "—"),
        **dict.fromkeys("\u00a0\u202f\u2007\u2009\u200a\t", " "),
        # Soft hyphens and other invisible marks, `_italics_`, and braces around variants.
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff_{}", None),
        "…": "...",
    }
)
_PICTURE = re.compile(
    r"\[(?:illustration|ilustraci[oó]n|ilustra[cç][aã]o)[^\]]{0,500}\]", re.IGNORECASE
)
_NOTE = re.compile(r"\s*(?:\[\*?\d{1,3}\]|\{\*?\d{1,3}\}|\[(?:nota|footnote)\b)", re.IGNORECASE)
_NOTE_MARK = re.compile(r" ?(?:\[\*?\d{1,3}\]|\{\*?\d{1,3}\})")
_ORNAMENT = frozenset("*~=#·—- .")  # * * *, -----
_DIALOGUE = re.compile(r"^ *-(?=[\w¿¡«\"(])", re.MULTILINE)


def clean(text: str, begin: str | None = None, end: str | None = None) -> str:
    """One paragraph or verse line a line, NFC, with the plain typography of the corpus.

    A hard-wrapped text (blank lines between paragraphs, no long lines) is unwrapped; a text
    that has one paragraph a line keeps its lines. Pictures, footnotes and their marks,
    `_italics_` marks, braces and lines of ornament go. What stands before the first line equal
    to `begin` is cut, and the next line equal to `end` with all after it, upper and lower case
    aside. A cleaned text is cleaned to itself.
    """
    text = unicodedata.normalize("NFC", _BREAK.sub("\n", text))
    text = _PICTURE.sub("", text)
    paragraphs = _unwrap(text.split("\n"))
    text = "\n".join(line for line in paragraphs if not _NOTE.match(line))
    text = _NOTE_MARK.sub("", text).translate(_REPLACED)
    text = re.sub(r"-{2,}", "—", text)
    text = _DIALOGUE.sub("—", text)
    lines = (re.sub(r" {2,}", " ", line).strip() for line in text.split("\n"))
    kept = [line for line in lines if not _is_ornament(line)]
    folded = [line.casefold() for line in kept]
    first = _index(folded, begin, 0) or 0
    last = _index(folded, end, first + 1)
    # What was taken out may have brought a letter and its accent together.
    return unicodedata.normalize("NFC", "\n".join(kept[first:last]))


def _is_ornament(line: str) -> bool:
    """Whether a line is empty or has nothing but ornaments; dots alone are an ellipsis."""
    return set(line) <= _ORNAMENT and not (line and set(line) <= set(". "))


def _index(folded: list[str], line: str | None, start: int) -> int | None:
    """Where a line stands among casefolded ones, from `start` on."""
    wanted = unicodedata.normalize("NFC", line or "").strip().casefold()
    return folded.index(wanted, start) if wanted in folded[start:] else None


def _unwrap(lines: list[str]) -> list[str]:
    """The lines, joined to paragraphs where the text is hard-wrapped."""
    lengths = sorted(len(line.strip()) for line in lines if line.strip())
    blank = sum(not line.strip() for line in lines)
    width = lengths[len(lengths) * 95 // 100] if lengths else 0
    if not 40 <= width <= 100 or blank * 50 < len(lines):
        return lines
    result: list[str] = []
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
            continue
        # Verse: indented, or every line far shorter than prose would be.
        verse = all(line.startswith("  ") for line in block) or (
            len(block) > 2 and all(len(line.strip()) < 0.7 * width for line in block)
        )
        result.extend(block if verse else [_join_lines(block)])
        block = []
    return result


def _join_lines(block: list[str]) -> str:
    joined = ""
    for line in block:
        space = "" if not joined or joined.endswith(("--", "—")) else " "
        joined += space + line.strip()
    return joined


def prepare(text: str) -> str:
    """As the original prepared its works: double spaces and double dashes are made single."""
    return re.sub(r"—{2,}", "—", re.sub(r"-{2,}", "—", re.sub(r" {2,}", " ", text)))
