"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import strategies


@pytest.fixture(scope="session", autouse=True)
def table_of_unicode() -> None:
    """In a fresh checkout the first text builds a table of all of Unicode.

    That takes longer than Hypothesis lets an example take, so it comes before any test.
    """
    strategies.text().validate()
