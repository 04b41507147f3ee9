"""Entities marked, and taggers trained: tag, ner-train and what it starts from."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rich.console import Console
from rich.table import Table
from tyro.conf import Positional, UseAppendAction

if TYPE_CHECKING:
    from litteragpt.entities.score import Scores
    from litteragpt.entities.streaming import Marked
    from litteragpt.protocols import Tagger, WordTagger

Format = Literal["jsonl", "conll", "html", "csv"]
Method = Literal["classification", "generation"]
Engine = Literal["local", "ray"]

_TAGGERS: Final[Mapping[Method, str]] = {
    "classification": "ner-multi",
    "generation": "ner-causal",
}


def tag(
    text: Positional[str | None] = None,
    /,
    *,
    file: Path | None = None,
    evaluate: Path | None = None,
    model: str | None = None,
    method: Method = "classification",
    raw: bool = False,
    labels: tuple[str, ...] = (),
    threshold: float = 0.0,
    format: Format = "jsonl",
    intent: bool = False,
    adapter: Path | None = None,
    engine: Engine = "local",
    workers: int = 2,
    map: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
) -> None:
    """Mark the entities of a text, of each line of a file, or score a tagger on a marked file.

    Args:
        text: What to mark; `-` reads lines from standard input.
        file: A UTF-8 file, a text a line, read line by line however long it is.
        evaluate: A set (TSV, JSONL, JSON) to score on instead; prints JSON.
        model: Name or folder of a tagger; ner-multi, or ner-causal with --method generation.
        method: How the tagger works that is taken where no model is named.
        raw: Show instead what a tagger that writes would write if nothing held it, as JSON lines.
        labels: Mark these labels alone.
        threshold: Leave out entities of a lower score, 0 to 1.
        format: jsonl, conll, html or csv.
        intent: Also say, in jsonl, what each whole text is for, where the tagger tells.
        adapter: Folder of an adapter for the tagger (`litteragpt ner-train --lora`).
        engine: With file: local, or ray to share the lines out to several processes.
        workers: How many processes ray is to use.
        map: With evaluate: THEIRS=OURS, labels of the file under other names.
        only: With evaluate: labels that count, on both sides; comma-separated will do.
    """
    from litteragpt.entities.loading import load_tagger

    name = model or _TAGGERS[method]
    if evaluate is None and (text is None) == (file is None):
        raise ValueError("give a text, or --file, or --evaluate")
    if intent and format != "jsonl":
        raise ValueError("an intent is written in the format jsonl alone")
    kept = tuple(_split(labels)) or None
    if engine == "ray":
        from litteragpt.entities.ray_engine import Task, mark_over_ray

        if file is None or raw or evaluate is not None:
            raise ValueError("the engine ray marks a --file")
        task = Task(
            file=str(file.resolve()),
            model=name,
            adapter=None if adapter is None else str(adapter.resolve()),
            labels=kept,
            threshold=threshold,
            intent=intent,
        )
        _write(mark_over_ray(task, workers=workers), format)
        return
    from litteragpt.entities.streaming import mark

    tagger = load_tagger(name, adapter=adapter)
    if evaluate is not None:
        _evaluate(tagger, evaluate, map, only)
    elif raw:
        _write_raw(tagger, _texts(text, file))
    else:
        texts = _texts(text, file)
        _write(mark(tagger, texts, labels=kept, threshold=threshold, intent=intent), format)


def ner_train(
    recipe: Positional[Path | None] = None,
    /,
    *,
    source: Path | None = None,
    base: str | None = None,
    lora: Path | None = None,
    data: Path | None = None,
    causal: bool = False,
    out: Path | None = None,
    made: Path = Path("data/ner"),
    vectors: Path | None = None,
    pretrained: Path | None = None,
    device: str = "auto",
    checkpoints: Path = Path("checkpoints"),
    runs: Path = Path("runs"),
    resume: bool = False,
    override: UseAppendAction[tuple[str, ...]] = (),
) -> None:
    """Train a tagger from a recipe and publish it, or fit one to records of your own.

    RECIPE --source DIR trains from a recipe. --base ner-multi --lora FILE --out DIR makes an
    adapter, with FILE's labels and intents. --base FOLDER with --data FILE (all weights) or
    --lora FILE (low-rank updates) does the like to an encoder of Hugging Face's layout. A fifth
    of the records is held out, to say how well it went.

    Args:
        recipe: Path of a recipe (TOML) with the sets to learn from.
        source: Folder of the annotated sets.
        base: Name or folder of the tagger or encoder to fit.
        lora: Your records (TSV, JSONL, JSON), for low-rank updates.
        data: Your records, for all weights of an encoder of Hugging Face's layout.
        causal: The folder holds a causal language model, which is to write the entities.
        out: Folder to write the adapter or the encoder to.
        made: Folder of the sets made from them.
        vectors: Word vectors to start from (`litteragpt ner-vectors`).
        pretrained: An encoder to start from (`litteragpt ner-pretrain`).
        device: auto, cpu or cuda, and mps for a tagger that writes; an adapter of a tagger of
            ours is always made on the CPU.
        checkpoints: Where the tagger is published.
        runs: Where the curve, and the state of a tagger that writes, are written.
        resume: Go on from that state.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as training.seed=2; with
            --base, of training or lora, such as lora.rank=4.
    """
    if base is not None:
        if recipe is not None or out is None or (lora is None) == (data is None):
            raise ValueError("--base needs --out and either --lora or --data, and no recipe")
        _fit(base, lora, data, out, override, device, causal=causal)
        return
    if recipe is None or source is None or lora or data or out or causal:
        raise ValueError("give a recipe and --source, or --base with --lora or --data and --out")
    from litteragpt.training.causal_recipe import is_causal_recipe
    from litteragpt.training.tagger_recipe import load_tagger_recipe, train_recipe
    from litteragpt.training.tagging import encoder_device

    if is_causal_recipe(recipe):
        if vectors or pretrained:
            raise ValueError("--vectors and --pretrained are for a tagger that classifies")
        _train_causal(recipe, source, made, checkpoints, runs, override, device, resume=resume)
        return
    read = load_tagger_recipe(recipe, override)
    info, figures = train_recipe(
        read,
        source,
        made=made,
        checkpoints=checkpoints,
        runs=runs / read.name,
        vectors=vectors,
        pretrained=pretrained,
        device=encoder_device(device),
        report=_report,
    )
    _show_scores(figures)
    print(info.path)


def ner_translate(file: Positional[Path], /, *, out: Path, mode: str = "pt-es") -> None:
    """Carry an annotated set into another language, its entities kept; needs apertium.

    Args:
        file: The set (TSV, JSONL or JSON).
        out: TSV to write.
        mode: A pair of languages that apertium has, such as pt-es.
    """
    from litteragpt.entities.bio import tags_of
    from litteragpt.entities.readers import read_records
    from litteragpt.entities.translate import Translated, translate

    counts = Translated()
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as written:
        for record in translate(read_records(file), mode, counts):
            tags = tags_of(record.words, record.entities, snap=True)
            for (start, end), tag_of_word in zip(record.words, tags, strict=True):
                written.write(f"{record.text[start:end]}\t{tag_of_word}\n")
            written.write("\n")
    print(f"{counts.kept} sentences kept, {counts.dropped} dropped", file=sys.stderr)
    print(out)


def ner_vectors(
    texts: Positional[tuple[Path, ...]],
    /,
    *,
    out: Path,
    rows: int = 65_536,
    width: int = 128,
    epochs: int = 2,
) -> None:
    """Learn word vectors from plain text, for a tagger to start from; needs floret.

    Args:
        texts: UTF-8 files, a sentence or paragraph a line.
        out: File to write.
        rows: Rows of the table of n-grams.
        width: Of a vector.
        epochs: How often the texts are read.
    """
    from litteragpt.training.vectors import train_vectors

    count = train_vectors(texts, out, rows=rows, width=width, epochs=epochs)
    print(f"{count:,} words read", file=sys.stderr)
    print(out)


def ner_pretrain(
    recipe: Positional[Path],
    texts: Positional[tuple[Path, ...]],
    /,
    *,
    out: Path,
    vectors: Path | None = None,
    device: str = "auto",
    override: UseAppendAction[tuple[str, ...]] = (),
) -> None:
    """Train a recipe's encoder to foretell hidden words of plain text, for a tagger to start from.

    Args:
        recipe: Path of the tagger's recipe (TOML), for the shape of its encoder.
        texts: UTF-8 files, a sentence or paragraph a line.
        out: File to write, for `litteragpt ner-train --pretrained`.
        vectors: Word vectors to start from (`litteragpt ner-vectors`).
        device: auto, cpu or cuda.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as pretrain.steps=500.
    """
    from litteragpt.training.tagger_recipe import load_tagger_recipe, pretrain_recipe
    from litteragpt.training.tagging import encoder_device

    pretrain_recipe(
        load_tagger_recipe(recipe, override),
        texts,
        out,
        vectors=vectors,
        device=encoder_device(device),
        report=_report,
    )
    print(out)


def _texts(text: str | None, file: Path | None) -> Iterator[str]:
    """The text itself, or a text a line, without the line's end."""
    if text is not None and text != "-":
        yield text
    elif file is None:
        yield from (line.rstrip("\n") for line in sys.stdin)
    else:
        from litteragpt.entities.streaming import lines_of

        yield from lines_of(file)


