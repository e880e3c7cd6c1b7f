"""firmware/media/mapping.py: ports that know their outer address before a call wants one, against a STUN server on the loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine

from firmware.media.mapping import ASK_EVERY_S, READY_MAX, MappedPorts
from firmware.media.session import MediaPort, open_port
from firmware.stun.attributes import Address, xor_mapped_address
from firmware.stun.message import BINDING_SUCCESS, message, parse
from tests.net.loops import pause, run_flying, turns
from tests.ports import TRIED

OUTSIDE = "198.51.100.7"


class Server(asyncio.DatagramProtocol):
    """Sees every port on OUTSIDE, a hundred higher; may be made silent or a liar."""

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.asked: list[Address] = []
        self.is_silent = False
        self.other_transaction = False

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.asked.append(addr)
        request = parse(data)
        assert request is not None
        if self.is_silent:
            return
        key = bytes(12) if self.other_transaction else request.transaction_id
        self.transport.sendto(message(BINDING_SUCCESS, key, xor_mapped_address((OUTSIDE, addr[1] + 100), key)), addr)


class House:
    """The ports of a station and its server."""

    async def __aenter__(self) -> House:
        self.server = Server()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self.server, local_addr=("127.0.0.1", 0))
        self.server.transport = transport
        self.address: Address = transport.get_extra_info("sockname")
        self.opened: list[MediaPort] = []
        self.told: list[bool] = []
        self.ports = MappedPorts(self._open, ready=2, heard=self.told.append)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ports.close()
        for port in self.opened:
            port.close()
        self.server.transport.close()
        await turns(3)

    def _open(self) -> MediaPort:
        self.opened.append(open_port("127.0.0.1", TRIED))
        return self.opened[-1]

    async def until_asked(self, times: int) -> None:
        while len(self.server.asked) < times:
            await pause(0.1)
        await pause(0.1)


def run(story: Coroutine[None, None, None]) -> None:
    run_flying(story)


def test_a_port_that_is_taken_knows_where_the_server_sees_it() -> None:
    async def story() -> None:
        async with House() as house:
            house.ports.start(house.address)
            await house.until_asked(2)
            first, second = house.ports.take(), house.ports.take()
            assert first.mapped == (OUTSIDE, first.rtp_port + 100)
            assert second.mapped == (OUTSIDE, second.rtp_port + 100)
            assert first.rtp_port != second.rtp_port
            await house.until_asked(4)
            third = house.ports.take()  # the place of each that was taken has been filled
            assert third.mapped == (OUTSIDE, third.rtp_port + 100)
            assert house.told == [True]

    run(story())


def test_without_a_known_one_a_port_comes_all_the_same() -> None:
    async def story() -> None:
        async with House() as house:
            house.server.is_silent = True
            assert house.ports.take().mapped is None
            house.ports.start(house.address)
            assert house.ports.take().mapped is None
            await pause(30)
            assert house.ports.take().mapped is None
            assert house.told == [False]

    run(story())


def test_the_binding_is_kept_open_until_the_stream_begins_and_not_after() -> None:
    async def story() -> None:
        async with House() as house:
            house.ports.start(house.address)
            await house.until_asked(2)
            port = house.ports.take()
            await pause(ASK_EVERY_S * 3 + 1)
            asked = [source for source in house.server.asked if source[1] == port.rtp_port]
            assert len(asked) == 4
            port.hand_over()
            await pause(ASK_EVERY_S * 3)
            assert len([source for source in house.server.asked if source[1] == port.rtp_port]) == 4
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.sendto(b"sound", ("127.0.0.1", port.rtp_port))
                await pause(0.1)
            received = port.receive()  # nobody but the core reads it
            assert received is not None
            assert received[0] == b"sound"

    run(story())


def test_a_server_that_falls_silent_is_told_and_its_word_no_longer_used() -> None:
    async def story() -> None:
        async with House() as house:
            house.ports.start(house.address)
            await house.until_asked(2)
            port = house.ports.take()
            seen = []
            for is_silent in (True, False):
                house.server.is_silent = is_silent
                await pause(ASK_EVERY_S * 3)
                seen.append(port.mapped)
            assert seen == [None, (OUTSIDE, port.rtp_port + 100)]
            assert house.told == [True, False, True]

    run(story())


def test_an_answer_to_another_question_or_from_elsewhere_is_none() -> None:
    async def story() -> None:
        async with House() as house:
            house.server.other_transaction = True
            house.ports.start(house.address)
            await house.until_asked(2)
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for port in house.opened:
                stranger.sendto(
                    message(BINDING_SUCCESS, bytes(12), xor_mapped_address(("203.0.113.66", 1), bytes(12))), ("127.0.0.1", port.rtp_port)
                )
            stranger.close()
            await pause(0.5)
            assert [port.mapped for port in house.opened] == [None, None]

    run(story())


def test_no_more_is_kept_ready_than_phones_can_ring() -> None:
    async def story() -> None:
        async with House() as house:
            house.ports = MappedPorts(house._open, ready=500, heard=house.told.append)
            house.ports.start(house.address)
            assert len(house.opened) == READY_MAX

    run(story())
