"""Small books, made up on the fly, in the shapes in which real ones come."""

from __future__ import annotations

import random
import textwrap

_WORDS = (
    "el la un una de que y en casa noche hombre mujer camino lugar caballero viento pueblo "
    "calle señor vida muerte ojos mano puerta mesa dijo vino fue era tenía había miró salió"
)
WORDS = _WORDS.split()


def sentence(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 18))).capitalize() + "."


def paragraph(rng: random.Random) -> str:
    return " ".join(sentence(rng) for _ in range(rng.randint(1, 5)))


def book(seed: int, chapters: int = 12, paragraphs: int = 25) -> str:
    """A cleaned book: a paragraph a line, chapters headed `Capítulo N`."""
    rng = random.Random(seed)
    lines = []
    for chapter in range(1, chapters + 1):
        lines.append(f"Capítulo {chapter}. {sentence(rng)}")
        lines.extend(paragraph(rng) for _ in range(paragraphs + rng.randint(-5, 5)))
        lines.append("—Sí.")  # as in every book, a line that is often the same
    return "\n".join(lines)


def as_gutenberg(text: str, title: str = "UN LIBRO") -> str:
    """The book as Project Gutenberg has it: header, hard-wrapped lines, footer."""
    body = "\n\n".join(textwrap.fill(line, 72) for line in text.split("\n"))
    return (
        f"The Project Gutenberg eBook of {title}\n\nSome words on the licence.\n\n"
        f"*** START OF THE PROJECT GUTENBERG EBOOK {title} ***\n\n\n{body}\n\n\n"
        f"*** END OF THE PROJECT GUTENBERG EBOOK {title} ***\n\nMore words on the licence.\n"
    )
