"""A colour for each label, that stays apart for every eye on light and on dark.

The inks are after Okabe & Ito (2008) and, for labels that are not known beforehand, after Tol's
"muted" scheme (2021), each made darker or lighter until it has a contrast of at least 3 to 1 with
a white and with a black page. Text keeps the page's own colour over a tint of the ink, `TINT` of
it, so that it can always be read. A colour is never the only sign: the label stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from zlib import crc32

INKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NAME": "#d55e00",
        "DATE": "#0f7ac2",
        "TIME": "#00996f",
        "EMAIL": "#c2618f",
        "LOC": "#b07800",
        "ORG": "#8a6fd1",
        "MISC": "#3f93a8",
    }
)
"""The labels that this package's own taggers give."""

OTHER_INKS: Final = ("#c4506a", "#83852b", "#6b7fd0", "#84827c", "#a06b4e")
"""For all others, by their name."""

TINT: Final = 26
"""Per cent of the ink in the ground behind an entity."""


def ink_of(label: str) -> str:
    """The colour of a label as `#rrggbb`; the same for the same label, always."""
    known = INKS.get(label)
    if known is not None:
        return known
    return OTHER_INKS[crc32(label.encode("utf-8", "replace")) % len(OTHER_INKS)]
