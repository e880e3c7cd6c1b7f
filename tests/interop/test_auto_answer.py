"""Calls that ask to be answered by themselves, in every way that PBXs ask it, with SIPp as the PBX."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import sipp
from tests.interop.station import station

LISTED = """\
[incoming]
allow = ["*@*"]
auto_answer = "on_request"
auto_answer_for = ["sipp@127.0.0.4"]
"""
OTHERS = LISTED.replace("sipp@127.0.0.4", "desk@127.0.0.4")
NOTHING = "Subject: none"


@pytest.mark.parametrize(
    ("wish", "parameter"),
    [
        ("Answer-Mode: Auto", ""),
        ("Priv-Answer-Mode: Auto;require", ""),
        ("Call-Info: <sip:127.0.0.4>;answer-after=1", ""),
        ("Alert-Info: <http://127.0.0.4>;info=alert-autoanswer;delay=0", ""),
        ("Alert-Info: Auto Answer", ""),
        ("Alert-Info: Ring Answer", ""),
        (NOTHING, ";intercom=true"),
    ],
)
def test_a_listed_caller_is_connected_as_it_wishes(tmp_path: Path, wish: str, parameter: str) -> None:
    with station(tmp_path / "door", host="127.0.0.2", config=LISTED) as door:
        words = ("-key", "wish", wish, "-key", "parameter", parameter)
        sipp.call(tmp_path / "sipp", door.address, scenario="wish.xml", host="127.0.0.4", extra=words)
        assert door.wait_for("CallEnded", party="sipp@127.0.0.4")["talked_s"] > 0


def test_one_who_insists_and_is_not_listed_is_refused_and_rings_nobody(tmp_path: Path) -> None:
    with station(tmp_path / "door", host="127.0.0.2", config=OTHERS) as door:
        words = ("-key", "wish", "Answer-Mode: Auto;require", "-key", "parameter", "")
        sipp.call(tmp_path / "sipp", door.address, scenario="wish.xml", host="127.0.0.4", extra=words)
        assert door.wait_for("CallReceived")["refusal"] == "forbidden"
