"""Words of Portuguese and Spanish as a search compares them: folded, stemmed, without the empty.

A word is folded (lower case, no accents) before it is stemmed, so that a question typed without
accents finds what was written with them. The stems are Snowball's.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Final, Literal, get_args

import Stemmer

Language = Literal["pt", "es"]

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

WORD: Final = re.compile(r"[^\W_]+")
"""A run of letters and digits."""

_NAMES: Final = {"pt": "portuguese", "es": "spanish"}
_DETECTED_IN = 20_000  # characters; more would not change the verdict

_EMPTY: Final = {
    "pt": (
        "a ao aos aquela aquelas aquele aqueles aquilo as ate com como da das de dela delas dele "
        "deles depois do dos e ela elas ele eles em entre era eram essa essas esse esses esta "
        "estao estas estava este estes eu foi foram ha isso isto ja la lhe lhes mais mas me mesmo "
        "meu minha muito na nas nao nem no nos nossa nosso num numa o onde os ou para pela pelas "
        "pelo pelos per por qual quais quando quanto quanta quantos quantas que quem sao se sem "
        "ser seu seus so sua suas tambem te tem ter teve tinha tu um uma umas uns voce voces"
    ),
    "es": (
        "a al algo ante aquel aquella aquellas aquellos aqui asi aun con como cual cuales cuando "
        "cuanto cuanta cuantos cuantas de del desde donde e el ella ellas ellos en entre era eran "
        "es esa esas ese eso esos esta estan estas este esto estos fue fueron ha han hay la las le "
        "les lo los mas me mi mientras muy ni no nos nuestra nuestro o otra otro para pero por "
        "porque que quien quienes se ser si sin sobre son su sus tambien te tiene tu un una unas "
        "uno unos y ya yo"
    ),
}

EMPTY_WORDS: Final = frozenset(" ".join(_EMPTY.values()).split())
"""Folded words that say nothing of what a text is about."""

_TELLING: Final = {
    language: frozenset(words.split())
    - frozenset(_EMPTY["es" if language == "pt" else "pt"].split())
    for language, words in _EMPTY.items()
}


def fold(text: str) -> str:
    """The text in lower case and without accents; its length may change."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def words(text: str) -> list[str]:
    """The folded words of a text, empty ones included."""
    return WORD.findall(fold(text))


def detect_language(text: str) -> Language:
    """The likelier of the languages, by the function words that only one has; "pt" if even."""
    counts = Counter(words(text[:_DETECTED_IN]))
    found = {
        language: sum(counts[word] for word in telling) for language, telling in _TELLING.items()
    }
    return max(LANGUAGES, key=lambda language: found[language])


class Stems:
    """Snowball stems of folded words, by language. An object serves one thread at a time."""

    def __init__(self) -> None:
        self._stemmers = {name: Stemmer.Stemmer(_NAMES[name]) for name in LANGUAGES}

    def __call__(self, word: str, language: Language) -> str:
        """The stem of a folded word."""
        stem: str = self._stemmers[language].stemWord(word)
        return stem
