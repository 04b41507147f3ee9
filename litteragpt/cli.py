"""The command line: each sub-command is a thin skin over a Python function.

Text and JSON go to standard output, everything else to standard error. Exit status: 0, 2 for
what the user can mend (one line says what), 130 after Ctrl-C.
"""

from __future__ import annotations

import json as json_format
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional, UseAppendAction

if TYPE_CHECKING:
    from litteragpt.checkpoint import CheckpointInfo
    from litteragpt.protocols import Replacement

DEFAULT_MODEL = "litteragpt-es"


def data(
    recipe: Positional[str],
    /,
    *,
    source: Path | None = None,
    out: Path | None = None,
    override: UseAppendAction[tuple[str, ...]] = (),
) -> None:
    """Build the corpus of a recipe: download or read its texts, clean and split them.

    Args:
        recipe: Name of a recipe in models/, or the path of one.
        source: Folder (or .tar.xz) with the texts, instead of downloading them.
        out: Folder of the built corpus; default data/NAME.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as corpus.seed=2.
    """
    from litteragpt.corpora.kinds import kind_of
    from litteragpt.recipe import load_corpus_recipe

    read = load_corpus_recipe(recipe_path(recipe), override)
    kind, config = kind_of(read.corpus)
    console = Console(stderr=True, highlight=False)
    report = kind.build(
        read.name,
        config,
        out or Path("data") / read.name,
        source=source,
        report=lambda line: console.print(line, markup=False),
    )
    table = Table("part", "characters", "pieces", "runs shared with train")
    for part, characters in report.characters.items():
        overlap = report.overlap.get(part)
        runs = f"{overlap.runs} ({overlap.share:.3%} of characters)" if overlap else "–"
        table.add_row(part, f"{characters:,}", f"{report.chunks[part]:,}", runs)
    console.print(table)
    print(report.folder)


def train(
    recipe: Positional[str],
    /,
    *,
    device: str = "auto",
    override: UseAppendAction[tuple[str, ...]] = (),
    corpus: Path | None = None,
    runs: Path = Path("runs"),
    checkpoints: Path = Path("checkpoints"),
    resume: bool = False,
) -> None:
    """Train a recipe on its built corpus and publish the best checkpoint.

    Args:
        recipe: Path of a recipe (TOML), or its name in models/.
        device: auto, cpu, cuda or mps.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as training.steps=100.
        corpus: Folder that `litteragpt data` built; default data/NAME.
        runs: Where the run keeps its state and curve.
        checkpoints: Where the checkpoint is published.
        resume: Go on from the run's saved state.
    """
    from litteragpt.training import train as train_recipe

    path = recipe_path(recipe)
    console = Console(stderr=True, highlight=False)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        task = progress.add_task("preparing", total=None)

        def show(line: dict[str, Any]) -> None:
            if "message" in line:
                console.print(line["message"], markup=False)
            elif "sample" in line:
                console.print(f"step {line['step']}: {line['sample']!r}", markup=False)
            elif "val_loss" in line:
                losses = " ".join(f"{k} {v:.4f}" for k, v in line.items() if k.endswith("loss"))
                console.print(f"step {line['step']}: {losses} nats/char", markup=False)
            else:
                minutes, seconds = divmod(line["seconds_left"], 60)
                total = line["step"] + line["steps_left"]
                text = (
                    f"step {line['step']}/{total} loss {line['train_loss']:.4f} "
                    f"{line['chars_per_second']:,} chars/s, {minutes} min {seconds:02} s left"
                )
                progress.update(task, description=text, completed=line["step"], total=total)

        figures = train_recipe(
            path,
            device=device,
            override=override,
            corpus=corpus,
            runs=runs,
            checkpoints=checkpoints,
            resume=resume,
            report=show,
        )
    if figures:
        honest = "" if figures.honest_loss is None else f", honest {figures.honest_loss:.4f}"
        console.print(
            f"best: validation {figures.val_loss:.4f}{honest} nats/char at step {figures.step}"
        )


def evaluate(
    file: Positional[Path],
    /,
    *,
    model: str = DEFAULT_MODEL,
    device: str = "cpu",
    json: bool = False,
) -> None:
    """The loss of a model over the whole of a UTF-8 text file.

    Args:
        file: The text.
        model: Name or folder of a checkpoint.
        device: auto, cpu, cuda or mps.
        json: Print JSON.
    """
    import litteragpt
    from litteragpt.evaluation import evaluate_file
    from litteragpt.training.precision import pick_device

    result = evaluate_file(litteragpt.load(model, device=pick_device(device)), file)
    if json:
        print(json_format.dumps(result.to_dict()))
        return
    print(
        f"{result.nats_per_char:.4f} nats/char, {result.bits_per_char:.4f} bits/char over "
        f"{result.characters:,} characters, {result.unknown:,} of them unknown"
    )


