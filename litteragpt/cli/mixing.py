"""Counts to go beside a model: mix."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from litteragpt.cli.common import DEFAULT_MODEL


def mix(
    text: Positional[Path],
    /,
    *,
    out: Path,
    fit: Path | None = None,
    model: str = DEFAULT_MODEL,
    order: int = 6,
    device: str = "cpu",
) -> None:
    """Count a training text's n-grams, to be mixed with a model's probabilities.

    `evaluate` and `generate` take the folder as --mix. The weights are fitted on the text --fit,
    or on the last 3 % of the training text, with counts of the rest.

    Args:
        text: The text that the model was trained on (data/NAME/train.txt).
        out: Folder to write.
        fit: Text that the model has not read, to fit the weights on; evaluate on another one.
        model: Name or folder of a checkpoint.
        order: Length of the n-grams.
        device: auto, cpu, cuda or mps.
    """
    import litteragpt
    from litteragpt.mixing.folder import COUNTS_FILE, count, save
    from litteragpt.precision import pick_device

    lm = litteragpt.load(model, device=pick_device(device))
    mixture = count(lm, _read(text), fit=_read(fit) if fit else None, order=order)
    save(out, mixture, lm)
    size = (out / COUNTS_FILE).stat().st_size
    Console(stderr=True, highlight=False).print(f"{size / 1e6:.1f} MB of counts")
    print(out)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path} as UTF-8 text: {error}") from error
