"""What goes wrong around a station: each misfortune begins, and ends by itself after a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware.media import events as media
from tests.sim.network import Node, Weather
from tests.sim.proxy import Proxy
from tests.sim.station.disk import Disk
from tests.sim.station.life import Life
from tests.sim.station.town import Town

DURATIONS_S = (0.3, 3.0, 20.0, 100.0, 600.0)
DOWN_S = (0.5, 2.0, 15.0)  # from a killed process to the next
BUSY_S_MAX = 0.4  # how long an overloaded processor keeps the event loop waiting


class Site(Protocol):
    """Where they happen."""

    @property
    def town(self) -> Town: ...
    @property
    def life(self) -> Life | None: ...
    @property
    def server(self) -> Node | None: ...
    @property
    def disk(self) -> Disk: ...

    def kill(self) -> None: ...
    def live(self) -> None: ...
    def move(self) -> None: ...
    def silence(self) -> None: ...
    def is_well(self) -> bool: ...
    def recovered(self, what: str, lasted_s: float) -> None: ...


class Misfortunes:
    """Draws one after the other, never two of a kind at once; `heal` ends them all."""

    def __init__(self, site: Site, gap_s: float) -> None:
        """`gap_s`: the mean time between the beginnings of two."""
        self.site = site
        self.gap_s = gap_s
        self.count = 0
        self._is_on = False
        self._ends: dict[str, Callable[[], None]] = {}
        self._kinds: dict[str, Callable[[], Callable[[], None] | None]] = {
            "weather": self._weather,
            "cable": self._cable,
            "server": self._server,
            "names": self._names,
            "address": self._address,
            "sound": self._sound,
            "full disk": self._full_disk,
            "slow disk": self._slow_disk,
            "busy": self._busy,
            "kill": self._kill,
        }

    @property
    def is_any(self) -> bool:
        """Whether something is wrong now."""
        return bool(self._ends)

    def begin(self) -> None:
        self._is_on = True
        self._next()

    def heal(self) -> None:
        """Everything works again, from now on."""
        self._is_on = False
        for kind in tuple(self._ends):
            self._end(kind)

    def _next(self) -> None:
        self.site.town.at(self.site.town.random.expovariate(1 / self.gap_s), self._happen)

    def _happen(self) -> None:
        if self._is_on:
            chance = self.site.town.random
            self.strike(chance.choice(tuple(self._kinds)), chance.choice(DURATIONS_S) * (0.5 + chance.random()))
            self._next()

    def strike(self, kind: str, duration_s: float) -> None:
        """Let one happen now."""
        if kind in self._ends:
            return
        began_s = self.site.town.now_s
        was_well = not self._ends and self.site.is_well()
        end = self._kinds[kind]()
        if end is None:
            return
        if kind == "address":
            duration_s = 0.0  # a new lease is there at once
        self.count += 1
        number = self.count

        def over() -> None:
            end()
            if was_well and number == self.count:  # from well to well, with this alone in between
                self.site.recovered(kind, self.site.town.now_s - began_s)

        self._ends[kind] = over
        self.site.town.at(duration_s, lambda: self._end(kind) if self._ends.get(kind) is over else None)

    def _end(self, kind: str) -> None:
        self._ends.pop(kind)()

    # --- kinds: each begins, and returns how it ends

    def _weather(self) -> Callable[[], None]:
        town = self.site.town
        town.weather = Weather(
            loss=town.random.choice((0.0, 0.05, 0.15, 0.3)),
            duplication=town.random.choice((0.0, 0.1, 0.3)),
            delay_min_s=0.001,
            delay_max_s=town.random.choice((0.001, 0.02, 0.3, 1.0)),
            locate_max_s=town.random.choice((0.0, 0.01, 1.0)),
        )

        def clear() -> None:
            town.weather = Weather()

        return clear

    def _cable(self) -> Callable[[], None] | None:
        if self.site.life is None:
            return None
        node = self.site.life.node
        self.site.town.unplug(node)
        self.site.silence()

        def back() -> None:
            # The process, and with it its address, may have changed meanwhile.
            self.site.town.unplugged.discard(node.host)
            if self.site.life is not None:
                self.site.town.plug(self.site.life.node)

        return back

    def _server(self) -> Callable[[], None] | None:
        server = self.site.server
        if server is None:
            return None
        server.is_down = True
        self.site.town.refuses = self.site.town.random.random() < 0.5

        def back() -> None:
            assert isinstance(server.agent, Proxy)
            server.agent.restart()
            server.is_down = False
            self.site.town.refuses = True

        return back

    def _names(self) -> Callable[[], None]:
        town = self.site.town
        town.is_nameless = True

        def back() -> None:
            town.is_nameless = False

        return back

    def _address(self) -> Callable[[], None] | None:
        if self.site.life is None or self.site.town.unplugged:
            return None
        self.site.move()
        return lambda: None

    def _sound(self) -> Callable[[], None] | None:
        life = self.site.life
        if life is None:
            return None

        def turn(*, is_broken: bool) -> None:
            life.sound.is_broken = is_broken
            if self.site.life is life:
                at_ns = round(self.site.town.now_s * 1e9)
                life.inbox.put(media.SoundFault(working=not is_broken, detail="unplugged" if is_broken else "found again", at_ns=at_ns))

        turn(is_broken=True)
        return lambda: turn(is_broken=False)

    def _full_disk(self) -> Callable[[], None]:
        disk = self.site.disk
        disk.is_full = True

        def back() -> None:
            disk.is_full = False

        return back

    def _slow_disk(self) -> Callable[[], None]:
        disk = self.site.disk
        disk.is_slow = True

        def back() -> None:
            disk.is_slow = False

        return back

    def _busy(self) -> Callable[[], None] | None:
        life = self.site.life
        if life is None:
            return None
        chance = self.site.town.random
        life.loop.latency_s = lambda: chance.uniform(0.0, BUSY_S_MAX)

        def back() -> None:
            life.loop.latency_s = lambda: 0.0

        return back

    def _kill(self) -> Callable[[], None] | None:
        if self.site.life is None:
            return None
        self.site.kill()
        self.site.town.at(self.site.town.random.choice(DOWN_S), self.site.live)
        return lambda: None
