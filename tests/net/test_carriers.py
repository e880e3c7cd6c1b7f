"""firmware/net/carriers.py: transports of two stations over loopback, TLS among them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.errors import TransportError
from firmware.net import connection, stream
from firmware.net.carriers import Carriers
from firmware.net.settings import StreamSettings, TlsSettings
from firmware.sip.events import FlowClosed, FlowId, Hop, Input, Received, SendFailed, Transport
from tests.net.authority import Authority
from tests.net.loops import Listener, run, run_flying, turns

MESSAGE = b"OPTIONS sip:door@pbx.example SIP/2.0\r\nContent-Length: 0\r\n\r\n"
ANSWER = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pbx(authority: Authority) -> TlsSettings:
    certificate, key = authority.issue("pbx", "DNS:pbx.example")
    return TlsSettings(certificate=certificate, key=key, ca=authority.pem)


class Station:
    """Open transports and what they deliver."""

    def __init__(self, *transports: Transport, tls: TlsSettings | None = None) -> None:
        self.news: asyncio.Queue[Input] = asyncio.Queue()
        self.transports = transports
        self.carriers = Carriers(
            bind_host="127.0.0.1",
            dscp=24,
            streams=StreamSettings(tls_port=0, ws_port=0, wss_port=0, tls=tls or TlsSettings()),
            local_host=lambda host: "127.0.0.1",
            admit=lambda source: True,
            deliver=self.news.put_nowait,
        )

    async def open(self) -> Station:
        await self.carriers.open(self.transports, 0)
        return self

    def send(self, hop: Hop, data: bytes) -> None:
        carrier = self.carriers.get(hop.transport)
        assert carrier is not None
        carrier.send(hop, data)

    def hop_to(self, other: Station, transport: Transport, domain: str = "pbx.example") -> Hop:
        port = other.carriers.ports[transport]
        return Hop(transport, "127.0.0.1", port, "127.0.0.1", self.carriers.ports[transport], domain=domain)

    async def received(self) -> Received:
        news = await self.news.get()
        assert isinstance(news, Received), news
        return news

    async def failed(self) -> SendFailed:
        news = await self.news.get()
        assert isinstance(news, SendFailed), news
        return news


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS, Transport.WS, Transport.WSS])
def test_requests_and_responses_share_one_connection(authority: Authority, pbx: TlsSettings, transport: Transport) -> None:
    async def main() -> None:
        server = await Station(transport, tls=pbx).open()
        client = await Station(transport, tls=TlsSettings(ca=authority.pem)).open()
        hop = client.hop_to(server, transport)
        client.send(hop, MESSAGE)
        request = await server.received()
        assert request.data == MESSAGE
        assert (request.source.transport, request.source.flow) == (transport, FlowId(1))
        server.send(request.source, ANSWER)
        response = await client.received()
        assert response.data == ANSWER
        assert response.source == hop._replace(flow=FlowId(1))
        client.send(hop, MESSAGE)
        assert (await server.received()).source == request.source
        await client.carriers.close()
        assert await server.news.get() == FlowClosed(flow=FlowId(1))
        await server.carriers.close()

    run(main())


def test_a_connection_to_one_domain_does_not_serve_another(authority: Authority, pbx: TlsSettings) -> None:
    # RFC 5922 §7.3: the same address, but nobody has proven that it speaks for the other domain.
    async def main() -> None:
        server = await Station(Transport.TLS, tls=pbx).open()
        client = await Station(Transport.TLS, tls=TlsSettings(ca=authority.pem)).open()
        client.send(client.hop_to(server, Transport.TLS), MESSAGE)
        await server.received()
        wrong = client.hop_to(server, Transport.TLS, "other.example")
        client.send(wrong, MESSAGE)
        failed = await client.failed()
        assert failed.hop == wrong
        assert "is for pbx.example, not for other.example" in failed.reason
        assert server.news.empty()
        await client.carriers.close()
        await server.carriers.close()

    run(main())


def test_a_hop_without_domain_must_prove_its_address(authority: Authority, pbx: TlsSettings) -> None:
    async def main() -> None:
        server = await Station(Transport.TLS, tls=pbx).open()
        client = await Station(Transport.TLS, tls=TlsSettings(ca=authority.pem)).open()
        client.send(client.hop_to(server, Transport.TLS, ""), MESSAGE)
        assert "not for 127.0.0.1" in (await client.failed()).reason
        await client.carriers.close()
        await server.carriers.close()

    run(main())


def test_a_server_that_does_not_speak_tls_is_said_to_be_that(authority: Authority) -> None:
    async def main() -> None:
        async def parrot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n" + await reader.read(1))
            writer.close()

        server = Listener(parrot)
        await server.start()
        client = await Station(Transport.TLS, tls=TlsSettings(ca=authority.pem)).open()
        port = server.port
        client.send(Hop(Transport.TLS, "127.0.0.1", port, "127.0.0.1", 5061), MESSAGE)
        assert "does not speak TLS on this port" in (await client.failed()).reason
        await client.carriers.close()
        await server.close()

    run(main())


def test_a_handshake_that_does_not_end_is_given_up_in_time(authority: Authority) -> None:
    async def main() -> None:
        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = Listener(mute)
        await server.start()
        client = await Station(Transport.TLS, tls=TlsSettings(ca=authority.pem)).open()
        begin_s = asyncio.get_running_loop().time()
        client.send(Hop(Transport.TLS, "127.0.0.1", server.port, "127.0.0.1", 5061), MESSAGE)
        assert "no connection within 4 s" in (await client.failed()).reason
        assert asyncio.get_running_loop().time() - begin_s < stream.CONNECT_MAX_S + 1
        await client.carriers.close()
        await server.close()

    run_flying(main())


@pytest.mark.parametrize(("first", "limit_s"), [(b"", connection.FIRST_MESSAGE_MAX_S), (b"\x16\x03\x01", connection.UNFINISHED_MAX_S)])
def test_patience_with_a_stranger_who_does_not_shake_hands_ends(pbx: TlsSettings, first: bytes, limit_s: float) -> None:
    async def main() -> None:
        server = await Station(Transport.TLS, tls=pbx).open()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.carriers.ports[Transport.TLS])
        begin_s = asyncio.get_running_loop().time()
        writer.write(first)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        assert limit_s - 1 < asyncio.get_running_loop().time() - begin_s < limit_s + 1
        assert server.news.empty()
        writer.close()
        await turns(2)  # nothing of ours is left to wait for, and the writer needs a moment
        await server.carriers.close()

    run_flying(main())


def test_strangers_who_shake_hands_count_against_the_limit(pbx: TlsSettings) -> None:
    async def main() -> None:
        server = await Station(Transport.TLS, tls=pbx).open()
        port = server.carriers.ports[Transport.TLS]
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(stream.ACCEPTED_PER_SOURCE_MAX)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        for _, each in (*held, (reader, writer)):
            each.close()
        await turns(2)
        await server.carriers.close()

    run(main())


def test_without_a_certificate_nobody_can_connect_to_us(authority: Authority) -> None:
    async def main() -> None:
        client = await Station(Transport.TCP, Transport.TLS, tls=TlsSettings(ca=authority.pem)).open()
        assert set(client.carriers.ports) == {Transport.TCP, Transport.TLS}
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", client.carriers.ports[Transport.TLS] or 1)
        await client.carriers.close()

    run(main())


def test_connections_of_all_transports_have_different_numbers(authority: Authority, pbx: TlsSettings) -> None:
    async def main() -> None:
        server = await Station(Transport.TCP, Transport.TLS, tls=pbx).open()
        client = await Station(Transport.TCP, Transport.TLS, tls=TlsSettings(ca=authority.pem)).open()
        flows = set()
        for transport in (Transport.TCP, Transport.TLS):
            client.send(client.hop_to(server, transport), MESSAGE)
            flows.add((await server.received()).source.flow)
        assert len(flows) == 2
        await client.carriers.close()
        await server.carriers.close()

    run(main())


def test_a_file_that_cannot_be_used_stops_the_start_and_leaves_nothing_open(tmp_path: Path) -> None:
    async def main() -> None:
        station = Station(Transport.UDP, Transport.TLS, tls=TlsSettings(ca=str(tmp_path / "none.pem")))
        with pytest.raises(TransportError, match=r"tls\.ca"):
            await station.open()
        assert station.carriers.get(Transport.UDP) is None

    run(main())


def test_what_is_not_switched_on_is_not_loaded() -> None:
    code = "import sys, firmware.net.runner; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "firmware.net.carriers" in loaded
    assert not {"firmware.net.tls", "firmware.net.tls_layers", "firmware.net.certificate", "firmware.net.websocket"} & set(loaded)


def test_a_route_with_the_bare_address_of_the_server_uses_the_connection_to_it(authority: Authority, pbx: TlsSettings) -> None:
    async def main() -> None:
        server = await Station(Transport.TLS, tls=pbx).open()
        client = await Station(Transport.TLS, tls=TlsSettings(ca=authority.pem)).open()
        client.send(client.hop_to(server, Transport.TLS), MESSAGE)
        source = (await server.received()).source
        client.send(client.hop_to(server, Transport.TLS, "127.0.0.1"), MESSAGE)
        assert (await server.received()).source == source
        await client.carriers.close()
        await server.carriers.close()

    run(main())
