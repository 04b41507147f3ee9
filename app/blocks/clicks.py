"""A click is not lost where the browser's next message comes right behind it.

Streamlit (1.67) takes a message from its queue and, before it applies it, looks whether a newer one
has come; if so, it goes on with the newer one alone. A field commits its text right behind the
shortcut that was pressed in it, so Ctrl+Enter was lost now and then, and on a busy machine often.
Messages that meet in the queue itself are merged, a click in the older one kept: that is done here
for these, too. With `runner.fastReruns` there is no queue, so it is off.
"""

from __future__ import annotations

from typing import Any, Final

from streamlit.proto.WidgetStates_pb2 import WidgetStates

_NEEDED: Final = frozenset({"_yield_callback", "_lock", "_state"})


def keep_clicks() -> None:
    """Have this process keep them, from now on; nothing where Streamlit is built otherwise."""
    try:
        from streamlit.runtime.scriptrunner_utils.exceptions import RerunException
        from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
        from streamlit.runtime.state.safe_session_state import SafeSessionState
    except ImportError:
        return
    if not set(SafeSessionState.__annotations__) >= _NEEDED:
        return

    def apply(session: SafeSessionState, fresh: WidgetStates | None, **more: Any) -> None:
        """In place of `on_script_will_rerun`: the newer message takes this one in."""
        try:
            session._yield_callback()
        except RerunException as newer:
            replay = {key: value for key, value in more.items() if key.startswith("replay_")}
            queue = ScriptRequests()
            queue.request_rerun(RerunData(widget_states=fresh, **replay))
            queue.request_rerun(newer.rerun_data)
            raise RerunException(queue.on_scriptrunner_ready().rerun_data) from None
        with session._lock:
            session._state.on_script_will_rerun(fresh, **more)

    SafeSessionState.on_script_will_rerun = apply  # type: ignore[assignment, method-assign]