def _write(marked: Iterable[Marked], format: Format) -> None:
    """What is marked, text by text, as it comes."""
    from litteragpt.entities import export

    if format == "html":
        print(export.html_head(), end="")
    for number, each in enumerate(marked):
        if format == "jsonl":
            print(export.to_jsonl(each.text, each.entities, each.intent), end="")
        elif format == "conll":
            print(export.to_conll(each.text, each.entities), end="")
        elif format == "csv":
            print(export.to_csv(each.text, each.entities, header=number == 0), end="")
        else:
            print(export.html_part(each.text, each.entities), end="")
    if format == "html":
        print(export.html_tail(), end="")


def _write_raw(tagger: Tagger, texts: Iterable[str]) -> None:
    from litteragpt.entities.generative import GenerativeTagger

    if not isinstance(tagger, GenerativeTagger):
        raise ValueError("--raw needs a tagger that writes: --method generation")
    for text in texts:
        for raw in tagger.raw(text):
            print(json_format.dumps(raw.to_dict(), ensure_ascii=False))


def _train_causal(
    recipe: Path,
    source: Path,
    made: Path,
    checkpoints: Path,
    runs: Path,
    override: Sequence[str],
    device: str,
    *,
    resume: bool,
) -> None:
    from litteragpt.precision import pick_device
    from litteragpt.training.causal_recipe import load_causal_recipe, train_causal_recipe

    read = load_causal_recipe(recipe, override)
    info, figures = train_causal_recipe(
        read,
        source,
        made=made,
        checkpoints=checkpoints,
        runs=runs / read.name,
        resume=resume,
        device=pick_device(device),
        report=_report,
    )
    _show_scores(figures)
    print(info.path)


