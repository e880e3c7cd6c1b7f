"""One life of the station's process: the real door, bridge, calls, inbox, timers, journal, board and user agent on a virtual loop.

What `app/station` and `app/line` do around sockets, threads and the sound card is done here with the simulator's; every decision in between
is made by the code that runs on the wall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware.app.bridge_door import DoorBridge, LampGroup, LampKey, Panel
from firmware.app.calls import Calls
from firmware.app.inbox import Inbox
from firmware.app.last_run import found_late, left_in
from firmware.app.leg_media import LegMedia
from firmware.app.supervise import Supervisor
from firmware.app.timers import Timers
from firmware.app.wall_clock import WallClock
from firmware.app.wiring.accounts import agent_settings
from firmware.app.wiring.board import board_settings
from firmware.app.wiring.directory import directory, groups
from firmware.config.schema import Settings
from firmware.door import events as door
from firmware.door.state import Door
from firmware.errors import RemoteProtocolError
from firmware.ids import SeededIds
from firmware.media import events as media
from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT
from firmware.sip import events as sip
from firmware.sip.agent import Agent
from firmware.sip.body.dtmf_relay import decode
from hw.api import HardwareEvent, RelayEdge
from hw.simulated import SimulatedBoard, SimulatedRelay
from tests.sim.network import Node
from tests.sim.station.clockwork import VirtualLoop
from tests.sim.station.disk import Disk, MortalClerk, WitnessedJournal
from tests.sim.station.sound import PaperSound
from tests.sim.station.town import Town
from tests.sim.station.witness import Witness

EPOCH_S = 1_767_600_000.0  # the world's second 0 by the wall clock: Monday 2026-01-05, early in the morning


@dataclass(slots=True)
class Site:
    """Everything that outlives a process."""

    town: Town
    settings: Settings
    disk: Disk
    witness: Witness
    host: str
    lives: int = 0
    contacts: dict[str, bool] = field(default_factory=dict)  # how the switches stand

    @property
    def path(self) -> Path:
        return Path(self.settings.journal.path)

    def wall_s(self) -> float:
        return EPOCH_S + self.town.now_s


class Opener:
    """A relay whose deadline the world keeps: after each verb it is looked at anew."""

    def __init__(self, relay: SimulatedRelay, keep: Callable[[], None]) -> None:
        self._relay = relay
        self._keep = keep

    def pulse(self, duration_s: float) -> None:
        self._relay.pulse(duration_s)
        self._keep()

    def hold(self) -> None:
        self._relay.hold()

    def release(self) -> None:
        self._relay.release()

    def block(self, *, exits: bool) -> None:
        self._relay.block(exits=exits)

    def unblock(self) -> None:
        self._relay.unblock()


class Life:
    """A running station. It begins with its making and ends with `kill`."""

    def __init__(self, site: Site) -> None:
        site.lives += 1
        self.site = site
        self.town, self.witness = site.town, site.witness
        chance = self.town.random
        self.loop = VirtualLoop(self.town, site.disk)
        self.witness.begin_life(self.loop)
        ids = SeededIds(chance.getrandbits(32))
        self.node: Node = self.town.place(site.host, Agent(agent_settings(site.settings), ids, self.town.now_s))
        self.node.on_event = self._on_line
        self.inbox = Inbox(self.loop.call_soon_threadsafe)
        self.supervisor = Supervisor(self.loop.time, self.witness.gave_up)
        self.sound = PaperSound()
        self.health: dict[str, str] = {}
        self.calls = Calls(
            command=self._command,
            tell=self.inbox.put,
            media=LegMedia(
                sound=self.sound,
                open_port=self.sound.open_port,
                codecs=(PCMA, PCMU, TELEPHONE_EVENT),
                ptime_ms=20,
                session_id=ids.uint32,
            ),
        )
        users = site.settings.users
        self.clerk = MortalClerk(Path(users.path), Path(users.key), groups=groups(site.settings), clock=site.wall_s, tell=self.inbox.put)
        self.board = SimulatedBoard(board_settings(site.settings, simulated=True), now_ns=self._now_ns)
        self._board_due_ns: int | None = None
        for contact, active in site.contacts.items():
            self.board.set_contact(contact, active=active)
        self.journal = WitnessedJournal(
            site.path,
            clock=site.wall_s,
            disk=site.disk,
            witness=self.witness,
            tell=self.inbox.put,
            found_late=lambda: self.inbox.put(found_late(self.journal, before.start)),
        )
        before = left_in(self.journal)
        self.witness.interrupted(before.interrupted)
        self.inbox.put(before.start)
        if before.wrong is not None:
            self.inbox.put(before.wrong)
        self.board.start(self._on_board)
        self.bridge = DoorBridge(
            Door(directory=directory(site.settings), next_press=before.next_press),
            inbox=self.inbox,
            journal=self.journal,
            phone=self.calls,
            panel=self._panel(),
            timers=self._timers,
            supervisor=self.supervisor,
            observe=self._observe,
            ask=self.clerk.ask,
            clock_s=self.loop.time,
            local=WallClock(site.settings.station.timezone, site.wall_s).local,
        )
        self._work = self.loop.create_task(self.bridge.run())
        self._reading = self.loop.create_task(self.clerk.reload())
        for account in site.settings.account:
            self.town.command(self.node, sip.Register(account=sip.AccountName(account.name)))
        self.keep_board()

    def kill(self) -> None:
        """The process ends here and now. The kernel lets go of its lines, and with them of the relays."""
        self.town.kill(self.node)
        self.loop.die()
        self.board.close()
        self.journal.abandon()
        self.clerk.abandon()
        self.site.disk.forget()
        self.witness.end_life(self.inbox.presses_merged)

    # --- the wall

    def touch(self, verb: Callable[[SimulatedBoard], None]) -> None:
        """Do something at the panel."""
        verb(self.board)
        self.keep_board()

    def switch(self, contact: str, *, active: bool) -> None:
        """A contact moves; the next life finds it so."""
        self.site.contacts[contact] = active
        self.touch(lambda board: board.set_contact(contact, active=active))

    def keep_board(self) -> None:
        """Let the world wake the board when it has something to do by itself, as the board's own thread does on the wall."""
        due_ns = self.board.next_deadline_ns()
        if due_ns is None or self.loop.is_dead or (self._board_due_ns is not None and self._board_due_ns <= due_ns):
            return
        self._board_due_ns = due_ns
        self.town.at(max(0.0, due_ns / 1e9 - self.town.now_s), self._board_due)

    def _board_due(self) -> None:
        self._board_due_ns = None
        if not self.loop.is_dead:
            self.board.run_due()
            self.keep_board()

    def _now_ns(self) -> int:
        return round(self.town.now_s * 1e9)

    def _on_board(self, event: HardwareEvent) -> None:
        if isinstance(event, RelayEdge):
            self.witness.relay_moved(event)
        else:
            self.witness.wall_said(event, self.board)
        if not self.loop.is_dead:
            self.inbox.put(event)

    def _panel(self) -> Panel:
        relays = {lock.name: Opener(self.board.relay(lock.name), self.keep_board) for lock in self.site.settings.lock}
        lamps: dict[LampKey, LampGroup] = {
            door.LampRole(lamp.shows): ((self.board.lamp(lamp.name), lamp.blink_period_s),) for lamp in self.site.settings.lamp
        }
        return Panel(relays, lamps, lambda sound: None)

    def _timers(self, fire: Callable[[door.TimerKey], None]) -> Timers[door.TimerKey]:
        self.timers = Timers(self.loop, fire)
        return self.timers

    # --- the line, as `app.station` has it

    def _command(self, command: sip.Command) -> None:
        self.witness.commanded(command)
        self.town.command(self.node, command)

    def _on_line(self, event: sip.Event) -> None:
        self.witness.line_said(event)
        match event:
            case sip.Registered(account=account):
                self._account_health(account, working=True, detail="registered")
            case sip.RegistrationFailed(account=account, detail=detail):
                self._account_health(account, working=False, detail=detail)
            case sip.InfoReceived(call=call, body=body):
                try:
                    digit = decode(body).sign
                except RemoteProtocolError:
                    return
                self.inbox.put(door.DigitHeard(call=door.CallName(call), digit=digit, way=door.DigitWay.INFO))
            case _:
                self.calls.on_event(event)

    def _account_health(self, account: str, *, working: bool, detail: str) -> None:
        part = f"account {account}"
        if (part in self.health) == working or (not working and self.health.get(part) != detail):
            self.inbox.put(door.HealthChanged(part=part, working=working, detail=detail))

    def _observe(self, event: object) -> None:
        match event:
            case media.StreamSilent(call=call):
                self.calls.lost(call)
            case door.HealthChanged(part=part, working=working, detail=detail):
                if working:
                    self.health.pop(part, None)
                else:
                    self.health[part] = detail
            case _:
                pass
        self.witness.observed(event)