def generate(
    prompt: Positional[str],
    /,
    *,
    model: str = DEFAULT_MODEL,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float = 1.0,
    min_p: float = 0.0,
    seed: int | None = None,
    max_chars: int | None = None,
    sentences: int | None = 2,
    words: int | None = None,
    json: bool = False,
) -> None:
    """Continue a prompt; the text streams to standard output, the prompt first.

    Args:
        prompt: What to continue; an empty one starts a paragraph.
        model: Name or folder of a checkpoint.
        temperature: 0 (always the most probable character) to 5.
        top_k: Keep the k most probable characters at each step.
        top_p: Keep the most probable characters that together reach this probability.
        min_p: Drop characters less probable than this share of the best one.
        seed: Same seed, same text; one is drawn and told without it.
        max_chars: Stop at this many characters; 400 without it, or 30 a word.
        sentences: Stop after so many sentences; None goes on to max-chars.
        words: Stop after exactly so many words, in place of sentences.
        json: Print one JSON object when all is done.
    """
    import litteragpt

    lm = litteragpt.load(model)
    if json:
        completion = lm.complete(
            prompt,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            seed=seed,
            max_chars=max_chars,
            sentences=sentences,
            words=words,
        )
        print(json_format.dumps(completion.to_dict(), ensure_ascii=False))
        return
    sampling = litteragpt.SamplingConfig(
        temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p
    )
    stream = lm.stream(
        prompt, [sampling], seed=seed, max_chars=max_chars, sentences=sentences, words=words
    )
    tell_replaced(stream.encoding.replacements)
    if seed is None:
        print(f"seed {stream.seed}", file=sys.stderr)
    print(prompt, end="", flush=True)
    for step in stream:
        print("".join(token.text for token in step.tokens if token), end="", flush=True)
    print()


def names(
    *,
    prefix: str = "",
    count: int = 20,
    model: str = "toponimos-mlp",
    temperature: float = 0.9,
    top_k: int | None = None,
    top_p: float = 1.0,
    min_p: float = 0.0,
    seed: int | None = None,
    max_chars: int = 100,
    json: bool = False,
) -> None:
    """Invent names of places, `neighbourhood - city`.

    Args:
        prefix: How the names begin, within one line; may hold the separator.
        count: How many, up to 10000.
        model: Name or folder of a checkpoint.
        temperature: 0 (always the most probable character) to 5.
        top_k: Keep the k most probable characters at each step.
        top_p: Keep the most probable characters that together reach this probability.
        min_p: Drop characters less probable than this share of the best one.
        seed: Same seed, same names; one is drawn and told without it.
        max_chars: Cut a name that goes on for longer after the prefix.
        json: Print a JSON list.
    """
    from litteragpt.names.generate import load_names

    found = load_names(model).sample(
        prefix,
        count=count,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        seed=seed,
        max_chars=max_chars,
    )
    tell_replaced(found.replaced)
    if seed is None:
        print(f"seed {found.seed}", file=sys.stderr)
    if json:
        print(json_format.dumps([each.to_dict() for each in found.names], ensure_ascii=False))
        return
    table = Table("name", "", "city", "log-probability, nats")
    for each in found.names:
        city = (each.uf or "real") if each.city_is_real else "not real" if each.city else "–"
        kind = "exists" if each.known else "invented"
        table.add_row(Text(each.name), kind, city, f"{each.logprob:.2f}")
    Console(highlight=False).print(table)


def reinforce(
    recipe: Positional[str],
    /,
    *,
    device: str = "cpu",
    override: UseAppendAction[tuple[str, ...]] = (),
    corpus: Path | None = None,
    runs: Path = Path("runs"),
    checkpoints: Path = Path("checkpoints"),
    json: bool = False,
) -> None:
    """Reinforce a trained model of names: real cities, exactly one separator, no copies.

    Args:
        recipe: Path of a recipe (TOML) with a table [reinforce], or its name in models/.
        device: auto, cpu, cuda or mps.
        override: TABLE.FIELD=VALUE in place of the recipe's, such as reinforce.steps=100.
        corpus: Folder that `litteragpt data` built; default data/CORPUS.
        runs: Where the trained model is kept and the curve is written.
        checkpoints: Where the trained model is, and the reinforced one is published.
        json: Print the figures before and after as JSON.
    """
    from litteragpt.recipe import load_recipe
    from litteragpt.training.precision import pick_device
    from litteragpt.training.reinforce import ReinforceConfig
    from litteragpt.training.reinforced import reinforce_checkpoint

    read = load_recipe(recipe_path(recipe), override)
    console = Console(stderr=True, highlight=False)
    reached = reinforce_checkpoint(
        read.name,
        ReinforceConfig.from_table(read.reinforce),
        corpus or Path("data") / read.corpus_name,
        runs=runs,
        checkpoints=checkpoints,
        device=pick_device(device),
        report=lambda line: console.print(
            " ".join(f"{key} {value:.4g}" for key, value in line.items()), markup=False
        ),
    )
    if json:
        print(json_format.dumps(reached.to_dict()))
        return
    before, after = reached.before.to_dict(), reached.after.to_dict()
    table = Table("", "before", "after")
    for key in before:
        table.add_row(key, f"{before[key]:.4f}", f"{after[key]:.4f}")
    Console(highlight=False).print(table)


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


