"""A real Kamailio over every transport: the door registers, calls and is called, but only where the server proves its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.interop.kamailio import SECRET, Kamailio, kamailio
from tests.interop.peers import eventually
from tests.interop.station import Station, station
from tests.net.authority import Authority

DOOR = """\
[tls]
ca = "{ca}"
[[account]]
name = "house"
uri = "sip:door@{server}"
registrar = "sip:{server}{params}"
proxy = "sip:{server}{params}"
password = "{secret}"
[incoming]
allow = ["*@*"]
auto_answer = "always"
[[target]]
name = "other"
uri = "sip:resident@{server}"
account = "house"
"""
RESIDENT = """\
[[account]]
name = "house"
uri = "sip:resident@{server}"
password = "{secret}"
[incoming]
allow = ["*@*"]
auto_answer = "always"
[[target]]
name = "other"
uri = "sip:door@{server}"
account = "house"
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def door_config(server: Kamailio, transport: str, authority: Authority) -> str:
    # The domain of all accounts is Kamailio's first address; TLS and WebSocket are only the way to it.
    config = DOOR.format(server=server.address, params=f";transport={transport}", secret=SECRET, ca=authority.pem)
    if transport in ("tls", "wss"):
        config = config.replace(f"{server.address};transport", f"{server.tls_address};transport")
    return config


def talk(caller: Station, callee: Station, log: Callable[[], str]) -> None:
    """A call to the target `other` that is answered by the callee and ended by the caller."""
    before = len(caller.events.seen), len(callee.events.seen)

    def account() -> str:
        return caller.account() + callee.account() + log()

    def told(index: int, event: str) -> bool:
        station = (caller, callee)[index]
        return any(each["event"] == event for each in station.events.seen[before[index] :])

    caller.ctl("call", "other")
    for index in (0, 1):
        eventually(partial(told, index, "Answered"), what="answer and ACK", account=account)
    caller.ctl("hangup")
    for index in (0, 1):
        # The last that each tells of a call: only then may the next begin.
        eventually(partial(told, index, "QualityMeasured"), what="the end", account=account)


@pytest.mark.parametrize(
    "transport",
    [
        pytest.param("udp", marks=pytest.mark.matrix("Kamailio, UDP", "register", "call out", "call in")),
        pytest.param("tcp", marks=pytest.mark.matrix("Kamailio, TCP", "register", "call out", "call in")),
        pytest.param("tls", marks=pytest.mark.matrix("Kamailio, TLS", "register", "call out", "call in")),
        pytest.param("ws", marks=pytest.mark.matrix("Kamailio, WebSocket", "register", "call out", "call in")),
        pytest.param("wss", marks=pytest.mark.matrix("Kamailio, WebSocket", "register", "call out", "call in")),
    ],
)
def test_the_door_registers_calls_and_is_called(tmp_path: Path, authority: Authority, transport: str) -> None:
    certificate = authority.issue("pbx", "IP:127.0.0.1")
    with kamailio(certificate=certificate, websocket=True) as server:
        config = door_config(server, transport, authority)
        with (
            station(tmp_path / "door", host="127.0.0.2", network=f'transports = ["{transport}"]', config=config) as door,
            station(tmp_path / "home", host="127.0.0.3", config=RESIDENT.format(server=server.address, secret=SECRET)) as home,
        ):
            for each in (door, home):
                eventually(each.registered, what="registered", account=each.account)
            talk(door, home, lambda: server.log[-3000:])
            talk(home, door, lambda: server.log[-3000:])


@pytest.mark.parametrize(
    "transport",
    [
        pytest.param("tls", marks=pytest.mark.matrix("Kamailio, TLS", "name check")),
        pytest.param("wss", marks=pytest.mark.matrix("Kamailio, WebSocket", "name check")),
    ],
)
def test_a_server_for_another_name_is_refused_and_the_reason_shown(tmp_path: Path, authority: Authority, transport: str) -> None:
    with kamailio(certificate=authority.issue("other", "DNS:other.example"), websocket=True) as server:
        config = door_config(server, transport, authority)
        with station(tmp_path, host="127.0.0.2", network=f'transports = ["{transport}"]', config=config) as door:

            def detail() -> str:
                return str(door.ctl("status")["accounts"]["house"]["detail"])

            eventually(lambda: "other.example, not for 127.0.0.1" in detail(), what="the reason", account=door.account)
            assert not door.registered()


def test_a_server_of_a_strange_authority_is_refused_and_the_remedy_shown(tmp_path: Path, authority: Authority) -> None:
    stranger = Authority(tmp_path / "stranger", "Somebody else")
    with kamailio(certificate=stranger.issue("pbx", "IP:127.0.0.1")) as server:
        config = door_config(server, "tls", authority)
        with station(tmp_path, host="127.0.0.2", network='transports = ["tls"]', config=config) as door:

            def detail() -> str:
                return str(door.ctl("status")["accounts"]["house"]["detail"])

            eventually(lambda: "name the authority's certificate in tls.ca" in detail(), what="the remedy", account=door.account)
            assert not door.registered()
