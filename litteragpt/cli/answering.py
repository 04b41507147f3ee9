"""Questions answered from documents: ask."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

if TYPE_CHECKING:
    from litteragpt.answers import Answer


def ask(
    question: Positional[str],
    /,
    *,
    docs: Path,
    index: Path | None = None,
    language: Literal["pt", "es"] | None = None,
    passages: int = 5,
    reranker: Path | None = None,
    writer: str | None = None,
    json: bool = False,
) -> None:
    """Answer a question from documents: a stretch of one of them, or that nothing fits.

    Args:
        question: In Portuguese or Spanish.
        docs: Folder with txt, md, pdf, docx, or a FAQ as CSV (pergunta,resposta).
        index: Folder to keep the index in; the next call reads only files that changed.
        language: That of the documents, pt or es; each one's is detected without it.
        passages: How many passages to give along, 1 to 40.
        reranker: Folder of a cross-encoder of Hugging Face's layout, which judges the passages too.
        writer: Name or folder of a model that words an answer from the passages, citing them.
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
    judge = None
    if reranker is not None:
        from litteragpt.answers.cross_encoder import load_cross_encoder

        judge = load_cross_encoder(reranker)
    found = answer(question, update.index, passages=passages, reranker=judge)
    if writer is not None and found.answer is not None:
        _write(question, found, writer, json=json)
        return
    if json:
        written = {} if writer is None else {"written": None}
        print(json_format.dumps({**found.to_dict(), **written}, ensure_ascii=False))
        return
    if found.answer is None:
        print("não encontrei")
        return
    print(found.answer)
    print(f"\n{found.passage}\n\n{found.source}, {found.score:.0%}", file=sys.stderr)


def _write(question: str, found: Answer, writer: str, *, json: bool) -> None:
    """The answer in a model's own words; a sentence without a source is told."""
    import litteragpt
    from litteragpt.answers.language import detect_language
    from litteragpt.answers.written import write_answer

    def show(piece: str) -> None:
        if not json:
            print(piece, end="", flush=True)

    language = detect_language(question)
    lm = litteragpt.load(writer)
    written = write_answer(question, found.passages, lm, language=language, report=show)
    if json:
        answer = {**found.to_dict(), "written": written.to_dict()}
        print(json_format.dumps(answer, ensure_ascii=False))
        return
    print()
    for number in written.citations:
        print(f"[{number}] {found.passages[number - 1].source}", file=sys.stderr)
    for number in written.unknown:
        print(f"[{number}] is none of the passages", file=sys.stderr)
    for sentence in written.uncited:
        print(f"without a source: {sentence}", file=sys.stderr)
