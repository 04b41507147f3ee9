"""Modelos: the checkpoints there are, their cards, and how they learnt."""

from __future__ import annotations

import json
import re
from typing import Any

import streamlit as st

from app.blocks import charts, models, settings
from app.blocks.film import advance, film
from app.blocks.language import words
from app.blocks.navigation import header
from app.blocks.palette import inks
from app.i18n import Words
from litteragpt.checkpoint import CheckpointInfo

PAGE = "modelos"
_IMAGE = re.compile(r"!(?=\[)")


def page() -> None:
    t = words()
    header(t("models.title"), t("models.subtitle"))
    listed = models.found()
    if not listed.found:
        models.none_found(t, listed)
        return
    info = models.choose(t, listed, key=settings.state_key(PAGE, "model"))
    metrics = models.metrics(t, info)
    samples = [line for line in metrics if isinstance(line.get("sample"), str)]
    playing = about(t, info, metrics, samples)
    for path, reason in listed.broken:
        models.show_broken(t, path.name, reason)
    if playing:
        advance(samples, key=info.name)


def about(
    t: Words,
    info: CheckpointInfo,
    metrics: list[dict[str, Any]],
    samples: list[dict[str, Any]],
) -> bool:
    """One checkpoint: figures, curves, film, card; says whether the film plays."""
    playing = False
    figures(t, info, metrics)
    charts.training(t, metrics, inks(), key="modelos.curves")
    if samples:
        st.subheader(t("models.film"), anchor=False)
        playing = film(t, samples, key=info.name)
    st.subheader(t("models.card"), anchor=False)
    if info.card:
        with st.expander(t("models.card_show"), icon=":material/description:"):
            # A card is a file that anyone may have written: no HTML, no images from elsewhere.
            st.markdown(_IMAGE.sub("", info.card))
    else:
        st.caption(t("models.no_card"))
    with st.expander(t("models.config_show"), icon=":material/data_object:"):
        st.code(json.dumps(info.config, ensure_ascii=False, indent=2), language="json")
    return playing


def figures(t: Words, info: CheckpointInfo, metrics: list[dict[str, Any]]) -> None:
    shape = info.config.get("model", {})
    unit = "characters" if models.by_letters(info) else "pieces"
    losses = [line["val_loss"] for line in metrics if charts.is_number(line.get("val_loss"))]
    millions = t("models.millions", count=t.number(info.parameters / 1e6, 1))
    entries = [
        (t("models.parameters"), millions if info.parameters >= 1e6 else t.count(info.parameters)),
        (t("models.context"), t(f"models.{unit}", count=t.count(int(shape.get("context", 0))))),
    ]
    if losses:
        entries.append((t("models.loss"), t.number(losses[-1], 3)))
    if info.library == "transformers":
        st.caption(t("models.others"))
    for column, (label, value) in zip(st.columns(len(entries)), entries, strict=True):
        column.metric(label, value, border=True)


page()
