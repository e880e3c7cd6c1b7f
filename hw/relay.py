"""A relay whose maximum closing time is kept here, whatever the program does: the shell around `hw.relay_timer`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hw import relay_timer
from hw.api import HardwareError, RelayEdge, Sink
from hw.settings import RelaySettings


class TimedRelay:
    """Implements `hw.api.Relay`. Any thread may call it; reports leave in the order in which the contact moved.

    `drive(closed)` moves the contact and returns when it is done. `guard()` raises HardwareError when nobody would call `expire` in
    time; `wake()` tells whoever does that the deadline has moved. A sink may call back into the same relay.
    """

    def __init__(self, settings: RelaySettings, *, drive: Callable[[bool], None], now_ns: Callable[[], int]) -> None:
        assert settings.max_closed_s > 0
        self._settings = settings
        self._drive = drive
        self._now_ns = now_ns
        self._max_ns = round(settings.max_closed_s * 1e9)
        self._lock = threading.RLock()
        self._state: relay_timer.RelayState = relay_timer.NEVER_CLOSED
        self._report: Sink = _unheard
        self._guard: Callable[[], None] = _unguarded
        self._wake: Callable[[], None] = _unguarded

    def attach(self, report: Sink, *, guard: Callable[[], None], wake: Callable[[], None]) -> None:
        """Name who hears of edges and who keeps the deadline; before the first pulse."""
        self._report, self._guard, self._wake = report, guard, wake

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def closed(self) -> bool:
        return isinstance(self._state, relay_timer.Closed)

    def pulse(self, duration_s: float) -> None:
        self._guard()
        try:
            with self._lock:
                now_ns = self._now_ns()
                self._enter(relay_timer.pulse(self._state, now_ns, max(1, round(duration_s * 1e9)), self._max_ns))
        finally:
            self._wake()  # also when the sink failed: the contact has moved by then

    def release(self) -> None:
        with self._lock:
            self._enter(relay_timer.release(self._state, self._now_ns()))

    def deadline_ns(self) -> int | None:
        return relay_timer.deadline_ns(self._state)

    def expire(self, now_ns: int) -> None:
        with self._lock:
            self._enter(relay_timer.expire(self._state, now_ns))

    def _enter(self, state: relay_timer.RelayState) -> None:
        was_closed = self.closed
        # The state is set before the contact moves: should moving fail half-way, the deadline stands and lets go.
        self._state = state
        if self.closed != was_closed:
            self._drive(self.closed)
            self._report(RelayEdge(relay=self.name, closed=self.closed, at_ns=self._now_ns()))


def _unheard(_event: object) -> None:
    """The sink of a board that was not started."""


def _unguarded() -> None:
    raise HardwareError("the board was not started: nobody would let the relay go")
