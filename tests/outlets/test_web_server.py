"""The listener against clients that are too many, too slow, too long or not HTTP at all, and its TLS with a certificate of its own."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, Awaitable
from http.client import HTTPException
from pathlib import Path

import pytest

from firmware.app.outlets.web import WebOutlet
from firmware.app.outlets.wires import PlainWire, fingerprint
from firmware.door import events as door
from firmware.outlets.web import server as limits
from firmware.outlets.web.message import EventStream, Request, Response
from firmware.outlets.web.server import CONNECTIONS_MAX, PER_SOURCE_MAX, STREAMS_MAX, WebServer
from tests.app.house import house, settings
from tests.net.loops import run
from tests.outlets.asking import OPENER, Client, served, web_settings


async def survive(_what: str, step: Awaitable[None]) -> bool:
    await step
    return True


class Site:
    """Answers with the path; `/stream` never ends, `/slow` is slow."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.streams: list[asyncio.Event] = []

    async def answer(self, request: Request) -> Response | EventStream:
        self.requests.append(request)
        if request.path == "/stream":
            return EventStream(self._events())
        if request.path == "/slow":
            await asyncio.Event().wait()
        return Response(200, request.path.encode() + request.body)

    async def _events(self) -> AsyncGenerator[bytes, None]:
        over = asyncio.Event()
        self.streams.append(over)
        try:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()
        finally:
            over.set()


