"""A debounced button or contact: the shell around `hw.debounce`, fed by a wire (`hw.gpio`) or by a test's finger (`hw.simulated`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum

from hw import debounce
from hw.api import ButtonEdge, ContactEdge, DeviceFault, Sink
from hw.exit import WayOut
from hw.settings import InputSettings

DEBOUNCE_MS_MIN = 10  # contacts of bell buttons bounce for 1 to 10 ms
DEBOUNCE_MS_MAX = 200  # a hasty person's shortest press


class InputKind(Enum):
    BUTTON = "button"
    CONTACT = "contact"


class InputLine:
    """Turns levels into `ButtonEdge`, `ContactEdge` and `DeviceFault`. Levels may come on any thread; reports leave in order of time.

    `way_out` is called for each activity before it is reported; not for a contact that is active when it is first seen: nobody walks
    out because the station was restarted.
    """

    def __init__(self, settings: InputSettings, kind: InputKind, way_out: WayOut | None = None) -> None:
        assert kind is InputKind.CONTACT or settings.opens is None, "a bell button opens nothing"
        assert DEBOUNCE_MS_MIN <= settings.debounce_ms <= DEBOUNCE_MS_MAX
        assert settings.min_active_ms >= 0
        self.settings = settings
        self._kind = kind
        self._way_out = way_out
        self._timing = debounce.Timing(
            debounce_ns=settings.debounce_ms * 1_000_000,
            min_active_ns=settings.min_active_ms * 1_000_000,
            stuck_ns=None if settings.stuck_after_s is None else round(settings.stuck_after_s * 1e9),
        )
        self._lock = threading.RLock()
        self._line: debounce.Line | None = None
        self._report: Sink | None = None
        self._wake: Callable[[], None] | None = None
        self._look: Callable[[], bool] | None = None

    def begin(self, look: Callable[[], bool], now_ns: int, report: Sink, wake: Callable[[], None]) -> None:
        """Start with the line's present level; `look` reads it (True is high).

        A contact's first state is reported; a button's is not, see `hw.debounce`.
        """
        with self._lock:
            self._report, self._wake, self._look = report, wake, look
            active = look() == self.settings.active_high
            self._line = debounce.begin(active, now_ns, press=self._kind is InputKind.BUTTON)
            if self._kind is InputKind.CONTACT:
                report(ContactEdge(contact=self.settings.name, active=active, at_ns=now_ns))
        wake()

    def level(self, level_high: bool, at_ns: int) -> None:
        """The wire changed, or may have changed, to this level. Ignored before `begin`."""
        with self._lock:
            if self._line is None or self._wake is None:
                return
            self._line, edges = debounce.sample(self._line, level_high == self.settings.active_high, at_ns, self._timing)
            self._tell(edges)
        self._wake()

    def deadline_ns(self) -> int | None:
        line = self._line
        return None if line is None else debounce.deadline_ns(line, self._timing)

    def expire(self, now_ns: int) -> None:
        """Judge what is due, then look at the wire again: a kernel queue that ran over in a storm of edges must not leave a button held."""
        with self._lock:
            if self._line is None or self._look is None or not self._due(now_ns):
                return
            self._line, edges = debounce.sample(self._line, self._look() == self.settings.active_high, now_ns, self._timing)
            self._tell(edges)

    def _due(self, now_ns: int) -> bool:
        at_ns = self.deadline_ns()
        return at_ns is not None and at_ns <= now_ns

    def _tell(self, edges: tuple[debounce.Edge, ...]) -> None:
        assert self._report is not None
        for edge in edges:
            why_not = self._way_out() if self._way_out is not None and edge.kind is debounce.EdgeKind.ACTIVE else None
            self._report(self._event(edge))
            if why_not is not None:
                self._report(DeviceFault(device=self.settings.name, working=False, detail=why_not, at_ns=edge.at_ns))

    def _event(self, edge: debounce.Edge) -> ButtonEdge | ContactEdge | DeviceFault:
        name = self.settings.name
        match edge.kind:
            case debounce.EdgeKind.ACTIVE | debounce.EdgeKind.INACTIVE:
                active = edge.kind is debounce.EdgeKind.ACTIVE
                if self._kind is InputKind.BUTTON:
                    return ButtonEdge(button=name, pressed=active, at_ns=edge.at_ns)
                return ContactEdge(contact=name, active=active, at_ns=edge.at_ns)
            case debounce.EdgeKind.STUCK:
                detail = f"{self._kind.value} {name} has been active for {self.settings.stuck_after_s:g} s: it is stuck"
                return DeviceFault(device=name, working=False, detail=detail, at_ns=edge.at_ns)
            case debounce.EdgeKind.FREED:
                return DeviceFault(device=name, working=True, detail=f"{self._kind.value} {name} is free again", at_ns=edge.at_ns)
