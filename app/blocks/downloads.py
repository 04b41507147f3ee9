"""What a job gave, as files: the text, or the command line's JSON."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from app.blocks.jobs import Job
from app.i18n import Words


def completion(job: Job, row: int = 0) -> dict[str, Any]:
    """One row in the shape of `litteragpt generate --json`, with how it was sampled."""
    request = job.request
    sampling = request.rows[row]
    return {
        "prompt": request.prompt,
        "continuation": job.text(row),
        "seed": request.seed,
        "model": request.model,
        "tokens": [{"text": token.text, "logprob": token.logprob} for token in job.tokens[row]],
        "replaced": [
            {"from": each.source, "to": each.target, "index": each.index} for each in job.replaced
        ],
        "seconds_to_first": job.seconds_to_first,
        "tokens_per_second": job.tokens_per_second,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
    }


def as_json(job: Job) -> str:
    """One object for one row, a list for a comparison."""
    rows = [completion(job, row) for row in range(len(job.tokens))]
    return json.dumps(rows[0] if len(rows) == 1 else rows, ensure_ascii=False, indent=2)


def as_text(t: Words, job: Job) -> str:
    """The prompt and its continuation; a comparison's rows one below the other."""
    if len(job.tokens) == 1:
        return f"{job.request.prompt}{job.text()}\n"
    parts = (
        f"[{t('compare.temperature', value=t.short(sampling.temperature))}]\n"
        f"{job.request.prompt}{job.text(row)}\n"
        for row, sampling in enumerate(job.request.rows)
    )
    return "\n".join(parts)


def buttons(t: Words, job: Job, *, key: str) -> None:
    """Download as text and as JSON; neither reruns the page."""
    stem = f"{job.request.model}-{job.request.seed}"
    st.download_button(
        t("downloads.text"),
        _bytes(as_text(t, job)),
        file_name=f"{stem}.txt",
        mime="text/plain; charset=utf-8",
        key=f"{key}.txt",
        on_click="ignore",
        icon=":material/download:",
    )
    st.download_button(
        t("downloads.json"),
        _bytes(as_json(job)),
        file_name=f"{stem}.json",
        mime="application/json",
        key=f"{key}.json",
        on_click="ignore",
        icon=":material/data_object:",
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
