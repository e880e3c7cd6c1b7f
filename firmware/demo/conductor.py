"""Conducts the demo: builds the door as `portero run --simulate` does, has its button pressed, and notes everything that happens.

The door is the product's own composition (`app.station`) on a board in memory; the phone is another process; between them are real UDP
sockets on the loopback network, and a real Kamailio when asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from firmware.app.line import SipLine
from firmware.app.station import Station
from firmware.app.wiring.board import board_settings
from firmware.config.load import load
from firmware.demo.evidence import Message
from firmware.demo.kamailio import KamailioServer
from firmware.demo.ladder import CALL_METHODS, method_of
from firmware.demo.phone import Orders
from firmware.demo.resident import Report, ResidentPhone
from firmware.demo.speaking import RESIDENT, VISITOR, SpeakingMicrophone, seconds_of
from firmware.demo.watched_board import WatchedBoard
from firmware.door import events as door
from firmware.errors import PorteroError
from firmware.ids import SystemIds
from firmware.media.recorder import Recorder
from firmware.net.runner import TraceEntry
from firmware.sip import events as sip

CODE: Final = "4711"
RING_S: Final = 1.0  # how long the phone rings
BREATH_S: Final = 0.3  # before somebody speaks
TALK_RATE_HZ: Final = 8000
PULSE_S: Final = 3.0
FILM: Final = Path(__file__).with_name("picture") / "door.h264"
PICTURES, FRAMES = "pictures", "phone.i420"  # in the demo's folder: of the ring, and what the phone showed until the report is made of it
START_S_MAX: Final = 10.0  # a slow board loads two interpreters meanwhile
CALL_S_MAX: Final = 40.0  # the call takes 17

CONFIGURATION: Final = """\
# The configuration of the door in this demo, as `portero run --simulate` would take it.
[station]
name = "Front door"

[network]
bind = "127.0.0.1"
sip_port = 0
rtp_ports = [40000, 49999]
{account}
[[target]]
name = "flat-1"
uri = "{target}"{through}

[[button]]
name = "front"
targets = ["flat-1"]
gpio = 17

[[lock]]
name = "front"
gpio = 23
pulse_s = {pulse_s}
max_closed_s = 10

[[code]]
name = "flat-1"
code = "{code}"

[[lamp]]
name = "ring"
gpio = 24
shows = "ring"
blink_period_s = 0.5

[[lamp]]
name = "talk"
gpio = 25
shows = "talk"

[[lamp]]
name = "open"
gpio = 27
shows = "open"

[audio]
rate_hz = {rate_hz}
codecs = ["PCMU", "PCMA"]

[camera]
source = "file"
device = "{film}"
size = "480x360"
fps = 10
bitrate_kbps = 300
path = "{pictures}"

[call]
hangup_after_open_s = 4

[journal]
path = "{journal}"