def _fit(
    base: str,
    lora: Path | None,
    data: Path | None,
    out: Path,
    override: Sequence[str],
    device: str,
    *,
    causal: bool,
) -> None:
    """Fit a base to a person's own records, and say how well that went."""
    from litteragpt.checkpoint import is_tagger_folder
    from litteragpt.entities.loading import tagger_folder

    folder = tagger_folder(base)
    file = lora or data
    assert file is not None, "one of the two is given"
    if causal:
        from litteragpt.precision import pick_device
        from litteragpt.training.tagging_causal_hf import train_causal_huggingface

        tuned = train_causal_huggingface(
            folder,
            file,
            out,
            override,
            low_rank=lora is not None,
            device=pick_device(device),
            report=_report,
        )
    elif is_tagger_folder(folder):
        from litteragpt.training.lora import train_adapter

        if lora is None:
            raise ValueError(f"{base} is a tagger of ours: give --lora in place of --data")
        tuned = train_adapter(folder, file, out, override, report=_report)
    else:
        from litteragpt.training.tagging import encoder_device
        from litteragpt.training.tagging_hf import train_huggingface

        tuned = train_huggingface(
            folder,
            file,
            out,
            override,
            low_rank=lora is not None,
            device=encoder_device(device),
            report=_report,
        )
    _show_scores({"before": tuned.before, "after": tuned.after})
    learned = f"{tuned.learned_from} records learned from, {tuned.held_out} held out"
    if tuned.intents_right is not None:
        learned += f"; {tuned.intents_right:.0%} of their intents right"
    print(learned, file=sys.stderr)
    print(tuned.path)


def _report(figures: Mapping[str, Any]) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(" ".join(f"{key} {value}" for key, value in figures.items()), markup=False)


def _show_scores(figures: Mapping[str, Mapping[str, Scores]]) -> None:
    table = Table("held out", "precision", "recall", "F1")
    for title, scores in figures.items():
        micro = scores["micro"]
        row = (f"{100 * value:.1f}" for value in (micro.precision, micro.recall, micro.f1))
        table.add_row(title, *row)
    Console(stderr=True, highlight=False).print(table)


def _evaluate(tagger: WordTagger, file: Path, renamed: Sequence[str], only: Sequence[str]) -> None:
    from litteragpt.entities.evaluation import evaluate_tagger

    names = {}
    for pair in _split(renamed):
        theirs, equals, ours = pair.partition("=")
        if not (theirs and equals and ours):
            raise ValueError(f"map must be THEIRS=OURS, not {pair!r}")
        names[theirs] = ours
    print(json_format.dumps(evaluate_tagger(tagger, file, names, _split(only))))


def _split(words: Sequence[str]) -> list[str]:
    """Words given one by one, or several in one with commas."""
    return [each for word in words for each in word.split(",") if each]
