"""How long after the network's return the station is registered, and how long a visitor who presses at that moment waits for a ring."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from firmware.door.state import Idle
from tests.sim.proxy import Proxy
from tests.sim.station.house import SIDE
from tests.sim.station.misfortunes import Site as Misfortunate
from tests.sim.station.visitors import Place

LOOK_S = 0.02
LIMIT_S = 5.0  # promised for a returned link; for a server that was away, when its absence was …
NOTICED_S = 12.0  # … long enough to be noticed by a probe (sip.usage.liveness), however much longer (sip.usage.knocking)
PATIENCE_S = 90.0
NETWORK = frozenset({"cable", "names", "server", "address"})


class Recovered(NamedTuple):
    """`registered_s` and `rung_s` after the end of an outage of this kind, which had lasted `lasted_s`."""

    at_s: float
    kind: str
    lasted_s: float
    registered_s: float
    rung_s: float

    @property
    def must_be_bound(self) -> bool:
        """Whether the registration must be back in LIMIT_S: the kernel tells of a link or address; of a server only knocking does."""
        return self.kind in ("cable", "address") or self.lasted_s >= NOTICED_S

    @property
    def is_slow(self) -> bool:
        """A promise is broken. A ring does not wait for the registration."""
        return self.rung_s > LIMIT_S or (self.must_be_bound and self.registered_s > LIMIT_S)

    def __str__(self) -> str:
        return f"{self.kind} after {self.lasted_s:.1f} s: registered in {self.registered_s:.2f} s, rings in {self.rung_s:.2f} s"


class Afflicted(Place, Misfortunate, Protocol):
    """A place that people come to, and misfortunes."""


class Stopwatch:
    """Measures one recovery at a time, and only when nothing else is wrong."""

    def __init__(self, place: Afflicted, press: Callable[[str], None], is_disturbed: Callable[[], bool]) -> None:
        self.found: list[Recovered] = []
        self._place = place
        self._press = press
        self._is_disturbed = is_disturbed
        self._running = 0

    def begin(self, kind: str, lasted_s: float) -> None:
        """The outage is over: somebody presses at once."""
        life, server = self._place.life, self._place.server
        if kind not in NETWORK or server is None or life is None or self._is_disturbed() or not isinstance(life.bridge.state.call, Idle):
            return
        self._running += 1
        number, began_s = self._running, self._place.town.now_s
        times_s: dict[str, float] = {}
        self._press(SIDE)

        def look() -> None:
            after_s = self._place.town.now_s - began_s
            if number != self._running or self._is_disturbed() or self._place.life is not life:
                return
            assert isinstance(server.agent, Proxy)
            if any(uri.host == life.node.host for uri in server.agent.contacts("door", self._place.town.now_s)):
                times_s.setdefault("registered", after_s)
            rung_s = [at_s for resident in self._place.residents.values() for at_s in resident.rung_s if at_s >= began_s]
            if rung_s:
                times_s.setdefault("rung", min(rung_s) - began_s)
            if len(times_s) == 2 or after_s > PATIENCE_S:
                registered_s, rang_s = times_s.get("registered", PATIENCE_S), times_s.get("rung", PATIENCE_S)
                self.found.append(Recovered(began_s, kind, lasted_s, registered_s, rang_s))
            else:
                self._place.town.at(LOOK_S, look)

        look()
