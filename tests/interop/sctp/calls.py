"""Calls over SCTP (RFC 4168) with peers that speak it; runs inside the guest, whose kernel has it (see guest.py)."""

from __future__ import annotations

from pathlib import Path

from tests.interop import sipp
from tests.interop.kamailio import SECRET, kamailio
from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.station import station
from tests.interop.test_through_kamailio import all_that_a_call_can_do, early_media_and_session_timer
from tests.net.authority import Authority

DOOR, HOME, PEER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
TAKES_CALLS = """\
[incoming]
allow = ["*@*"]
auto_answer = "always"
"""
ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:{user}@{server}"
registrar = "sip:{server}{way}"
proxy = "sip:{server}{way}"
password = "{secret}"
[[target]]
name = "other"
uri = "sip:{other}@{server}"
account = "house"
"""
SCTP = 'transports = ["sctp", "udp"]'


def test_sipp_calls_the_door_over_sctp(tmp_path: Path) -> None:
    with station(tmp_path / "door", host=DOOR, config=TAKES_CALLS, network=SCTP) as door:
        sipp.call(tmp_path / "sipp", door.address, scenario="uac", host=PEER, calls=2, extra=("-t", "s1", "-l", "1"))
        door.wait_for("CallEnded", room="door", times=2)


def test_the_door_calls_sipp_over_sctp(tmp_path: Path) -> None:
    with (
        sipp.answering(tmp_path / "sipp", scenario="uas", host=PEER, extra=("-t", "s1")) as (address, peer),
        station(tmp_path / "door", host=DOOR, config="", network=SCTP) as door,
    ):
        door.ctl("call", f"sip:service@{address};transport=sctp")
        door.wait_for("Answered")
        door.ctl("hangup")
        assert peer.wait(PATIENCE_S) == 0


def test_a_press_leads_to_all_that_a_call_can_do(tmp_path: Path) -> None:
    all_that_a_call_can_do(tmp_path, Authority(tmp_path / "authority"), "sctp")


def test_early_media_and_session_timers_pass_the_server(tmp_path: Path) -> None:
    early_media_and_session_timer(tmp_path, Authority(tmp_path / "authority"), "sctp")


def test_the_door_registers_at_kamailio_over_sctp_calls_and_is_called(tmp_path: Path) -> None:
    with kamailio(sctp=True) as server:
        config = ACCOUNT.format(user="door", other="resident", server=server.address, way=";transport=sctp", secret=SECRET) + TAKES_CALLS
        other = ACCOUNT.format(user="resident", other="door", server=server.address, way="", secret=SECRET) + TAKES_CALLS
        with (
            station(tmp_path / "door", host=DOOR, config=config, network=SCTP) as door,
            station(tmp_path / "home", host=HOME, config=other) as home,
        ):
            for each in (door, home):
                eventually(each.registered, what="registered", account=each.account)
            for times, caller in enumerate((door, home), 1):
                caller.ctl("call", "other")
                for each in (door, home):
                    each.wait_for("Answered", times=times)
                caller.ctl("hangup")
                for each in (door, home):
                    each.wait_for("QualityMeasured", times=times)
