"""Modelos: the checkpoints there are, their cards, and how they learnt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.blocks import charts, models, settings, taggers
from app.blocks.film import advance, film
from app.blocks.language import words
from app.blocks.navigation import header
from app.blocks.palette import inks
from app.blocks.streamed_text import escape
from app.i18n import Words
from litteragpt.answers.encoder_folder import encoder_names, read_folder
from litteragpt.checkpoint import CheckpointInfo, read_metrics, resolve
from litteragpt.entities.loading import describe_tagger

PAGE = "modelos"
_IMAGE = re.compile(r"!(?=\[)")


def page() -> None:
    t = words()
    header(t("models.title"), t("models.subtitle"))
    listed, offered, encoders = models.found(), taggers.found(), encoder_names()
    if not listed.found and not offered and not encoders:
        models.none_found(t, listed)
        return
    writers = {info.name: info for info in listed.found}
    labels = {name: models.label(t, info) for name, info in writers.items()}
    labels |= {info.name: f"{info.name} · {t('models.writes.entities')}" for info in offered}
    labels |= {name: f"{name} · {t('models.writes.meanings')}" for name in encoders}
    name = models.choose_name(t, labels, key=settings.state_key(PAGE, "model"))
    playing = False
    if name in writers:
        metrics = models.metrics(t, writers[name])
        samples = [line for line in metrics if isinstance(line.get("sample"), str)]
        playing = about(t, writers[name], metrics, samples)
    elif name in encoders:
        about_encoder(t, name)
    else:
        about_tagger(t, name)
    for path, reason in listed.broken:
        models.show_broken(t, path.name, reason)
    if playing:
        advance(samples, key=name)


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
    papers(t, info.card, info.config)
    return playing


def about_tagger(t: Words, name: str) -> None:
    """One tagger: figures, labels, F1 on each held-out set along its training, card."""
    try:
        info = describe_tagger(name)
        metrics = read_metrics(info.path)
    except ValueError as error:
        models.show_broken(t, name, str(error))
        return
    shown = [
        (t("models.parameters"), models.parameters(t, info.parameters)),
        (t("models.labels"), t.count(len(info.labels))),
        (t("models.size"), models.megabytes(t, info.path)),
    ]
    for column, (label, value) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(label, value, border=True)
    st.html(f"<p>{' · '.join(escape(label) for label in info.labels)}</p>")
    if charts.score_names(metrics):
        st.subheader(t("models.curves"), anchor=False)
        figure = charts.scores_figure(t, metrics, inks())
        charts.show(figure, key="modelos.scores", alt=t("models.scores_alt"))
    papers(t, info.card, info.config)


def about_encoder(t: Words, name: str) -> None:
    """One sentence encoder: figures and card."""
    try:
        info, _, _ = read_folder(resolve(name))
    except ValueError as error:
        models.show_broken(t, name, str(error))
        return
    shown = [
        (t("models.parameters"), models.parameters(t, info.parameters)),
        (t("models.words"), t.count(info.model.words)),
        (t("models.size"), models.megabytes(t, info.path)),
    ]
    for column, (label, value) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(label, value, border=True)
    st.caption(t("models.meanings_explained"))
    papers(t, info.card, info.config)


def papers(t: Words, card: str, config: Mapping[str, Any]) -> None:
    """What is written about a model: its card and its configuration."""
    st.subheader(t("models.card"), anchor=False)
    if card:
        with st.expander(t("models.card_show"), icon=":material/description:"):
            # A card is a file that anyone may have written: no HTML, no images from elsewhere.
            st.markdown(_IMAGE.sub("", card))
    else:
        st.caption(t("models.no_card"))
    with st.expander(t("models.config_show"), icon=":material/data_object:"):
        st.code(json.dumps(config, ensure_ascii=False, indent=2), language="json")


def figures(t: Words, info: CheckpointInfo, metrics: list[dict[str, Any]]) -> None:
    shape = info.config.get("model", {})
    unit = "characters" if models.by_letters(info) else "pieces"
    losses = [line["val_loss"] for line in metrics if charts.is_number(line.get("val_loss"))]
    entries = [
        (t("models.parameters"), models.parameters(t, info.parameters)),
        (t("models.context"), t(f"models.{unit}", count=t.count(int(shape.get("context", 0))))),
    ]
    if losses:
        entries.append((t("models.loss"), t.number(losses[-1], 3)))
    if info.library == "transformers":
        st.caption(t("models.others"))
    for column, (label, value) in zip(st.columns(len(entries)), entries, strict=True):
        column.metric(label, value, border=True)


page()
