"""Two phones and the panel in one call, with phones that are not ours: Debian's baresip twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.interop.baresip import baresip
from tests.interop.hearing import best_likeness, likeness
from tests.interop.station import station
from tests.interop.test_baresip import BUTTON, HEARD, RESIDENT, STRANGE, VISITOR

SECOND = """\
[[target]]
name = "second"
uri = "{uri}"
"""

DIALLED = """\
[incoming]
allow = ["resident@127.0.0.4"]
conference = "talk"
conference_for = ["resident@127.0.0.4"]
"""


@pytest.mark.matrix("baresip", "call in")
def test_a_second_baresip_dials_the_address_of_the_conversation(tmp_path: Path) -> None:
    with (
        baresip(tmp_path / "first", host="127.0.0.3", speech=RESIDENT, auto_answer=True) as first,
        baresip(tmp_path / "second", host="127.0.0.4", speech=VISITOR) as second,
        station(tmp_path / "door", host="127.0.0.2", config=BUTTON.format(target=first.uri) + DIALLED) as door,
    ):
        second.command("dial", f"sip:talk@{door.address}")
        assert door.wait_for("CallReceived")["refusal"] == "unanswered"  # nobody talks, and nothing rings
        second.wait_for("480")
        door.ctl("press", "bell")
        door.wait_for("Answered")
        second.command("dial", f"sip:talk@{door.address}")
        door.wait_for("Answered", party="resident@127.0.0.4")
        second.wait_for("Call established")
        time.sleep(6)  # let them talk: speech is compared over four of these seconds
        second.command("hangup")
        door.wait_for("CallEnded", party="resident@127.0.0.4")
        door.ctl("hangup")
        first.wait_for("terminated")
        assert best_likeness(RESIDENT, second.heard(), from_s=1) > HEARD


@pytest.mark.matrix("baresip", "call out", "digits")
def test_two_baresips_and_the_panel_talk_and_the_second_opens(tmp_path: Path) -> None:
    with (
        baresip(tmp_path / "first", host="127.0.0.3", speech=RESIDENT, auto_answer=True) as first,
        baresip(tmp_path / "second", host="127.0.0.4", speech=VISITOR, auto_answer=True) as second,
        station(tmp_path / "door", host="127.0.0.2", config=BUTTON.format(target=first.uri) + SECOND.format(uri=second.uri)) as door,
    ):
        door.ctl("press", "bell")
        door.wait_for("Answered")
        leg = door.ctl("add", "second")["call"]
        door.wait_for("Answered", party="second")
        time.sleep(6)  # let them talk: speech is compared over four of these seconds
        second.press_keys("7305#")
        assert door.wait_for("Unlocked")["call"] == leg
        first.command("hangup")
        door.wait_for("CallEnded", call="p1.1")
        door.wait_for("CallEnded", call=leg)  # the door was opened: the call ends for whoever is left
        second.wait_for("terminated")
        # The first had the panel alone for a moment before the second came; the second hears the first from its beginning.
        assert best_likeness(RESIDENT, second.heard(), from_s=1) > HEARD
        assert best_likeness(VISITOR, first.heard(), from_s=1) > HEARD
        assert likeness(VISITOR, second.heard(), from_s=1) < STRANGE  # nobody hears himself
