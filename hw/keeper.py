"""One thread that keeps deadlines of hardware (relays that must let go, buttons that settle) and hears what the kernel tells of it (edges).

It runs beside the program's event loop, and sleeps until an edge comes, or a deadline, or a call of `wake`.

Whatever has been heard is told before any deadline is judged: a thread that comes late finds everything in the order in which it happened.

An exception in the thread is a bug; it ends the thread, and `at_end` runs on the way out: relays let go before anything else happens.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from hw.api import HardwareError

ASLEEP = -1  # instead of a descriptor, before the thread begins and after it has ended


class Timed(Protocol):
    """Something with a deadline."""

    def deadline_ns(self) -> int | None:
        """When `expire` wants to be called, in monotonic nanoseconds, or None. Called without any lock."""
        ...

    def expire(self, now_ns: int) -> None:
        """Do what is due at `now_ns`, which may be nothing."""
        ...


class Heard(NamedTuple):
    """Something that happened, in monotonic nanoseconds, and what is to be done about it."""

    at_ns: int
    tell: Callable[[], None]


class Source(Protocol):
    """Something that is heard through a descriptor."""

    def fileno(self) -> int: ...

    def hear(self) -> Sequence[Heard]:
        """Everything that waits at the descriptor; called when it can be read. An OSError means that it is gone for good."""
        ...


def earliest_ns(watched: Sequence[Timed]) -> int | None:
    """The first of all deadlines, or None."""
    return min((at for each in watched if (at := each.deadline_ns()) is not None), default=None)


class Keeper:
    """A daemon thread: an interpreter that ends with an exception must not wait for it before the exit handlers let relays go."""

    def __init__(self, name: str, watched: Sequence[Timed], *, at_end: Callable[[], None] | None = None) -> None:
        self._watched = tuple(watched)
        self._at_end = at_end
        self._lock = threading.Lock()
        self._sources: tuple[Source, ...] = ()
        self._waker = ASLEEP  # an eventfd(2), which is readable after `wake`
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._waker = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread.start()

    def wake(self) -> None:
        """A deadline has come into being or moved. Called by the watched objects."""
        if threading.get_ident() == self._thread.ident:
            return  # it looks at every deadline before it sleeps again
        with self._lock:
            if self._waker != ASLEEP:
                os.eventfd_write(self._waker, 1)

    def listen(self, source: Source) -> None:
        """Hear `source` from now on."""
        with self._lock:
            self._sources += (source,)
        self.wake()

    def forget(self, source: Source) -> None:
        """Hear it no more. Its descriptor stays open until the thread has ended: it may be looking at it."""
        with self._lock:
            self._sources = tuple(each for each in self._sources if each is not source)
        self.wake()

    def require_alive(self) -> None:
        """Raises HardwareError when the thread has ended or was never started: nobody would keep a new deadline."""
        if self._ending or not self._thread.is_alive():
            raise HardwareError(f"{self._thread.name} does not run: nothing is switched on that it could not switch off")

    def close(self) -> None:
        """End the thread and wait for it. Allowed in any state, also on the thread itself."""
        self._ending = True
        self.wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._ending:
                first_ns, now_ns = earliest_ns(self._watched), time.monotonic_ns()
                if first_ns is None or first_ns > now_ns:
                    self._hear(None if first_ns is None else (first_ns - now_ns) / 1e9)
                    continue
                self._hear(0)  # what has come until now, however late we are, has come before the deadline
                for each in self._watched:
                    each.expire(now_ns)
        finally:
            with self._lock:
                os.close(self._waker)
                self._waker = ASLEEP
            if self._at_end is not None:
                self._at_end()

    def _hear(self, wait_s: float | None) -> None:
        """Sleep for so long, or until something is heard, and tell all of it in order of time."""
        # select(2) sleeps to the microsecond, where poll(2) counts milliseconds. Its limit of 1024 descriptors is that of the service.
        ready, _, _ = select.select([self._waker, *(source.fileno() for source in self._sources)], (), (), wait_s)
        if self._waker in ready:
            os.eventfd_read(self._waker)
        heard = [each for source in self._sources if source.fileno() in ready for each in source.hear()]
        heard.sort(key=lambda each: each.at_ns)
        for each in heard:
            each.tell()
