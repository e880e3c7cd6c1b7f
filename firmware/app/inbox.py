"""The one queue before the door: everything that happens at the panel, in the network and in the audio thread waits here for its turn.

`put` may be called on any thread. What waits is bounded, by this policy:

- A press is never dropped. While one press of a button waits, further presses of that button are the same wish: counted, not queued.
- Steps of calls, timers and operators are always taken: their sources are bounded (calls of the agent, timers of the door, control
  clients).
- Contacts, relays and faults tell a state. Beyond WAITING_MAX a newer one makes the waiting one that says the same superfluous: the last
  word of each stays the last, and no request to exit is lost.
- Digits, cards, keys and incoming calls beyond WAITING_MAX are dropped and counted: whoever sends hundreds of them is guessing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Hashable

from firmware.app.arrivals import Arrival
from firmware.door import events as door
from firmware.media import events as media
from hw import api as hw

log = logging.getLogger("portero.inbox")

WAITING_MAX = 256  # several calls' worth of digits; at 1 s a journal row on a failing SD card the last one waits four minutes


class Inbox:
    """Bounded, ordered, thread-safe. One consumer, on the event loop."""

    def __init__(self, wake: Callable[[Callable[[], None]], object]) -> None:
        """`wake` is the loop's call_soon_threadsafe."""
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: dict[int, Arrival] = {}  # by order of arrival
        self._places: dict[Hashable, int] = {}  # where a press or a state waits
        self._next = 0
        self._ready = asyncio.Event()
        self._asleep = False
        self.presses_merged = 0
        self.dropped = 0

    def put(self, arrival: Arrival) -> None:
        """Queue, merge or drop by the policy above. Any thread; returns at once."""
        with self._lock:
            self._admit(arrival)
            wake, self._asleep = self._asleep, False
        if wake:
            self._wake(self._ready.set)

    async def take(self) -> Arrival:
        """The next arrival; waits for one."""
        while True:
            with self._lock:
                if self._waiting:
                    place = next(iter(self._waiting))
                    arrival = self._waiting.pop(place)
                    subject = _subject(arrival)
                    if subject is not None and self._places.get(subject) == place:
                        del self._places[subject]
                    return arrival
                self._ready.clear()
                self._asleep = True
            await self._ready.wait()

    def __len__(self) -> int:
        return len(self._waiting)

    def _admit(self, arrival: Arrival) -> None:
        subject = _subject(arrival)
        full = len(self._waiting) >= WAITING_MAX
        if subject is not None and subject in self._places:
            if isinstance(arrival, door.Press | hw.ButtonEdge):
                self.presses_merged += 1
                log.warning("a further press of %s while one waits: merged", arrival.button)
                return
            if full:
                del self._waiting[self._places[subject]]
        elif full and _droppable(arrival):
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:  # the first, second, fourth, eighth …: a flood must not flood the log
                log.warning("%s dropped, %d in all: too much is waiting", type(arrival).__name__, self.dropped)
            return
        self._waiting[self._next] = arrival
        if subject is not None:
            self._places[subject] = self._next
        self._next += 1


def _subject(arrival: Arrival) -> Hashable | None:
    """What the arrival says, when saying it once is enough."""
    match arrival:
        case door.Press(button=name):
            return ("button", str(name))
        case hw.ButtonEdge(button=name, pressed=pressed):
            return ("button" if pressed else "button let go", name)
        case door.ContactChanged(contact=name, active=active) | hw.ContactEdge(contact=name, active=active):
            return ("contact", name, active)
        case hw.RelayEdge(relay=name, closed=closed):
            return ("relay", name, closed)
        case hw.DeviceFault(device=name):
            return ("device", name, arrival.working)
        case door.HealthChanged(part=name):
            return ("part", name, arrival.working)
        case media.SoundFault(working=working):
            return ("sound", working)
        case _:
            return None


def _droppable(arrival: Arrival) -> bool:
    return isinstance(
        arrival,
        door.DigitHeard
        | media.DigitHeard
        | door.CardRead
        | hw.CardRead
        | hw.CardHeld
        | hw.KeyPressed
        | door.IncomingCall
        | door.CallTurnedAway,
    )
