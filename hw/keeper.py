"""One thread that keeps deadlines of hardware: relays that must let go, buttons that settle. It runs beside the program's event loop.

An exception in the thread is a bug; it ends the thread, and `at_end` runs on the way out: relays let go before anything else happens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from hw.api import HardwareError


class Timed(Protocol):
    """Something with a deadline."""

    def deadline_ns(self) -> int | None:
        """When `expire` wants to be called, in monotonic nanoseconds, or None. Called without any lock."""
        ...

    def expire(self, now_ns: int) -> None:
        """Do what is due at `now_ns`, which may be nothing."""
        ...


def earliest_ns(watched: Sequence[Timed]) -> int | None:
    """The first of all deadlines, or None."""
    return min((at for each in watched if (at := each.deadline_ns()) is not None), default=None)


class Keeper:
    """A daemon thread: an interpreter that ends with an exception must not wait for it before the exit handlers let relays go."""

    def __init__(self, name: str, watched: Sequence[Timed], *, at_end: Callable[[], None] | None = None) -> None:
        self._watched = tuple(watched)
        self._at_end = at_end
        self._woken = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """A deadline has come into being or moved. Called by the watched objects."""
        self._woken.set()

    def require_alive(self) -> None:
        """Raises HardwareError when the thread has ended or was never started: nobody would keep a new deadline."""
        if self._ending or not self._thread.is_alive():
            raise HardwareError(f"{self._thread.name} does not run: nothing is switched on that it could not switch off")

    def close(self) -> None:
        """End the thread and wait for it. Allowed in any state, also on the thread itself."""
        self._ending = True
        self._woken.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._ending:
                # Cleared before the deadlines are read: a wake-up in between is kept for the wait below.
                self._woken.clear()
                first_ns = earliest_ns(self._watched)
                if first_ns is None:
                    self._woken.wait()
                    continue
                remaining_ns = first_ns - time.monotonic_ns()
                if remaining_ns > 0 and self._woken.wait(remaining_ns / 1e9):
                    continue
                now_ns = time.monotonic_ns()
                for each in self._watched:
                    each.expire(now_ns)
        finally:
            if self._at_end is not None:
                self._at_end()
