"""Questions answered from documents: ask."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import Literal

from tyro.conf import Positional


def ask(
    question: Positional[str],
    /,
    *,
    docs: Path,
    index: Path | None = None,
    language: Literal["pt", "es"] | None = None,
    passages: int = 5,
    json: bool = False,
) -> None:
    """Answer a question from documents: a stretch of one of them, or that nothing fits.

    Args:
        question: In Portuguese or Spanish.
        docs: Folder with txt, md, pdf, docx, or a FAQ as CSV (pergunta,resposta).
        index: Folder to keep the index in; the next call reads only files that changed.
        language: That of the documents, pt or es; each one's is detected without it.
        passages: How many passages to give along, 1 to 40.
        json: Print one JSON object.
    """
    from litteragpt.answers import Index, answer, update_index
    from litteragpt.answers.index import INDEX_FILE

    kept = index is not None and (index / INDEX_FILE).exists()
    old = Index.load(index) if index is not None and kept else None
    update = update_index(
        docs, old, language=language, report=lambda line: print(line, file=sys.stderr)
    )
    if index is not None and update.index is not old:
        update.index.save(index)
    found = answer(question, update.index, passages=passages)
    if json:
        print(json_format.dumps(found.to_dict(), ensure_ascii=False))
        return
    if found.answer is None:
        print("não encontrei")
        return
    print(found.answer)
    print(f"\n{found.passage}\n\n{found.source}, {found.score:.0%}", file=sys.stderr)
