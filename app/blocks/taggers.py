"""Finding, choosing and loading taggers, and a text read by one of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, cast

import streamlit as st
import torch

import litteragpt
from app.blocks import models
from app.blocks.jobs import process_slots, session_watch
from app.blocks.tasks import attended
from app.i18n import Words
from litteragpt.checkpoint import checkpoints_root, resolve
from litteragpt.entities.adapter import adapters
from litteragpt.entities.generative import GenerativeTagger, Raw
from litteragpt.entities.span import Entity
from litteragpt.entities.tagger import EntityTagger
from litteragpt.files import read_json_object
from litteragpt.protocols import Tagger
from litteragpt.weights import CONFIG_FILE, WEIGHTS_FILE

PREFERRED = "ner-multi"
MAX_CHARS = 1_000_000
"""Of a text that is marked."""

RAW_CHARS = 1_000
"""Of a text, from its beginning, that a tagger that writes also answers unheld."""

Method = Literal["classification", "generation"]

_MAX_CONFIG_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class TaggerInfo:
    """A tagger that can be chosen."""

    name: str
    method: Method
    base: str | None = None
    """The tagger that it is an adapter of."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one tagger found in a text, and how long it took."""

    tagger: TaggerInfo
    entities: tuple[Entity, ...]
    seconds: float
    raw: tuple[Raw, ...] = ()
    """What a tagger that writes would have written about the first sentences, unheld."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and what one tagger, or two, found in it."""

    text: str
    readings: tuple[Reading, ...]


def found() -> list[TaggerInfo]:
    """The taggers that are there, the preferred one first, and then the adapters of them."""
    names = sorted(litteragpt.taggers(), key=lambda name: (name != PREFERRED, name))
    fitted = adapters(checkpoints_root())
    return [TaggerInfo(name, _method(name)) for name in names] + [
        TaggerInfo(name, "classification", base) for name, base in fitted.items() if base in names
    ]


def load(t: Words, info: TaggerInfo) -> Tagger | None:
    """The tagger itself; where it cannot be used, says so and gives None."""
    try:
        stat = (resolve(info.base or info.name) / WEIGHTS_FILE).stat()
        with st.spinner(t("models.loading")):
            tagger = _load(info.base or info.name, (stat.st_mtime_ns, stat.st_size))
            if info.base is None:
                return tagger
            # Cheap enough for every click: the large layers are the base's.
            return cast(EntityTagger, tagger).with_adapter(checkpoints_root() / info.name)
    except (ValueError, OSError) as error:
        models.show_broken(t, info.name, str(error))
        return None


@st.cache_resource(show_spinner=False, max_entries=4)
def _load(name: str, fingerprint: tuple[int, int]) -> Tagger:
    """Loaded once per process, and again where the weights on disk have changed."""
    tagger = litteragpt.load_tagger(name)
    # The first pass of a process is many times slower than the next: not in front of a user.
    tagger.tag("a")
    return tagger


def read(info: TaggerInfo, tagger: Tagger, text: str) -> Reading:
    """The text as the tagger reads it, once one of the process's places is free.

    Raises `ValueError` where the core refuses the text, `Busy` where too many wait.
    """
    slots, alive = process_slots(), session_watch()

    def work() -> Reading:
        torch.set_num_threads(1)  # a place is a core; it is a setting of the calling thread
        with slots.place(object(), give_up=lambda: not alive()):
            began = time.monotonic()
            entities = tagger.tag(text)
            seconds = time.monotonic() - began
            raw: list[Raw] = []
            if isinstance(tagger, GenerativeTagger):
                raw = tagger.raw(text[:RAW_CHARS])
            return Reading(info, tuple(entities), seconds, tuple(raw))

    return attended(work)


def chosen(offered: list[TaggerInfo], *, key: str) -> TaggerInfo:
    """The tagger to use: the one that the session keeps under `key`, else the first."""
    name = st.session_state.get(key)
    return next((info for info in offered if info.name == name), offered[0])


def second(offered: list[TaggerInfo], *, key: str, first: TaggerInfo) -> TaggerInfo | None:
    """The tagger to compare the first with, where the session keeps one under `key`."""
    name = st.session_state.get(key)
    return next((info for info in offered if info.name == name and info != first), None)


def choose(t: Words, offered: list[TaggerInfo], *, key: str, second_key: str) -> None:
    """A choice of tagger, and of another to compare it with, where there is more than one."""
    first = chosen(offered, key=key)
    st.session_state[key] = first.name
    if len(offered) == 1:
        return
    labels = {info.name: label(t, info) for info in offered}
    left, right = st.columns(2, gap="medium")
    left.selectbox(
        t("entities.tagger"),
        list(labels),
        format_func=lambda name: labels[name],
        key=key,
        persist_state="session",
    )
    first = chosen(offered, key=key)
    other = second(offered, key=second_key, first=first)
    st.session_state[second_key] = other.name if other else ""
    right.selectbox(
        t("entities.compare"),
        ["", *(name for name in labels if name != first.name)],
        format_func=lambda name: labels[name] if name else t("entities.compare_none"),
        key=second_key,
        help=t("entities.compare_help"),
        persist_state="session",
    )


def label(t: Words, info: TaggerInfo) -> str:
    """A tagger's name and how it works."""
    if info.base is not None:
        kind = t("entities.adapter", base=info.base)
    else:
        kind = t(f"entities.methods.{info.method}")
    return f"{info.name} · {kind}"


def _method(name: str) -> Method:
    """A tagger that is no encoder writes its tags."""
    try:
        config = read_json_object(resolve(name) / CONFIG_FILE, _MAX_CONFIG_BYTES)
    except ValueError:
        return "classification"  # loading it will say what is wrong
    return "classification" if config.get("architecture") == "encoder" else "generation"
