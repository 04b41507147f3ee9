"""A generation in its thread: it stops, waits its turn, and can be had again exactly."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import litteragpt
from app.blocks.jobs import Job, Request
from app.blocks.slots import Busy, Slots
from app.blocks.tasks import ATTEND_S, attended
from litteragpt.generation.sampling import SamplingConfig
from litteragpt.generation.text import TextModel

LONG = Request(
    model="tiny",
    prompt="En un lugar",
    rows=(SamplingConfig(temperature=1.0),),
    seed=7,
    max_chars=20_000,
    sentences=None,
)
SHORT = replace(LONG, max_chars=60)


@pytest.fixture(scope="module")
def model(tiny_root: Path) -> TextModel:
    return litteragpt.load(tiny_root / "tiny")


def run(job: Job) -> Job:
    job.start()
    job.join(60)
    assert job.done
    return job


def wait_for_text(job: Job) -> None:
    deadline = time.monotonic() + 60
    while not job.text():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_job_writes_what_the_core_writes(model: TextModel) -> None:
    job = run(Job(SHORT, model, Slots(1), alternatives=3))
    expected = model.complete(SHORT.prompt, temperature=1.0, seed=7, max_chars=60, sentences=None)
    assert job.text() == expected.continuation
    assert job.finish == ["length"]
    assert all(len(token.alternatives) == 3 for token in job.tokens[0])
    assert job.seconds_to_first is not None


def test_stop_keeps_what_came_and_the_link_gives_it_again(model: TextModel) -> None:
    job = Job(LONG, model, Slots(1))
    job.start()
    wait_for_text(job)
    job.stop()
    job.join(60)
    assert job.finish == ["stopped"]
    text = job.text()
    assert 0 < len(text) < LONG.max_chars
    assert job.exact_request().cut == len(text)
    again = run(Job(job.exact_request(), model, Slots(1)))
    assert again.text() == text


def test_a_continued_text_is_had_again_from_its_parts(model: TextModel) -> None:
    first = run(Job(SHORT, model, Slots(1)))
    request = replace(SHORT, parts=(len(first.text()),), max_chars=40)
    second = run(Job(request, model, Slots(1), before=first.tokens[0]))
    assert second.text().startswith(first.text())
    assert len(second.text()) == 100
    again = run(Job(second.exact_request(), model, Slots(1)))
    assert again.text() == second.text()


def test_a_job_ends_with_its_session(model: TextModel) -> None:
    job = Job(LONG, model, Slots(1), alive=lambda: False)
    job._alive_asked = 0.0
    run(job)
    assert job.finish == ["stopped"]


def test_a_job_ends_at_its_time_limit(model: TextModel) -> None:
    job = run(Job(LONG, model, Slots(1), time_limit_s=0.0))
    assert job.finish == ["time"]


def test_a_failure_ends_the_job_and_frees_its_place(model: TextModel) -> None:
    slots = Slots(1)
    too_long = replace(SHORT, max_chars=10**9)
    job = run(Job(too_long, model, slots))
    assert job.finish == ["error"]
    assert "max_chars" in (job.error or "")
    assert run(Job(SHORT, model, slots)).finish == ["length"]


def test_rows_that_ended_are_over(model: TextModel) -> None:
    rows = (SamplingConfig(temperature=0.0), SamplingConfig(temperature=1.5))
    job = run(Job(replace(SHORT, rows=rows), model, Slots(1)))
    assert [job.row_over(row) for row in range(2)] == [True, True]
    assert len(job.finish) == 2


def test_places_are_given_in_the_order_of_asking() -> None:
    slots = Slots(1)
    order: list[str] = []
    go = threading.Event()

    def hold(name: str) -> None:
        with slots.place(name, give_up=lambda: False) as entered:
            assert entered
            order.append(name)
            go.wait(30)

    threads = []
    for place, name in enumerate("abc"):
        thread = threading.Thread(target=hold, args=(name,))
        thread.start()
        threads.append(thread)
        deadline = time.monotonic() + 30
        while not (name in order if place == 0 else slots.position(name) == place):
            assert time.monotonic() < deadline
            time.sleep(0.002)
    assert order == ["a"]
    go.set()
    for thread in threads:
        thread.join(30)
    assert order == ["a", "b", "c"]
    assert slots.position("c") == 0


def test_giving_up_leaves_the_line() -> None:
    slots = Slots(1)
    with slots.place("a", give_up=lambda: False):
        with slots.place("b", give_up=lambda: True) as entered:
            assert not entered
        assert slots.position("b") == 0
    with slots.place("c", give_up=lambda: False) as entered:
        assert entered


def test_a_full_line_is_busy(model: TextModel) -> None:
    slots = Slots(1, max_waiting=0)
    with slots.place("a", give_up=lambda: False):
        with pytest.raises(Busy), slots.place("b", give_up=lambda: False):
            pass
        assert run(Job(SHORT, model, slots)).finish == ["busy"]


def test_attended_work_gives_what_it_gives_or_raises() -> None:
    caller = threading.get_ident()
    assert attended(threading.get_ident) != caller
    assert attended(lambda: time.sleep(3 * ATTEND_S)) is None  # it has to look up in between

    def refuse() -> None:
        raise ValueError("too long")

    with pytest.raises(ValueError, match="too long"):
        attended(refuse)
