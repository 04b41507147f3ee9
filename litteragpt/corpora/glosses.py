"""What WordNet says in English that words mean, in Portuguese by machine translation.

WordNet (Miller 1995; Fellbaum 1998) has a definition for each of 117,659 sets of synonyms, and
examples: sentences about nearly anything in words of today, of which there are few in the corpora
of Portuguese literature. They serve a sentence encoder to learn from; no person wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from litteragpt.files import write_text

KINDS: Final = ("noun", "verb", "adj", "adv")
GLOSSES_FILE: Final = "glosses.txt"
QUESTIONS_FILE: Final = "questions.txt"
_AT_ONCE: Final = 4_000
_EXAMPLE: Final = re.compile(r'"([^"]+)"')
_ASIDE: Final = re.compile(r';?\s*"[^"]*"(\s*-+\s*[^;"]*)?')
_MARKER: Final = re.compile(r"\((a|p|ip)\)$")
_LEAST_EXAMPLE: Final = 4
"""Words of an example that is more than a phrase."""
_OTHER_NAMES: Final = 3


@dataclass(frozen=True, slots=True)
class Synset:
    """A set of synonyms: its kind, its words, what they mean and examples."""

    kind: str
    words: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]


def read_synsets(folder: Path) -> Iterator[Synset]:
    """The synsets of WordNet's database (`data.noun` and so on; wndb(5)).

    Raises ValueError where a file is missing or malformed.
    """
    for kind in KINDS:
        path = folder / f"data.{kind}"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            if line.startswith("  "):  # the licence
                continue
            head, bar, gloss = line.partition(" | ")
            fields = head.split()
            try:
                count = int(fields[3], 16)
                own = [_MARKER.sub("", fields[4 + 2 * n]) for n in range(count)]
            except (IndexError, ValueError) as error:
                raise ValueError(f"{path}, line {number}: no synset of WordNet") from error
            if not bar or not own:
                raise ValueError(f"{path}, line {number}: no synset of WordNet")
            yield Synset(
                kind,
                tuple(word.replace("_", " ") for word in own),
                _ASIDE.sub("", gloss).strip(" ;"),
                tuple(_EXAMPLE.findall(gloss)),
            )


def english(synset: Synset) -> list[str]:
    """What is to be translated of a synset; of a noun `Word: definition.` first."""
    found = []
    if synset.definition:
        noun = synset.kind == "noun"
        found.append(
            f"{synset.words[0]}: {synset.definition}." if noun else synset.definition + "."
        )
    found += [f"{each}." for each in synset.examples if len(each.split()) >= _LEAST_EXAMPLE]
    found = [each[:1].upper() + each[1:] for each in found]
    if synset.kind in ("noun", "adj"):
        found += synset.words[1:_OTHER_NAMES]
    return found


def write_glosses(
    synsets: Iterator[Synset],
    out: Path,
    translate: Callable[[str], str],
    *,
    workers: int = 1,
    report: Callable[[int], None] = lambda done: None,
) -> tuple[int, int]:
    """Write `glosses.txt` and `questions.txt`, which ask what each noun is; how many of each.

    What the translation leaves as it is, and what it says twice, is left out. `report` is told now
    and then how many texts are translated.
    """
    given: dict[str, bool] = {}
    for synset in synsets:
        for number, text in enumerate(english(synset)):
            noun = synset.kind == "noun" and number == 0 and bool(synset.definition)
            given[text] = given.get(text, False) or noun
    texts = list(given)
    glosses: dict[str, None] = {}
    questions: dict[str, None] = {}
    with ThreadPoolExecutor(workers) as pool:
        for at in range(0, len(texts), _AT_ONCE):
            part = texts[at : at + _AT_ONCE]
            for text, translated in zip(part, pool.map(translate, part), strict=True):
                line = " ".join(translated.split())
                if not line or line == text:
                    continue
                glosses[line] = None
                name, colon, _ = line.partition(": ")
                if given[text] and colon:
                    questions[f"O que é {name[:1].lower()}{name[1:]}?"] = None
            report(min(at + _AT_ONCE, len(texts)))
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / GLOSSES_FILE, "".join(f"{line}\n" for line in glosses))
    write_text(out / QUESTIONS_FILE, "".join(f"{line}\n" for line in questions))
    return len(glosses), len(questions)
