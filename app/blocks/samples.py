"""Documents at hand, and questions about them, for who comes without any: data, in no catalogue."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "samples"
SAMPLES = ("luna.md", "litteragpt.csv")
"""A Spanish text about the Moon, and a Portuguese FAQ about this program."""

QUESTIONS = (
    "¿Cuándo alunizaron Armstrong y Aldrin?",
    "¿Por qué la Luna muestra siempre la misma cara?",
    "A resposta pode ser inventada?",
    "Que arquivos posso carregar?",
    "¿Cuántas lunas tiene Júpiter?",
)
"""The last one is answered nowhere in them."""


def read_sample(name: str) -> bytes:
    """One of the documents."""
    return (FOLDER / name).read_bytes()
