"""Questions answered from documents, and the encoder that compares what they mean."""

from __future__ import annotations

import hashlib
import json as json_format
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional, UseAppendAction

if TYPE_CHECKING:
    from litteragpt.answers import Answer, Reranker


_NOTHING = {"pt": "não encontrei", "es": "no lo encontré"}


def ask(
    question: Positional[str],
    /,
    *,
    docs: Path,
    index: Path | None = None,
    language: Literal["pt", "es"] | None = None,
    passages: int = 5,
    encoder: str | None = None,
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
        encoder: Name or folder of a sentence encoder, which judges the passages by their meaning;
            sentences-pt where it is there; none for words alone.
        reranker: Folder of a cross-encoder or a sentence encoder of Hugging Face's layout, which
            judges instead.
        writer: Name or folder of a model that words an answer from the passages, citing them.
        json: Print one JSON object.
    """
    from litteragpt.answers import Index, answer, update_index
    from litteragpt.answers.index import INDEX_FILE
    from litteragpt.answers.language import detect_language

    kept = index is not None and (index / INDEX_FILE).exists()
    old = Index.load(index) if index is not None and kept else None
    update = update_index(
        docs, old, language=language, report=lambda line: print(line, file=sys.stderr)
    )
    if index is not None and update.index is not old:
        update.index.save(index)
    judge = _judge(encoder, reranker)
    found = answer(question, update.index, passages=passages, reranker=judge)
    if writer is not None and found.answer is not None:
        _write(question, found, writer, json=json)
        return
    if json:
        written = {} if writer is None else {"written": None}
        print(json_format.dumps({**found.to_dict(), **written}, ensure_ascii=False))
        return
    if found.answer is None:
        print(_NOTHING[detect_language(question)])
        return
    print(found.answer)
    print(f"\n{found.passage}\n\n{found.source}, {found.score:.0%}", file=sys.stderr)


def _judge(encoder: str | None, reranker: Path | None) -> Reranker | None:
    """What judges the passages beside the index; None for words alone."""
    if reranker is not None:
        if encoder is not None:
            raise ValueError("give --encoder or --reranker, not both")
        from litteragpt.answers.foreign import load_judge

        return load_judge(reranker)
    from litteragpt.answers.meaning import DEFAULT_ENCODER, has_encoder, load_meaning

    if encoder == "none" or (encoder is None and not has_encoder()):
        return None
    return load_meaning(encoder or DEFAULT_ENCODER)


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


def sentence_train(
    recipe: Positional[Path],
    /,
    *,
    teacher: Path,
    questions: Path,
    texts: tuple[Path, ...] = (Path("data"),),
    device: str = "auto",
    checkpoints: Path = Path("checkpoints"),
    runs: Path = Path("runs"),
    override: UseAppendAction[tuple[str, ...]] = (),
) -> None:
    """Train the sentence encoder of a recipe and publish it in a checkpoint folder.

    Args:
        recipe: Path of the recipe (TOML).
        teacher: Folder of a sentence encoder of Hugging Face's layout, to learn from.
        questions: Folder of FaQuAD, SQuAD in Portuguese and Pirá as JSON files.
        texts: Folders in which the recipe's files are looked for.
        device: auto, cpu, cuda or mps.
        checkpoints: Folder to publish into.
        runs: Folder to keep the teacher's vectors in.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as training.steps=500.
    """
    from litteragpt.answers.sets import read_sets
    from litteragpt.huggingface.sentence_encoder import TheirSentences
    from litteragpt.precision import pick_device
    from litteragpt.training.sentence_recipe import load_encoder_recipe, train_encoder_recipe

    read = load_encoder_recipe(recipe, override)
    chosen = pick_device(device)
    asked = read_sets(questions)
    theirs = TheirSentences(teacher, read.teacher, chosen)
    # With other prompts it says something else of the same texts.
    prompts = hashlib.sha256(json_format.dumps(theirs.prompts).encode()).hexdigest()[:8]
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if done == total or not 0 <= done - told < 10_000:
            told = done
            print(json_format.dumps({"taught": done, "of": total}), file=sys.stderr)

    info, recalls = train_encoder_recipe(
        read,
        teach=partial(theirs, report=tell),
        folders=texts,
        asked=asked,
        checkpoints=checkpoints,
        runs=runs / read.name / f"{theirs.name}-{prompts}",
        device=chosen,
        report=lambda line: print(json_format.dumps(dict(line)), file=sys.stderr),
    )
    for name, ways in recalls.items():
        for way, (first, fifth) in ways.items():
            print(f"{name}, {way}: recall@1 {first:.3f}, @5 {fifth:.3f}", file=sys.stderr)
    print(info.path)
