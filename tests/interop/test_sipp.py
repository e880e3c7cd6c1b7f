"""SIPp's embedded scenarios and our own against the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import sipp
from tests.interop.peers import PATIENCE_S
from tests.interop.station import station

TAKES_CALLS = """\
[incoming]
allow = ["*@*"]
auto_answer = "always"
"""
BUTTON = """\
[[button]]
name = "bell"
gpio = 17
targets = ["sip:resident@{address}"]
"""


@pytest.mark.parametrize("scenario", ["uac", "regexp"])
@pytest.mark.matrix("SIPp", "call in")
def test_sipp_calls_the_door(tmp_path: Path, scenario: str) -> None:
    with station(tmp_path / "door", host="127.0.0.2", config=TAKES_CALLS) as door:
        sipp.call(tmp_path / "sipp", door.address, scenario=scenario, host="127.0.0.4", calls=3, extra=("-l", "1"))
        door.wait_for("CallEnded", times=3, party="sipp@127.0.0.4")


@pytest.mark.matrix("SIPp", "call out")
def test_the_door_calls_sipp(tmp_path: Path) -> None:
    with (
        sipp.answering(tmp_path / "sipp", scenario="uas", host="127.0.0.4") as (address, peer),
        station(tmp_path / "door", host="127.0.0.2", config="") as door,
    ):
        door.ctl("call", f"sip:service@{address}")
        door.wait_for("Answered")
        door.ctl("hangup")
        assert peer.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("scenario", ["digit_info_relay.xml", "digit_info_plain.xml"])
@pytest.mark.matrix("SIPp", "digits")
def test_digits_by_info_open_the_door(tmp_path: Path, scenario: str) -> None:
    with (
        sipp.answering(tmp_path / "sipp", scenario=scenario, host="127.0.0.4") as (address, peer),
        station(tmp_path / "door", host="127.0.0.2", config=BUTTON.format(address=address)) as door,
    ):
        door.ctl("press", "bell")
        assert door.wait_for("Unlocked")["who"] == "residents"
        door.wait_for("RelayMoved", closed=True)
        assert peer.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("scenario", ["cancel.xml", "offerless.xml", pytest.param("hold.xml", marks=pytest.mark.matrix("SIPp", "hold"))])
def test_habits_of_servers_are_normal_events(tmp_path: Path, scenario: str) -> None:
    config = TAKES_CALLS if scenario != "cancel.xml" else TAKES_CALLS.replace("always", "never")
    with station(tmp_path / "door", host="127.0.0.2", config=config) as door:
        sipp.call(tmp_path / "sipp", door.address, scenario=scenario, host="127.0.0.4")
        assert door.ctl("status")["failures"] == 0
