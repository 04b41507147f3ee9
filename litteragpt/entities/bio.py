"""Entities as tags of words, IOB2, and back.

A tag is `O`, `B-LABEL` on the first word of an entity, or `I-LABEL` on its others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from litteragpt.entities.span import Entity

OUTSIDE = "O"


def label_of(tag: str) -> str:
    """The label of a tag, empty for `O`. Raises ValueError for what is no IOB2 tag."""
    if tag == OUTSIDE:
        return ""
    if len(tag) < 3 or tag[:2] not in ("B-", "I-"):
        raise ValueError(f"a tag must be O, B-LABEL or I-LABEL, not {tag[:40]!r}")
    return tag[2:]


def illegal(previous: str, tag: str) -> bool:
    """Whether `tag` may not follow `previous`: an I- goes on with an entity of its own label.

    Before the first tag of a text stands `O`.
    """
    return tag.startswith("I-") and (previous == OUTSIDE or previous[2:] != tag[2:])


def repaired(tags: Iterable[str]) -> list[str]:
    """The tags with B- for every I- that goes on with nothing, as `conlleval` reads them."""
    found: list[str] = []
    previous = OUTSIDE
    for tag in tags:
        label = label_of(tag)
        previous = f"B-{label}" if illegal(previous, tag) else tag
        found.append(previous)
    return found


def tags_of(
    words: Sequence[tuple[int, int]], entities: Iterable[Entity], *, snap: bool = False
) -> list[str]:
    """A tag for each word (start, end), in order. The entities must not overlap.

    Raises ValueError for an entity that begins or ends inside a word, or holds no word. With
    `snap` it takes in the whole of such a word, unless an entity before it has; one that holds
    no word then has no tag.
    """
    tags = [OUTSIDE] * len(words)
    at = 0
    for entity in sorted(entities, key=lambda each: (each.start, each.end)):
        while at < len(words) and words[at][1] <= entity.start:
            at += 1
        first = at
        while at < len(words) and words[at][0] < entity.end:
            at += 1
        if not snap:
            where = f"the entity {entity.label} {entity.start}:{entity.end}"
            if first == at:
                raise ValueError(f"{where} holds no word")
            if words[first][0] < entity.start or words[at - 1][1] > entity.end:
                raise ValueError(f"{where} begins or ends inside a word")
        tags[first:at] = [f"{'I' if k else 'B'}-{entity.label}" for k in range(at - first)]
    return tags


def spans_of(
    words: Sequence[tuple[int, int]],
    tags: Sequence[str],
    text: str,
    scores: Sequence[float] | None = None,
) -> list[Entity]:
    """The entities that the tags of a text's words say; a stray I- begins one.

    An entity is as sure as the least sure of its words (`scores`, one a word; 1 without them).
    Raises ValueError where there are not as many tags, or scores, as words.
    """
    if len(tags) != len(words) or (scores is not None and len(scores) != len(words)):
        raise ValueError(f"there must be one tag and one score for each of the {len(words)} words")
    found: list[Entity] = []
    first = -1
    label = ""
    for at in range(len(words) + 1):
        tag = tags[at] if at < len(words) else OUTSIDE
        inside = label_of(tag)
        if label and not (tag.startswith("I-") and inside == label):
            start, end = words[first][0], words[at - 1][1]
            score = 1.0 if scores is None else float(min(scores[first:at]))
            found.append(Entity(start, end, label, text[start:end], score))
            label = ""
        if inside and not label:
            first, label = at, inside
    return found
