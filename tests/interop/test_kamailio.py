"""A real registrar: digest of both kinds, and its restart."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.interop.kamailio import SECRET, kamailio
from tests.interop.peers import eventually
from tests.interop.station import station

ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:door@{server}{transport}"
password = "{secret}"
"""


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize(
    "transport",
    [
        pytest.param("", marks=pytest.mark.matrix("Kamailio, UDP", "register")),
        pytest.param(";transport=tcp", marks=pytest.mark.matrix("Kamailio, TCP", "register")),
    ],
)
def test_the_door_registers_with_digest(tmp_path: Path, algorithm: str, transport: str) -> None:
    with kamailio(algorithm=algorithm) as server:
        config = ACCOUNT.format(server=server.address, secret=SECRET, transport=transport)
        with station(tmp_path, host="127.0.0.2", config=config) as door:
            eventually(door.registered, what="the door registers", account=door.account)
            assert door.ctl("unregister")["house"]["event"] == "Unregistered"
            assert door.ctl("register")["house"]["event"] == "Registered"


def test_a_wrong_password_is_said_plainly_and_does_not_hammer_the_server(tmp_path: Path) -> None:
    with kamailio() as server:
        config = ACCOUNT.format(server=server.address, secret="not the secret", transport="")
        with station(tmp_path, host="127.0.0.2", config=config) as door:
            eventually(lambda: "password" in door.ctl("status")["accounts"]["house"]["detail"], what="it says so")
            assert not door.registered()


def test_the_door_is_registered_again_within_five_seconds_of_the_servers_return(tmp_path: Path) -> None:
    with kamailio() as server:
        config = ACCOUNT.format(server=server.address, secret=SECRET, transport="")
        with station(tmp_path, host="127.0.0.2", config=config) as door:
            eventually(door.registered, what="the door registers")
            server.stop()
            eventually(lambda: not door.registered(), what="the door notices that the server is gone", account=door.account)
            server.start()
            returned_s = time.monotonic()
            eventually(door.registered, what="registered again", account=door.account)
            print(f"registered again {time.monotonic() - returned_s:.1f} s after the server's return")


def test_a_restart_that_no_connection_tells_of_is_noticed_by_the_next_question(tmp_path: Path) -> None:
    with kamailio(tcp=False) as server:
        config = ACCOUNT.format(server=server.address, secret=SECRET, transport="") + "probe_s = 3\n"
        with station(tmp_path, host="127.0.0.2", config=config) as door:
            eventually(door.registered, what="the door registers", account=door.account)
            before = len([entry for entry in door.events.seen if entry["event"] == "Registered"])
            server.stop()
            server.start()
            returned_s = time.monotonic()
            door.wait_for("Registered", times=before + 1)
            print(f"bound again {time.monotonic() - returned_s:.1f} s after a restart that took a fraction of a second")
