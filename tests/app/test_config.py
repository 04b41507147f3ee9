"""The production settings are such as Streamlit knows, and say what they should."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from streamlit import config

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def _flat(table: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{path}.{key}" if path else key
        flat |= _flat(value, name) if isinstance(value, dict) else {name: value}
    return flat


def test_every_option_is_known_to_streamlit() -> None:
    known = set(config.get_config_options())
    assert [name for name in _flat(CONFIG) if name not in known] == []


def test_no_telemetry_no_tracebacks_no_watcher() -> None:
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["client"]["showErrorDetails"] == "none"
    assert CONFIG["server"]["fileWatcherType"] == "none"
    assert CONFIG["server"]["enableXsrfProtection"] is True
    assert CONFIG["server"]["enableCORS"] is True
    assert CONFIG["server"]["enableAgentApi"] is False


def test_no_click_is_dropped_for_a_faster_rerun() -> None:
    assert CONFIG["runner"]["fastReruns"] is False


def test_no_page_can_be_had_without_the_frame() -> None:
    """Beside a `pages` folder Streamlit serves its files by themselves until a first visit."""
    assert not (ROOT / "app" / "pages").exists()
