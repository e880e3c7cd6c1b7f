"""A whole station in the test's own process: simulated board, real user agent and media over loopback, and a phone to answer it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from firmware.app.line import SipLine
from firmware.app.station import Station
from firmware.app.wiring.board import board_settings
from firmware.config.schema import Access, Button, Call, Code, Incoming, Journal, Lamp, Lock, Network, Settings, Target
from firmware.config.secrets import Secret
from firmware.ids import SeededIds
from firmware.media.session import MediaPort, open_port
from firmware.net.runner import TraceEntry
from firmware.sdp.codec import PCMA, TELEPHONE_EVENT
from firmware.sdp.media_session import LocalMedia
from firmware.sip import events as sip
from firmware.sip.body.dtmf_relay import Digit, encode
from firmware.sip.message import Response, parse_message
from firmware.sip.uri import Uri
from hw.simulated import SimulatedBoard
from tests.ports import TRIED

LIMIT_S = 60.0  # nothing here takes a second; a machine with other work may
CODE = "739152"
LOOPBACK = Network(bind="127.0.0.1", sip_port=0, rtp_ports=(TRIED.start, TRIED.stop - 1))


def settings(folder: Path, *phones: Phone, allow: tuple[str, ...] = ()) -> Settings:
    """A house whose one button rings all `phones`."""
    return Settings(
        network=LOOPBACK,
        target=tuple(Target(name=phone.name, uri=phone.uri) for phone in phones),
        button=(Button(name="bell", targets=tuple(phone.name for phone in phones)),) if phones else (),
        lock=(Lock(name="gate", gpio=5, pulse_s=0.1),),
        lamp=(Lamp(name="led", gpio=6, shows="talk"),),
        code=(Code(name="family", code=Secret(CODE)),),
        call=Call(hangup_after_open_s=0.0),
        access=Access(),
        incoming=Incoming(allow=allow),
        journal=Journal(path=str(folder / "journal.db")),
    )


class Phone:
    """A resident's phone. It rings at once; what it does then is for the test to say."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wire: list[TraceEntry] = []
        wanted = Settings(network=LOOPBACK, incoming=Incoming(write=("*@*",)))
        self.line = SipLine(wanted, SeededIds(sum(name.encode())), on_trace=self.wire.append)
        self.events: list[sip.Event] = []
        self._ports: list[MediaPort] = []
        self._changed = asyncio.Event()
        self.busy = False

    @property
    def uri(self) -> str:
        return f"sip:{self.name}@127.0.0.1:{self.line.port}"

    @property
    def call(self) -> sip.CallKey:
        """The last call."""
        return next(event.call for event in reversed(self.events) if isinstance(event, sip.IncomingCall))

    async def start(self) -> None:
        await self.line.start()
        self.line.attach(self._on_event)

    async def stop(self) -> None:
        await self.line.stop()
        for port in self._ports:
            port.close()

    def media(self) -> LocalMedia:
        self._ports.append(open_port("127.0.0.1", TRIED))
        return LocalMedia(rtp_port=self._ports[-1].rtp_port, codecs=(PCMA, TELEPHONE_EVENT), session_id=1)

    def ear(self) -> socket.socket:
        """The socket of its newest port, to speak and hear with; the caller closes it."""
        return socket.socket(fileno=os.dup(self._ports[-1].rtp_fd))

    def answered(self) -> Response:
        """The newest 200 to an INVITE that it sent or got: it names the dialog."""
        messages = [parse_message(entry.data) for entry in self.wire if entry.data.startswith(b"SIP/2.0 200")]
        return next(each for each in reversed(messages) if isinstance(each, Response) and each.cseq.method == "INVITE")

    def answer(self) -> None:
        self.line.command(sip.Answer(call=self.call, media=self.media()))

    def dial(self, station: Station) -> None:
        target = Uri.parse(f"sip:door@127.0.0.1:{station.line.port}")
        self.line.command(sip.Invite(call=sip.CallKey("out"), target=target, account=None, media=self.media()))

    async def dial_digits(self, digits: str, call: sip.CallKey | None = None) -> None:
        """Each digit in an INFO of its own, the next when the one before was accepted."""
        for digit in digits:
            done = sum(isinstance(event, sip.RequestDone) for event in self.events)
            content = encode(Digit(digit))
            self.line.command(sip.SendInfo(call=call or self.call, content_type="application/dtmf-relay", body=content))
            await self.until(lambda done=done: sum(isinstance(event, sip.RequestDone) for event in self.events) > done)  # type: ignore[misc]  # mypy cannot infer a lambda with a bound default

    async def heard(self, kind: type[sip.Event]) -> None:
        await self.until(lambda: any(isinstance(event, kind) for event in self.events))

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not done():
                self._changed.clear()
                await self._changed.wait()

    def _on_event(self, event: sip.Event) -> None:
        self.events.append(event)
        self._changed.set()
        if isinstance(event, sip.IncomingCall):
            self.line.command(sip.HangUp(call=event.call, status=486) if self.busy else sip.Ring(call=event.call))


class House:
    """The station under test, everything that it was observed to do, and the phones."""

    def __init__(self, station: Station, board: SimulatedBoard) -> None:
        self.station = station
        self.board = board
        self.seen: list[object] = []
        self._changed = asyncio.Event()
        station.observers.add(self._observe)

    def of(self, *kinds: type) -> list[object]:
        return [event for event in self.seen if isinstance(event, kinds)]

    async def until(self, *kinds: type, times: int = 1) -> None:
        """Wait until so many events of these kinds were seen, whenever that was."""
        async with asyncio.timeout(LIMIT_S):
            while len(self.of(*kinds)) < times:
                self._changed.clear()
                await self._changed.wait()

    def _observe(self, _at_s: float, event: object) -> None:
        self.seen.append(event)
        self._changed.set()


@asynccontextmanager
async def house(wanted: Settings, *, stuck: tuple[str, ...] = ()) -> AsyncIterator[House]:
    """A station with these settings, started, and stopped at the end. `stuck` contacts are active when it starts."""
    ids = SeededIds(1)
    line = SipLine(wanted, ids)
    await line.start()
    board = SimulatedBoard(board_settings(wanted, simulated=True))
    for contact in stuck:
        board.set_contact(contact, active=True)
    station = Station(wanted, line=line, board=board, ids=ids)
    lived = House(station, board)
    await station.start()
    try:
        yield lived
    finally:
        await station.stop()
        asyncio.get_running_loop().set_exception_handler(None)


@asynccontextmanager
async def phones(*names: str) -> AsyncIterator[tuple[Phone, ...]]:
    made = tuple(Phone(name) for name in names)
    for phone in made:
        await phone.start()
    try:
        yield made
    finally:
        for phone in made:
            await phone.stop()
