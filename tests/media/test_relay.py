"""firmware/media/relay.py: a stream's port and somebody far away, with a TURN server on the loopback between."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine

from firmware.media.relay import RETRY_S, Relay, Relays
from firmware.media.session import open_port
from firmware.stun.attributes import Address
from firmware.stun.turn import Login
from tests.net.loops import pause, run_flying, turns
from tests.ports import TRIED
from tests.stun.turn_server import LOGIN, RELAYED, TurnServer

FAR = ("203.0.113.9", 4000)


class Server(asyncio.DatagramProtocol):
    """The server in memory behind a socket."""

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.turn = TurnServer()
        self.client: Address | None = None
        self.is_silent = False

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.client = addr
        if not self.is_silent:
            for answer in self.turn.handle(data):
                self.transport.sendto(answer, addr)

    def from_peer(self, peer: Address, data: bytes) -> None:
        assert self.client is not None
        self.transport.sendto(self.turn.from_peer(peer, data), self.client)


class House:
    """The server, the port of a stream, and what was told."""

    async def __aenter__(self) -> House:
        loop = asyncio.get_running_loop()
        self.server = Server()
        self.server.transport, _ = await loop.create_datagram_endpoint(lambda: self.server, local_addr=("127.0.0.1", 0))
        self.port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port.bind(("127.0.0.1", 0))
        self.port.settimeout(0)
        self.told: list[str] = []
        return self

    async def __aexit__(self, *_: object) -> None:
        self.port.close()
        self.server.transport.close()
        await turns(3)

    def relay(self, told: Callable[[Relay, str], None] | None = None, login: Login = LOGIN) -> Relay:
        address = self.server.transport.get_extra_info("sockname")
        return Relay(login, address, bind_host="", dscp=46, told=told or (lambda _relay, why: self.told.append(why)))

    async def heard(self) -> tuple[bytes, Address]:
        """What arrives at the stream's port."""
        while True:
            try:
                data, source = self.port.recvfrom(2000)
            except BlockingIOError:
                await turns()
                continue
            return data, source


def story(main: Callable[[House], Coroutine[None, None, None]]) -> None:
    async def within() -> None:
        async with House() as house:
            await main(house)

    run_flying(within())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await turns()


def test_what_is_sent_to_an_entrance_reaches_the_far_side_and_back() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert (house.told, relay.relayed) == ([""], RELAYED)
        assert relay.entrance(FAR) is None  # it serves nobody yet
        relay.serve(house.port.getsockname()[1])
        entrance = relay.entrance(FAR)
        assert entrance is not None
        assert relay.entrance(FAR) == entrance
        assert relay.peer(entrance) == FAR
        assert relay.peer(("127.0.0.1", 1)) is None
        await until(lambda: house.server.turn.channels)
        await turns(5)
        house.port.sendto(b"sound", entrance)
        await until(lambda: house.server.turn.passed_on)
        assert house.server.turn.passed_on == [(FAR, b"sound")]
        house.server.from_peer(FAR, b"back")
        assert await house.heard() == (b"back", entrance)
        relay.close()

    story(main)


def test_a_port_that_hears_every_address_and_both_families_is_served_as_well() -> None:
    async def main(house: House) -> None:
        port = open_port("", TRIED)
        relay = port.relay = house.relay()
        await until(lambda: house.told)
        relay.serve(port.rtp_port)
        entrance = relay.entrance(FAR)
        assert entrance is not None
        await until(lambda: house.server.turn.channels)
        await turns(5)
        port.send(b"sound", entrance)
        await until(lambda: house.server.turn.passed_on)
        house.server.from_peer(FAR, b"back")
        while (received := port.receive()) is None:
            await turns()
        assert received == (b"back", entrance)
        port.close()
        await until(lambda: house.server.turn.held_s == 0)

    story(main)


def test_whoever_is_not_known_gets_an_entrance_when_he_speaks() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        relay.serve(house.port.getsockname()[1])
        house.server.from_peer(FAR, b"hello")
        data, source = await house.heard()
        assert (data, relay.peer(source)) == (b"hello", FAR)
        relay.close()

    story(main)


def test_somebody_else_on_this_machine_is_not_passed_on() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        relay.serve(house.port.getsockname()[1])
        entrance = relay.entrance(FAR)
        assert entrance is not None
        await until(lambda: house.server.turn.channels)
        await turns(5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"forged", entrance)
        house.port.sendto(b"sound", entrance)
        await until(lambda: house.server.turn.passed_on)
        assert house.server.turn.passed_on == [(FAR, b"sound")]
        relay.close()

    story(main)


def test_closing_gives_the_address_back_also_from_another_thread() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert house.server.turn.held_s == 600
        await asyncio.to_thread(relay.close)
        await until(lambda: house.server.turn.held_s == 0)
        assert relay.entrance(FAR) is None
        relay.close()

    story(main)


def test_some_are_kept_ready_and_the_taken_one_is_replaced() -> None:
    async def main(house: House) -> None:
        opened: list[Relay] = []

        def another(told: Callable[[Relay, str], None]) -> Relay:
            opened.append(house.relay(told))
            return opened[-1]

        relays = Relays(another, ready=1, heard=house.told.append)
        assert relays.take() is None
        relays.start()
        assert relays.take() is None  # not yet
        await until(lambda: house.told)
        taken = relays.take()
        assert taken is opened[0]
        await until(lambda: len(opened) == 2)
        await until(lambda: opened[1].relayed)
        assert house.told == [""]  # nothing new
        relays.close()
        taken.close()

    story(main)


def test_a_server_that_refuses_is_told_once_and_asked_again_later() -> None:
    async def main(house: House) -> None:
        login = LOGIN._replace(password="wrong")
        relays = Relays(lambda told: house.relay(told, login), ready=1, heard=house.told.append)
        relays.start()
        await until(lambda: house.told)
        assert house.told == ["the password is not right"]
        asked = len(house.server.turn.asked)
        await pause(2.5 * RETRY_S)
        assert house.told == ["the password is not right"]
        assert len(house.server.turn.asked) == 3 * asked
        login = LOGIN
        await pause(2 * RETRY_S)
        assert house.told == ["the password is not right", ""]
        taken = relays.take()
        assert taken is not None
        relays.close()
        taken.close()

    story(main)
