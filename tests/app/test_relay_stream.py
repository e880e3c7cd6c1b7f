"""firmware/app/relay_stream.py: a relay over TCP and TLS, with a TURN server on the loopback."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware.app.relay_stream import WAITING_MAX_BYTES, StreamWay, TurnLayers
from firmware.media.relay import Relay
from firmware.net.layers import Layers
from firmware.net.settings import TlsSettings
from firmware.net.tls import Tls
from firmware.stun.attributes import Address
from firmware.stun.stream import StreamFramer, framed
from firmware.stun.turn import channel_data
from tests.media.test_relay import CHECK, FAR
from tests.net.authority import Authority
from tests.net.loops import run, turns
from tests.stun.turn_server import LOGIN, RELAYED, TurnServer

NAME = "turn.example"


class House:
    """The server behind a listener, and what the relay told."""

    def __init__(self, tls: ssl.SSLContext | None, layers: Callable[[], Layers]) -> None:
        self.turn = TurnServer()
        self.told: list[str] = []
        self.writer: asyncio.StreamWriter | None = None
        self._tls = tls
        self._layers = layers

    async def __aenter__(self) -> House:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=self._tls)
        self.address: Address = self._server.sockets[0].getsockname()[:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        if self.writer is not None and not self.writer.is_closing():
            self.writer.transport.abort()
        await turns(10)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        framer = StreamFramer()
        while data := await reader.read(4096):
            for each in framer.feed(data):
                for answer in self.turn.handle(each):
                    writer.write(framed(answer))
        writer.close()

    def relay(self) -> Relay:
        return Relay(
            LOGIN,
            lambda user: StreamWay(user, self.address, self._layers(), bind_host="127.0.0.1", dscp=46),
            told=lambda _relay, why: self.told.append(why),
        )


def story(
    main: Callable[[House], Coroutine[None, None, None]], tls: ssl.SSLContext | None = None, layers: Callable[[], Layers] = TurnLayers
) -> None:
    async def within() -> None:
        async with House(tls, layers) as house:
            await main(house)

    run(within())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def received(core: socket.socket) -> bytes:
    while True:
        try:
            return core.recv(2000)
        except BlockingIOError:
            await asyncio.sleep(0)


async def passes_on(house: House) -> None:
    relay = house.relay()
    await until(lambda: house.told)
    assert (house.told, relay.relayed) == ([""], RELAYED)
    relay.serve(lambda _datagram, _source: None)
    entrance = relay.entrance(FAR)
    assert entrance is not None
    await until(lambda: house.turn.channels)
    core = socket.socket(fileno=os.dup(relay.fd))
    core.send(channel_data(entrance[1], b"\x80sound"))
    await until(lambda: house.turn.passed_on)
    assert house.turn.passed_on == [(FAR, b"\x80sound")]
    assert house.writer is not None
    house.writer.write(framed(house.turn.from_peer(FAR, b"\x80back")))
    assert await received(core) == channel_data(entrance[1], b"\x80back")
    relay.send(CHECK, entrance)
    await until(lambda: len(house.turn.passed_on) == 2)
    core.close()
    relay.close()
    await until(lambda: house.turn.held_s == 0)
    assert relay.fd == -1


def test_sound_goes_and_comes_over_a_connection() -> None:
    story(passes_on)


def test_sound_goes_and_comes_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.issue("turn", f"DNS:{NAME}"))
    tls = Tls(TlsSettings(ca=authority.pem))
    story(passes_on, server, lambda: tls.client(TurnLayers(), NAME))


def test_a_server_that_is_not_the_named_one_gets_no_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.issue("turn", "DNS:other.example"))
    tls = Tls(TlsSettings(ca=authority.pem))

    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert "its certificate is for other.example" in house.told[0]
        assert house.turn.asked == []
        relay.close()

    story(main, server, lambda: tls.client(TurnLayers(), NAME))


def test_a_connection_that_breaks_and_one_that_nobody_takes_are_told_once() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert house.writer is not None
        house.writer.transport.abort()
        await until(lambda: len(house.told) == 2)
        assert (house.told, relay.relayed) == (["", "it has closed the connection"], None)
        assert relay.fd >= 0  # the audio thread may read it
        relay.close()
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            house.address = closed.getsockname()
            other = house.relay()
            await until(lambda: len(house.told) == 3)
            assert house.told[2] != ""
        other.close()
        await turns(10)

    story(main)


def test_what_is_no_turn_ends_the_connection() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert house.writer is not None
        house.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await until(lambda: len(house.told) == 2)
        assert house.told == ["", "what it says is no TURN"]
        relay.close()

    story(main)


def test_a_relay_that_is_given_back_while_it_connects_leaves_nothing_open() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        relay.close()
        await turns(20)
        assert (house.told, relay.fd) == ([], -1)

    story(main)


def test_sound_that_the_server_does_not_take_is_lost_and_does_not_queue() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        entrance = relay.entrance(FAR)
        assert entrance is not None
        await until(lambda: house.turn.channels)
        await turns(10)
        way = relay._way
        assert isinstance(way, StreamWay)
        assert way._wire is not None
        for _ in range(20_000):  # without a turn of the loop nothing of it is read
            way.send(channel_data(entrance[1], bytes(1000)))
        assert WAITING_MAX_BYTES <= way._wire.get_write_buffer_size() < WAITING_MAX_BYTES + 2000
        relay.close()
        way._wire.abort()
        await turns(10)

    story(main)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
def test_layers_pad_what_they_send(size: int) -> None:
    assert len(TurnLayers().send(channel_data(0x4000, bytes(size)))) % 4 == 0