class Listening:
    """A server with that site, and raw connections to it."""

    def __init__(self, *, admitted: int = 1000, welcomed: int = 1000) -> None:
        self.site = Site()
        self._left = admitted
        self._welcomes = welcomed
        self.server = WebServer(self.site.answer, wires=PlainWire, welcome=self._welcome, admit=self._admit, survive=survive)
        self._writers: list[asyncio.StreamWriter] = []

    def _welcome(self, _source: str) -> bool:
        self._welcomes -= 1
        return self._welcomes >= 0

    def _admit(self, _source: str) -> bool:
        self._left -= 1
        return self._left >= 0

    async def __aenter__(self) -> Listening:
        await self.server.start("127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.close()
        await self.server.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self._writers.append(writer)
        return reader, writer

    async def said(self, octets: bytes) -> bytes:
        """Everything that is answered to these octets until the server closes."""
        reader, writer = await self.connect()
        writer.write(octets)
        try:
            return await reader.read()
        except ConnectionError:
            return b""


GET = b"GET /a HTTP/1.1\r\nHost: door\r\n\r\n"
LAST = b"GET /b HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n"


def test_requests_of_one_connection_are_answered_in_turn() -> None:
    async def scenario() -> None:
        async with Listening() as there:
            answered = await there.said(GET + GET + LAST)
            assert answered.count(b"HTTP/1.1 200 OK") == 3
            assert [request.path for request in there.site.requests] == ["/a", "/a", "/b"]

    run(scenario())


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /a HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT /page.css HTTP/1.1\r\nHost: door\r\n\r\n", b"501"),
        (b"BREW /a HTTP/1.1\r\nHost: door\r\n\r\n", b"501"),
        (b"GET /a HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", b"400"),
        (b"GET http://elsewhere/ HTTP/1.1\r\nHost: door\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: door\r\n\r\n", b"431"),
        (b"POST /a HTTP/1.1\r\nHost: door\r\nContent-Length: 20000\r\n\r\n" + b"a" * 20_000, b"413"),
        (b"POST /a HTTP/1.1\r\nHost: door\r\nContent-Length: 2\r\nTransfer-Encoding: gzip\r\n\r\nab", b"501"),
        (b"POST /a HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        # RFC 9112 §6.1: a proxy that counts would send the second request along as the body of the first.
        (b"POST /a HTTP/1.1\r\nHost: door\r\nContent-Length: 49\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET, b"400"),
        (b"POST /a HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(octets: bytes, status: bytes) -> None:
    async def scenario() -> None:
        async with Listening() as there:
            answered = await there.said(octets)
            assert answered.split(b" ")[1] == status, answered
            assert there.site.requests == []

    run(scenario())


def test_what_comes_behind_a_head_and_is_no_request_is_refused() -> None:
    async def scenario() -> None:
        async with Listening() as there:
            answered = await there.said(b"HEAD /a HTTP/1.1\r\nHost: door\r\n\r\n1.0\r\n\r\n")
            assert answered.startswith(b"HTTP/1.1 200 OK")
            assert b"HTTP/1.1 400 Bad Request" in answered

    run(scenario())


def test_a_client_that_waits_to_be_encouraged_is() -> None:
    async def scenario() -> None:
        async with Listening() as there:
            reader, writer = await there.connect()
            writer.write(b"POST /a HTTP/1.1\r\nHost: door\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
            writer.write(b"hi")
            assert (await reader.read()).endswith(b"/ahi")

    run(scenario())


def test_one_address_has_so_many_connections_and_no_more() -> None:
    async def scenario() -> None:
        async with Listening() as there:
            for _ in range(PER_SOURCE_MAX):
                reader, writer = await there.connect()
                writer.write(GET)
                await reader.readuntil(b"/a")
            assert PER_SOURCE_MAX < CONNECTIONS_MAX
            assert await there.said(LAST) == b""

    run(scenario())


def test_streams_are_bounded_and_end_with_their_client() -> None:
    async def scenario() -> None:
        async with Listening() as there:
            there.server.streams = STREAMS_MAX - 1
            stream = b"GET /stream HTTP/1.1\r\nHost: door\r\n\r\n"
            reader, writer = await there.connect()
            writer.write(stream)
            await reader.readuntil(b"data: 1")
            refused = await there.said(stream.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert refused.startswith(b"HTTP/1.1 503")
            writer.close()
            await there.site.streams[0].wait()

    run(scenario())


def test_who_connects_too_often_is_hung_up_on_before_a_handshake() -> None:
    async def scenario() -> None:
        async with Listening(welcomed=1) as there:
            assert b"200 OK" in await there.said(LAST)
            assert await there.said(LAST) == b""
            assert len(there.site.requests) == 1

    run(scenario())


def test_an_address_that_asks_too_often_is_told_so() -> None:
    async def scenario() -> None:
        async with Listening(admitted=1) as there:
            assert b"429" in await there.said(GET + LAST)
            assert len(there.site.requests) == 1

    run(scenario())


def test_whoever_trickles_or_says_nothing_loses_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_S_MAX", 0.05)
    monkeypatch.setattr(limits, "REQUEST_S_MAX", 0.05)

    async def scenario() -> None:
        async with Listening() as there:
            assert await there.said(b"") == b""
            assert await there.said(b"GET / HT") == b""

    run(scenario())


def test_an_answer_that_does_not_come_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANSWER_S_MAX", 0.05)

    async def scenario() -> None:
        async with Listening() as there:
            assert b"504" in await there.said(LAST.replace(b"/b", b"/slow"))

    run(scenario())


def test_over_tls_with_a_certificate_that_the_device_has_made_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        web = web_settings(tmp_path, tls=True)
        async with served(tmp_path, web=web) as there:
            assert (await there.client.ask("POST", "/api/v1/locks/gate/open", token=OPENER)).status == 200
            assert "__Host-door" in (await there.client.log_in()).headers["set-cookie"]
            assert "Secure" in (await there.client.log_in()).headers["set-cookie"]
        file = tmp_path / "web.pem"
        first = fingerprint(file)
        assert file.stat().st_mode & 0o077 == 0
        async with served(tmp_path, web=web):
            assert fingerprint(file) == first
        file.write_text("this is no certificate")
        async with served(tmp_path, web=web) as there:
            assert (await there.client.ask("GET", "/health")).status == 200

    asyncio.run(scenario())


def test_a_client_without_tls_or_with_old_tls_gets_nowhere(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, web=web_settings(tmp_path, tls=True)) as there:
            assert there.outlet.server is not None
            plain = Client(there.outlet.server.port)
            with pytest.raises((OSError, HTTPException)):
                await plain.ask("GET", "/health")
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.set_ciphers("AES128-SHA")
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection("127.0.0.1", there.outlet.server.port, ssl=old)
            assert (await there.client.ask("GET", "/health")).status == 200

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_news_and_the_door_works_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as there:
            assert there.outlet.server is not None
            second = settings(tmp_path / "b")._replace(web=web_settings(tmp_path, port=there.outlet.server.port))
            (tmp_path / "b").mkdir()
            async with house(second) as other:
                outlet = WebOutlet(other.station)
                await outlet.start()
                await other.until(door.HealthChanged)
                assert "web" in other.station.health
                await outlet.close()

    asyncio.run(scenario())


def test_a_certificate_cannot_be_kept_where_nothing_may_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        folder = tmp_path / "file"
        folder.write_text("a file where a folder should be")
    else:
        folder = tmp_path / "shut"
        folder.mkdir(mode=0o500)

    async def scenario() -> None:
        wanted = settings(tmp_path)._replace(web=web_settings(folder, tls=True))
        async with house(wanted) as lived:
            outlet = WebOutlet(lived.station)
            await outlet.start()
            await lived.until(door.HealthChanged)
            assert "cannot be written" in lived.station.health["web"]
            await outlet.close()

    asyncio.run(scenario())
