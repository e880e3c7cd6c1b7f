"""What SIPp's embedded scenarios do not ask: registration, early media, session timers, transfers, messages, subscriptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import sipp
from tests.interop.kamailio import SECRET
from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.station import station

DOOR, PEER, THIRD = "127.0.0.2", "127.0.0.4", "127.0.0.6"
TAKES_CALLS = """\
[call]
transfers = "call"
[incoming]
allow = ["*@*"]
write = ["*@*"]
watch = ["*@*"]
auto_answer = "always"
"""
ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:door@{server}"
password = "{secret}"
probe_s = "never"
"""


@pytest.mark.matrix("SIPp", "register")
def test_the_door_registers_and_takes_its_binding_back(tmp_path: Path) -> None:
    registrar = sipp.answering(tmp_path / "sipp", scenario="registrar.xml", host=PEER)
    with registrar as (address, peer), station(tmp_path / "door", host=DOOR, config=ACCOUNT.format(server=address, secret=SECRET)) as door:
        eventually(door.registered, what="the door registers", account=door.account)
        door.ctl("unregister")
        assert peer.wait(PATIENCE_S) == 0


@pytest.mark.matrix("SIPp", "early media", "session timer")
def test_early_media_is_heard_and_the_session_refreshed_before_it_expires(tmp_path: Path) -> None:
    with (
        sipp.answering(tmp_path / "sipp", scenario="early_timer.xml", host=PEER) as (address, peer),
        station(tmp_path / "door", host=DOOR, config="") as door,
    ):
        door.ctl("call", f"sip:service@{address}")
        door.wait_for("MediaAgreed", early=True)
        door.wait_for("MediaAgreed", times=2, early=False)  # the answer, and that of the refresh
        door.ctl("hangup")
        assert peer.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param("timer_too_small.xml", marks=pytest.mark.matrix("SIPp", "session timer")),
        pytest.param("message.xml", marks=pytest.mark.matrix("SIPp", "MESSAGE")),
        pytest.param("subscribe.xml", marks=pytest.mark.matrix("SIPp", "SUBSCRIBE")),
    ],
)
def test_what_sipp_asks_of_the_door_is_given(tmp_path: Path, scenario: str) -> None:
    with station(tmp_path / "door", host=DOOR, config=TAKES_CALLS) as door:
        sipp.call(tmp_path / "sipp", door.address, scenario=scenario, host=PEER)
        assert door.ctl("status")["failures"] == 0


@pytest.mark.matrix("SIPp", "MESSAGE")
def test_the_door_writes_to_sipp(tmp_path: Path) -> None:
    with (
        sipp.answering(tmp_path / "sipp", scenario="message_uas.xml", host=PEER) as (address, peer),
        station(tmp_path / "door", host=DOOR, config="") as door,
    ):
        assert door.ctl("message", f"sip:service@{address}", "Somebody rings")["status"] == 200
        assert peer.wait(PATIENCE_S) == 0


@pytest.mark.matrix("SIPp", "transfer")
def test_sipp_transfers_the_door_to_somebody_else(tmp_path: Path) -> None:
    with (
        sipp.answering(tmp_path / "third", scenario="uas", host=THIRD) as (third, peer),
        station(tmp_path / "door", host=DOOR, config=TAKES_CALLS) as door,
    ):
        (tmp_path / "fields.csv").write_text(f"SEQUENTIAL\n{third}\n")
        fields = ("-inf", str(tmp_path / "fields.csv"))
        sipp.call(tmp_path / "sipp", door.address, scenario="transfer.xml", host=PEER, extra=fields)
        door.ctl("hangup")
        assert peer.wait(PATIENCE_S) == 0
