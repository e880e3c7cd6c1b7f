"""A card reader in memory, and the hand that holds a card to it: the wall's own judgement of what is new, held or broken."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hw.api import Sink
from hw.decode.sighting import Sighting, card
from hw.decode.wiegand import Wiegand
from hw.reader_events import ReaderEvents

REPEAT_NS = 250_000_000  # how often it sees the card that is held to it
PULSE_PERIOD_NS = 1_000_000


class SimulatedReader:
    """A reader of any kind. Its own deadlines: the next repetition while a card is there, the end of a frame."""

    def __init__(self, events: ReaderEvents, now_ns: Callable[[], int], gap_ns: int | None) -> None:
        """`gap_ns`: the silence that ends a frame of a Wiegand reader."""
        self._events = events
        self._now_ns = now_ns
        self._wiegand = None if gap_ns is None else Wiegand(gap_ns=gap_ns)
        self._report: Sink | None = None
        self._wake: Callable[[], None] = _asleep
        self._lock = threading.RLock()
        self._card = ""
        self._until_ns = 0
        self._next_ns: int | None = None

    def attach(self, report: Sink, wake: Callable[[], None]) -> None:
        self._report, self._wake = report, wake

    def hold(self, number: str, for_ns: int) -> None:
        """A card comes into the field and stays."""
        with self._lock:
            now_ns = self._now_ns()
            self._card, self._until_ns, self._next_ns = number, now_ns + for_ns, now_ns + REPEAT_NS
            self._see((card(number),), now_ns)
        self._wake()

    def frame(self, bits: str) -> None:
        """The pulses of one frame, the last of them now. Frames want a pause between them."""
        assert self._wiegand is not None, "not a Wiegand reader"
        with self._lock:
            now_ns = self._now_ns()
            for place, bit in enumerate(bits):
                self._see(self._wiegand.pulse(int(bit), now_ns - (len(bits) - 1 - place) * PULSE_PERIOD_NS), now_ns)
        self._wake()

    def deadline_ns(self) -> int | None:
        frame_ns = None if self._wiegand is None else self._wiegand.deadline_ns()
        return min((at_ns for at_ns in (self._next_ns, frame_ns) if at_ns is not None), default=None)

    def expire(self, now_ns: int) -> None:
        with self._lock:
            if self._wiegand is not None:
                self._see(self._wiegand.expire(now_ns), now_ns)
            if self._next_ns is not None and now_ns >= self._next_ns:
                self._repeat(self._next_ns)

    def _repeat(self, at_ns: int) -> None:
        self._next_ns = at_ns + REPEAT_NS if at_ns <= self._until_ns else None
        if self._next_ns is not None:
            self._see((card(self._card),), at_ns)

    def _see(self, seen: tuple[Sighting, ...], at_ns: int) -> None:
        assert self._report is not None, "the board was not started"
        for sighting in seen:
            for event in self._events.of(sighting, at_ns):
                self._report(event)


def _asleep() -> None:
    """Nobody keeps the deadlines of a board that was not started."""
