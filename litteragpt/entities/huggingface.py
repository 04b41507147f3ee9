"""Encoders of others as taggers: a local folder of Hugging Face's layout that classifies tokens.

The words of a sentence, joined by one space, are cut into the model's own tokens; a word has the
scores of its first token. What is longer than the model can read is read in overlapping windows.
The labels are those of the config's `id2label`, in IOB2. All else (sentences, legal tags, scores
of entities, e-mail addresses by rule) is as with our own encoder.

Shapes: W windows, T tokens of a window, N tokens of all windows, K tags.
"""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tokenizers
import torch
from torch import Tensor

from litteragpt.architectures.encoder import Chain, tags_of_labels
from litteragpt.entities.bio import OUTSIDE, label_of
from litteragpt.entities.tagger import TokenTagger
from litteragpt.huggingface.faults import as_value_error
from litteragpt.huggingface.folder import ENCODERS, read_folder
from litteragpt.huggingface.load import load_theirs
from litteragpt.weights import CheckpointError

KIND: Final = "AutoModelForTokenClassification"
HEAD: Final = ("classifier", "score")
"""What classes of that kind call the layer of the tags."""
LONGEST: Final = 512
"""Tokens of a window at most, even where a model knows more."""
WINDOWS: Final = 64
"""That are read at once."""
MAX_LABELS: Final = 256
_ANCHOR: Final = "a"


@dataclass(frozen=True, slots=True)
class Pieces:
    """A sentence in a model's tokens, cut into windows."""

    windows: tuple[tuple[int, ...], ...]
    """Ids of each window, with what goes before and after a text."""
    places: tuple[tuple[int, int] | None, ...]
    """For each word, the window and the position there of its first token; None where the
    tokenizer drops the whole word."""


