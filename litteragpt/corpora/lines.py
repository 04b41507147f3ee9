"""Lines of Portuguese text: their typography, and whether they are sentences to learn from.

Letters, accents, digits, dates and «quotation marks» stay as they are in the text. What differs
only in how it was typed is made one: straight quotes, `...` for the ellipsis, plain spaces.
"""

from __future__ import annotations

import re
import unicodedata

from litteragpt.sentences import CLOSERS, STOPS

MIN_WORDS = 5
MIN_CHARACTERS = 25
MAX_CHARACTERS = 1000
_MAX_FIGURES = 0.25  # of the characters: beyond it a line is a table or a list of results
_MIN_SMALL_WORDS = 0.12  # of the words: below it a line is a list of names, or not Portuguese

_CONTROLS = {chr(code) for code in (*range(32), *range(127, 160))} - {"\t"}
_TYPED = str.maketrans(
    {
        **dict.fromkeys(_CONTROLS, None),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", None),
        **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000\t", " "),
        **dict.fromkeys("“”„‟", '"'),
        **dict.fromkeys("‘’‚‛`´", "'"),
        **dict.fromkeys("―‒", "—"),
        "…": "...",
        "−": "-",
        "ﬁ": "fi",
        "ﬂ": "fl",
    }
)
_NOTE_MARK = re.compile(r" ?\[(?:\d{1,3}|[a-z]|nota \d{1,3}|carece de fontes\??)\]", re.IGNORECASE)
_LOOSE = re.compile(r" +(?=[,;:!?%)\]»](?:\W|$)|\.(?!\.|\w))")
_OPEN = re.compile(r"(?<=[(\[«]) +")
_EMPTY = re.compile(r" ?\(\s*[,;:.\s]*\)")
_SCANNED = re.compile(r"[\^~_|\\]|(?<!\*)\*(?!\*)")
_DASHES = re.compile(r"-{2,}")
_DIALOGUE = re.compile(r"^\s*-\s*(?=[^\W\d]|[\"(«])")
_MARKUP = re.compile(
    r"\[\[|\]\]|\{\{|\}\}|\{\||\|\}|'''|==|\||<\s*/?\s*[a-z!]|&(?:[a-z]+|#\d+);|https?:|www\.|"
    r"__\w+__|\b(?:thumb|miniaturadaimagem|ISBN|Ficheiro:|Imagem:|Categoria:|File:)|"
    r"\.(?:jpe?g|png|svg|html?|php|pdf)\b|[\ufffc\ufffd]|[_\\^~]|[*#]{2}",
    re.IGNORECASE,
)
_PAIRS = (("(", ")"), ("[", "]"), ("«", "»"))
_SMALL = (
    "a à ao aos às as até com como da das de dela dele deles do dos e é ela ele elas eles em "
    "entre era essa esse esta está este eu foi foram há isso já lhe mais mas me muito na não nas "
    "nem no nos num numa o os ou para pela pelas pelo pelos por porque quando que se sem ser seu "
    "seus só sua suas também te tem ter um uma uns umas você são são sobre"
)
_SMALL_WORDS = frozenset(_SMALL.split())
_ACCENTS = re.compile("[\u0300-\u036f]+")
_FOLDED = re.compile(r"[^\W_]+")
_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")


def tidy(line: str) -> str:
    """The line as NFC with the corpus's typography; marks of notes and loose spaces go.

    A line that is tidy is tidied to itself.
    """
    line = _DASHES.sub("—", unicodedata.normalize("NFC", line).translate(_TYPED))
    before = None
    while line != before:  # what one step takes out can bring two others together
        before = line
        line = _EMPTY.sub("", _NOTE_MARK.sub("", line))
        line = _OPEN.sub("", _LOOSE.sub("", re.sub(r" {2,}", " ", line))).strip()
        line = unicodedata.normalize("NFC", line)
    return line


def tidy_prose(line: str) -> str:
    """A line of literature, tidy, with one kind of dash and without the scanner's marks."""
    return tidy(_DIALOGUE.sub("— ", _SCANNED.sub("", line))).replace(" - ", " — ")


def fault_of_text(line: str) -> str | None:
    """What keeps a tidy line out of any text, in a word; None where nothing does.

    `empty`, `markup` (remains of wikitext or HTML, addresses) or `script` (letters that are not
    Latin).
    """
    if not any(character.isalnum() for character in line):
        return "empty"
    if _MARKUP.search(line):
        return "markup"
    if any(_is_foreign(character) for character in set(line)):
        return "script"
    return None


def fault_of_sentence(line: str) -> str | None:
    """What keeps a tidy line from being a whole Portuguese sentence; None where nothing does.

    Besides those of `fault_of_text`: `short`, `long`, `begin` (no capital, digit or opening
    mark), `end` (no `.`, `!`, `?` or ellipsis), `brackets` (one that is not closed), `figures`
    (too many digits) and `language` (too few of the small words that every sentence has).
    """
    if fault := fault_of_text(line):
        return fault
    words = _WORD.findall(line)
    if len(line) < MIN_CHARACTERS or len(words) < MIN_WORDS:
        return "short"
    if len(line) > MAX_CHARACTERS:
        return "long"
    first = line.lstrip("\"'«([—–- ¿¡")[:1]
    if not (first.isupper() or first.isdigit()):
        return "begin"
    if line.rstrip("\"'" + "".join(CLOSERS))[-1:] not in STOPS:
        return "end"
    if any(line.count(opening) != line.count(closing) for opening, closing in _PAIRS):
        return "brackets"
    if line.count('"') % 2:
        return "brackets"
    if sum(character.isdigit() for character in line) > _MAX_FIGURES * len(line):
        return "figures"
    if sum(word.lower() in _SMALL_WORDS for word in words) < _MIN_SMALL_WORDS * len(words):
        return "language"
    return None


def folded_words(line: str) -> list[str]:
    """The words and numbers of a line, without case, accents and punctuation."""
    return _FOLDED.findall(_ACCENTS.sub("", unicodedata.normalize("NFKD", line.casefold())))


def _is_foreign(character: str) -> bool:
    """Whether a character is a letter of another script; Greek letters of formulas too."""
    return (
        character.isalpha()
        and character > "\u024f"
        and not unicodedata.name(character, "").startswith(("LATIN", "FEMININE", "MASCULINE"))
    )
