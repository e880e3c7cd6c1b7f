"""Who is told of everything that happens at the station: outlets, control clients, the demo, parts that only some houses have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from firmware.app.supervise import Supervisor

OBSERVERS_MAX = 64  # control clients that wait or follow, outlets, the demo

Observer = Callable[[float, object], None]  # monotonic seconds, and a record, sip event, media event or hardware event


class Observers:
    """In the order in which they came. One that fails is reported, and costs the others nothing."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._observers: list[Observer] = []

    def add(self, observer: Observer) -> Callable[[], None]:
        """Tell `observer` of everything that happens, on the loop; call the result to stop."""
        assert len(self._observers) < OBSERVERS_MAX, "an observer was not removed"
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def add_listener(self, listener: Callable[[object], None]) -> None:
        """The same for one that stays, and asks for no time."""
        self.add(lambda _at_s, event: listener(event))

    def tell(self, at_s: float, event: object) -> None:
        """Something has happened."""
        for observer in tuple(self._observers):
            self._supervisor.guarded("observer", observer)(at_s, event)

    async def wait_for(self, wanted: Callable[[object], bool], limit_s: float) -> object | None:
        """The first event from now on that is wanted, or None when the time is over."""
        found: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def look(_at_s: float, event: object) -> None:
            if not found.done() and wanted(event):
                found.set_result(event)

        remove = self.add(look)
        try:
            return await asyncio.wait_for(found, limit_s)
        except TimeoutError:
            return None
        finally:
            remove()
