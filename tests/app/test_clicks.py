"""A click that another message follows at once is not lost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.scriptrunner_utils.exceptions import RerunException, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.safe_session_state import SafeSessionState

from app.blocks.clicks import keep_clicks

BUTTON, FIELD = "$$ID-1-go", "$$ID-2-prompt"


@pytest.fixture
def kept() -> Iterator[None]:
    """What `keep_clicks` changes is put back afterwards."""
    before = SafeSessionState.on_script_will_rerun
    keep_clicks()
    yield
    SafeSessionState.on_script_will_rerun = before  # type: ignore[method-assign]


def message(text: str, *, click: bool = False) -> WidgetStates:
    states = [WidgetState(id=FIELD, string_value=text)]
    if click:
        states.append(WidgetState(id=BUTTON, trigger_value=True))
    return WidgetStates(widgets=states)


def session(look: Callable[[], None]) -> tuple[SafeSessionState, Callable[[], dict[str, object]]]:
    """A session, and what has been applied to it."""
    state = SessionState()

    def applied() -> dict[str, object]:
        protos = state._new_widget_state.as_widget_states()
        return {proto.id: getattr(proto, str(proto.WhichOneof("value"))) for proto in protos}

    return SafeSessionState(state, look), applied


def another(text: str) -> Callable[[], None]:
    """Looks for a newer message, and finds one the first time."""
    waiting = [RerunData(widget_states=message(text), page_script_hash="page")]

    def look() -> None:
        if waiting:
            raise RerunException(waiting.pop())

    return look


@pytest.mark.usefixtures("kept")
def test_a_click_outlives_the_message_behind_it() -> None:
    safe, applied = session(another("whole"))
    with pytest.raises(RerunException) as newer:
        safe.on_script_will_rerun(message("who", click=True))
    assert applied() == {}, "it is the newer run's to carry out"
    data = newer.value.rerun_data
    assert data.page_script_hash == "page"
    safe.on_script_will_rerun(data.widget_states)
    assert applied() == {BUTTON: True, FIELD: "whole"}


@pytest.mark.usefixtures("kept")
def test_a_message_with_none_behind_it_is_applied_as_it_is() -> None:
    safe, applied = session(lambda: None)
    safe.on_script_will_rerun(message("who", click=True))
    assert applied() == {BUTTON: True, FIELD: "who"}


@pytest.mark.usefixtures("kept")
def test_a_run_that_is_to_stop_applies_nothing() -> None:
    def look() -> None:
        raise StopException

    safe, applied = session(look)
    with pytest.raises(StopException):
        safe.on_script_will_rerun(message("who", click=True))
    assert applied() == {}


def test_streamlit_by_itself_loses_the_click() -> None:
    """The day that this fails, `app.blocks.clicks` can go."""
    safe, applied = session(another("whole"))
    with pytest.raises(RerunException) as newer:
        safe.on_script_will_rerun(message("who", click=True))
    safe.on_script_will_rerun(newer.value.rerun_data.widget_states)
    assert applied() == {FIELD: "whole"}


def test_another_streamlit_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = SafeSessionState.on_script_will_rerun
    monkeypatch.setattr(SafeSessionState, "__annotations__", {"_state": "SessionState"})
    keep_clicks()
    assert SafeSessionState.on_script_will_rerun is before
    monkeypatch.setitem(sys.modules, "streamlit.runtime.state.safe_session_state", None)
    keep_clicks()
    assert SafeSessionState.on_script_will_rerun is before
