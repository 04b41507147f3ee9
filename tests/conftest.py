"""What all tests share."""

from __future__ import annotations

from hypothesis import strategies

# In a fresh checkout the first text builds a table of all of Unicode, which takes longer than
# Hypothesis lets an example take: it is built before any test.
strategies.text().validate()
