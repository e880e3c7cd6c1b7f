"""Whether a new life could begin is known before the old one is given up."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from firmware.app.reload import Reload, try_sockets
from firmware.config.schema import Network, Settings, Tls
from firmware.errors import TransportError
from tests.net.loops import run, turns
from tests.ports import free_port

CONFIG = """
[network]
bind = "127.0.0.1"
sip_port = {port}
[[lock]]
name = "gate"
gpio = 5
"""
LOCAL = Network(bind="127.0.0.1", sip_port=0)


async def attempt(network: Network, *held: int, certificate: str | None = None) -> None:
    await try_sockets(Settings(network=network, tls=Tls(certificate=certificate)), held)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_of_somebody_else_is_named_and_one_of_ours_is_none_of_theirs(kind: socket.SocketKind) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        with pytest.raises(TransportError, match=rf"port {port} on 127\.0\.0\.1 is taken by another program"):
            asyncio.run(attempt(LOCAL._replace(sip_port=port)))
        asyncio.run(attempt(LOCAL._replace(sip_port=port), port))


def test_nothing_stays_open() -> None:
    port = free_port()
    for _ in range(2):
        asyncio.run(attempt(LOCAL._replace(sip_port=port, transports=("udp", "tcp", "ws"), ws_port=port + 1)))


def test_an_address_that_is_not_ours_and_a_missing_certificate_are_found_too(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"no address 192\.0\.2\.1"):
        asyncio.run(attempt(Network(bind="192.0.2.1", sip_port=5060), 5060))
    with pytest.raises(TransportError, match=r"none\.pem"):
        asyncio.run(attempt(LOCAL._replace(transports=("udp", "tls")), certificate=str(tmp_path / "none.pem")))


def test_who_asks_while_a_file_is_read_has_it_read_once_more(tmp_path: Path) -> None:
    config = tmp_path / "portero.toml"
    config.write_text(CONFIG.format(port=free_port()))
    begun: list[int] = []

    async def main() -> None:
        reload = Reload(config, (), lambda: begun.append(1))
        reload.ask()
        await turns(1)  # it is being read
        for _ in range(3):
            reload.ask()
        while len(begun) < 2:
            await turns(1)
        await turns(20)
        assert len(begun) == 2
        reload.ask()
        while len(begun) < 3:
            await turns(1)

    run(main())


def test_a_life_with_nothing_to_say_does_not_begin(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        for text in ("", "[network]\nsip_prot = 5060\n"):
            (tmp_path / "portero.toml").write_text(text)
            reload = Reload(tmp_path / "portero.toml", (), lambda: pytest.fail("has begun"))
            reload.ask()
            await turns(5)

    asyncio.run(main())
    assert "portero.toml says nothing" in caplog.text
    assert "network.sip_prot" in caplog.text
