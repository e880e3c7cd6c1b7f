"""firmware/media/relay.py and relays.py: a stream and somebody far away, with a TURN server on the loopback between."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine

from firmware.media.core_values import RELAYED
from firmware.media.events import QualityMeasured
from firmware.media.relay import Relay
from firmware.media.relay_datagrams import DatagramWay
from firmware.media.relays import RETRY_S, Relays
from firmware.media.session import open_port
from firmware.sdp.codec import PCMU
from firmware.stun.attributes import Address
from firmware.stun.turn import CHANNEL_FIRST, Login, channel_data, read_relayed
from tests.media.samples import session
from tests.media.step_card import Bench
from tests.net.loops import pause, run_flying, turns
from tests.ports import TRIED
from tests.stun.turn_server import LOGIN, TurnServer
from tests.stun.turn_server import RELAYED as RELAYED_AT

FAR, OTHER = ("203.0.113.9", 4000), ("203.0.113.9", 4001)
CHECK = b"\0\1check"
PERIODS = 50


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
        self.told: list[str] = []
        self.brought: list[tuple[bytes, Address]] = []
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.transport.close()
        await turns(3)

    def relay(self, told: Callable[[Relay, str], None] | None = None, login: Login = LOGIN) -> Relay:
        address = self.server.transport.get_extra_info("sockname")
        told = told or (lambda _relay, why: self.told.append(why))
        return Relay(login, lambda user: DatagramWay(user, address, bind_host="", dscp=46), told=told)

    def bring(self, datagram: bytes, source: Address) -> None:
        """What the relay heard beside the core."""
        self.brought.append((datagram, source))


def story(main: Callable[[House], Coroutine[None, None, None]]) -> None:
    async def within() -> None:
        async with House() as house:
            await main(house)

    run_flying(within())


async def received(core: socket.socket) -> bytes:
    """What waits for the core."""
    while True:
        try:
            return core.recv(2000)
        except BlockingIOError:
            await turns()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await turns()


def test_what_is_sent_to_an_entrance_reaches_the_far_side() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert (house.told, relay.relayed) == ([""], RELAYED_AT)
        entrance = relay.entrance(FAR)
        assert entrance == (RELAYED, CHANNEL_FIRST)
        assert relay.entrance(FAR) == entrance
        assert relay.entrance(OTHER) == (RELAYED, CHANNEL_FIRST + 1)
        assert relay.peer(entrance) == FAR
        assert relay.peer((RELAYED, 0)) is None
        assert relay.peer(("127.0.0.1", CHANNEL_FIRST)) is None
        await until(lambda: len(house.server.turn.channels) == 2)
        await turns(5)
        relay.send(CHECK, entrance)
        relay.send(CHECK, (RELAYED, CHANNEL_FIRST + 2))  # nobody is there
        await until(lambda: house.server.turn.passed_on)
        assert house.server.turn.passed_on == [(FAR, CHECK)]
        relay.close()

    story(main)


def test_the_core_reads_the_socket_as_soon_as_a_stream_begins() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        relay.serve(house.bring)
        entrance = relay.entrance(FAR)
        assert entrance is not None
        core = socket.socket(fileno=os.dup(relay.fd))
        answer = await received(core)
        assert not house.brought
        relay.hear(answer)  # what the core kept apart: the channel stands
        relay.send(CHECK, entrance)
        await until(lambda: house.server.turn.passed_on)
        house.server.from_peer(FAR, b"\x80sound")
        assert await received(core) == channel_data(entrance[1], b"\x80sound")
        core.close()
        relay.close()

    story(main)


def test_sound_passes_the_relay_while_the_event_loop_does_nothing() -> None:
    """The main thread may be busy for as long as it likes: each period's packet leaves in that period, and what comes is heard."""

    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        entrance = relay.entrance(FAR)
        assert entrance is not None
        await until(lambda: house.server.turn.channels)
        await turns(5)
        port, bench = open_port("127.0.0.1", TRIED), Bench()
        port.relay = relay
        relay.serve(house.bring)
        there = session(host=RELAYED)._replace(remote_rtp_port=entrance[1], remote_rtcp_port=entrance[1], rtcp_mux=True)
        client = house.server.client
        assert client is not None
        with socket.socket(fileno=os.dup(house.server.transport.get_extra_info("socket").fileno())) as server:
            server.settimeout(60)
            # From here on the loop does not turn.
            bench.engine.start("c", port, there)
            for _ in range(PERIODS):
                bench.card.step()
                server.sendto(sound_sent(server, entrance[1]), client)
            bench.until(lambda: heard_by(bench) == PERIODS)
        bench.close()
        assert house.brought == []
        await until(lambda: house.server.turn.held_s == 0)

    story(main)


