"""Answered requests that are kept to absorb their retransmissions (timer J, RFC 3261 §17.2.2): one timer for all of them.

A door that is asked hundreds of times a second has thousands of these. Over UDP each is kept for the same time, so the order in which they
were answered is the order in which they end: nothing needs sorting, and they end many at a time instead of one a wake-up.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.sip.timers import PATIENT_MAX, TimerQueue
from firmware.sip.transaction.matching import ServerKey

GATHER_S = 1.0  # how long an end may be put off so that others share its wake-up; the RFC wants 32 s at least, not at most


class Absorbing:
    """Their keys in the order of their ends. `over` is told each that has ended, and forgets it here by `discard`."""

    def __init__(self, timers: TimerQueue, over: Callable[[ServerKey, float], None]) -> None:
        self._timers = timers
        self._over = over
        self._ends: dict[ServerKey, float] = {}

    @property
    def oldest(self) -> ServerKey | None:
        """The one to part with when room is needed."""
        return next(iter(self._ends), None)

    def add(self, key: ServerKey, end_s: float) -> None:
        """Keep it until `end_s`, which is no earlier than that of any other."""
        self._ends[key] = end_s
        if len(self._ends) in (1, PATIENT_MAX + 1):
            self._arm()

    def discard(self, key: ServerKey) -> None:
        """It is over."""
        self._ends.pop(key, None)
        if not self._ends:
            self._timers.clear(self, "J")

    def handle_timer(self, name: str, now_s: float) -> None:
        """The first of them, at least, has ended."""
        assert name == "J", name
        for key in [key for key, end_s in self._ends.items() if end_s <= now_s]:
            self._over(key, now_s)
        if self._ends:
            self._arm()

    def _arm(self) -> None:
        """A few may wait for whatever wakes the program next; many take memory, so that their end is worth a wake-up."""
        first_s = next(iter(self._ends.values()))
        is_few = len(self._ends) <= PATIENT_MAX
        self._timers.set(self, "J", first_s if is_few else first_s + GATHER_S, patient=is_few)
