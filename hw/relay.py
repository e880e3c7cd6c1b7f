"""A relay whose maximum closing time is kept here, whatever the program does: the shell around `hw.relay_timer`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum

from hw import relay_timer
from hw.api import HardwareError, RelayBlockedError, RelayEdge, Sink
from hw.settings import RelaySettings


class Gate(Enum):
    """Who may close the relay."""

    ANYBODY = "anybody"
    EXITS = "request-to-exit contacts alone"
    NOBODY = "nobody"


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
        self._gate = Gate.ANYBODY
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
        return not isinstance(self._state, relay_timer.Resting)

    @property
    def blocked(self) -> bool:
        return self._gate is not Gate.ANYBODY

    def pulse(self, duration_s: float) -> None:
        self._guard()
        duration_ns = max(1, round(duration_s * 1e9))
        self._close(lambda now_ns: relay_timer.pulse(self._state, now_ns, duration_ns, self._max_ns), None)

    def let_out(self, duration_s: float, by: str) -> None:
        """A pulse for the request-to-exit contact `by`: passes a gate that lets people out, and shortens no closing."""
        self._guard()
        duration_ns = max(1, round(duration_s * 1e9))
        self._close(lambda now_ns: relay_timer.extend(self._state, now_ns, duration_ns, self._max_ns), by)

    def hold(self) -> None:
        if not self._settings.may_hold:
            raise HardwareError(f"relay {self.name} may not be held: its settings do not grant it")
        self._guard()
        self._close(lambda _now_ns: relay_timer.hold(), None)

    def block(self, *, exits: bool) -> None:
        with self._lock:
            self._gate = Gate.NOBODY if exits else Gate.EXITS
            self._enter(relay_timer.release(self._state, self._now_ns()))

    def unblock(self) -> None:
        with self._lock:
            self._gate = Gate.ANYBODY

    def release(self) -> None:
        with self._lock:
            self._enter(relay_timer.release(self._state, self._now_ns()))

    def deadline_ns(self) -> int | None:
        return relay_timer.deadline_ns(self._state)

    def expire(self, now_ns: int) -> None:
        with self._lock:
            self._enter(relay_timer.expire(self._state, now_ns))

    def _close(self, step: Callable[[int], relay_timer.RelayState], by: str | None) -> None:
        try:
            with self._lock:
                # Asked under the same lock as `block` sets it: no closing slips through behind it.
                if self._gate is Gate.NOBODY or (self._gate is Gate.EXITS and by is None):
                    raise RelayBlockedError(f"relay {self.name} is blocked: it closes for {self._gate.value}")
                self._enter(step(self._now_ns()), by)
        finally:
            self._wake()  # also when the sink failed: the contact has moved by then

    def _enter(self, state: relay_timer.RelayState, by: str | None = None) -> None:
        was_closed = self.closed
        # The state is set before the contact moves: should moving fail half-way, the deadline stands and lets go.
        self._state = state
        if self.closed != was_closed:
            self._drive(self.closed)
            self._report(RelayEdge(relay=self.name, closed=self.closed, at_ns=self._now_ns(), by=by if self.closed else None))


def _unheard(_event: object) -> None:
    """The sink of a board that was not started."""


def _unguarded() -> None:
    raise HardwareError("the board was not started: nobody would let the relay go")
