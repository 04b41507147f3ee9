"""The small print of a generation: how fast, why it ended, with which seed; what was replaced."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.blocks.jobs import Job
from app.blocks.probabilities import visible
from app.blocks.streamed_text import escape
from app.blocks.tasks import Task
from app.i18n import Words
from litteragpt.protocols import Replacement


def status_html(t: Words, job: Job) -> str:
    """One line about a job as it is now; of the same height all along, so that nothing jumps."""
    entries: list[str] = []
    place = job.place_in_line
    if place:
        entries.append(t("status.waiting", place=t.count(place)))
    elif not job.done:
        entries.append(t("status.running"))
    else:
        reasons = dict.fromkeys(job.finish)
        entries.append(" · ".join(t(f"status.{reason}") for reason in reasons))
    longest = max(len(job.text(row)) for row in range(len(job.tokens)))
    if longest:
        entries.append(t("facts.characters", count=t.count(longest)))
    unit = "letters" if job.by_letters else "pieces"
    if job.done and job.tokens_per_second:
        entries.append(t(f"facts.speed.{unit}", speed=t.number(job.tokens_per_second)))
    if job.done and job.seconds_to_first is not None:
        entries.append(t(f"facts.first.{unit}", ms=t.number(1000 * job.seconds_to_first)))
    entries.append(t("facts.seed", seed=str(job.request.seed)))
    items = "".join(f"<span>{escape(entry)}</span>" for entry in entries)
    return f'<div class="lg-facts" role="status">{items}</div>'


def replacements_html(t: Words, replaced: Sequence[Replacement]) -> str:
    """Which characters the model does not know and what it read in their place."""
    seen = dict.fromkeys((each.source, each.target) for each in replaced)
    shown = list(seen)[:12]
    entries = ", ".join(
        f"<code>{escape(visible(source))}</code> → "
        + (f"<code>{escape(visible(target))}</code>" if target else escape(t("facts.dropped")))
        for source, target in shown
    )
    more = " …" if len(seen) > len(shown) else ""
    return f'<div class="lg-replaced">{escape(t("facts.replaced"))} {entries}{more}</div>'


def failure(t: Words, job: Task) -> None:
    """What went wrong, if anything did."""
    if "error" in job.finish:
        st.error(t("status.error"), icon=":material/error:")
        if job.error:
            st.code(job.error, language=None, wrap_lines=True)
    elif "busy" in job.finish:
        st.warning(t("status.busy"), icon=":material/hourglass_top:")
