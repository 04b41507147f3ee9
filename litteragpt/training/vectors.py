"""Word vectors to start a tagger from, learned from plain text by `floret` (extra `data`).

Skip-grams over words as sums of character n-grams (Bojanowski et al. 2017), kept in a hashed
table (Boyd & Warmerdam 2022, "floret"), in lower case, with the n-grams and hashes of
`litteragpt.entities.features`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from litteragpt.entities.features import HASHES, LONGEST_GRAM, SHORTEST_GRAM
from litteragpt.entities.words import split_words


def train_vectors(
    texts: Sequence[Path],
    out: Path,
    *,
    rows: int = 65_536,
    width: int = 128,
    epochs: int = 2,
    threads: int = 1,
) -> int:
    """Learn from UTF-8 files, a paragraph or sentence a line; gives the number of words read.

    With one thread the same texts give the same vectors. Raises ValueError for a file that cannot
    be read, ImportError where floret is missing.
    """
    try:
        import floret
    except ImportError as error:
        raise ImportError(
            "word vectors need floret: install the extra with pip install 'litteragpt[data]'"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        spaced = Path(folder) / "words.txt"
        count = 0
        with spaced.open("w", encoding="utf-8") as file:
            for line in _lines(texts):
                words = [line[start:end].lower() for start, end in split_words(line)]
                if len(words) > 2:
                    file.write(" ".join(words) + "\n")
                    count += len(words)
        if count == 0:
            raise ValueError("the texts hold no line of three words or more")
        model = floret.train_unsupervised(
            str(spaced),
            model="skipgram",
            mode="floret",
            hashCount=HASHES,
            bucket=rows,
            minn=SHORTEST_GRAM,
            maxn=LONGEST_GRAM,
            dim=width,
            ws=4,
            neg=5,
            epoch=epochs,
            minCount=3,
            thread=threads,
            verbose=0,
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        model.save_floret_vectors(str(out))
    return count


def _lines(texts: Sequence[Path]) -> Iterable[str]:
    for path in texts:
        try:
            with path.open(encoding="utf-8") as file:
                yield from file
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
