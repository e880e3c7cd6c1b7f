"""All that a call can do through a real Kamailio, over each way to it: digits, hold, transfer, early media, timer, messages, lamps."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.interop import sipp
from tests.interop.kamailio import SECRET, Kamailio, kamailio
from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.station import Station, station
from tests.net.authority import Authority

DOOR, HOME, GUEST = "127.0.0.2", "127.0.0.3", "127.0.0.6"
ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:{user}@{server}"
registrar = "sip:{way}"
proxy = "sip:{way}"
password = "{secret}"
[call]
hangup_after_open_s = "never"
[incoming]
allow = ["*@*"]
write = ["*@*"]
watch = ["*@*"]
auto_answer = "always"
"""
BELL = """\
[tls]
ca = "{ca}"
[[target]]
name = "resident"
uri = "sip:resident@{server}"
account = "house"
[[button]]
name = "bell"
targets = ["resident"]
"""
ROWS = {"udp": "Kamailio, UDP", "tcp": "Kamailio, TCP", "tls": "Kamailio, TLS", "ws": "Kamailio, WebSocket"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def door_config(server: Kamailio, transport: str, authority: Authority) -> str:
    way = f"{server.tls_address if transport == 'tls' else server.address};transport={transport}"
    account = ACCOUNT.format(user="door", server=server.address, way=way, secret=SECRET)
    return account + BELL.format(server=server.address, ca=authority.pem)


def home_config(server: Kamailio, user: str) -> str:
    return ACCOUNT.format(user=user, server=server.address, way=server.address, secret=SECRET)


def over(*features: str) -> list[object]:
    """Each transport, with the cells that the test proves there."""
    return [pytest.param(transport, marks=pytest.mark.matrix(row, *features)) for transport, row in ROWS.items()]


def server_for(transport: str, authority: Authority) -> AbstractContextManager[Kamailio]:
    """A server that speaks it; SCTP only where the kernel does (see sctp/)."""
    if transport == "sctp":
        return kamailio(sctp=True)
    return kamailio(certificate=authority.issue("pbx", "IP:127.0.0.1"), websocket=True)


@pytest.mark.parametrize("transport", over("call out", "digits", "hold", "transfer", "MESSAGE", "SUBSCRIBE"))
def test_a_press_leads_to_all_that_a_call_can_do(tmp_path: Path, authority: Authority, transport: str) -> None:
    all_that_a_call_can_do(tmp_path, authority, transport)


def all_that_a_call_can_do(tmp_path: Path, authority: Authority, transport: str) -> None:
    with server_for(transport, authority) as server:
        network = f'transports = ["{transport}"]'
        door_ = station(tmp_path / "door", host=DOOR, network=network, config=door_config(server, transport, authority))
        home_ = station(tmp_path / "home", host=HOME, config=home_config(server, "resident"))
        guest_ = station(tmp_path / "guest", host=GUEST, config=home_config(server, "guest"))
        with door_ as door, home_ as home, guest_ as guest:
            for each in (door, home, guest):
                eventually(each.registered, what="registered", account=each.account)
            write_and_watch(door, home, server)
            door.ctl("press", "bell")
            for each in (door, home):
                each.wait_for("Answered")
            home.ctl("dtmf", "rfc4733", "7305#")
            assert door.wait_for("Unlocked")["who"] == "residents"
            for caller in (door, home):
                assert caller.ctl("hold")["status"] == 200
                assert caller.ctl("resume")["status"] == 200
            # The resident sends the door on to a guest: the door places the new call and its old one ends.
            assert home.ctl("transfer", f"sip:guest@{server.address}")["status"] == 200
            guest.wait_for("Answered")
            door.ctl("hangup")
            guest.wait_for("CallEnded", room="door")


def write_and_watch(door: Station, home: Station, server: Kamailio) -> None:
    """A message each way, and a lamp at home that burns for the door's calls."""
    assert door.ctl("message", f"sip:resident@{server.address}", "Somebody rings", "house")["status"] == 200
    assert home.wait_for("MessageReceived")["body"] == "Somebody rings"
    assert home.ctl("message", f"sip:door@{server.address}", "Coming", "house")["status"] == 200
    assert door.wait_for("MessageReceived")["body"] == "Coming"
    assert home.ctl("subscribe", "dialog", f"sip:door@{server.address}", "house")["state"] in ("active", "pending")
    home.wait_for("Notified")


@pytest.mark.parametrize("transport", over("early media", "session timer"))
def test_early_media_and_session_timers_pass_the_server(tmp_path: Path, authority: Authority, transport: str) -> None:
    early_media_and_session_timer(tmp_path, authority, transport)


def early_media_and_session_timer(tmp_path: Path, authority: Authority, transport: str) -> None:
    with (
        server_for(transport, authority) as server,
        sipp.answering(tmp_path / "sipp", scenario="early_timer.xml", host=GUEST) as (address, peer),
    ):
        bind("resident", address, server)
        network = f'transports = ["{transport}"]'
        with station(tmp_path / "door", host=DOOR, network=network, config=door_config(server, transport, authority)) as door:
            eventually(door.registered, what="registered", account=door.account)
            door.ctl("call", "resident")
            door.wait_for("MediaAgreed", early=True)
            door.wait_for("MediaAgreed", times=2, early=False)  # the answer, and that of the refresh
            door.ctl("hangup")
            assert peer.wait(PATIENCE_S) == 0


def bind(user: str, address: str, server: Kamailio) -> None:
    """Let sipsak register a contact for a peer that cannot do so itself."""
    command = ["sipsak", "-U", "-C", f"sip:{user}@{address}", "-u", user, "-a", SECRET, "-x", "600", "-s", f"sip:{user}@{server.address}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
