"""What the service manager wants, by signals, heeded on the event loop.

The loop's own `add_signal_handler` would do, but loads `inspect` to see that no handler is a coroutine: half a megabyte for good.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping

RELOAD = frozenset({signal.SIGHUP})
SIGNALS_MAX = 64  # read at a time; of each kind the kernel keeps one


def hold_reload() -> None:
    """Let a wish to reload wait until somebody heeds it: by default it would be the end. To be called before there are other threads."""
    signal.pthread_sigmask(signal.SIG_BLOCK, RELOAD)


class Signals:
    """From now on each signal of `calls` is a call on the running loop. To be made on the main thread."""

    def __init__(self, calls: Mapping[signal.Signals, Callable[[], None]]) -> None:
        self._calls = calls
        self._loop = asyncio.get_running_loop()
        # A handler in Python runs between two of the interpreter's steps: one that comes just before the loop falls asleep would wait until
        # something else wakes it. The number that is written at once, whatever the interpreter does, is what wakes it.
        self._here, self._there = socket.socketpair()
        self._here.settimeout(0)
        self._there.settimeout(0)
        self._loop.add_reader(self._here, self._heed)
        signal.set_wakeup_fd(self._there.fileno(), warn_on_full_buffer=False)
        for number in calls:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, RELOAD)

    def close(self) -> None:
        """What comes now is the end, as it is by default; but a wish to reload is none: whatever lives on will read the file anyway."""
        for number in self._calls:
            signal.signal(number, signal.SIG_IGN if number in RELOAD else signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        self._loop.remove_reader(self._here)
        self._here.close()
        self._there.close()

    def _heed(self) -> None:
        for number in self._here.recv(SIGNALS_MAX):
            if number in self._calls:
                self._calls[signal.Signals(number)]()
