"""Other libraries' faults over files of strangers, as one kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_value_error(what: str) -> Iterator[None]:
    """Raise ValueError, `what: why` on one line, for whatever goes wrong inside.

    The libraries' own kinds of errors are many, and not all documented; a panic of their Rust
    code is no `Exception` at all.
    """
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{what}: {lines[0][:300]}") from error