def models(*, json: bool = False) -> None:
    """List the checkpoints found, and the folders that are none.

    Args:
        json: Print JSON.
    """
    import litteragpt

    listed = litteragpt.list_checkpoints()
    if json:
        found = [
            {
                "name": info.name,
                "path": str(info.path),
                "architecture": info.architecture,
                "parameters": info.parameters,
                "context": info.config["model"].get("context"),
                "validation": validation_loss(info),
            }
            for info in listed.found
        ]
        broken = [{"path": str(path), "error": error} for path, error in listed.broken]
        print(json_format.dumps({"models": found, "broken": broken}, ensure_ascii=False))
        return
    table = Table("name", "architecture", "parameters", "validation, nats/char")
    for info in listed.found:
        loss = validation_loss(info)
        table.add_row(
            info.name,
            info.architecture,
            f"{info.parameters:,}",
            f"{loss:.4f}" if isinstance(loss, float) else "–",
        )
    Console(highlight=False).print(table)
    for path, error in listed.broken:
        print(f"unusable: {path}: {error}", file=sys.stderr)


def export(
    model: Positional[str],
    folder: Positional[Path],
    /,
    *,
    to: Literal["hf"] = "hf",
) -> None:
    """Write a checkpoint in the layout of other software.

    Args:
        model: Name or folder of a checkpoint.
        folder: Where to; new or empty.
        to: hf: a folder for `AutoModelForCausalLM` and `AutoTokenizer`.
    """
    from litteragpt.export import export_transformers

    writers: dict[str, Callable[[str, Path], Path]] = {"hf": export_transformers}
    print(writers[to](model, folder))


def app(*, port: int = 8501, address: str = "localhost", browser: bool = True) -> None:
    """Serve the app on this machine until Ctrl-C.

    Args:
        port: Port to listen on.
        address: Address to listen on; 0.0.0.0 opens the app to the network.
        browser: Open a browser on it.
    """
    from litteragpt.checkpoint import ROOT_VARIABLE, checkpoints_root

    root = Path(__file__).resolve().parent.parent
    script = root / "app" / "main.py"
    if not script.exists():
        raise ValueError(f"the app is not installed here: there is no {script}")
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--server.port={port}", f"--server.address={address}"]
    command += [f"--server.headless={str(not browser).lower()}"]
    environment = {**os.environ, ROOT_VARIABLE: str(checkpoints_root().resolve())}
    # From the root: that is where .streamlit/config.toml is looked for.
    code = subprocess.run(command, cwd=root, env=environment, check=False).returncode
    if code:
        raise ValueError(f"streamlit ended with status {code}: is it installed, the port free?")


def validation_loss(info: CheckpointInfo) -> float | None:
    """What a checkpoint says of its loss on validation, after reinforcement where there was any."""
    training = info.config["training"]
    after = training.get("reinforce", {}).get("after", {})
    loss = after.get("val_nats_per_char", training.get("reached", {}).get("val_loss"))
    return loss if isinstance(loss, float) else None


def tell_replaced(replaced: Sequence[Replacement]) -> None:
    """Say on standard error what of a prompt the model reads otherwise."""
    for each in replaced:
        read = f"read as {each.target!r}" if each.target else "left out"
        print(f"unknown to the model: {each.source!r}, {read}", file=sys.stderr)


def recipe_path(name: str) -> Path:
    """The file of a recipe given by its path or by its name in `models/`."""
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        return path
    for root in (Path(), Path(__file__).resolve().parent.parent):
        if (root / "models" / f"{name}.toml").exists():
            return root / "models" / f"{name}.toml"
    raise ValueError(f"there is no recipe {name!r}: give a path, or a name in models/")


def main() -> int:
    """The `litteragpt` command."""
    # A prompt may hold what the terminal's encoding lacks, such as half a surrogate pair.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    commands = (data, train, reinforce, evaluate, generate, names, ask, models, export, app)
    try:
        tyro.extras.subcommand_cli_from_dict(
            {command.__name__: command for command in commands},
            prog="litteragpt",
            description="Small language models in Spanish and Portuguese: train, use, look inside.",
        )
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
