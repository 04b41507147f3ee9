"""Each page in Spanish and Portuguese, from opening to a finished text."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx
from streamlit.runtime.state.session_state import SessionState

from app.blocks import downloads, film, links, live, models, sharing
from app.blocks.jobs import Job
from app.i18n import Words
from tests.app.conftest import Open, calm, desk_of, finish, job_of, shown
from tests.tiny import save_tiny

HOSTILE = "<img src=x onerror=alert(1)> $x$ *a* :smile: ñ"


@pytest.mark.parametrize("language", ["es", "pt", "en"])
@pytest.mark.parametrize(
    ("name", "title"),
    [("generar", "generate.title"), ("comparar", "compare.title"), ("modelos", "models.title")],
)
def test_a_page_opens_in_its_language(open_app: Open, name: str, title: str, language: str) -> None:
    at = open_app(name, lang=language)
    calm(at)
    assert at.title[0].value == Words(language)(title)


def test_spanish_is_the_default_and_unknown_languages_are_spanish(open_app: Open) -> None:
    assert open_app().caption[0].value == Words("es")("generate.subtitle")
    assert open_app(lang="<b>").caption[0].value == Words("es")("generate.subtitle")


@pytest.mark.parametrize(("language", "seed"), [("es", "semilla 7"), ("pt", "semente 7")])
def test_generar_writes_to_its_end(open_app: Open, language: str, seed: str) -> None:
    at = open_app(lang=language)
    t = Words(language)
    at.text_area[0].set_value(HOSTILE)
    at.number_input(key="generar.seed").set_value(7)
    at.select_slider(key="generar.max_chars").set_value(200).run()
    assert at.button(key="generar.go").label == t("generate.button")
    at.button(key="generar.go").click().run()
    job = finish(at)
    calm(at)
    assert job.text()
    assert "&lt;img src=x onerror=alert(1)&gt; $x$ *a* :smile: ñ" in shown(at)
    assert "<img" not in shown(at)
    assert seed in shown(at)
    assert t("facts.replaced") in shown(at)
    assert t("facts.dropped") in shown(at)
    assert at.button(key="generar.continue").label == t("generate.continue")


def test_comparar_streams_rows_with_shared_chance(open_app: Open) -> None:
    at = open_app("comparar", lang="pt")
    at.text_area[0].set_value("En un lugar")
    at.number_input(key="comparar.seed").set_value(3)
    at.select_slider(key="comparar.max_chars").set_value(100).run()
    at.button(key="comparar.go").click().run()
    job = finish(at, "comparar")
    calm(at)
    assert len(job.tokens) == 4
    assert "Temperatura 0,2" in shown(at)
    assert "Temperatura 1,4" in shown(at)
    assert "lg-fork" in shown(at)
    assert len(at.get("plotly_chart")) == 1
    assert at.subheader[0].value == Words("pt")("compare.entropy")
    assert "temperatures" in at.query_params


def test_comparar_asks_for_two_to_six_temperatures(open_app: Open) -> None:
    at = open_app("comparar")
    at.pills(key="comparar.temperatures").set_value([0.8]).run()
    assert at.button(key="comparar.go").disabled
    at.pills(key="comparar.temperatures").set_value([0.2, 0.8]).run()
    assert not at.button(key="comparar.go").disabled


@pytest.mark.parametrize("language", ["es", "pt"])
def test_modelos_shows_figures_curves_film_and_card(open_app: Open, language: str) -> None:
    at = open_app("modelos", lang=language)
    calm(at)
    assert at.metric[0].label == Words(language)("models.parameters")
    assert at.metric[2].value == "2,400"
    assert len(at.get("plotly_chart")) == 1
    assert " muestra final" in shown(at)
    assert "# Tiny" in at.markdown[-1].value
    at.select_slider[0].set_value(0).run()
    assert " muestra de diez" in shown(at)


def test_the_film_plays_to_its_end(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_app("modelos")
    places: list[int] = []
    monkeypatch.setattr(film, "FRAME_S", 0.0)
    monkeypatch.setattr(film, "frame", lambda t, sample: places.append(sample["step"]))
    at.button[0].click().run()
    calm(at)
    assert places == [10, 1234]
    assert at.button[0].label == Words("es")("film.play")


def a_glance(job: Job, draw: Callable[[], None]) -> None:
    """Stands in for `follow`: the page as it is at one moment of a job."""
    draw()


def test_detener_keeps_what_came(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "follow", a_glance)
    at = open_app(
        prompt="En un lugar", max_chars="4000", sentences="none", seed="1", temperature="1"
    )
    job = job_of(at)
    assert at.button(key="generar.stop").label == Words("es")("composer.stop")
    assert Words("es")("status.running") in shown(at)
    while not job.text():
        time.sleep(0.005)
    at.button(key="generar.stop").click().run()
    finish(at)
    calm(at)
    assert 0 < len(job.text()) < 4000
    assert job.finish == ["stopped"]
    assert Words("es")("status.stopped") in shown(at)
    assert "cut" in at.query_params


def test_a_rerun_does_not_touch_the_job_and_another_page_does_not_lose_it(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "follow", a_glance)
    at = open_app(prompt="En un lugar", max_chars="2000", sentences="none", seed="1")
    job = job_of(at)
    at.segmented_control(key="language_choice").set_value("pt").run()
    assert job_of(at) is job
    at.switch_page("views/modelos.py").run()
    at.switch_page("views/generar.py").run()
    assert job_of(at) is job
    finish(at)
    assert job.finish == ["length"]
    assert Words("pt")("status.length") in shown(at)
    assert at.text_area[0].value == "En un lugar"


def test_settings_outlive_a_visit_to_another_page(open_app: Open) -> None:
    at = open_app()
    at.segmented_control(key="generar.preset").set_value("creative").run()
    assert at.select_slider(key="generar.temperature").value == 1.1
    at.select_slider(key="generar.temperature").set_value(1.5).run()
    assert at.segmented_control(key="generar.preset").value is None
    at.switch_page("views/modelos.py").run()
    at.switch_page("views/generar.py").run()
    assert at.select_slider(key="generar.temperature").value == 1.5
    assert at.select_slider(key="generar.min_p").value == 0.05


def test_the_address_gives_the_same_text_again(open_app: Open) -> None:
    at = open_app()
    at.text_area[0].set_value("—Señor —dijo él,")
    at.select_slider(key="generar.max_chars").set_value(100).run()
    at.button(key="generar.go").click().run()
    text = finish(at).text()
    again = open_app(**at.query_params)
    assert finish(again).text() == text
    assert again.text_area[0].value == "—Señor —dijo él,"
    assert again.select_slider(key="generar.max_chars").value == 100


def test_a_continued_text_is_in_the_address_too(open_app: Open) -> None:
    at = open_app(prompt="En un lugar", max_chars="50", sentences="none", seed="5")
    first = finish(at).text()
    at.button(key="generar.continue").click().run()
    text = finish(at).text()
    assert text.startswith(first)
    assert len(text) == 100
    assert at.query_params["parts"] == "50"
    assert finish(open_app(**at.query_params)).text() == text


def test_again_takes_a_new_seed(open_app: Open) -> None:
    at = open_app(prompt="En un lugar", max_chars="50", sentences="none", seed="5")
    first = finish(at)
    at.button(key="generar.again").click().run()
    second = finish(at)
    assert second.request.prompt == first.request.prompt
    assert second.request.seed != 5
    assert at.number_input(key="generar.seed").value == second.request.seed


def test_a_comparison_link_gives_the_same_texts(open_app: Open) -> None:
    query = {"prompt": "En un", "temperatures": "0.3,1,1.9", "seed": "4", "max_chars": "80"}
    texts = []
    for _ in range(2):
        job = finish(open_app("comparar", **query), "comparar")
        texts.append([job.text(row) for row in range(3)])
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    "query",
    [
        {"temperature": "nan"},
        {"temperature": "1e999"},
        {"top_p": "-1"},
        {"seed": "1" * 300},
        {"model": "../../../etc/passwd"},
        {"max_chars": "<script>"},
        {"prompt": "a" * 20_001},
    ],
)
def test_a_hostile_link_gets_a_message_and_defaults(open_app: Open, query: dict[str, str]) -> None:
    at = open_app(**{"prompt": "<script>alert(1)</script>", **query})
    calm(at)
    (warning,) = at.warning
    (name,) = (each for each in query if each != "prompt" or len(query) == 1)
    assert Words("es")(f"links.names.{name}") in warning.value
    assert all(value not in warning.value for value in query.values())
    assert desk_of(at).jobs == {}
    at.run()
    assert len(at.warning) == 1
    at.button(key="generar.go").click().run()
    finish(at)
    calm(at)
    assert len(at.warning) == 0


def test_a_run_that_is_cut_short_loses_no_wish(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = models.load
    cuts = 1

    def cut_short(*arguments: Any, **keywords: Any) -> Any:
        nonlocal cuts
        if cuts:
            cuts -= 1
            st.rerun()  # as the browser's next message would
        return load(*arguments, **keywords)

    at = open_app()
    at.text_area[0].set_value("En un").run()
    with monkeypatch.context() as patch:
        patch.setattr(models, "load", cut_short)
        at.button(key="generar.go").click().run()
    assert cuts == 0
    assert finish(at).request.prompt == "En un"
    calm(at)


def test_a_message_right_behind_the_buttons_loses_no_wish(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = SessionState._call_callbacks
    behind = 1

    def call_late(state: SessionState, **keywords: Any) -> None:
        nonlocal behind
        context = get_script_run_ctx()
        if behind and context is not None and context.script_requests is not None:
            behind -= 1
            context.script_requests.request_rerun(RerunData())
        call(state, **keywords)

    at = open_app()
    at.text_area[0].set_value("En un").run()
    with monkeypatch.context() as patch:
        patch.setattr(SessionState, "_call_callbacks", call_late)
        at.button(key="generar.go").click().run()
    assert behind == 0
    assert finish(at).request.prompt == "En un"
    calm(at)


@pytest.mark.parametrize("name", ["generar", "comparar"])
def test_a_job_that_ends_while_the_page_is_drawn_gives_its_button_back(
    open_app: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    reflect = sharing.reflect

    def late(t: Words, job: Job) -> None:
        job.join(60)
        reflect(t, job)

    monkeypatch.setattr(sharing, "reflect", late)
    at = open_app(name)
    at.button(key=f"{name}.go").click().run()
    calm(at)
    assert job_of(at, name).done
    assert f"{name}.stop" not in [button.key for button in at.button]
    assert f"{name}.go" in [button.key for button in at.button]


def test_an_example_fills_in_and_starts(open_app: Open) -> None:
    at = open_app()
    at.button(key="generar.example3").click().run()
    assert at.text_area[0].value == "Se puso el sol."
    assert finish(at).request.prompt == "Se puso el sol."


def test_an_empty_prompt_starts_a_paragraph(open_app: Open) -> None:
    at = open_app()
    at.button(key="generar.go").click().run()
    assert finish(at).finish in (["sentences"], ["length"])
    calm(at)


def test_colours_come_with_a_legend_in_words(open_app: Open) -> None:
    at = open_app(prompt="En un", max_chars="60", sentences="none", seed="2")
    finish(at)
    at.toggle(key="generar.colour").set_value(True).run()
    calm(at)
    assert Words("es")("probability.p4") in shown(at)
    assert len(at.get("bidi_component")) == 1


def test_downloads_have_the_command_lines_shape(open_app: Open) -> None:
    at = open_app(prompt="kilo", max_chars="30", sentences="none", seed="2")
    job = finish(at)
    given = json.loads(downloads.as_json(job))
    assert given["prompt"] == "kilo"
    assert given["continuation"] == job.text()
    assert given["model"] == "tiny"
    assert given["seed"] == 2
    assert given["replaced"][0]["from"] == "k"
    assert set(given["replaced"][0]) == {"from", "to", "index"}
    assert "".join(token["text"] for token in given["tokens"]) == job.text()
    assert {"seconds_to_first", "tokens_per_second"} <= set(given)
    assert downloads.as_text(Words("es"), job) == f"kilo{job.text()}\n"
    assert [each.label for each in at.download_button] == ["Texto", "JSON"]


def test_a_text_too_long_for_a_link_says_so(open_app: Open) -> None:
    at = open_app()
    at.text_area[0].set_value("ñ" * 3000)
    at.select_slider(key="generar.max_chars").set_value(50).run()
    at.button(key="generar.go").click().run()
    finish(at)
    calm(at)
    assert Words("es")("links.too_long", limit="4.000") in [info.value for info in at.info]
    assert "prompt" not in at.query_params


def test_no_checkpoint_is_told_on_every_page(open_app: Open, tmp_path: Path) -> None:
    for page in ("generar", "comparar", "modelos"):
        at = open_app(page, root=tmp_path)
        assert [error.value for error in at.exception] == []
        assert at.warning[0].value == Words("es")("models.none")


@pytest.mark.parametrize("fault", ["truncated", "missing", "config"])
def test_a_broken_checkpoint_is_one_error_and_the_others_work(
    open_app: Open, tmp_path: Path, fault: str
) -> None:
    save_tiny(tmp_path, "good")
    broken = save_tiny(tmp_path, "bad")
    weights = broken / "model.safetensors"
    if fault == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif fault == "missing":
        weights.unlink()
    else:
        (broken / "config.json").write_text('{"format": 1e999}', encoding="utf-8")
    at = open_app("modelos", root=tmp_path)
    assert [error.value for error in at.exception] == []
    assert [error.value for error in at.error] == [Words("es")("models.broken")]
    at.switch_page("views/generar.py").run()
    at.text_area[0].set_value("En un").run()
    at.button(key="generar.go").click().run()
    assert finish(at).request.model == "good"
    calm(at)


def test_weights_that_fail_only_when_read_are_one_error_on_the_page(
    open_app: Open, tmp_path: Path
) -> None:
    weights = save_tiny(tmp_path, "bad") / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-200:] = b"\xff" * 200  # NaN in bfloat16
    weights.write_bytes(bytes(content))
    save_tiny(tmp_path, "good")
    at = open_app(root=tmp_path)
    assert [error.value for error in at.exception] == []
    at.button(key="generar.go").click().run()
    assert [error.value for error in at.exception] == []
    assert [error.value for error in at.error][:1] == [Words("es")("models.broken")]
    at.selectbox(key="generar.model").set_value("good").run()
    at.button(key="generar.go").click().run()
    assert finish(at).request.model == "good"
    calm(at)


def test_the_app_reaches_the_core_through_public_names_alone() -> None:
    sources = Path(links.__file__).parents[1].rglob("*.py")
    imports = [
        line
        for source in sources
        for line in source.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(from|import) litteragpt", line)
    ]
    assert imports
    assert [line for line in imports if re.search(r"\b_\w", line)] == []
