"""The station: every room put together, started and stopped in order.

Start: the line is there already (see `line`); then the journal, the board, the door, the control socket. Stop: the door ends its calls, the
relays are let go, then everything that may wait for the network, within its bounds.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from firmware.app import fittings
from firmware.app.bridge_door import DoorBridge, LampGroup, LampKey, MenuEffect, Panel
from firmware.app.call_figures import CallFigures
from firmware.app.calls import Calls
from firmware.app.hooks import Hooks
from firmware.app.inbox import Inbox
from firmware.app.journal.journal import Journal
from firmware.app.last_run import found_late, left_in
from firmware.app.line import Line
from firmware.app.mailboxes import Mailboxes
from firmware.app.media_ports import MediaPorts
from firmware.app.messages import Messages
from firmware.app.observers import Observers
from firmware.app.presence import Presence
from firmware.app.quality_reports import QualityReports
from firmware.app.sound import SoundSystem
from firmware.app.supervise import Supervisor
from firmware.app.timers import Timers
from firmware.app.users.clerk import Clerk
from firmware.app.wall_clock import WallClock
from firmware.app.watchdog import Vital, audio_vital, task_vital
from firmware.app.wiring.accounts import listed_addresses, listed_uris
from firmware.app.wiring.call_media import call_media
from firmware.app.wiring.directory import directory, groups
from firmware.app.wiring.protection import Protections
from firmware.config.schema import Settings
from firmware.door import events as door
from firmware.door.state import Door
from firmware.errors import MediaError, RemoteProtocolError, UsersError
from firmware.ids import IdSource
from firmware.media import events as media
from firmware.sdp.codec_list import codec_list
from firmware.sip import events as sip
from firmware.sip.notices import RequestAnswered
from hw.api import Board, HardwareEvent

if TYPE_CHECKING:  # few doors have menus
    from firmware.app.voicexml.attendant import Attendant

log = logging.getLogger("portero.station")

CALLS_END_S_MAX = 1.5  # how long a stop waits for phones to confirm the end of calls
WARM_UP_AFTER_S = 1.0  # registered by then, and no visitor is so quick after a power cut
STEP_S = 0.02  # between two looks at whether they did


class Station:
    """A door that works. `failed` is a sentence when the station gave itself up and wants to be started anew."""

    def __init__(self, settings: Settings, *, line: Line, board: Board, ids: IdSource) -> None:
        """Must be made on a running event loop."""
        self.settings = settings
        self.line = line
        self.board = board
        self.loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        self.failed: str | None = None
        self.started_at_s = self.loop.time()
        self.health: dict[str, str] = {}  # what is wrong, by part
        self._figures = CallFigures()
        self.supervisor = Supervisor(time.monotonic, self._give_up)
        self.observers = Observers(self.supervisor)
        self.inbox = Inbox(self.loop.call_soon_threadsafe)
        audio = settings.audio
        self.sound = SoundSystem(
            lambda: board.sound,
            self.inbox.put,
            silent_after_s=settings.call.silence_limit_s,
            audio=audio,
            own=settings.sound,
            takes_messages=settings.message.take,
        )
        self._ports = MediaPorts(settings, self.inbox.put, lambda: line.addresses)
        self._protections = Protections(settings, self.sound.keyings.fingerprint)
        self.camera = fittings.camera(settings, self.inbox.put)
        self.pictures = fittings.pictures(settings, self.camera, self.sound, ids=ids, open_port=self._ports.open_picture)
        self.calls = Calls(
            command=line.command,
            tell=self.inbox.put,
            media=call_media(
                settings,
                sound=self.sound,
                open_port=self._ports.open,
                codecs=codec_list(audio.codecs, redundancy=audio.redundancy, comfort_noise=audio.comfort_noise),
                ids=ids,
                protections=self._protections,
                picture=self.pictures if settings.camera.in_calls else None,
            ),
            listed=listed_addresses(settings),
            targets=listed_uris(settings),
        )
        self.wall_clock = WallClock(settings.station.timezone)
        self.hooks = Hooks(settings, self.inbox.put, self.supervisor)
        self.messages = Messages(line.command, self.inbox.put)
        users = settings.users
        self.clerk = Clerk(Path(users.path), Path(users.key), groups=groups(settings), clock=time.time, tell=self.inbox.put)
        self._journal: Journal | None = None
        self._before = door.Start()
        self._presence = Presence(settings)
        self.mailboxes = Mailboxes(settings)
        self._quality = QualityReports(settings, ids.uint32, time.time)
        self.pages = fittings.pages(settings, self.sound, self.calls)
        self._attendant: Attendant | None = None
        self._let_fittings_hear()
        self._bridge: DoorBridge | None = None
        self._warming: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None

    def _let_fittings_hear(self) -> None:
        for keeper in fittings.keepers(self.settings, self.camera, self.sound, self.inbox.put, self.loop):
            self.observers.add_listener(keeper)
        for fitting in (self.pictures, self.pages):
            if fitting is not None:
                self.observers.add_listener(fitting.on_event)

    # --- life -------------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the journal, start the board, let the door work. Raises HardwareError when a configured device is missing."""
        self._journal = self._open_journal()
        before = left_in(self._journal)
        self._before = before.start
        self.inbox.put(before.start)
        if before.wrong is not None:
            self.inbox.put(before.wrong)
        self.loop.set_exception_handler(lambda _loop, context: self.supervisor.loop_exception(context))
        threading.excepthook = self._thread_died
        self.board.start(self.inbox.put)
        self._bridge = DoorBridge(
            Door(directory=directory(self.settings), next_press=before.next_press),
            inbox=self.inbox,
            journal=self._journal,
            phone=self.calls,
            panel=self._panel(),
            timers=lambda fire: Timers(self.loop, fire),
            supervisor=self.supervisor,
            observe=self.observe,
            send=self._send,
            attend=self._attend,
            ask=self.clerk.ask,
            local=self.wall_clock.local,
        )
        self._work = self.loop.create_task(self._bridge.run())
        await self._read_users()
        self._work.add_done_callback(self._work_ended)
        self.line.attach(self.supervisor.guarded("line", self._on_line))
        self._ports.start()
        if self.pages is not None:
            self.pages.start()
        self._warming = self.loop.call_later(WARM_UP_AFTER_S, self._warm_up)

    async def stop(self) -> None:
        """Calls ended, relays let go, registrations removed, journal closed; in a few seconds whatever the network does."""
        if self._warming is not None:
            self._warming.cancel()
        if self._bridge is not None:
            self.inbox.put(door.Operate(verb=door.Verb.STOP))
            await self._until(lambda: self.bridge.idle and not self.calls.legs, CALLS_END_S_MAX)
        for lock in self.settings.lock:
            self.board.relay(lock.name).release()
        self.hooks.close()
        if self._attendant is not None:
            self._attendant.close()
        self._ports.close()
        if self.pages is not None:
            self.pages.close()
        if self.pictures is not None:
            self.pictures.close()
        with suppress(MediaError):  # a card that hangs: the process ends, and its thread with it
            self.sound.close()
        self.board.close()
        await self.line.stop()
        if self._bridge is not None and self._work is not None:
            await self._until(lambda: self.bridge.idle, CALLS_END_S_MAX)  # the relays' last words
            self._bridge.stop()
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work
        await self.clerk.close()
        if self._journal is not None:
            await self._journal.close()
            log.info("the journal ends at %s", self._journal.head)
        threading.excepthook = threading.__excepthook__

    @property
    def bridge(self) -> DoorBridge:
        assert self._bridge is not None, "the station was not started"
        return self._bridge

    @property
    def journal(self) -> Journal:
        assert self._journal is not None, "the station was not started"
        return self._journal

    @property
    def vitals(self) -> tuple[Vital, ...]:
        """What the watchdog asks."""
        return audio_vital(self.sound.last_period_ns), task_vital("the door", lambda: self.bridge.busy_since_ns)

    # --- observers --------------------------------------------------------------------------------------------------------

    def observe(self, event: object) -> None:
        """Something has happened: a record, or an event of SIP, media or hardware."""
        match event:
            case media.StreamSilent(call=call) | media.KeyingFailed(call=call) | media.ConsentLost(call=call):
                self.calls.lost(call)
            case media.QualityMeasured(quality=quality, final=True):
                for report in self._quality.measured(quality):
                    self.line.command(report)
            case door.HealthChanged(part=part, working=working, detail=detail):
                if working:
                    self.health.pop(part, None)
                else:
                    self.health[part] = detail
            case _:
                pass
        at_s = event.at_ns / 1e9 if isinstance(event, HardwareEvent | media.MediaEvent) else self.loop.time()
        self._figures.note(event, at_s)
        if isinstance(event, media.QualityMeasured) and event.final:
            self.inbox.put(self._figures.measured(event.quality))
        self.observers.tell(at_s, event)

    async def wait_for(self, wanted: Callable[[object], bool], limit_s: float) -> object | None:
        """The first event from now on that is wanted, or None when the time is over."""
        return await self.observers.wait_for(wanted, limit_s)

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _open_journal(self) -> Journal:
        """The journal, if need be without its file: a door with a full disk still rings, opens and says what is wrong."""
        wanted = self.settings.journal
        return Journal(
            Path(wanted.path),
            rows_max=wanted.rows_max,
            keep_days=wanted.keep_days,
            tell=self.inbox.put,
            found_late=lambda: self.inbox.put(found_late(self.journal, self._before)),
        )

    async def _read_users(self) -> None:
        """Read the store of users. Without it codes and cards of the configuration still open."""
        try:
            await self.clerk.reload()
        except UsersError as error:
            log.error("%s", error)
            self.inbox.put(door.HealthChanged(part="users", working=False, detail=str(error)))

    def _panel(self) -> Panel:
        groups: dict[LampKey, LampGroup] = {}
        for lamp in self.settings.lamp:
            which = door.LampName(lamp.name) if lamp.shows == "profile" else door.LampRole(lamp.shows)
            groups[which] = (*groups.get(which, ()), (self.board.lamp(lamp.name), lamp.blink_period_s))
        relays = {lock.name: self.board.relay(lock.name) for lock in self.settings.lock}
        return Panel(relays, groups, self._play)

    def _play(self, sound: door.Sound) -> None:
        try:
            self.sound.play(sound)
        except MediaError as error:
            self.inbox.put(door.HealthChanged(part="sound", working=False, detail=str(error)))

    def _warm_up(self) -> None:
        """Load what the first press will need, so that its INVITE waits for nothing."""
        try:
            self.sound.warm_up()
            self._protections.warm_up()
            if self.settings.menu:
                self._with_attendant()  # a second of a small board's time, which no caller shall wait for
        except MediaError as error:
            self.inbox.put(door.HealthChanged(part="sound", working=False, detail=str(error)))

    def _on_line(self, event: sip.Event) -> None:
        self.observe(event)
        for command in (*self._presence.on_event(event), *self.mailboxes.on_event(event)):
            self.line.command(command)
        if isinstance(event, sip.CallAnswered):
            self._quality.answered(event, str(self.calls.digits_of(event.call)))
        elif isinstance(event, sip.MediaAgreed):
            self._quality.agreed(event.session, str(self.calls.digits_of(event.call)))
        match event:
            case sip.Registered(account=account):
                self._account_health(account, working=True, detail="registered")
            case sip.RegistrationFailed(account=account, detail=detail):
                self._account_health(account, working=False, detail=detail)
            case sip.InfoReceived(content_type="application/media_control+xml"):
                pass  # whoever has a camera observes it
            case sip.InfoReceived():
                self._on_info(event)
            case RequestAnswered():
                self.messages.on_answer(event)
            case _:
                self.calls.on_event(event)

    def _send(self, effect: door.Request | door.Message) -> None:
        if isinstance(effect, door.Request):
            self.hooks.request(effect)
        else:
            self.messages.send(effect)

    def _attend(self, effect: MenuEffect) -> None:
        self._with_attendant().obey(effect)

    def _with_attendant(self) -> Attendant:
        if self._attendant is None:
            from firmware.app.voicexml.attendant import Attendant

            self._attendant = Attendant(self)
        return self._attendant

    def _account_health(self, account: str, *, working: bool, detail: str) -> None:
        """News only: an account that stays unreachable is one entry in the journal, not one a minute."""
        part = f"account {account}"
        if (part in self.health) == working or (not working and self.health.get(part) != detail):
            self.inbox.put(door.HealthChanged(part=part, working=working, detail=detail))

    def _on_info(self, event: sip.InfoReceived) -> None:
        from firmware.sip.body.dtmf_relay import decode

        try:
            digit = decode(event.body).sign
        except RemoteProtocolError as error:
            log.info("an INFO in call %s is no digit: %s", event.call, error)
            return
        self.inbox.put(door.DigitHeard(call=self.calls.digits_of(event.call), digit=digit, way=door.DigitWay.INFO))

    def _work_ended(self, work: asyncio.Task[None]) -> None:
        if not work.cancelled():
            self._give_up("the door's work has ended by itself")

    def _thread_died(self, death: threading.ExceptHookArgs) -> None:
        """On the dying thread. Sound, relays and readers have one thread each, which nobody here can replace: the process can."""
        if death.exc_value is not None and death.thread is not None:
            self.loop.call_soon_threadsafe(self._end_with_thread, death.thread.name, death.exc_value)

    def _end_with_thread(self, name: str, error: BaseException) -> None:
        self.supervisor.failed(f"thread {name}", error)
        self._give_up(f"the thread {name} has died")

    def _give_up(self, why: str) -> None:
        log.critical("the station gives up and wants to be started anew: %s", why)
        self.failed = why
        self.ended.set()

    async def _until(self, done: Callable[[], bool], limit_s: float) -> None:
        """Only for the stop: looks every STEP_S, for nothing there is worth an event of its own."""
        deadline_s = self.loop.time() + limit_s
        while not done() and self.loop.time() < deadline_s:
            await asyncio.sleep(STEP_S)
