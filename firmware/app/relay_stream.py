"""The way to a relay over TCP or TLS (RFC 8656 §2.1), for networks that let no UDP out. What is sent to the far side is UDP all the same.

The media core, which reads and writes datagrams alone, has one of two sockets on this machine that are connected to each other; what it
writes there goes to the relay from the other one, and what comes from the relay is written there. So this sound passes through the event
loop, and waits where the loop is busy, as it waits for lost segments: it is the way when no datagrams get through.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Final

from firmware.media.session import prepare
from firmware.net.layers import Layers, Taken
from firmware.net.sockets import prepare_stream
from firmware.stun.stream import StreamFramer, framed

if TYPE_CHECKING:
    from firmware.media.relay import User

log = logging.getLogger("portero.ports")

CONNECT_MAX_S: Final = 15.0  # for the connection and its handshake
WAITING_MAX_BYTES: Final = 8_192  # that the server does not take: half a second of sound, which nobody would hear any more
DATAGRAM_MAX: Final = 1600
DATAGRAMS_MAX: Final = 16  # of the core's, read at once
CHANNELS: Final = range(0x40, 0x50)  # of the first octet (RFC 8656 §12)
LOCAL: Final = "127.0.0.1"


class TurnLayers:
    """Messages on a stream; implements `net.layers.Layers`, and so goes below TLS, or alone."""

    ready = True

    def __init__(self) -> None:
        self._framer = StreamFramer()

    @property
    def pending(self) -> bool:
        return self._framer.pending > 0

    def begin(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> Taken:
        messages = tuple(self._framer.feed(data))
        return Taken(messages, failure="what it says is no TURN" if self._framer.lost else "")

    def send(self, message: bytes) -> bytes:
        return framed(message)

    def end(self) -> bytes:
        return b""


class StreamWay(asyncio.Protocol):
    """Implements `media.relay.Way`. Belongs to the event loop."""

    is_reliable = True

    def __init__(self, user: User, server: tuple[str, int], layers: Layers, *, bind_host: str, dscp: int) -> None:
        """`layers` are those of one connection, TurnLayers the innermost. Raises OSError when the system gives no sockets."""
        self._user = user
        self._address = server
        self._layers = layers
        self._bind_host = bind_host
        self._dscp = dscp
        self._loop = asyncio.get_running_loop()
        self._ours, self._core = _joined(dscp)
        self._is_handed_over = False
        self._is_told = False  # whether the user knows that the server can be asked, or that it cannot
        self._is_closed = False
        self._wire: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None

    @property
    def fd(self) -> int:
        return self._core.fileno()

    def begin(self) -> None:
        self._patience = self._loop.call_later(CONNECT_MAX_S, self._fail, "it does not answer")
        self._opening = self._loop.create_task(self._open())

    def send(self, datagram: bytes) -> None:
        if self._is_ready and self._wire is not None and self._wire.get_write_buffer_size() < WAITING_MAX_BYTES:
            self._wire.write(self._layers.send(datagram))

    def hand_over(self) -> None:
        if not self._is_handed_over and not self._is_closed:
            self._is_handed_over = True
            self._loop.add_reader(self._ours, self._from_core)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._patience is not None:
            self._patience.cancel()
        if self._opening is not None:
            self._opening.cancel()
        if self._wire is not None:
            self._wire.write(self._layers.end())
            self._wire.close()
        self._loop.remove_reader(self._ours)
        self._ours.close()
        self._core.close()

    # --- asyncio calls these -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._is_closed:
            transport.abort()
            return
        self._wire = transport
        prepare_stream(transport.get_extra_info("socket"), self._dscp)
        transport.write(self._layers.begin())
        self._look_whether_ready()

    def data_received(self, data: bytes) -> None:
        if self._wire is None or self._is_closed:
            return
        taken = self._layers.receive(data)
        if taken.reply:
            self._wire.write(taken.reply)
        self._look_whether_ready()
        for message in taken.messages:
            if self._is_handed_over and message[0] in CHANNELS:
                with contextlib.suppress(OSError):  # the core has not read for long: lost, as on every way
                    self._ours.send(message)
            else:
                self._user.hear(message)
        if taken.failure:
            self._fail(taken.failure)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("it has closed the connection")

    # --- the two sides -----------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        local = (self._bind_host, 0) if self._bind_host else None
        try:
            await self._loop.create_connection(lambda: self, *self._address, local_addr=local)
        except OSError as error:
            self._fail(error.strerror or str(error))

    def _look_whether_ready(self) -> None:
        if self._is_ready and not self._is_told:
            self._is_told = True
            if self._patience is not None:
                self._patience.cancel()
            self._user.opened()

    @property
    def _is_ready(self) -> bool:
        return self._layers.ready and not self._is_closed

    def _fail(self, why: str) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._wire is not None:
            self._wire.abort()
        if not self._is_closed:
            self._user.lost(why)

    def _from_core(self) -> None:
        for _ in range(DATAGRAMS_MAX):
            try:
                datagram = self._ours.recv(DATAGRAM_MAX)
            except OSError:
                return
            self.send(datagram)


def _joined(dscp: int) -> tuple[socket.socket, socket.socket]:
    """Two sockets of this machine that hear each other and nobody else. Of UDP, because the kernel stamps when its datagrams came."""
    with contextlib.ExitStack() as undo:
        both = [undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for each in both:
            prepare(each, dscp)
            each.bind((LOCAL, 0))
        for each, other in zip(both, reversed(both), strict=True):
            each.connect(other.getsockname())
        undo.pop_all()
    return both[0], both[1]
