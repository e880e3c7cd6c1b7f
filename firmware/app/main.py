"""`portero run`: the composition root, from a settings file to a working station and back to nothing.

The order of the imports is the order of the start: only what a REGISTER needs stands above; everything else is imported after it has left.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from firmware.app import logs
from firmware.app.line import SipLine
from firmware.app.notify import Notifier, watchdog_interval_s
from firmware.app.orphans import end_orphans
from firmware.app.signals import Signals, hold_reload
from firmware.config.load import load
from firmware.config.schema import Settings
from firmware.errors import PorteroError
from firmware.ids import SystemIds

if TYPE_CHECKING:
    from firmware.app.control.server import ControlServer
    from firmware.app.outlets.opened import Outlets
    from firmware.app.reload import Reload
    from firmware.app.station import Station
    from hw.api import Board

log = logging.getLogger("portero")

EXIT_OK, EXIT_FAILED = 0, 1
EXIT_CONFIG = 78  # EX_CONFIG of sysexits(3)


class RunOptions(NamedTuple):
    """What the command line says. `microphone` and `speaker` are WAV files of a simulated panel."""

    config: Path
    simulate: bool = False
    microphone: Path | None = None
    speaker: Path | None = None
    log_level: str = "info"


class Run:
    """One life of the daemon. `again` is set when it ended to begin anew with a changed configuration."""

    def __init__(self, options: RunOptions, settings: Settings, notifier: Notifier) -> None:
        self._options = options
        self._settings = settings
        self._notifier = notifier
        self.again = False

    async def serve(self) -> int:
        """Start, work until told to stop, stop in order."""
        ids = SystemIds()
        line = SipLine(self._settings, ids)
        await line.start()
        await line.first_send()
        from firmware.app.machine_watch import MachineWatch
        from firmware.app.station import Station
        from firmware.app.watchdog import Watchdog
        from hw.api import HardwareError

        try:
            station = Station(self._settings, line=line, board=self._board(), ids=ids)
            await station.start()
        except HardwareError as error:
            log.critical("%s", error)
            await line.stop()
            return EXIT_FAILED
        control = await self._control(station)
        outlets = await self._outlets(station)
        station.observers.add(lambda _at_s, event: self._show_status(station, event))
        reload = self._reload(station, line)
        station.observers.add(lambda _at_s, event: self._heed_order(station, event, reload))
        signals = self._signals(station, reload)
        interval_s = watchdog_interval_s(os.environ)
        watchdog = Watchdog(self._notifier, interval_s or 0.0, station.vitals, time.monotonic_ns)
        if interval_s is not None:
            watchdog.start()
        machine = MachineWatch(station.inbox.put, Path(self._settings.journal.path).parent)
        machine.start()
        log.info("ready on SIP port %d", line.port)
        gc.collect()  # what imports left behind, half a megabyte, which freezing would keep for good
        gc.freeze()  # the program itself is never garbage: no collection in the middle of a call has to look at it
        gc.enable()
        self._notifier.ready(status_line(station))
        await station.ended.wait()
        if not self.again:
            self._notifier.stopping()
        watchdog.stop()
        machine.stop()
        if outlets is not None:
            await outlets.close()
        await control.close()
        await station.stop()
        signals.close()
        return EXIT_OK if station.failed is None else EXIT_FAILED

    def _board(self) -> Board:
        from firmware.app.wiring.board import board_settings

        wires = board_settings(self._settings, simulated=self._options.simulate)
        if not self._options.simulate:
            from firmware.app.release import note_relays
            from hw.build import build_board

            if "RUNTIME_DIRECTORY" in os.environ:
                note_relays(wires.relays, Path(os.environ["RUNTIME_DIRECTORY"]))
            return build_board(wires)
        from hw.microphone import Recording
        from hw.simulated import SimulatedBoard

        microphone = None if self._options.microphone is None else Recording(self._options.microphone)
        return SimulatedBoard(wires, microphone=microphone, speaker_wav=self._options.speaker)

    async def _control(self, station: Station) -> ControlServer:
        """The control socket; a station whose socket cannot be had works without one."""
        from firmware.app.control.notice_verbs import NOTICE_VERBS
        from firmware.app.control.protocol import Json, Request, event_line
        from firmware.app.control.server import ControlServer
        from firmware.app.control.user_verbs import USER_VERBS
        from firmware.app.control.verbs import VERBS, perform

        verbs = VERBS | NOTICE_VERBS | USER_VERBS
        if self._options.simulate:
            from firmware.app.control.simulated_verbs import simulated_verbs
            from hw.simulated import SimulatedBoard

            assert isinstance(station.board, SimulatedBoard)
            verbs |= simulated_verbs(station.board)

        async def handle(request: Request) -> Json:
            return await perform(station, verbs, request)

        server = ControlServer(Path(self._settings.control.socket), handle, time.monotonic)
        try:
            await server.start()
        except OSError as error:
            log.error("no control socket at %s: %s", self._settings.control.socket, error)
        station.observers.add(lambda at_s, event: server.publish(event_line(event, at_s)) if server.followed else None)
        return server

    async def _outlets(self, station: Station) -> Outlets | None:
        """Web server, MQTT and RTSP, for houses that want them."""
        if not self._settings.web.enabled and self._settings.mqtt.broker is None and not self._settings.rtsp.port:
            return None
        from firmware.app.outlets.opened import Outlets

        outlets = Outlets(station)
        await outlets.start()
        return outlets

    def _reload(self, station: Station, line: SipLine) -> Reload:
        from firmware.app.reload import Reload

        def begin() -> None:
            if station.ended.is_set():  # whoever wants the end has it
                return
            log.info("reloading %s", self._options.config)
            self.again = True
            self._notifier.reloading()
            station.ended.set()

        return Reload(self._options.config, line.ports, begin)

    def _signals(self, station: Station, reload: Reload) -> Signals:
        def end() -> None:
            self.again = False
            station.ended.set()

        return Signals({signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: reload.ask})

    def _heed_order(self, station: Station, event: object, reload: Reload) -> None:
        """A registrar that sends `check-sync` wants the settings read anew; a call that runs is worth more."""
        from firmware.door.state import Idle
        from firmware.sip.notices import ResyncRequested

        if not isinstance(event, ResyncRequested):
            return
        if isinstance(station.bridge.state.call, Idle):
            reload.ask()
        else:
            log.warning("account %s asks for a new start; not during a call", event.account)

    def _show_status(self, station: Station, event: object) -> None:
        from firmware.door.events import Answered, CallEnded, HealthChanged, PressEnded, Ringing
        from firmware.sip.events import Registered, RegistrationFailed

        if isinstance(event, Registered | RegistrationFailed | HealthChanged | Ringing | Answered | CallEnded | PressEnded):
            self._notifier.status(status_line(station))


def status_line(station: Station) -> str:
    """One line for `systemctl status`: accounts, call, what is wrong."""
    accounts = [f"{name}: {each.detail}" for name, each in station.line.registrations.items()] or ["no account"]
    call = type(station.bridge.state.call).__name__.lower()
    ills = [f"{part}: {detail}" for part, detail in station.health.items() if not part.startswith("account ")]
    return "; ".join([*accounts, call, *ills])


def run(options: RunOptions) -> int:
    """Run the daemon until it is told to stop; the exit code. Returns EXIT_CONFIG when the configuration has mistakes."""
    hold_reload()
    logs.set_up(os.environ, level=options.log_level)
    end_orphans()
    try:
        settings = load(options.config)
    except PorteroError as error:
        log.critical("%s", error)
        return EXIT_CONFIG
    log.info("configuration %s", options.config)
    for warning in settings.warnings:
        log.warning("%s", warning)
    notifier = Notifier.from_environment(os.environ)
    life = Run(options, settings, notifier)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # asyncio makes SIGINT its own only where nobody has said what is to become of it
    try:
        code = asyncio.run(life.serve())
    except PorteroError as error:  # the port is taken, no socket: what cannot be cured by going on
        log.critical("%s", error)
        return EXIT_FAILED
    finally:
        notifier.close()
        if not life.again:
            end_orphans()
    if life.again:
        import sys

        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- ourselves, with our own arguments
    return code
