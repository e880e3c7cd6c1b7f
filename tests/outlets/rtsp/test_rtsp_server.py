"""The camera beside the call, on a whole station: a viewer sees, too many do not, and the camera closes behind the last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path

import pytest

from firmware.app.outlets.rtsp import RtspOutlet
from firmware.config.schema import Rtsp
from firmware.config.secrets import Secret
from firmware.outlets.rtsp.server import CONNECTIONS_MAX
from tests.app.house import house, settings
from tests.app.test_ring_pictures import with_film
from tests.media.h264_receiver import received
from tests.outlets.rtsp.test_rtsp_conversation import KNOWN, TCP, digest

LIMIT_S = 30.0
WANTED = Rtsp(port=8554, bind="127.0.0.1", password=Secret(KNOWN.password), viewers_max=1)
PLI_BODY = bytes.fromhex("81ce0002 01020304")


class Player:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self._reader = reader
        self._writer = writer
        self._uri = f"rtsp://127.0.0.1:{port}/"
        self._nonce = ""
        self.session = ""

    async def ask(self, method: str, *headers: str) -> str:
        """The head of the response; pictures that come before it are passed over."""
        given = [f"Authorization: {digest(method, self._nonce, uri=self._uri)}"] if self._nonce else []
        self._writer.write("\r\n".join((f"{method} {self._uri} RTSP/1.0", "CSeq: 1", *given, *headers, "", "")).encode())
        async with asyncio.timeout(LIMIT_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            for line in head.split("\r\n"):
                name, _, value = line.partition(": ")
                if name == "Content-Length":
                    await self._reader.readexactly(int(value))
                if name == "WWW-Authenticate":
                    self._nonce = value.split('nonce="')[1].partition('"')[0]
                if name == "Session":
                    self.session = value.partition(";")[0]
        return head

    async def play(self) -> str:
        assert " 401 " in await self.ask("DESCRIBE")
        assert " 200 " in await self.ask("DESCRIBE")
        assert " 200 " in await self.ask("SETUP", f"Transport: {TCP}")
        return await self.ask("PLAY", f"Session: {self.session}")

    async def packet(self) -> tuple[int, bytes]:
        """The next frame: channel and packet."""
        async with asyncio.timeout(LIMIT_S):
            head = await self._reader.readexactly(4)
            assert head[:1] == b"$"
            return head[1], await self._reader.readexactly(int.from_bytes(head[2:], "big"))

    def send(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def at_end(self) -> bool:
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionError):
                while await self._reader.read(4096):
                    pass
        return True

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class Scene:
    def __init__(self, outlet: RtspOutlet) -> None:
        self.outlet = outlet
        self.players: list[Player] = []

    async def player(self) -> Player:
        port = self.outlet.server.port
        self.players.append(Player(*await asyncio.open_connection("127.0.0.1", port), port))
        return self.players[-1]


def with_rtsp(folder: Path, scenario: Callable[[Scene], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        async with house(with_film(folder, settings(folder))._replace(rtsp=WANTED)) as lived:
            assert lived.station.pictures is not None
            outlet = RtspOutlet(lived.station, lived.station.pictures)
            await outlet.server.start("127.0.0.1", 0)
            scene = Scene(outlet)
            try:
                await scenario(scene)
            finally:
                await outlet.close()
                for player in scene.players:
                    await player.close()
                assert not lived.station.pictures._is_running

    asyncio.run(run())


def test_a_viewer_sees_from_a_key_picture_on_and_its_wish_brings_another(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        player = await scene.player()
        assert " 200 " in await player.play()
        payloads: list[bytes] = []
        ssrc = b""
        while len(payloads) < 12:
            channel, packet = await player.packet()
            if channel == 2:
                payloads.append(packet[12:])
                ssrc = packet[8:12]
        first, *_ = received(payloads[:1])
        assert first[0] & 0x1F == 7
        player.send(b"$\x03\x00\x0c" + PLI_BODY + ssrc)
        while True:
            channel, packet = await player.packet()
            if channel == 2 and packet[12] & 0x1F == 24:
                break

    with_rtsp(tmp_path, scenario)


def test_one_too_many_is_told_so_and_has_a_place_when_the_first_has_gone(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        first, second = await scene.player(), await scene.player()
        assert " 200 " in await first.play()
        assert " 503 " in await second.play()
        assert await second.at_end()
        await first.close()
        async with asyncio.timeout(LIMIT_S):
            while scene.outlet._viewers:
                await asyncio.sleep(0.01)
        third = await scene.player()
        assert " 200 " in await third.play()

    with_rtsp(tmp_path, scenario)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01" + bytes(5000)], ids=["HTTP", "TLS"])
def test_who_speaks_something_else_is_hung_up_on(tmp_path: Path, said: bytes) -> None:
    async def scenario(scene: Scene) -> None:
        player = await scene.player()
        player.send(said)
        assert await player.at_end()

    with_rtsp(tmp_path, scenario)


def test_who_guesses_is_hung_up_on_and_soon_not_let_in(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(CONNECTIONS_MAX):
            player = await scene.player()
            player.send(b"DESCRIBE rtsp://d/ RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 3)
            assert await player.at_end()
        assert scene.outlet._gate.refused >= 1

    with_rtsp(tmp_path, scenario)