def sound_sent(server: socket.socket, channel: int) -> bytes:
    """The next packet of sound that the server got, in its channel; reports are passed over."""
    while True:
        wire = server.recv(2000)
        relayed = read_relayed(wire)
        assert relayed is not None
        assert relayed.channel == channel
        if relayed.data[1] & 0x7F == PCMU.payload_type:
            return wire


def heard_by(bench: Bench) -> int:
    """How many packets its stream has taken, as of the last period."""
    bench.engine.measure("c")
    measured = bench.of(QualityMeasured)
    return measured[-1].quality.packets_received if measured else 0


def test_what_another_port_of_the_far_side_sends_is_brought_and_opens_a_channel() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert relay.entrance(FAR) is not None
        await until(lambda: house.server.turn.channels)
        relay.serve(house.bring)
        for said in (CHECK, b"\x80sound", b""):
            relay.hear(house.server.turn.from_peer(OTHER, said))
        assert [(data, relay.peer(source)) for data, source in house.brought] == [(CHECK, OTHER), (b"\x80sound", OTHER)]
        await until(lambda: list(house.server.turn.channels.values()) == [FAR, OTHER])
        relay.close()

    story(main)


def test_sound_is_heard_before_its_channel_stands() -> None:
    """RFC 8656 §11: the address may send already, for another of its ports has a channel; the server passes it on as an indication."""

    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert relay.entrance(OTHER) is not None
        await until(lambda: house.server.turn.channels)
        house.server.is_silent = True  # what asks for the channel is lost
        entrance = relay.entrance(FAR)
        assert entrance is not None
        port, bench = open_port("127.0.0.1", TRIED), Bench()
        port.relay = relay
        relay.serve(lambda datagram, source: bench.engine.take("c", datagram, source))
        bench.engine.start("c", port, session(host=RELAYED)._replace(remote_rtp_port=entrance[1], rtcp_mux=True))
        for number in range(PERIODS):
            header = b"\x80\0" + number.to_bytes(2, "big") + (number * 160).to_bytes(4, "big") + bytes(4)
            relay.hear(house.server.turn.from_peer(FAR, header + bytes(160)))
            bench.card.step()
        bench.until(lambda: heard_by(bench) == PERIODS)
        assert house.server.turn.channels == {CHANNEL_FIRST: OTHER}
        bench.close()
        await turns(3)

    story(main)


def test_a_port_sends_through_its_relay_what_is_for_it() -> None:
    async def main(house: House) -> None:
        port = open_port("", TRIED)
        port.send(CHECK, (RELAYED, CHANNEL_FIRST))  # no relay: lost
        described = [port.relay_fd]
        relay = port.relay = house.relay()
        described += [port.relay_fd, relay.fd]
        await until(lambda: house.told)
        entrance = relay.entrance(FAR)
        assert entrance is not None
        await until(lambda: house.server.turn.channels)
        await turns(5)
        port.send(CHECK, entrance)
        await until(lambda: house.server.turn.passed_on)
        assert house.server.turn.passed_on == [(FAR, CHECK)]
        port.close()
        assert (described[0], described[1] == described[2], port.relay_fd) == (None, True, None)
        await until(lambda: house.server.turn.held_s == 0)

    story(main)


def test_closing_gives_the_address_back_also_from_another_thread() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        assert house.server.turn.held_s == 600
        await asyncio.to_thread(relay.close)
        await until(lambda: house.server.turn.held_s == 0)
        assert (relay.entrance(FAR), relay.fd) == (None, -1)
        relay.close()
        relay.hear(CHECK)  # kept apart, and arrived too late

    story(main)


def test_a_socket_that_the_core_reads_stays_open_when_the_server_takes_the_address_back() -> None:
    async def main(house: House) -> None:
        relays = Relays(house.relay, ready=1, heard=house.told.append)
        relays.start()
        await until(lambda: house.told)
        taken = relays.take()
        assert taken is not None
        taken.serve(house.bring)
        house.server.turn.refuses = 508
        core = socket.socket(fileno=os.dup(taken.fd))
        asyncio.get_running_loop().add_reader(core, lambda: taken.hear(core.recv(2000)))
        await pause(600)  # in that time it must be refreshed
        assert house.told == ["", "it refuses with 508"]
        assert (taken.entrance(FAR), taken.fd >= 0) == (None, True)
        asyncio.get_running_loop().remove_reader(core)
        core.close()
        taken.close()
        relays.close()

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
