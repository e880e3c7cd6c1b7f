"""firmware/net/stream.py and connection.py over loopback: framing, reuse, limits, and patience on a loop whose time flies."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

import pytest

from firmware.net import connection, stream
from firmware.net.sockets import open_sockets
from firmware.net.stream import StreamTransport
from firmware.sip.events import FlowClosed, FlowId, Hop, Input, Received, SendFailed, Transport
from tests.net.loops import Listener, run, turns

PING = b"\r\n\r\n"


def message(body: bytes = b"", length: int | None = None) -> bytes:
    head = f"OPTIONS sip:door@127.0.0.1 SIP/2.0\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    return head.encode() + body


class Bench(NamedTuple):
    """A transport under test and what it delivers."""

    tcp: StreamTransport
    port: int
    news: asyncio.Queue[Input]

    def hop(self, port: int, flow: FlowId | None = None, host: str = "127.0.0.1") -> Hop:
        return Hop(transport=Transport.TCP, host=host, port=port, local_host="127.0.0.1", local_port=self.port, flow=flow)

    async def received(self) -> Received:
        news = await self.news.get()
        assert isinstance(news, Received)
        return news

    async def failed(self) -> SendFailed:
        news = await self.news.get()
        assert isinstance(news, SendFailed)
        return news


async def bench(admit: Callable[[str], bool] = lambda source: True, bind_host: str = "127.0.0.1", *, reuses_accepted: bool = True) -> Bench:
    opened = open_sockets(bind_host, 0, dscp=24, udp=False)
    news: asyncio.Queue[Input] = asyncio.Queue()
    transport = StreamTransport(
        opened.tcp,
        port=opened.port,
        bind_host=bind_host,
        dscp=24,
        admit=admit,
        deliver=news.put_nowait,
        reuses_accepted=reuses_accepted,
    )
    await transport.start()
    return Bench(transport, opened.port, news)


class Server(Listener):
    """A peer that accepts connections and hands them out."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        super().__init__(self._hand_out)

    async def _hand_out(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted.put_nowait((reader, writer))


async def serving() -> Server:
    server = Server()
    await server.start()
    return server


async def call(b: Bench) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", b.port)


async def ending(reader: asyncio.StreamReader) -> bytes:
    """What still comes before the end, whether that is an orderly one or a reset."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def test_a_message_on_an_accepted_connection_is_answered_on_it() -> None:
    async def main() -> None:
        b = await bench()
        reader, writer = await call(b)
        writer.write(message(b"body"))
        received = await b.received()
        assert received.data == message(b"body")
        assert received.source == b.hop(writer.get_extra_info("sockname")[1], FlowId(1))
        b.tcp.send(received.source, b"SIP/2.0 200 OK\r\n\r\n")
        assert await reader.readexactly(18) == b"SIP/2.0 200 OK\r\n\r\n"
        writer.close()
        assert await b.news.get() == FlowClosed(flow=FlowId(1))
        await b.tcp.close()

    run(main())


def test_messages_are_cut_out_however_the_stream_is_torn() -> None:
    async def main() -> None:
        b = await bench()
        _, writer = await call(b)
        stream = message(b"one") + message(b"two") + message(b"three")
        for at in range(0, len(stream), 7):
            writer.write(stream[at : at + 7])
            await writer.drain()
        assert [(await b.received()).data for _ in range(3)] == [message(b"one"), message(b"two"), message(b"three")]
        writer.close()
        await b.tcp.close()

    run(main())


def test_a_ping_is_answered_and_a_pong_is_not() -> None:
    # RFC 5626 §4.4.1: a double CRLF is answered with a single one.
    async def main() -> None:
        b = await bench()
        reader, writer = await call(b)
        writer.write(PING)
        assert await reader.readexactly(2) == b"\r\n"
        writer.write(b"\r\n" + message())
        received = await b.received()
        b.tcp.send(received.source, b"end")
        assert await reader.readexactly(3) == b"end"
        writer.close()
        await b.tcp.close()

    run(main())


def test_a_connection_that_we_opened_is_used_again() -> None:
    async def main() -> None:
        b, server = await bench(), await serving()
        b.tcp.send(b.hop(server.port), b"first")
        b.tcp.send(b.hop(server.port), b"second")
        reader, writer = await server.accepted.get()
        assert await reader.readexactly(11) == b"firstsecond"
        b.tcp.send(b.hop(server.port), b"third")
        assert await reader.readexactly(5) == b"third"
        assert server.accepted.empty()
        writer.write(message())
        received = await b.received()
        assert received.source == b.hop(server.port, FlowId(1))
        b.tcp.send(received.source, b"fourth")
        assert await reader.readexactly(6) == b"fourth"
        writer.close()
        assert await b.news.get() == FlowClosed(flow=FlowId(1))
        await b.tcp.close()
        await server.close()

    run(main())


def test_a_new_connection_is_opened_after_the_old_one_has_gone() -> None:
    async def main() -> None:
        b, server = await bench(), await serving()
        for flow in (1, 2):
            b.tcp.send(b.hop(server.port), b"hello")
            _, writer = await server.accepted.get()
            writer.write(message())
            assert (await b.received()).source.flow == flow
            writer.close()
            assert await b.news.get() == FlowClosed(flow=FlowId(flow))
        await b.tcp.close()
        await server.close()

    run(main())


def test_a_refused_connection_is_told_once_for_each_hop() -> None:
    async def main() -> None:
        b = await bench()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses
            hop = b.hop(taken.getsockname()[1])
            b.tcp.send(hop, b"one")
            b.tcp.send(hop, b"two")
            assert await b.failed() == SendFailed(hop=hop, reason="Connection refused")
            assert b.news.empty()
        await b.tcp.close()

    run(main())


def test_a_connection_closed_without_an_answer_fails_what_was_sent() -> None:
    async def main() -> None:
        b, server = await bench(), await serving()
        b.tcp.send(b.hop(server.port), b"anyone?")
        reader, writer = await server.accepted.get()
        await reader.readexactly(7)
        writer.close()
        assert await b.failed() == SendFailed(hop=b.hop(server.port), reason="the connection was closed without an answer")
        assert await b.news.get() == FlowClosed(flow=FlowId(1))
        await b.tcp.close()
        await server.close()

    run(main())


def test_a_flow_that_has_gone_fails_at_once() -> None:
    async def main() -> None:
        b = await bench()
        hop = b.hop(5060, FlowId(77))
        b.tcp.send(hop, b"x")
        assert b.news.get_nowait() == SendFailed(hop=hop, reason="the connection is closed")
        await b.tcp.close()

    run(main())


@pytest.mark.parametrize(
    "nonsense", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\rx", b"OPTIONS sip:x SIP/2.0\r\nX: " + b"y" * 100_000], ids=["http", "cr", "huge"]
)
def test_a_stream_that_is_no_sip_is_closed(nonsense: bytes) -> None:
    async def main() -> None:
        b = await bench()
        reader, writer = await call(b)
        writer.write(nonsense)
        assert await b.news.get() == FlowClosed(flow=FlowId(1))
        assert await ending(reader) == b""
        writer.close()
        await b.tcp.close()

    run(main())


def test_a_broken_length_is_delivered_so_that_it_can_be_refused_and_the_stream_closed() -> None:
    async def main() -> None:
        b = await bench()
        reader, writer = await call(b)
        broken = b"OPTIONS sip:door@127.0.0.1 SIP/2.0\r\nContent-Length: many\r\n\r\n"
        writer.write(broken)
        assert (await b.received()).data == broken
        assert await reader.read() == b""
        assert await b.news.get() == FlowClosed(flow=FlowId(1))
        writer.close()
        await b.tcp.close()

    run(main())


def test_a_source_that_is_not_admitted_is_not_heard_and_stays_connected() -> None:
    async def main() -> None:
        turn = iter((False, True))
        b = await bench(admit=lambda source: next(turn))
        _, writer = await call(b)
        writer.write(message(b"first") + message(b"second"))
        assert (await b.received()).data == message(b"second")
        writer.close()
        await b.tcp.close()

    run(main())


def test_one_source_opens_only_so_many_connections() -> None:
    async def main() -> None:
        b = await bench()
        writers = []
        for number in range(stream.ACCEPTED_PER_SOURCE_MAX):
            _, writer = await call(b)
            writer.write(message())
            assert (await b.received()).source.flow == number + 1
            writers.append(writer)
        reader, refused = await call(b)
        refused.write(message())
        assert await ending(reader) == b""
        assert b.news.empty()
        for writer in (*writers, refused):
            writer.close()
        await b.tcp.close()

    run(main())


def test_we_open_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "OPENED_MAX", 1)

    async def main() -> None:
        b, server, other = await bench(), await serving(), await serving()
        b.tcp.send(b.hop(server.port), b"x")
        b.tcp.send(b.hop(other.port), b"x")
        assert "open already" in (await b.failed()).reason
        await b.tcp.close()
        await server.close()
        await other.close()

    run(main())


def test_what_waits_for_a_connection_is_bounded() -> None:
    async def main() -> None:
        b, server = await bench(), await serving()
        hop = b.hop(server.port)
        b.tcp.send(hop, b"x" * connection.WAITING_MAX_BYTES)
        b.tcp.send(hop, b"y")
        assert b.news.get_nowait() == SendFailed(hop=hop, reason="too much is waiting for the connection")
        reader, writer = await server.accepted.get()
        assert await reader.readexactly(connection.WAITING_MAX_BYTES) == b"x" * connection.WAITING_MAX_BYTES
        writer.close()
        await b.tcp.close()
        await server.close()

    run(main())


def test_a_peer_that_does_not_read_loses_the_connection() -> None:
    async def main() -> None:
        b = await bench()
        _, writer = await call(b)
        writer.write(message())
        hop = (await b.received()).source
        failure: Input | None = None
        for _ in range(1000):  # far more than all buffers between us hold
            b.tcp.send(hop, b"x" * 60_000)
            if not b.news.empty():
                failure = b.news.get_nowait()
                break
        assert failure == SendFailed(hop=hop, reason="the other side does not read")
        assert await b.news.get() == FlowClosed(flow=FlowId(1))
        writer.transport.abort()
        await b.tcp.close()

    run(main())


def test_what_was_sent_last_still_leaves_when_we_close() -> None:
    async def main() -> None:
        b = await bench()
        reader, writer = await call(b)
        writer.write(message())
        hop = (await b.received()).source
        b.tcp.send(hop, b"goodbye")
        await b.tcp.close()
        assert await reader.read() == b"goodbye"
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await call(b)

    run(main())


def test_closing_does_not_wait_for_a_connection_on_its_way() -> None:
    async def main() -> None:
        b, server = await bench(), await serving()
        b.tcp.send(b.hop(server.port), b"x")
        await b.tcp.close()
        assert b.tcp._opening == {}
        await server.close()

    run(main())


def test_who_comes_in_while_we_close_is_turned_away() -> None:
    async def main() -> None:
        b = await bench()
        with socket.create_connection(("127.0.0.1", b.port)) as visitor:
            await turns()  # accepted by now, and not yet a connection of ours
            await b.tcp.close()
            visitor.settimeout(0)
            assert visitor.recv(1) == b""
        assert b.news.empty()

    run(main())


def test_ipv6_works_like_ipv4() -> None:
    async def main() -> None:
        b = await bench(bind_host="::1")
        reader, writer = await asyncio.open_connection("::1", b.port)
        writer.write(message())
        received = await b.received()
        assert (received.source.host, received.source.local_host, received.source.local_port) == ("::1", "::1", b.port)
        b.tcp.send(received.source, b"back")
        assert await reader.readexactly(4) == b"back"
        writer.close()
        await b.tcp.close()

    run(main())
