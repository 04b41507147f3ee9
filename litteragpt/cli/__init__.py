"""The command line: each sub-command is a thin skin over a Python function.

Text and JSON go to standard output, everything else to standard error. Exit status: 0, 2 for
what the user can mend (one line says what), 130 after Ctrl-C, 141 where nobody reads on.
"""

from __future__ import annotations

import os
import sys

import tyro

from litteragpt.cli.answering import ask, sentence_train
from litteragpt.cli.entities import ner_data
from litteragpt.cli.looking import evaluate, models
from litteragpt.cli.making import data, reinforce, shard, train
from litteragpt.cli.mixing import mix
from litteragpt.cli.serving import app
from litteragpt.cli.sharing import export, push
from litteragpt.cli.tagging import ner_pretrain, ner_train, ner_translate, ner_vectors, tag
from litteragpt.cli.writing import generate, names


def main() -> int:
    """The `litteragpt` command."""
    # A prompt may hold what the terminal's encoding lacks, such as half a surrogate pair.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    writing = (generate, names, ask)
    entities = (tag, ner_data, ner_translate, ner_vectors, ner_pretrain, ner_train)
    commands = (
        data,
        shard,
        train,
        reinforce,
        mix,
        evaluate,
        *writing,
        *entities,
        sentence_train,
        models,
        export,
        push,
        app,
    )
    try:
        tyro.extras.subcommand_cli_from_dict(
            {command.__name__.replace("_", "-"): command for command in commands},
            prog="litteragpt",
            description="Small language models in Spanish and Portuguese: train, use, look inside.",
        )
        sys.stdout.flush()
    except BrokenPipeError:  # `litteragpt … | head`: as if the signal had ended it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 0
