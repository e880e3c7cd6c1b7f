"""The door and its hands: arrivals go to the pure machine one by one, its effects are obeyed strictly in order.

A record is in the journal before the effect behind it begins; records in a row are one transaction, so a press waits for one disk write
and not for three. What fails is logged and the next effect is obeyed: a dead lamp must not keep a phone from ringing, and a full disk
must not keep a door shut.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Protocol, assert_never

from firmware.app.arrivals import Arrival, inputs_of
from firmware.app.inbox import Inbox
from firmware.app.kept_door import kept_text
from firmware.app.supervise import Supervisor
from firmware.app.timers import Timers
from firmware.door import events as door
from firmware.door.machine import handle
from firmware.door.state import Door, Idle
from firmware.errors import JournalError
from hw.api import HardwareError, Lamp

log = logging.getLogger("portero.door")

RelayEffect = door.Unlock | door.Hold | door.Shut | door.Block | door.Unblock
MenuEffect = door.StartMenu | door.StopMenu | door.MenuKey
LampKey = door.LampRole | door.LampName
LampGroup = tuple[tuple[Lamp, float | None], ...]  # lamps of one role or name, each with its blink period


class Phone(Protocol):
    """What the door can do with call legs; `calls.Calls` does it."""

    def ring(self, effect: door.Ring) -> None: ...
    def end(self, effect: door.End) -> None: ...
    def offer(self, effect: door.Offer) -> None: ...
    def accept(self, effect: door.Accept) -> None: ...
    def admit(self, effect: door.Admit) -> None: ...
    def refuse(self, effect: door.Refuse) -> None: ...
    def confer(self, effect: door.Confer) -> None: ...


class Opener(Protocol):
    """What the door does with a relay; the driver does the rest."""

    def pulse(self, duration_s: float) -> None: ...
    def hold(self) -> None: ...
    def release(self) -> None: ...
    def block(self, *, exits: bool) -> None: ...
    def unblock(self) -> None: ...


class Panel:
    """What the door can move and sound at the wall. `play` starts the sound, or stops what plays."""

    def __init__(self, relays: Mapping[str, Opener], lamps: Mapping[LampKey, LampGroup], play: Callable[[door.Sound], None]) -> None:
        self.relays = relays
        self.lamps = lamps
        self.play = play


class JournalWriter(Protocol):
    async def append(self, *records: door.DoorRecord, kept: Mapping[str, str] | None = None) -> object: ...


class DoorBridge:
    """Owns the door's state. `run` is a task for the station's whole life; `put` is for everybody who has something to tell."""

    def __init__(
        self,
        state: Door,
        *,
        inbox: Inbox,
        journal: JournalWriter,
        phone: Phone,
        panel: Panel,
        timers: Callable[[Callable[[door.TimerKey], None]], Timers[door.TimerKey]],
        supervisor: Supervisor,
        observe: Callable[[object], None],
        ask: Callable[[door.Question], object],
        send: Callable[[door.Request | door.Message], None] | None = None,
        attend: Callable[[MenuEffect], None] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        local: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        self._state = state
        self._inbox = inbox
        self._journal = journal
        self._phone = phone
        self._panel = panel
        self._timers = timers(lambda key: inbox.put(door.TimerFired(key=key)))
        self._supervisor = supervisor
        self._observe = observe
        self._ask = ask
        self._send = send
        self._attend = attend
        self._clock_s = clock_s
        self._local = local
        self.busy_since_ns: int | None = None  # for the watchdog: when the arrival that is being worked off was taken

    @property
    def state(self) -> Door:
        return self._state

    @property
    def idle(self) -> bool:
        """No call, and nothing waiting to become one."""
        return self.busy_since_ns is None and not len(self._inbox) and isinstance(self._state.call, Idle)

    async def run(self) -> None:
        """Work off arrivals until cancelled."""
        while True:
            arrival = await self._inbox.take()
            self.busy_since_ns = time.monotonic_ns()
            if not isinstance(arrival, door.Input):
                self._observe(arrival)
            await self._supervisor.survive(f"door: {type(arrival).__name__}", self._work_off(arrival))
            self.busy_since_ns = None

    def stop(self) -> None:
        self._timers.clear_all()

    async def _work_off(self, arrival: Arrival) -> None:
        for given in inputs_of(arrival, round(self._clock_s() * 1e9)):
            self._state, effects = handle(self._state, given, self._clock_s(), self._local())
            await self._obey_all(effects)

    async def _obey_all(self, effects: Iterable[door.Effect]) -> None:
        written: list[door.DoorRecord] = []
        kept: dict[str, str] = {}
        for effect in effects:
            if isinstance(effect, door.Record):
                written.append(effect.record)
                continue
            if isinstance(effect, door.KeepDoor):
                kept["door"] = kept_text(effect.start)
                continue
            if written or kept:
                await self._write(written, kept)
                written, kept = [], {}
            self._supervisor.guarded(f"door: {type(effect).__name__}", self._obey)(effect)
        if written or kept:
            await self._write(written, kept)

    async def _write(self, records: list[door.DoorRecord], kept: Mapping[str, str]) -> None:
        try:
            await self._journal.append(*records, kept=kept)
        except JournalError as error:
            lost = ", ".join(type(record).__name__ for record in records if not _is_silent(record))
            log.error("not in the journal: %s (%s)", lost or "a record", error)
        for record in records:
            if not _is_silent(record):
                log.info("%s", _in_words(record))
            self._observe(record)

    def _obey(self, effect: door.Effect) -> None:
        match effect:
            case door.Ring():
                self._phone.ring(effect)
            case door.End():
                self._phone.end(effect)
            case door.Offer():
                self._phone.offer(effect)
            case door.Accept():
                self._phone.accept(effect)
            case door.Admit():
                self._phone.admit(effect)
            case door.StartMenu() | door.StopMenu() | door.MenuKey():
                if self._attend is not None:
                    self._attend(effect)
            case door.Refuse():
                self._phone.refuse(effect)
            case door.Confer():
                self._phone.confer(effect)
            case door.Unlock() | door.Hold() | door.Shut() | door.Block() | door.Unblock():
                self._move_relay(effect)
            case door.Request() | door.Message():
                if self._send is not None:
                    self._send(effect)
            case door.Light(lamp=which, on=on):
                for lamp, blink_period_s in self._panel.lamps.get(which, ()):
                    lamp.set(on=on, blink_period_s=blink_period_s)
            case door.Play(sound=sound):
                self._panel.play(sound)
            case door.SetTimer(key=key, at_s=at_s):
                self._timers.set(key, at_s)
            case door.ClearTimer(key=key):
                self._timers.clear(key)
            case door.VerifyDigits() | door.VerifyCard() | door.Spend():
                self._ask(effect)
            case door.Record() | door.KeepDoor():
                raise AssertionError("records are written before this")
            case never:
                assert_never(never)

    def _move_relay(self, effect: RelayEffect) -> None:
        relay = self._panel.relays[effect.lock]
        try:
            match effect:
                case door.Unlock(duration_s=duration_s):
                    relay.pulse(duration_s)
                case door.Hold():
                    relay.hold()
                case door.Shut():
                    relay.release()
                case door.Block():
                    relay.block(exits=False)
                case door.Unblock():
                    relay.unblock()
                case never:
                    assert_never(never)
        except HardwareError as error:
            log.error("lock %s did not follow %s: %s", effect.lock, type(effect).__name__, error)
            self._inbox.put(door.HealthChanged(part=effect.lock, working=False, detail=str(error)))


def _is_silent(record: door.DoorRecord) -> bool:
    """A call for help, and that a rule answers it, stand in the journal alone: whoever forces somebody may watch the log as well."""
    match record:
        case door.DuressUsed() | door.RuleRan(cause=door.DuressUsed.__name__):
            return True
        case _:
            return False


def _in_words(record: door.DoorRecord) -> str:
    """A record as one log line: its name and its fields, without the empty ones and those that say what they say most of the time."""
    words = [type(record).__name__]
    for name, field in record._asdict().items():
        if field in (None, "") or record._field_defaults.get(name) == field:
            continue
        match field:
            case Enum(value=value):
                words.append(f"{name}={value}")
            case float() as number:
                words.append(f"{name}={number:.3f}")
            case value:
                words.append(f"{name}={value}")
    return " ".join(words)
