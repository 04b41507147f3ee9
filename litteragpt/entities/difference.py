"""Where two readings of one text differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from litteragpt.entities.span import Entity


@dataclass(frozen=True, slots=True)
class Difference:
    """What one reading has and the other has not, in the order of the text."""

    same: int
    """Entities of the same stretch and label in both; scores do not count."""
    relabelled: tuple[tuple[Entity, Entity], ...]
    """Of the same stretch, but with another label: the first's and the second's."""
    only_first: tuple[Entity, ...]
    only_second: tuple[Entity, ...]

    @property
    def of_first(self) -> frozenset[Entity]:
        """The first reading's entities that the second has not."""
        return frozenset([*self.only_first, *(first for first, _ in self.relabelled)])

    @property
    def of_second(self) -> frozenset[Entity]:
        """The second reading's entities that the first has not."""
        return frozenset([*self.only_second, *(second for _, second in self.relabelled)])


def difference(first: Sequence[Entity], second: Sequence[Entity]) -> Difference:
    """Compare two readings, in neither of which entities overlap."""
    in_first, in_second = _by_place(first), _by_place(second)
    shared = [(in_first[place], in_second[place]) for place in in_first if place in in_second]
    return Difference(
        same=sum(a.label == b.label for a, b in shared),
        relabelled=tuple((a, b) for a, b in shared if a.label != b.label),
        only_first=tuple(each for place, each in in_first.items() if place not in in_second),
        only_second=tuple(each for place, each in in_second.items() if place not in in_first),
    )


def _by_place(entities: Iterable[Entity]) -> dict[tuple[int, int], Entity]:
    ordered = sorted(entities, key=lambda each: each.start)
    return {(each.start, each.end): each for each in ordered}
