"""A sound card whose periods pass when the test says so, and an engine on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from firmware.ids import SeededIds
from firmware.media.engine import Engine, EngineSettings
from firmware.media.events import MediaEvent
from hw.api import HardwareError, SoundCounters, SoundFormat

HANG_S: Final = 60.0  # a thread that does not come in so long never will, on a busy machine either
E_ = TypeVar("E_", bound=MediaEvent)


class StepCard:
    """Implements `hw.api.SoundCard`: `read` waits for `step`, `write` answers it."""

    def __init__(self, *, missing: bool = False) -> None:
        self.missing = missing
        self.microphone = bytes(320)
        self.written: list[bytes] = []
        self.opens = self.closes = 0
        self.overruns = self.underruns = 0
        self._permits = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._free = False

    @property
    def is_open(self) -> bool:
        return self.opens > self.closes

    def open(self) -> SoundFormat:
        if self.missing:
            raise HardwareError("sound card (test): not there")
        self.opens += 1
        return SoundFormat(rate_hz=8000, period_samples=160)

    def read(self) -> bytes:
        if not self._free:
            assert self._permits.acquire(timeout=HANG_S), "nobody steps the card"
        return self.microphone

    def write(self, period: bytes) -> None:
        self.written.append(period)
        self._done.release()

    def close(self) -> None:
        self.closes += 1

    def counters(self) -> SoundCounters:
        return SoundCounters(overruns=self.overruns, underruns=self.underruns, short_writes=0, reopens=0)

    def step(self, periods: int = 1) -> None:
        """Let so many periods pass; returns when the last has been written."""
        for _ in range(periods):
            self._permits.release()
            assert self._done.acquire(timeout=HANG_S), "the audio thread does not move"

    def run_free(self) -> None:
        """Let periods pass as fast as they can from now on."""
        self._free = True
        self._permits.release()


class Bench:
    """An engine, its card, and everything that it told."""

    def __init__(self, settings: EngineSettings | None = None, *, missing: bool = False, seed: int = 1) -> None:
        self.card = StepCard(missing=missing)
        self.events: list[MediaEvent] = []
        self.engine = Engine(self.card, self.events.append, settings=settings or EngineSettings(realtime_priority=0), ids=SeededIds(seed))

    def of(self, kind: type[E_]) -> list[E_]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def until(self, done: Callable[[], bool], *, periods: int = 200) -> None:
        """Step until `done`, within bounds."""
        for _ in range(periods):
            if done():
                return
            self.card.step()
        raise AssertionError(f"not within {periods} periods; told: {self.events}")

    def close(self) -> None:
        self.card.run_free()
        self.engine.close()
