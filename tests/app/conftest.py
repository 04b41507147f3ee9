"""The app under `AppTest`, with a tiny checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

import torch
from streamlit.testing.v1 import AppTest

from app.blocks.jobs import Job
from app.blocks.session_jobs import Desk
from litteragpt.architectures.encoder import Encoder, EncoderConfig
from litteragpt.entities.folder import save_folder
from tests.tiny import save_names, save_tiny, tiny_bpe

MAIN = Path(__file__).parents[2] / "app" / "main.py"

Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints with one of random weights; tests leave it as it is."""
    root = tmp_path_factory.mktemp("checkpoints")
    save_tiny(root)
    return root


@pytest.fixture(scope="session")
def kinds_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint of each kind: letters, pieces, names; tests leave it as it is."""
    root = tmp_path_factory.mktemp("kinds")
    save_tiny(root)
    save_tiny(root, "tiny-bpe", tokenizer=tiny_bpe(), language="pt")
    save_names(root)
    return root


@pytest.fixture(scope="session")
def tagger_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints with a tagger of random weights; tests leave it as it is."""
    root = tmp_path_factory.mktemp("taggers")
    torch.manual_seed(1)
    labels = ("NAME", "DATE", "EMAIL")
    config = EncoderConfig(labels=labels, rows=512, width=24, shapes=64, shape_width=8, hidden=24)
    encoder = Encoder(config)
    encoder.initialise()
    metrics = root / "metrics.jsonl"
    metrics.write_text(
        '{"epoch": 1, "step": 10, "f1 <b>news</b>": 0.5}\n{"step": 20, "f1 <b>news</b>": 0.625}\n'
    )
    save_folder(
        root / "tiny-ner", encoder=encoder, training={}, card="# Tiny\n", metrics_file=metrics
    )
    return root


@pytest.fixture
def open_app(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens the app at a page, in a session of its own; stops what it leaves running."""
    opened: list[AppTest] = []

    def open_at(page: str = "generar", *, root: Path = tiny_root, **query: str) -> AppTest:
        monkeypatch.setenv("LITTERAGPT_CHECKPOINTS", str(root))
        at = AppTest.from_file(str(MAIN), default_timeout=60)
        at.query_params.update(query)
        if page != "generar":
            at.switch_page(f"views/{page}.py")
        at.run()
        opened.append(at)
        return at

    yield open_at
    for at in opened:
        for job in desk_of(at).jobs.values():
            job.stop()
            job.join(10)


def desk_of(at: AppTest) -> Desk:
    """The session's jobs and wishes."""
    desk = at.session_state["desk"] if "desk" in at.session_state else Desk()
    assert isinstance(desk, Desk)
    return desk


def job_of(at: AppTest, page: str = "generar") -> Job:
    """The page's present job."""
    job = desk_of(at).jobs[page]
    assert isinstance(job, Job)
    return job


def finish(at: AppTest, page: str = "generar") -> Job:
    """Run the page until its job is done and drawn; as a browser's timer would."""
    deadline = time.monotonic() + 60
    while not job_of(at, page).done:
        assert time.monotonic() < deadline, "the job did not end"
        time.sleep(0.02)
        at.run()
    at.run()
    return job_of(at, page)


def shown(at: AppTest) -> str:
    """All HTML on the page."""
    return "\n".join(element.value for element in at.html)


def calm(at: AppTest) -> None:
    """No exception and no error is on the page."""
    assert [error.value for error in at.exception] == []
    assert [error.value for error in at.error] == []
