"""How many generations run at once in this process, and who waits in which place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MAX_WAITING = 64


class Busy(Exception):
    """Too many are waiting already."""


class Slots:
    """A bounded number of places, given in the order of asking.

    `semaphore` would bound them too, but could not say who is next.
    """

    def __init__(self, places: int, *, max_waiting: int = MAX_WAITING) -> None:
        assert places >= 1
        assert max_waiting >= 0
        self._places = places
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._inside = 0
        self._line: list[object] = []

    @contextmanager
    def place(self, ticket: object, *, give_up: Callable[[], bool]) -> Iterator[bool]:
        """Wait for a place and hold it; gives False, without one, once `give_up` says so.

        Raises `Busy` where the line is full.
        """
        entered = self._enter(ticket, give_up)
        try:
            yield entered
        finally:
            if entered:
                with self._changed:
                    self._inside -= 1
                    self._changed.notify_all()

    def position(self, ticket: object) -> int:
        """The ticket's place in the line, 1 for the next; 0 where it does not wait."""
        with self._changed:
            return self._line.index(ticket) + 1 if ticket in self._line else 0

    def _enter(self, ticket: object, give_up: Callable[[], bool]) -> bool:
        with self._changed:
            free = self._inside < self._places and not self._line
            if not free and len(self._line) >= self._max_waiting:
                raise Busy
            self._line.append(ticket)
            try:
                while not give_up():
                    if self._line[0] is ticket and self._inside < self._places:
                        self._inside += 1
                        return True
                    self._changed.wait(timeout=0.1)
                return False
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()
