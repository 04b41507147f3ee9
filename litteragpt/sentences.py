"""Where a sentence of Spanish or Portuguese prose ends: the one definition of it.

The preparation of the training text cuts by it and generation stops by it.

1. A line break after text ends a sentence: headings, verse lines and turns of a dialogue are
   sentences, whatever they end in.
2. Within a line, a sentence may end at `.`, `!` or `?`, together with the marks and closing
   quotes or brackets that follow at once (`?`, `!».`, `.)`).
   - A full stop after a lower-case word of two letters or more that is no abbreviation ends
     it as soon as white space follows.
   - A full stop after an abbreviation that stands before what it names (`Sr.`, `Ud.`, `cap.`)
     or after an initial (`D.`, `V.`, `q.`) never ends it.
   - All others (`etc.`, `Madrid.`, `1836.`, `.»`, `?`, `!`, `?»`) end it only where a new
     sentence begins: white space or a dash or opening mark, and then a capital or a digit.
     `¿Qué? —dijo`, `¡Ay!, exclamó` and `?» dijo` go on.
3. An ellipsis (`…`, `...`, and closing marks after it) is a pause: by itself it ends nothing
   within a line.

The rules are one automaton that reads each character once and never looks back further than a
word, so a text can be fed to it in any pieces.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum, auto

STOPS = frozenset(".!?…")
CLOSERS = frozenset("»\")]}'’”›")
OPENERS = frozenset("¿¡«\"'([{—–―-‘“‹")
LINE_BREAKS = frozenset("\n\r")

_BEFORE_WHAT_THEY_NAME = (
    "sr sra srta sres sras srtas dr dra dres dña fr ilmo ilma ilmos excmo excma excmos exmo exma "
    "rvdo rvda rdo rda revmo mons sto sta mr mrs ms mme mlle prof profa profs lic ing arq gral "
    "cnel sgto tte cte ud uds vd vds vm vmd vmds ss pp aa exa "
    "cap caps pág págs pag núm núms num vol vols art arts fol fols lib tít fig figs "
    "ej vg gr av avda pe eng dpto op cit trad"
)
_PERHAPS_LAST = "etc cía cia ltda jr íd ibíd izq dcha"

ABBREVIATIONS = frozenset(_BEFORE_WHAT_THEY_NAME.split())
"""Their full stop never ends a sentence."""

MAYBE_LAST = frozenset(_PERHAPS_LAST.split())
"""Abbreviations that may be a sentence's last word: the next word decides."""

_VOWELS = frozenset("aeiouyáéíóúàâêô")
_WORD = 16  # no abbreviation is as long: so many characters before a full stop suffice
_DOTS = {".": 1, "…": 3}
_STOP_OR_BREAK = re.compile(r"[.!?…\n\r]")
_SPACE = re.compile(r"\s*")
_LAST_WORD = re.compile(r"[^\W\d_]+\Z")


class _State(Enum):
    TEXT = auto()
    TAIL = auto()
    """Within the stops and closing marks that may end a sentence."""
    NEXT = auto()
    """Past them: what comes next decides."""


class _Rule(Enum):
    """What a full stop may do, by the word before it."""

    ENDS = auto()
    NEXT_DECIDES = auto()
    NEVER = auto()


def _rule_of_full_stop(before: str) -> _Rule:
    """What a full stop after `before` (the last characters of the text) may do."""
    found = _LAST_WORD.search(unicodedata.normalize("NFC", before))
    if found is None:
        return _Rule.NEXT_DECIDES
    word = found.group()
    if len(word) == 1:
        initial = word.isupper() or word not in _VOWELS
        return _Rule.NEVER if initial else _Rule.NEXT_DECIDES
    if word.lower() in ABBREVIATIONS:
        return _Rule.NEVER
    if word.islower() and word not in MAYBE_LAST:
        return _Rule.ENDS
    return _Rule.NEXT_DECIDES


def _begins_sentence(character: str) -> bool:
    return character.isdigit() or (character.isalpha() and not character.islower())