[control]
socket = "{control}"
"""

ACCOUNT: Final = """
[[account]]
name = "house"
uri = "sip:door@{pbx}"
password = "{secret}"
expires_s = 60
"""

Heard = Callable[[str, float, str], None]  # what happened, monotonic seconds, detail


class Notes:
    """Everything that was seen, with monotonic times; `assembly` makes the evidence of it."""

    def __init__(self) -> None:
        self.pressed_s = 0.0
        self.trace: list[TraceEntry] = []
        self.events: list[tuple[float, object]] = []
        self.reports: list[Report] = []
        self.board: WatchedBoard | None = None
        self.door_recorder: Recorder | None = None
        self.pbx: KamailioServer | None = None
        self.phone_port = 0
        self.processor_s = 0.0
        self.problems: list[str] = []


class Conductor:
    """One run. `heard` is told of each step as it happens."""

    def __init__(self, out: Path, heard: Heard) -> None:
        self._out = out
        self._heard = heard
        self._notes = Notes()
        self._ids = SystemIds()
        self._door_secret, self._phone_secret = self._ids.nonce(), self._ids.nonce()  # of this run, when a server asks for them
        self._microphone = SpeakingMicrophone(TALK_RATE_HZ)
        self._ended = asyncio.Event()

    async def run(self, *, pbx: str | None) -> Notes:
        """Everything from start to stop. Raises PorteroError when it cannot even begin; what is missing later stands in the evidence."""
        notes = self._notes
        self._out.mkdir(parents=True, exist_ok=True)
        async with contextlib.AsyncExitStack() as stack:
            if pbx is not None:
                accounts = {"door": self._door_secret, "resident": self._phone_secret}
                notes.pbx = await stack.enter_async_context(KamailioServer(accounts, host="127.0.0.2"))
                self._heard("Kamailio", time.monotonic(), f"{notes.pbx.version} answers at {notes.pbx.host}:{notes.pbx.port}")
            phone = ResidentPhone(self._orders(), self._on_report)
            stack.push_async_callback(phone.stop)
            await phone.start()
            notes.phone_port = (await phone.wait_for("listening", START_S_MAX)).facts["port"]
            if pbx is not None:
                await phone.wait_for("registered", START_S_MAX)
            self._heard("phone", time.monotonic(), f"a second process of ours, SIP port {notes.phone_port}")
            station = await self._door(stack)
            await self._one_call(station, phone)
            notes.processor_s = time.process_time()
        notes.reports = phone.reports
        return notes

    async def _door(self, stack: contextlib.AsyncExitStack) -> Station:
        for old in (*self._out.glob("journal.db*"), *(self._out / PICTURES).glob("*.jpg")):
            old.unlink()  # the report is about this run alone
        path = self._out / "portero.toml"
        path.write_text(self._configuration())
        settings = load(path)
        line = SipLine(settings, self._ids, on_trace=self._on_trace)
        await line.start()
        board = WatchedBoard(board_settings(settings, simulated=True), microphone=self._microphone)
        self._notes.board = board
        station = Station(settings, line=line, board=board, ids=self._ids)
        await station.start()
        stack.push_async_callback(station.stop)
        if settings.account and not line.registrations["house"].working:
            registered = await station.wait_for(lambda event: isinstance(event, sip.Registered), START_S_MAX)
            if registered is None:
                raise PorteroError(f"the door did not register: {line.registrations['house'].detail}")
        self._heard("door", time.monotonic(), f"the station itself on simulated pins, SIP port {line.port}")
        station.observers.add(lambda at_s, event: self._on_event(station, at_s, event))
        return station

    async def _one_call(self, station: Station, phone: ResidentPhone) -> None:
        notes = self._notes
        assert notes.board is not None
        notes.pressed_s = time.monotonic()
        notes.board.press("front")
        self._heard("press", notes.pressed_s, "a finger on the simulated pin of button `front`")
        try:
            async with asyncio.timeout(CALL_S_MAX):
                await self._ended.wait()
            await phone.wait_until_ended(START_S_MAX)
        except TimeoutError:
            notes.problems.append(f"the call did not end within {CALL_S_MAX:.0f} s")
        except PorteroError as error:
            notes.problems.append(str(error))
        if notes.door_recorder is not None:
            station.sound.engine.record(None)
            notes.door_recorder.wait(START_S_MAX)

    def _on_event(self, station: Station, at_s: float, event: object) -> None:
        self._notes.events.append((at_s, event))
        if isinstance(event, sip.CallAnswered) and self._notes.door_recorder is None:
            recorder = Recorder(self._out / "door.wav")
            self._notes.door_recorder = recorder
            station.sound.engine.record(recorder)
            station.loop.call_later(BREATH_S, self._microphone.say, VISITOR)
        elif isinstance(event, door.PressEnded):
            self._ended.set()
        told = in_words(event)
        if told is not None:
            self._heard(told[0], at_s, told[1])

    def _on_trace(self, entry: TraceEntry) -> None:
        self._notes.trace.append(entry)
        arrow, message = ("->" if entry.sent else "<-"), Message(0.0, "", "", entry.data.decode("utf-8", "replace"))
        if self._notes.pressed_s and method_of(message) in CALL_METHODS:
            self._heard(f"{arrow} {message.label}", entry.at_s, "")

    def _on_report(self, report: Report) -> None:
        at_s = report.at_ns / 1e9
        if report.kind == "first audio":
            self._heard("first audio", at_s, "the resident hears the visitor")
        elif report.kind == "first picture":
            self._heard("first picture", at_s, "the resident sees the visitor")
        elif report.kind == "digits":
            self._heard("keys", at_s, f"the resident presses {report.facts['text']}")
        elif report.kind == "problem":
            self._notes.problems.append(f"at the phone: {report.facts['text']}")

    def _orders(self) -> Orders:
        visitor_s, resident_s = seconds_of(VISITOR), seconds_of(RESIDENT)
        reply_s = BREATH_S + visitor_s + BREATH_S
        pbx = self._notes.pbx
        return Orders(
            bind_host="127.0.0.1",
            user="resident",
            secret=self._phone_secret,
            registrar="" if pbx is None else f"sip:{pbx.host}:{pbx.port}",
            answer_after_s=RING_S,
            reply_after_s=reply_s,
            digits_after_s=reply_s + resident_s + BREATH_S,
            digits=CODE,
            goodbye_after_s=reply_s + resident_s + BREATH_S + 1.6,
            recording=str(self._out / "phone.wav"),
            frames=str(self._out / FRAMES),
        )

    def _configuration(self) -> str:
        pbx = self._notes.pbx
        server = f"{pbx.host}:{pbx.port}" if pbx else ""
        return CONFIGURATION.format(
            account=ACCOUNT.format(pbx=server, secret=self._door_secret) if pbx else "",
            target=f"sip:resident@{server}" if pbx else f"sip:resident@127.0.0.1:{self._notes.phone_port}",
            through='\naccount = "house"' if pbx else "",
            pulse_s=PULSE_S,
            code=CODE,
            rate_hz=TALK_RATE_HZ,
            journal=self._out / "journal.db",
            control=self._out / "control.sock",
            film=FILM,
            pictures=self._out / PICTURES,
        )


def in_words(event: object) -> tuple[str, str] | None:
    """What the terminal shows of an event of the door; None for what it shows otherwise or not at all."""
    from firmware.media import events as media
    from hw import api as hw

    match event:
        case hw.ButtonEdge(button=button, pressed=True):
            return "button", f"{button}, after debounce"
        case hw.RelayEdge(relay=relay, closed=closed):
            return ("relay closed" if closed else "relay open"), f"lock {relay}"
        case media.FirstAudio():
            return "first audio", "the visitor hears the resident"
        case media.DigitHeard(digit=digit, duration_ms=duration_ms):
            return "digit", f"{digit}, {duration_ms} ms"
        case door.PictureTaken(file=file):
            return "picture", f"of the ring, kept as {file}"
        case door.Unlocked(lock=lock, who=who):
            return "unlocked", f"lock {lock} by the code of {who}"
        case door.PressEnded(outcome=outcome):
            return "ended", f"outcome: {outcome.value}"
        case _:
            return None


def log_into(path: Path) -> logging.Handler:
    """The demo speaks for itself on the terminal: the station's log lines go to a file, for whoever asks why something is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    log = logging.getLogger("portero")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    log.propagate = False
    return handler
