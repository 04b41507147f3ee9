"""Lists of invented names: which models can make them, what is asked for, and the making."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
import torch

from app.blocks import models
from app.blocks.jobs import process_slots, session_watch
from app.i18n import Words
from litteragpt.checkpoint import KNOWN_FILE, CheckpointInfo, CheckpointList
from litteragpt.names.generate import DEFAULT_MODEL, NameList, NameModel, load_names

MAX_COUNT = 1_000
DEFAULT_COUNT = 20
DEFAULT_TEMPERATURE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRequest:
    """All that a list of names depends on."""

    model: str
    prefix: str
    count: int
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True)
class Found:
    """A request and the names that answer it."""

    request: NameRequest
    names: NameList


def for_names(listed: CheckpointList) -> CheckpointList:
    """The checkpoints that invent names, the usual one first."""
    found = [info for info in listed.found if models.makes_names(info)]
    found.sort(key=lambda info: (info.name != DEFAULT_MODEL, info.name))
    return CheckpointList(found, listed.broken)


def load(t: Words, info: CheckpointInfo) -> NameModel | None:
    """The model of a checkpoint; where it cannot be used, says so and gives None."""
    try:
        stats = [(info.path / name).stat() for name in ("model.safetensors", KNOWN_FILE)]
        with st.spinner(t("models.loading")):
            return _load(info.name, tuple((each.st_mtime_ns, each.st_size) for each in stats))
    except (ValueError, OSError) as error:
        models.show_broken(t, info.name, str(error))
        return None


@st.cache_resource(show_spinner=False, max_entries=4)
def _load(name: str, fingerprint: tuple[tuple[int, int], ...]) -> NameModel:
    """Loaded once per process, and again where a file has changed."""
    return load_names(name)


def sample(model: NameModel, request: NameRequest) -> Found:
    """The names that were asked for, once one of the process's places is free.

    Raises `ValueError` where the core refuses the request, `Busy` where too many wait. Where the
    browser session goes meanwhile, the names are fewer: nobody will see them.
    """
    alive = session_watch()
    torch.set_num_threads(1)  # a place is a core; it is a setting of the calling thread
    with process_slots().place(object(), give_up=lambda: not alive()):
        names = model.sample(
            request.prefix,
            count=request.count,
            temperature=request.temperature,
            seed=request.seed,
            cancel=lambda: not alive(),
        )
    return Found(request, names)
