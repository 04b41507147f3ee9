"""Prompts that end in a space, for models whose words begin with one.

`Marte é um ` as it stands ends in a piece that is a space alone, which training saw before a
word hardly ever: there the space was the beginning of ` planeta`. So that space is taken back
(token healing, as in `guidance`): the model reads `Marte é um`, its first piece must be one that
begins with a space, and what it adds is told without that space.
"""

from __future__ import annotations

from dataclasses import dataclass

from litteragpt.protocols import Encoding, Tokenizer


@dataclass(frozen=True, slots=True)
class Healing:
    """What is taken back of a prompt."""

    removed: str
    """The white space, one character."""
    openers: frozenset[int]
    """The ids that begin with it: the first one to be written is among them."""


class Healer:
    """Tells which prompts end in white space that a tokenizer's words begin with."""

    def __init__(self, tokenizer: Tokenizer, banned: frozenset[int]) -> None:
        """`banned` ids are never written."""
        self._tokenizer = tokenizer
        self._banned = banned
        self._openers: dict[str, frozenset[int]] = {}

    def look(self, encoding: Encoding) -> Healing | None:
        """What to take back of a prompt; None where it can be read as it is.

        That is where it ends in no white space, or in some that no word begins with: a line
        break, or any where tokens are characters.
        """
        removed = encoding.text[-1:]
        if not removed.isspace() or removed == "\n":
            return None
        found = self._openers.get(removed)
        if found is None:
            found = self._openers[removed] = self._find(removed)
        return Healing(removed, found) if found else None

    def _find(self, removed: str) -> frozenset[int]:
        """The ids that begin with white space, where with some of them a word does; or none."""
        allowed = (id for id in range(self._tokenizer.vocab_size) if id not in self._banned)
        texts = {id: self._tokenizer.decode([id]) for id in allowed}
        begun = {id: text[1:] for id, text in texts.items() if text.startswith(removed)}
        if not any(rest and not rest[0].isspace() for rest in begun.values()):
            return frozenset()
        return frozenset(begun)
