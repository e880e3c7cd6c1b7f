"""firmware/app/media_ports.py: ports from the configured range, and what is told of the STUN server."""

from __future__ import annotations

import asyncio
import socket
from typing import Literal

import pytest

from firmware.app.media_ports import LOOK_UP_AGAIN_S, MediaPorts, most_at_once
from firmware.app.relay_server import LOOK_AGAIN_S
from firmware.config.schema import Button, Settings, Step, Turn
from firmware.config.secrets import Secret
from firmware.door import events as door
from firmware.stun.turn import ALLOCATE
from tests.media.test_mapping import OUTSIDE, Server
from tests.media.test_relay import Server as RelayServer
from tests.net.loops import pause, run_flying, turns
from tests.ports import TRIED
from tests.stun.turn_server import RELAYED

NETWORK = Settings().network._replace(bind="127.0.0.1", rtp_ports=(TRIED.start, TRIED.stop - 1))


def test_without_a_server_a_port_is_opened_when_it_is_wanted() -> None:
    ports = MediaPorts(Settings(network=NETWORK), lambda _input: None)
    port = ports.open()
    assert port.rtp_port in TRIED
    assert port.mapped is None
    port.close()
    ports.close()


@pytest.mark.parametrize(
    ("ice", "bind", "expected"),
    [("full", "", ("192.0.2.7", "2001:db8::7")), ("full", "127.0.0.1", ()), ("lite", "", ()), ("off", "", ())],
)
def test_a_port_of_a_full_agent_knows_every_address_that_it_hears(
    ice: Literal["full", "lite", "off"], bind: str, expected: tuple[str, ...]
) -> None:
    ports = MediaPorts(Settings(network=NETWORK._replace(bind=bind, ice=ice)), lambda _input: None, lambda: ("192.0.2.7", "2001:db8::7"))
    port = ports.open()
    known = expected if port.family is socket.AF_INET6 else expected[:1]  # a kernel without IPv6 has no use for its addresses
    assert port.hosts == known
    port.close()
    ports.close()


@pytest.mark.parametrize("comes_late", [False, True])
def test_ports_are_known_as_soon_as_the_server_answers_and_its_silence_is_told(*, comes_late: bool) -> None:
    async def story() -> None:
        told: list[door.Input] = []
        server = Server()
        server.is_silent = comes_late
        server.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
        host, number = server.transport.get_extra_info("sockname")
        ports = MediaPorts(Settings(network=NETWORK._replace(stun=f"{host}:{number}")), told.append)
        ports.start()
        await pause(LOOK_UP_AGAIN_S)
        states = [each.working for each in told if isinstance(each, door.HealthChanged) and each.part == "stun"]
        assert states == ([False] if comes_late else [])
        server.is_silent = False
        await pause(2 * LOOK_UP_AGAIN_S)
        port = ports.open()
        assert port.mapped == (OUTSIDE, port.rtp_port + 100)
        states = [each.working for each in told if isinstance(each, door.HealthChanged) and each.part == "stun"]
        assert states == ([False, True] if comes_late else [])
        port.close()
        ports.close()
        server.transport.close()
        await turns(5)

    run_flying(story())


def test_a_name_without_a_usable_address_is_told() -> None:
    async def story() -> None:
        told: list[door.Input] = []
        ports = MediaPorts(Settings(network=NETWORK._replace(stun="[::1]:3478")), told.append)  # the ports have the other family
        ports.start()
        await pause(1)
        assert [(each.part, each.working) for each in told if isinstance(each, door.HealthChanged)] == [("stun", False)]
        ports.open().close()
        ports.close()
        await turns(5)

    run_flying(story())


def test_a_port_comes_with_an_address_on_the_relay_and_gives_it_back() -> None:
    async def story() -> None:
        told: list[door.Input] = []
        server = RelayServer()
        server.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
        host, number = server.transport.get_extra_info("sockname")
        turn = Turn(f"{host}:{number}", "door", Secret("open sesame"))
        ports = MediaPorts(Settings(network=NETWORK._replace(ice="full"), turn=turn), told.append)
        ports.start()
        first = ports.open()
        assert first.relay is None  # no call waits for the server
        await pause(1)
        port = ports.open()
        assert port.relay is not None
        assert port.relay.relayed == RELAYED
        entrance = port.relay.entrance(("203.0.113.9", 4000))
        assert entrance is not None
        assert port.relay.peer(entrance) == ("203.0.113.9", 4000)
        server.turn.held_s = -1
        port.close()
        while server.turn.held_s != 0:
            await turns()
        assert told == []  # all is well
        first.close()
        ports.close()
        await pause(1)
        server.transport.close()
        await turns(5)

    run_flying(story())


def test_a_machine_that_has_moved_gets_new_addresses_on_the_relay() -> None:
    async def story() -> None:
        ours = ["192.0.2.7"]
        server = RelayServer()
        server.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
        host, number = server.transport.get_extra_info("sockname")
        turn = Turn(f"{host}:{number}", "door", Secret("open sesame"))
        ports = MediaPorts(Settings(network=NETWORK._replace(ice="full"), turn=turn), lambda _input: None, lambda: tuple(ours))
        ports.start()
        await pause(60)
        allocated = server.turn.asked.count(ALLOCATE)
        assert allocated == 2  # the challenge, and the address
        ours[:] = ["198.51.100.7"]
        await pause(LOOK_AGAIN_S + 1)
        assert server.turn.asked.count(ALLOCATE) == 2 * allocated
        ports.close()
        await pause(1)
        server.transport.close()
        await turns(5)

    run_flying(story())


def test_a_relay_that_does_not_know_us_is_told_and_calls_go_without() -> None:
    async def story() -> None:
        told: list[door.Input] = []
        server = RelayServer()
        server.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
        host, number = server.transport.get_extra_info("sockname")
        turn = Turn(f"{host}:{number}", "door", Secret("wrong"))
        ports = MediaPorts(Settings(network=NETWORK._replace(ice="full"), turn=turn), told.append)
        ports.start()
        await pause(1)
        (health,) = told
        assert isinstance(health, door.HealthChanged)
        assert (health.part, health.working) == ("turn", False)
        assert "the password is not right" in health.detail
        port = ports.open()
        assert port.relay is None
        port.close()
        ports.close()
        server.transport.close()
        await turns(5)

    run_flying(story())


def test_as_many_are_kept_ready_as_one_press_may_ring() -> None:
    assert most_at_once(Settings()) == 1
    bell = Button("bell", targets=("anna", "bob", "carl"))
    assert most_at_once(Settings(button=(bell,))) == 3
    assert most_at_once(Settings(button=(bell,), step=(Step("night", targets=("a", "b", "c", "d")),))) == 4
