"""Beginnings to try, after what a model writes: data, and so in no catalogue."""

from __future__ import annotations

from litteragpt.checkpoint import CheckpointInfo

NAMES = ("Santa ", "Jardim ", "Vila ", "Parque ", "Nova ")
PORTUGUESE = (
    "Marte é um planeta",
    "A cidade de Lisboa",
    "O futebol é",
    "Era uma vez",
    "A história do Brasil",
)
SPANISH = (
    "En un lugar de la Mancha",
    "Pues sepa vuestra merced",
    "La heroica ciudad dormía",
    "Se puso el sol.",
    "Serían las diez de la mañana",
)
"""How the five works begin."""


def examples_for(info: CheckpointInfo) -> tuple[str, ...]:
    """Beginnings in the language and of the kind that a model was trained on."""
    if info.reads == "lines":
        return NAMES
    return PORTUGUESE if info.language == "pt" else SPANISH
