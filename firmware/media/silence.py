"""A card that is not there: silence at the pace of the monotonic clock, so that a call still rings, talks one way less and takes digits."""

from __future__ import annotations

import time
from typing import Final

from hw.api import SoundCounters, SoundFormat

FORMAT: Final = SoundFormat(rate_hz=8000, period_samples=160)
PERIOD_NS: Final = 20_000_000
SILENCE: Final = bytes(FORMAT.period_bytes)


class SilentCard:
    """Implements `hw.api.SoundCard`."""

    def __init__(self) -> None:
        self._due_ns = 0

    def open(self) -> SoundFormat:
        self._due_ns = time.monotonic_ns()
        return FORMAT

    def read(self) -> bytes:
        self._due_ns += PERIOD_NS
        wait_ns = self._due_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns / 1e9)
        elif wait_ns < -50 * PERIOD_NS:
            self._due_ns = time.monotonic_ns()  # the machine slept: do not play a second of silence at once
        return SILENCE

    def write(self, period: bytes) -> None:
        """Nobody hears it."""

    def close(self) -> None:
        """Nothing is open."""

    def counters(self) -> SoundCounters:
        return SoundCounters(overruns=0, underruns=0, short_writes=0, reopens=0)
