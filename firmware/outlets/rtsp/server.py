"""The listener of RTSP: who may connect, for how long, and how much may wait for a viewer who does not read."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from firmware.errors import RemoteProtocolError
from firmware.listening import Listener, Survive
from firmware.outlets.rtsp.conversation import Answer, Conversation, Deed, Playing
from firmware.outlets.rtsp.message import Frame, Request, framed, response, take

log = logging.getLogger("portero.rtsp")

CONNECTIONS_MAX: Final = 8
READ_BYTES: Final = 8192
TALK_S_MAX: Final = 15.0  # from the connection to PLAY
WAITING_BYTES_MAX: Final = 256 * 1024  # three seconds of pictures: who is further behind has lost the way, and connects anew
FRAMES_MAX: Final = 16  # reports of the viewer that wait to be read


class Viewing(Protocol):
    """Pictures on their way to a viewer."""

    def on_report(self) -> None: ...
    def close(self) -> None: ...


class InterleavedWay:
    """The way of pictures to one viewer: its own connection (RFC 2326 §10.12). Implements `media.picture_stream.Way`."""

    def __init__(self, writer: asyncio.StreamWriter, channel: int) -> None:
        self._writer = writer
        self._channel = channel
        self._reports: deque[bytes] = deque(maxlen=FRAMES_MAX)

    def send(self, datagram: bytes, to: tuple[str, int]) -> None:
        self._write(self._channel, datagram)

    def send_report(self, datagram: bytes, to: tuple[str, int]) -> None:
        self._write(self._channel + 1, datagram)

    def receive(self) -> tuple[bytes, tuple[str, int]] | None:
        return None  # a viewer sends no pictures

    def receive_report(self) -> tuple[bytes, tuple[str, int]] | None:
        return (self._reports.popleft(), ("", 0)) if self._reports else None

    def take(self, frame: Frame) -> None:
        """A packet of the viewer's; reports alone are kept."""
        if frame.channel == self._channel + 1:
            self._reports.append(frame.data)

    def close(self) -> None:
        """Nothing is owned here: the server ends the connection."""

    def _write(self, channel: int, packet: bytes) -> None:
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            transport.abort()
            return
        self._writer.write(framed(channel, packet))


View = Callable[[InterleavedWay, str], Viewing | None]


class RtspServer:
    """Listens. `talk` begins a conversation, `view` shows pictures over a way, or answers None when too many look already."""

    def __init__(self, talk: Callable[[], Conversation], view: View, *, admit: Callable[[str], bool], survive: Survive) -> None:
        """`admit` tells whether an address may connect once more now: it bounds how fast a password can be guessed at."""
        self._talk = talk
        self._view = view
        self._admit = admit
        self._survive = survive
        self._listener = Listener(CONNECTIONS_MAX)

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self, host: str, port: int) -> None:
        """Begin to listen at `host` ('': every address). Raises OSError when the port is taken."""
        await self._listener.start(self._accept, host, port, read_bytes=READ_BYTES)

    async def close(self) -> None:
        """Stop listening, and drop every client."""
        await self._listener.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        if not peer or self._listener.is_full or not self._admit(str(peer[0])):
            writer.transport.abort()
            return
        viewer = _Viewer(self._talk(), self._view, writer, str(peer[0]))
        self._listener.keep(self._survive("rtsp", viewer.run(reader)), writer)


class _Viewer:
    """One connection from its first octet to its last."""

    def __init__(self, conversation: Conversation, view: View, writer: asyncio.StreamWriter, source: str) -> None:
        self._conversation = conversation
        self._view = view
        self._writer = writer
        self._source = source
        self._way: InterleavedWay | None = None
        self._viewing: Viewing | None = None
        self._is_over = False

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Answer, and show pictures, until either side has had enough."""
        buffer = bytearray()
        deadline_s = asyncio.get_running_loop().time() + TALK_S_MAX
        try:
            while not self._is_over:
                async with asyncio.timeout_at(None if self._viewing is not None else deadline_s):
                    data = await reader.read(READ_BYTES)
                    if not data:
                        return
                    buffer += data
                    self._take_all(buffer)
                    if self._viewing is None:
                        await self._writer.drain()
        except RemoteProtocolError as error:
            log.info("%s says what is no RTSP: %s", self._source, error)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            if self._viewing is not None:
                self._viewing.close()

    def _take_all(self, buffer: bytearray) -> None:
        while not self._is_over and (taken := take(buffer)) is not None:
            if isinstance(taken, Frame):
                self._heard(taken)
            else:
                self._answer(taken)

    def _heard(self, frame: Frame) -> None:
        if self._way is not None and self._viewing is not None:
            self._way.take(frame)
            self._viewing.on_report()

    def _answer(self, request: Request) -> None:
        answer = self._conversation.answer(request)
        if self._writer.transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            self._is_over = True  # who asks and asks and reads nothing
            return
        match answer.deed:
            case Deed.NOTHING:
                self._writer.write(answer.octets)
            case Deed.END:
                self._writer.write(answer.octets)
                self._is_over = True
            case Deed.PLAY:
                self._play(request, answer)

    def _play(self, request: Request, answer: Answer) -> None:
        state = self._conversation.state
        assert isinstance(state, Playing), "whoever says play has changed to it"
        self._way = InterleavedWay(self._writer, state.channel)
        viewing = self._view(self._way, self._source)
        if viewing is None:
            self._writer.write(response(503, request.cseq))
            self._is_over = True
            return
        self._viewing = viewing
        self._writer.write(answer.octets)  # before the first picture, which comes in a later turn of the loop
