"""The watchdog is fed only while everything that a visitor depends on is alive.

A vital is asked "are you well?" and answers with None or with one sentence on what is wrong. The feed itself runs on the event loop, so
a stuck
loop stops it without being asked. One timer, at half of the manager's period: at the unit's 30 s that is 0.07 wake-ups a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from firmware.app.notify import Notifier

log = logging.getLogger("portero.watchdog")

Vital = Callable[[int], str | None]  # monotonic nanoseconds -> None, or what is wrong
AUDIO_SILENCE_NS_MAX = 2_000_000_000  # a hundred periods of 20 ms: no scheduler hiccup, no card being found again, lasts that long
TASK_NS_MAX = 10_000_000_000  # one door effect: the slowest is a journal row on a worn SD card, seconds at most


class Watchdog:
    """Feeds the service manager each `interval_s` while every vital is well."""

    def __init__(self, notifier: Notifier, interval_s: float, vitals: tuple[Vital, ...], clock_ns: Callable[[], int]) -> None:
        self._notifier = notifier
        self._interval_s = interval_s
        self._vitals = vitals
        self._clock_ns = clock_ns
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Feed now, and again each interval, on the running loop."""
        self.beat()
        self._timer = asyncio.get_running_loop().call_later(self._interval_s, self.start)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def beat(self) -> None:
        """Ask every vital once; feed when all are well, say which is not otherwise."""
        now_ns = self._clock_ns()
        ills = [ill for vital in self._vitals if (ill := vital(now_ns)) is not None]
        if ills:
            log.error("watchdog not fed: %s", "; ".join(ills))
            self._notifier.status("not well: " + "; ".join(ills))
        else:
            self._notifier.alive()


def audio_vital(last_period_ns: Callable[[int], int | None]) -> Vital:
    """The audio thread's vital; `last_period_ns`, given the time, is None while nothing sounds (then there is no thread to watch)."""

    def check(now_ns: int) -> str | None:
        last = last_period_ns(now_ns)
        if last is None or now_ns - last <= AUDIO_SILENCE_NS_MAX:
            return None
        return f"the audio thread has not moved for {(now_ns - last) / 1e9:.1f} s"

    return check


def task_vital(name: str, started_ns: Callable[[], int | None]) -> Vital:
    """The vital of whatever works off one thing at a time; `started_ns` is when the running thing began, None when idle."""

    def check(now_ns: int) -> str | None:
        started = started_ns()
        if started is None or now_ns - started <= TASK_NS_MAX:
            return None
        return f"{name} has been busy with one thing for {(now_ns - started) / 1e9:.0f} s"

    return check