class Cutter:
    """Cuts sentences into the tokens of a model, as many windows as it takes."""

    def __init__(self, theirs: Any, context: int) -> None:
        """ValueError where the tokenizer leaves no room for a text."""
        library = tokenizers.Tokenizer.from_str(theirs.backend_tokenizer.to_str())
        library.no_truncation()
        library.no_padding()
        whole = library.encode(_ANCHOR).ids
        plain = library.encode(_ANCHOR, add_special_tokens=False).ids
        at = next((k for k in range(len(whole)) if whole[k : k + len(plain)] == plain), 0)
        self._before = tuple(whole[:at])
        self._after = tuple(whole[at + len(plain) :])
        self._size = min(context, LONGEST) - len(self._before) - len(self._after)
        if not plain or self._size < 2:
            raise ValueError(f"{context} positions leave no room for a text")
        # From here on a text that spells a special token is read as its characters.
        library.encode_special_tokens = True
        self._library = library
        self.padding: int = theirs.pad_token_id if theirs.pad_token_id is not None else 0
        """An id that nothing looks at."""

    def __call__(self, words: Sequence[str]) -> Pieces:
        """The windows of a sentence; each word's first token is where most stands around it."""
        encoding = self._library.encode(" ".join(words), add_special_tokens=False)
        ids = encoding.ids
        step = max(1, self._size - self._size // 4)
        starts = range(0, max(1, len(ids) - (self._size - step)), step)
        windows = [
            (*self._before, *ids[start : start + self._size], *self._after) for start in starts
        ]
        places: list[tuple[int, int] | None] = []
        token = begin = 0
        for word in words:
            end = begin + len(word)
            # A token without characters, or of the space before, is of no word.
            while token < len(ids) and encoding.offsets[token][1] <= begin:
                token += 1
            first = token if token < len(ids) and encoding.offsets[token][0] < end else None
            places.append(None if first is None else self._place(first, starts, step))
            begin = end + 1
        return Pieces(tuple(windows), tuple(places))

    def _place(self, token: int, starts: range, step: int) -> tuple[int, int]:
        shared = self._size - step
        # A later window knows more from the middle of what the two share.
        window = max(0, min(len(starts) - 1, (token - shared // 2) // step))
        return window, len(self._before) + token - starts[window]


class HuggingFaceTagger(TokenTagger):
    """An encoder of others as a tagger."""

    def __init__(self, theirs: Any, cutter: Cutter, labels: tuple[str, ...], *, name: str) -> None:
        """`theirs` scores tokens, its classes in any order; see `rows_of`."""
        tags = tags_of_labels(labels)
        super().__init__(labels, Chain(len(tags)), name=name, calibration=1.0)
        self._theirs = theirs.eval()
        self._cutter = cutter
        self._rows_K = torch.tensor(rows_of(theirs.config.id2label, tags))

    @torch.inference_mode()
    def emissions(self, sentences: Sequence[Sequence[str]]) -> list[Tensor]:
        """`T, K` for each sentence: log-probabilities of the tags of its words.

        A word that the tokenizer drops may be anything.
        """
        pieces = [self._cutter(sentence) for sentence in sentences]
        windows = [window for each in pieces for window in each.windows]
        scores_NK = torch.cat(
            [self._score(windows[at : at + WINDOWS]) for at in range(0, len(windows), WINDOWS)]
        )
        begins = [0, *itertools.accumulate(map(len, windows))]
        found: list[Tensor] = []
        first = 0
        for each in pieces:
            scores_TK = scores_NK.new_zeros(len(each.places), len(self._rows_K))
            there = [t for t, place in enumerate(each.places) if place is not None]
            rows = [begins[first + place[0]] + place[1] for place in each.places if place]
            scores_TK[there] = scores_NK[rows]
            found.append(scores_TK)
            first += len(each.windows)
        return found

    def _score(self, windows: Sequence[Sequence[int]]) -> Tensor:
        """`N, K`: log-probabilities of the tags of all tokens of some windows, in order."""
        scores_WTK = score_windows(self._theirs, windows, self._cutter.padding)
        scores_WTK = scores_WTK.log_softmax(2).cpu()
        # A tag that the model does not know has no chance.
        unknown_WT1 = scores_WTK.new_full((*scores_WTK.shape[:2], 1), -100.0)
        scores_WTK = torch.cat((scores_WTK, unknown_WT1), 2)[:, :, self._rows_K]
        return torch.cat(
            [scores_TK[: len(ids)] for scores_TK, ids in zip(scores_WTK, windows, strict=True)]
        )


def load_huggingface_tagger(folder: Path) -> HuggingFaceTagger:
    """The tagger of a folder. Raises CheckpointError for whatever is wrong with it."""
    try:
        read = read_folder(folder, ENCODERS)
        if not read.architecture.endswith("ForTokenClassification"):
            raise CheckpointError(
                f"{read.path} does not classify tokens; litteragpt ner-train --base makes it a "
                "tagger"
            )
        labels = labels_of(read.config.get("id2label"), str(read.path))
        theirs, tokenizer = load_theirs(read, KIND)
        with as_value_error(f"{read.path} cannot be used"):
            cutter = Cutter(tokenizer, read.context)
            tagger = HuggingFaceTagger(theirs, cutter, labels, name=read.path.name)
            tagger.emissions([[_ANCHOR]])
        return tagger
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(str(error)) from error


def score_windows(theirs: Any, windows: Sequence[Sequence[int]], padding: int) -> Tensor:
    """`W, T, K'`: the model's scores of its own classes, windows filled up to the longest.

    They are where the model is.
    """
    device = next(theirs.parameters()).device
    longest = max(len(window) for window in windows)
    ids_WT = torch.tensor([[*each, *[padding] * (longest - len(each))] for each in windows])
    mask_WT = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in windows])
    output = theirs(input_ids=ids_WT.to(device), attention_mask=mask_WT.to(device))
    scores_WTK: Tensor = output.logits.float()
    return scores_WTK


def labels_of(id2label: Any, source: str) -> tuple[str, ...]:
    """The labels of a config's classes, in order; ValueError where these are no IOB2 tags."""
    if not isinstance(id2label, dict) or not 1 < len(id2label) <= 2 * MAX_LABELS + 1:
        raise ValueError(f"{source}: id2label must name 2 to {2 * MAX_LABELS + 1} tags")
    if set(id2label) != {str(k) for k in range(len(id2label))}:
        raise ValueError(f"{source}: id2label must number its tags from 0")
    tags = [id2label[str(k)] for k in range(len(id2label))]
    if not all(isinstance(tag, str) and len(tag) <= 66 for tag in tags) or OUTSIDE not in tags:
        raise ValueError(f"{source}: id2label must be IOB2 tags, not {reprlib.repr(tags)}")
    labels = tuple(dict.fromkeys(label for tag in tags if (label := label_of(tag))))
    if not labels or len(set(tags)) != len(tags):
        raise ValueError(f"{source}: id2label must be different tags, not {reprlib.repr(tags)}")
    return labels


def rows_of(id2label: Mapping[int, str], tags: Sequence[str]) -> list[int]:
    """For each tag, which class of the model it is; one more than the last where it is none."""
    known = {tag: number for number, tag in id2label.items()}
    return [known.get(tag, len(known)) for tag in tags]
