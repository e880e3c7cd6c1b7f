"""Two flows to one registrar through two edge proxies (RFC 5626), kept open by STUN, with Path and Service-Route."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.interop.configured_kamailio import server
from tests.interop.outbound_servers import EDGE, REGISTRAR
from tests.interop.peers import eventually
from tests.interop.station import Station, station

REGISTRAR_HOST, FIRST_HOST, SECOND_HOST = "127.0.0.1", "127.0.0.7", "127.0.0.8"
DOOR, HOME = "127.0.0.2", "127.0.0.3"
DOOR_ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:door@{registrar}"
proxy = "sip:{first}{params}"
second_proxy = "sip:{second}{params}"
outbound = true
[incoming]
allow = ["*@*"]
auto_answer = "always"
[[target]]
name = "resident"
uri = "sip:resident@{registrar}"
account = "house"
"""
HOME_ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:resident@{registrar}"
probe_s = "never"
[incoming]
allow = ["*@*"]
auto_answer = "always"
[[target]]
name = "door"
uri = "sip:door@{registrar}"
account = "house"
"""


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_calls_come_in_and_go_out_when_one_of_two_edges_is_gone(tmp_path: Path, transport: str) -> None:
    with server(tmp_path / "registrar", REGISTRAR_HOST, REGISTRAR) as registrar, contextlib.ExitStack() as edges:
        second = edges.enter_context(server(tmp_path / "second", SECOND_HOST, EDGE, registrar=registrar))
        with contextlib.ExitStack() as first_alone:
            first = first_alone.enter_context(server(tmp_path / "first", FIRST_HOST, EDGE, registrar=registrar))
            config = DOOR_ACCOUNT.format(registrar=registrar, first=first, second=second, params=f";transport={transport}")
            door_ = station(tmp_path / "door", host=DOOR, config=config, network=f'transports = ["{transport}"]')
            home_ = station(tmp_path / "home", host=HOME, config=HOME_ACCOUNT.format(registrar=registrar))
            with door_ as door, home_ as home:
                for each in (door, home):
                    eventually(each.registered, what="registered", account=each.account)
                call(door, home, "resident", times=1)
                call(home, door, "door", times=2)
                first_alone.close()  # the first edge proxy dies
                call(home, door, "door", times=3)
                call(door, home, "resident", times=4)


def call(caller: Station, callee: Station, target: str, *, times: int) -> None:
    """A call that the callee takes by itself and ends: its BYE comes back over the flow on which the call began."""
    caller.ctl("call", target)
    for each in (caller, callee):
        each.wait_for("Answered", times=times)
    callee.ctl("hangup")
    for each in (caller, callee):
        each.wait_for("QualityMeasured", times=times)
