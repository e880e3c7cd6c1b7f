"""The listener of the web server: who may connect, for how long, how often. What is asked for, the site answers.

Limits instead of trust: a stranger on the network can hold a few connections for seconds, and no memory worth the name.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from firmware.listening import Listener, Survive
from firmware.outlets.web.exchange import BadRequestError, Exchange
from firmware.outlets.web.message import EventStream, Request, Response, problem

log = logging.getLogger("portero.web")

CONNECTIONS_MAX: Final = 24  # some browsers with two connections each, a metrics collector, a home automation
PER_SOURCE_MAX: Final = 8
STREAMS_MAX: Final = 8  # of those, event streams; each follows the journal
REQUEST_S_MAX: Final = 10.0  # from the first octet to the last, a TLS handshake included: whoever trickles only holds our memory
IDLE_S_MAX: Final = 20.0  # between two requests of one connection
ANSWER_S_MAX: Final = 30.0  # the slowest verb waits for a registrar
SEND_S_MAX: Final = 10.0  # for a client that does not read
STREAM_S_MAX: Final = 3600.0  # then the browser connects anew, and proves anew who it is
ALIVE_EVERY_S: Final = 15.0  # so that both sides notice a dead connection
READ_BYTES: Final = 16_384
WAITING_BYTES_MAX: Final = 65_536

Answer = Callable[[Request], Awaitable[Response | EventStream]]


class Taken(Protocol):
    """What a wire has made of octets: those of HTTP, those to send back at once, and why the connection is at its end."""

    @property
    def messages(self) -> Sequence[bytes]: ...
    @property
    def reply(self) -> bytes: ...
    @property
    def failure(self) -> str: ...


class Wire(Protocol):
    """What lies between a connection and its HTTP: TLS, or nothing. `net.layers` holds the contract."""

    def begin(self) -> bytes: ...
    def receive(self, data: bytes) -> Taken: ...
    def send(self, message: bytes) -> bytes: ...
    def end(self) -> bytes: ...


class WebServer:
    """Listens, and carries requests to `answer`. Belongs to the event loop."""

    def __init__(
        self, answer: Answer, *, wires: Callable[[], Wire], welcome: Callable[[str], bool], admit: Callable[[str], bool], survive: Survive
    ) -> None:
        """`wires` makes that of a new connection.

        `welcome` tells whether an address may begin another one now, since a handshake costs more than a request, and `admit` whether it
        may send another request.
        """
        self.answer = answer
        self.admit = admit
        self._welcome = welcome
        self.streams = 0
        self._wires = wires
        self._survive = survive
        self._listener = Listener(CONNECTIONS_MAX)
        self._sources: Counter[str] = Counter()

    @property
    def port(self) -> int:
        return self._listener.port

    async def start(self, host: str, port: int) -> None:
        """Begin to listen at `host` ('': every address). Raises OSError when the port is taken."""
        await self._listener.start(self._accept, host, port, read_bytes=WAITING_BYTES_MAX)

    async def close(self) -> None:
        """Stop listening, and drop every client."""
        await self._listener.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        source = str(peer[0]) if peer else ""
        if not peer or self._listener.is_full or self._sources[source] >= PER_SOURCE_MAX or not self._welcome(source):
            writer.transport.abort()
            return
        self._sources[source] += 1
        conversation = _Conversation(self, reader, writer, self._wires(), source)
        self._listener.keep(self._survive("web", conversation.run()), writer, lambda: self._gone(source))

    def _gone(self, source: str) -> None:
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]


class _Conversation:
    """One connection from its first octet to its last."""

    def __init__(self, server: WebServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire, source: str) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._wire = wire
        self._source = source
        self._exchange = Exchange(source)
        self._at_end = False

    async def run(self) -> None:
        """Answer requests until either side has had enough."""
        with suppress(ConnectionError, TimeoutError):
            try:
                while (request := await self._request()) is not None:
                    answer = await self._answered(request)
                    if isinstance(answer, EventStream):
                        await self._stream(answer)
                        break
                    await self._send(self._exchange.answer(answer))
                    if self._exchange.is_over:
                        break
            except BadRequestError as error:
                log.info("a request from %s is refused: %s", self._source, error)
                await self._send(self._exchange.farewell(error))
            self._writer.write(self._wire.end())
            await asyncio.wait_for(self._writer.drain(), SEND_S_MAX)
            self._writer.close()
            await asyncio.wait_for(self._writer.wait_closed(), SEND_S_MAX)

    async def _request(self) -> Request | None:
        """The next request; None at the end. Raises BadRequestError, and TimeoutError for whoever is too slow."""
        request = self._exchange.next()
        if request is None and await self._more(IDLE_S_MAX):
            async with asyncio.timeout(REQUEST_S_MAX):
                while (request := self._exchange.next()) is None:
                    await self._send(self._exchange.invitation())
                    if not await self._more(REQUEST_S_MAX):
                        break
        return request

    async def _more(self, limit_s: float) -> bool:
        """Wait for octets and take them; False when no more come."""
        data = b"" if self._at_end else await asyncio.wait_for(self._reader.read(READ_BYTES), limit_s)
        if not data:
            return False
        taken = self._wire.receive(data)
        self._writer.write(taken.reply)
        for message in taken.messages:
            self._exchange.receive(message)
        if taken.failure:
            log.debug("connection from %s: %s", self._source, taken.failure)
            self._at_end = True
        return True

    async def _answered(self, request: Request) -> Response | EventStream:
        if not self._server.admit(self._source):
            return problem(429, "too many requests from this address", ("Retry-After", "5"))
        try:
            return await asyncio.wait_for(self._server.answer(request), ANSWER_S_MAX)
        except TimeoutError:
            return problem(504, f"the door did not answer within {ANSWER_S_MAX:.0f} s")

    async def _send(self, octets: bytes) -> None:
        if octets:
            self._writer.write(self._wire.send(octets))
            await asyncio.wait_for(self._writer.drain(), SEND_S_MAX)

    async def _stream(self, stream: EventStream) -> None:
        """Send events until the client goes away, or for STREAM_S_MAX."""
        if self._server.streams >= STREAMS_MAX:
            await stream.events.aclose()
            await self._send(self._exchange.answer(problem(503, f"{STREAMS_MAX} streams run already", ("Retry-After", "30"))))
            return
        self._server.streams += 1
        gone = asyncio.ensure_future(self._until_gone())
        pump = asyncio.ensure_future(self._pump(stream))
        try:
            await asyncio.wait((gone, pump), timeout=STREAM_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._server.streams -= 1
            gone.cancel()
            pump.cancel()
            await asyncio.gather(gone, pump, return_exceptions=True)
            await stream.events.aclose()

    async def _until_gone(self) -> None:
        """A client of a stream has nothing more to say."""
        while await self._reader.read(READ_BYTES):
            pass

    async def _pump(self, stream: EventStream) -> None:
        await self._send(self._exchange.begin_stream() + self._exchange.more(b"retry: 5000\n\n"))
        coming = asyncio.ensure_future(anext(stream.events))
        try:
            while True:
                done, _ = await asyncio.wait((coming,), timeout=ALIVE_EVERY_S)
                await self._send(self._exchange.more(coming.result() if done else b": alive\n\n"))
                if done:
                    coming = asyncio.ensure_future(anext(stream.events))
        except StopAsyncIteration:
            pass
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