class _Scanner:
    """The automaton. It gives the ends of those sentences that have counted characters."""

    def __init__(self) -> None:
        self._state = _State.TEXT
        self._position = 0  # characters read
        self._begun = False  # the sentence has text
        self._counted = False  # ... and some of it counts
        self._body_end = 0  # after its last character that is no white space
        self._before = ""  # the end of what was read in TEXT, as long as a word at most
        self._rule = _Rule.NEXT_DECIDES
        self._dots = 0  # in the tail; 0 where it is more than dots and closing marks
        self._closed = False  # the tail has a closing mark
        self._tail_end = 0
        self._opened = False  # marks that count have opened what comes next

    def feed(self, text: str, *, counts: bool = True) -> list[int]:
        """The ends that `text` decides: positions in all that was fed, white space excluded."""
        ends: list[int] = []
        index = 0
        while index < len(text):
            if self._state is _State.TEXT:
                found = _STOP_OR_BREAK.search(text, index)
                stop = found.start() if found else len(text)
                self._read_text(text, index, stop, counts)
                if stop == len(text):
                    break
                index = stop
            self._read(text[index], counts, ends)
            index += 1
        return ends

    def _read_text(self, text: str, start: int, stop: int, counts: bool) -> None:
        """Take `text[start:stop]`, in which no sentence can end."""
        body = text[start:stop].rstrip()
        if body:
            self._begun = True
            self._counted |= counts
            self._body_end = self._position + len(body)
        self._position += stop - start
        self._before = (self._before + text[max(start, stop - _WORD) : stop])[-_WORD:]

    def _read(self, character: str, counts: bool, ends: list[int]) -> None:
        """Take one character in any state."""
        if self._state is _State.TAIL and not self._extends_tail(character):
            self._leave_tail(character, ends)
        if self._state is _State.NEXT and not self._still_open(character, counts):
            if _begins_sentence(character):
                self._end(self._tail_end, ends)
                self._begun = True
                self._counted = self._opened
            self._counted |= self._opened
            self._state = _State.TEXT
            self._before = ""
        if character in LINE_BREAKS:
            self._position += 1
            if self._begun:
                self._end(self._body_end, ends)
        elif self._state is not _State.TEXT:
            self._position += 1
            if not character.isspace():
                self._body_end = self._position
        elif character in STOPS:
            self._enter_tail(character, counts)
        else:
            self._read_text(character, 0, 1, counts)

    def _enter_tail(self, character: str, counts: bool) -> None:
        self._rule = _rule_of_full_stop(self._before)
        self._read_text(character, 0, 1, counts)
        self._state = _State.TAIL
        self._dots = _DOTS.get(character, 0)
        self._closed = False

    def _extends_tail(self, character: str) -> bool:
        if character in CLOSERS:
            self._closed = True
            return True
        if character not in STOPS:
            return False
        # `...».` and `?...` are more than a pause.
        alone = self._dots and not self._closed and character in _DOTS
        self._dots = self._dots + _DOTS[character] if alone else 0
        return True

    def _leave_tail(self, character: str, ends: list[int]) -> None:
        """The tail is complete: end the sentence, wait for what comes next, or go on."""
        self._tail_end = self._position
        self._opened = False
        self._before = ""
        rule = _Rule.NEXT_DECIDES
        if self._dots > 1:
            rule = _Rule.NEVER
        elif self._dots == 1 and not self._closed:
            rule = self._rule
        if rule is _Rule.ENDS and character.isspace():
            self._end(self._tail_end, ends)
        elif rule is _Rule.NEVER:
            self._state = _State.TEXT
        elif character.isspace() or character in OPENERS:
            self._state = _State.NEXT
        else:
            self._state = _State.TEXT

    def _still_open(self, character: str, counts: bool) -> bool:
        """Whether what comes next is not known yet: white space and opening marks."""
        if character in OPENERS:
            self._opened |= counts
            return True
        return character.isspace()

    def _end(self, position: int, ends: list[int]) -> None:
        if self._counted:
            ends.append(position)
        self._state = _State.TEXT
        self._begun = False
        self._counted = False
        self._before = ""


def split_sentences(text: str) -> list[str]:
    """The sentences of a text; each keeps the white space after it, so they join to `text`.

    White space at the start of the text belongs to the first sentence. Linear in the length.
    """
    pieces: list[str] = []
    start = 0
    for end in _Scanner().feed(text):
        match = _SPACE.match(text, end)
        stop = match.end() if match else end
        pieces.append(text[start:stop])
        start = stop
    if start < len(text):
        pieces.append(text[start:])
    return pieces


class SentenceCounter:
    """Tells, while text is being generated, when its first sentences have ended.

    `before` is the end of the prompt: a `Sr` there makes a generated `.` no end. Its characters
    are never counted, and a sentence that lies wholly in it is none of the text's.
    """

    def __init__(self, limit: int, before: str = "") -> None:
        if limit < 1:
            raise ValueError(f"sentences must be at least 1, not {limit}")
        self._left = limit
        self._offset = len(before)
        self._length: int | None = None
        self._scanner = _Scanner()
        self._scanner.feed(before, counts=False)

    def feed(self, text: str) -> int | None:
        """Read the next piece of the generated text, of any length.

        Returns None while fewer than `limit` sentences are known to have ended; then, and on
        every later call, the number of characters of all that was fed that make up the first
        `limit` sentences, white space after them excluded.
        """
        if self._length is None:
            ends = self._scanner.feed(text)
            if len(ends) >= self._left:
                self._length = ends[self._left - 1] - self._offset
            self._left -= len(ends)
        return self._length
