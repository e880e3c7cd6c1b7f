"""Sees everything that the station promises and does, and says which promise was broken.

- Each press has exactly one outcome, also one that a killed process left open, and was offered to the journal before its first INVITE.
- Each leg that is placed or taken ends once.
- The locks' promises are `lock_witness`'s.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from firmware.door import events as door
from firmware.sip import events as sip
from hw.api import ButtonEdge, ContactEdge, HardwareEvent, RelayEdge
from hw.simulated import SimulatedBoard
from tests.sim.station.clockwork import Clock, VirtualLoop
from tests.sim.station.lock_witness import LockWitness

PROBLEMS_MAX = 50


class Witness:
    """`problems` are sentences with the time in front."""

    def __init__(self, clock: Clock, locks: LockWitness) -> None:
        self.clock = clock
        self.locks = locks
        self.problems: list[str] = locks.problems
        self.presses = 0
        self.outcomes: Counter[str] = Counter()
        self.records: Counter[str] = Counter()
        self.story: list[str] = []  # what happened since the last quiet moment, one line each
        self.ring_heard_s: list[float] = []  # when some phone rang
        self._offered: set[int] = set()  # presses that the journal has, or has refused
        self._last_durable = 0
        self._durable: dict[int, str] = {}  # presses that it has: their outcome, "" before
        self._open: set[int] = set()  # presses of this life without outcome
        self._last_before = 0  # the highest number that the journal had acknowledged before this life
        self._ended: dict[int, str] = {}  # presses of this life, and their outcome
        self._legs: set[str] = set()
        self._edges = 0  # presses of this life, by the wall
        self._pressed = 0  # … and by the door; flats are dialled without one
        self._loop: VirtualLoop | None = None

    def problem(self, text: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(f"{self.clock.now_s:.3f} {text}")

    def problem_at(self, at_s: float, text: str) -> None:
        """One that was noticed later than it happened."""
        self.problems.append(f"{at_s:.3f} {text}")

    def tell(self, text: str) -> None:
        self.story.append(f"{self.clock.now_s:12.4f}  {text}")

    # --- lives

    def begin_life(self, loop: VirtualLoop) -> None:
        self.tell("the process begins")
        self._loop = loop
        self._edges = self._pressed = 0
        self._legs.clear()
        self._last_before = self._last_durable
        self.locks.begin_life()

    def end_life(self, merged: int) -> None:
        self.tell("the process ends")
        self._look_for_failures()
        self._open.clear()
        self._ended.clear()
        self.locks.end_life()

    def interrupted(self, presses: Iterable[door.PressId]) -> None:
        """A new life has found these presses without outcome."""
        for press in presses:
            self.outcomes["INTERRUPTED"] += 1
            if self._durable.get(press):
                self.problem(f"press {press} was {self._durable[press]} and is interrupted now")
            self._durable[press] = "interrupted"

    def gave_up(self, why: str) -> None:
        self.problem(f"the station gave up: {why}")

    # --- the journal

    def written(self, records: tuple[door.DoorRecord, ...]) -> None:
        """The journal has answered for these."""
        for record in records:
            match record:
                case door.Pressed(press=press):
                    self._offered.add(press)
                    self._durable.setdefault(press, "")
                    self._last_durable = max(self._last_durable, press)
                case door.PressEnded(press=press, outcome=outcome):
                    self._durable[press] = outcome.name.lower()
                    self._last_durable = max(self._last_durable, press)
                case _:
                    pass
        self.locks.written(records, durable=True)

    def not_written(self, records: tuple[door.DoorRecord, ...]) -> None:
        """It could not, and the door goes on all the same."""
        self.tell(f"the journal refuses {', '.join(type(record).__name__ for record in records)}")
        self._offered |= {record.press for record in records if isinstance(record, door.Pressed)}
        self.locks.written(records, durable=False)

    # --- what the station does

    def observed(self, event: object) -> None:
        """A record, or an event of the wall or the sound."""
        if not isinstance(event, door.DoorRecord):
            return
        self.records[type(event).__name__] += 1
        self.tell(f"{event}")
        match event:
            case door.Pressed(press=press, flat=flat):
                self.presses += 1
                self._pressed += not flat
                # A number that no durable row bears may be given again by the next life.
                if press in self._open or press in self._ended or press <= self._last_before:
                    self.problem(f"press {press} happened twice")
                self._open.add(press)
            case door.PressEnded(press=press, outcome=outcome):
                self.outcomes[outcome.name] += 1
                if press not in self._open:
                    self.problem(f"press {press} has a second outcome, {outcome.name}, or was never pressed")
                self._open.discard(press)
                self._ended[press] = outcome.name.lower()
            case door.Ringing():
                self.ring_heard_s.append(self.clock.now_s)
            case _:
                pass
        self.locks.observed(event)

    def commanded(self, command: sip.Command) -> None:
        """The station is about to command its user agent."""
        self.tell(f"command {type(command).__name__} {getattr(command, 'call', '')}")
        if isinstance(command, sip.Invite):
            name, _, _ = command.call.partition(".")
            if name.startswith("p") and int(name[1:]) not in self._offered:
                self.problem(f"INVITE {command.call} before its press was in the journal")
            self._legs.add(command.call)
            self.locks.placed(command.call, str(command.target))

    def line_said(self, event: sip.Event) -> None:
        """The user agent tells the station."""
        if isinstance(event, sip.IncomingCall):
            self._legs.add(event.call)
        elif isinstance(event, sip.CallEnded):
            if event.call not in self._legs:
                self.problem(f"leg {event.call} ended twice, or never began")
            self._legs.discard(event.call)
        if not isinstance(event, sip.MediaAgreed):
            self.tell(f"event {type(event).__name__} {getattr(event, 'call', '')} {getattr(event, 'status', '')}")

    def wall_said(self, event: HardwareEvent, board: SimulatedBoard) -> None:
        """The wall tells the station."""
        match event:
            case ButtonEdge(pressed=True):
                self._edges += 1
                self.tell(f"the wall: {event.button} pressed")
            case ContactEdge():
                self.tell(f"the wall: {event.contact} {'active' if event.active else 'at rest'}")
                self.locks.contact_moved(event, board)
            case _:
                pass

    def relay_moved(self, event: RelayEdge) -> None:
        self.tell(f"relay {event.relay} {'closes' if event.closed else 'opens'}{'' if event.by is None else ' by ' + event.by}")
        self.locks.relay_moved(event)

    # --- quiet moments

    def check_quiet(self, merged: int) -> None:
        """Nothing goes on: every promise must have been kept by now. `merged` presses were the same wish as one that waited."""
        for press in self._open:
            self.problem(f"press {press} has no outcome")
        for leg in sorted(self._legs):
            self.problem(f"leg {leg} never ended")
        if not self._pressed <= self._edges <= self._pressed + merged:
            self.problem(f"{self._edges} presses at the wall, {self._pressed} at the door, {merged} merged")
        self._look_for_failures()

    def check_journal(self, path: Path) -> None:
        """The file itself: every press whose row was acknowledged is there, with the outcome that was; so is every press of this life, for
        what a full or hanging disk did not take at once waited in memory."""
        with sqlite3.connect(path) as connection:
            rows = dict(connection.execute("SELECT id, outcome FROM press"))
        connection.close()
        for press, outcome in self._durable.items():
            if press not in rows:
                self.problem(f"press {press} was acknowledged, and the journal has lost it")
            elif outcome and rows[press] != outcome:
                self.problem(f"press {press} was {outcome}, and is {rows[press]} in the journal")
        self._durable = {press: outcome for press, outcome in self._durable.items() if not outcome}
        for press, outcome in self._ended.items():
            if rows.get(press) != outcome:
                self.problem(f"press {press} ended as {outcome}, and the journal says {rows.get(press, 'nothing')}")
        self._ended.clear()

    def _look_for_failures(self) -> None:
        if self._loop is not None:
            for failure in self._loop.failures:
                self.problem(f"nobody caught {failure!r}")
            self._loop.failures.clear()
