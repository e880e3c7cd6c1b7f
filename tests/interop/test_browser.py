"""A real browser calls the door: Chromium's WebRTC over a WebSocket, sound both ways and the camera's picture, all by one port."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.sdp.bundle import group_of
from firmware.sdp.description import parse
from tests.interop.browser.browser import browser
from tests.interop.hearing import best_likeness
from tests.interop.station import station
from tests.interop.test_baresip import AS_RECORDED, HEARD, RESIDENT, VISITOR, heard_at_door
from tests.interop.test_camera import CAMERA, SHOWN
from tests.interop.test_encryption import sound
from tests.ports import free_port

TAKES = """\
[incoming]
allow = ["resident@*"]
auto_answer = "always"
[call]
media_encryption = "mandatory"
key_exchange = ["dtls"]
"""


@pytest.mark.alone
@pytest.mark.parametrize(
    ("ice", "policy", "offers"), [("lite", "balanced", "page"), ("full", "max-bundle", "page"), ("full", "balanced", "door")]
)
@pytest.mark.matrix("Chromium", "call in", "codecs", "video", "DTLS", "ICE")
def test_a_browser_sees_and_hears_the_door_and_is_heard(tmp_path: Path, ice: str, policy: str, offers: str) -> None:
    port = free_port("127.0.0.1")
    network = f'transports = ["udp", "tcp", "ws"]\nws_port = {port}\nice = "{ice}"\n'
    with (
        station(
            tmp_path / "door", host="127.0.0.1", config=CAMERA + AS_RECORDED + TAKES, network=network, arguments=sound(tmp_path)
        ) as door,
        browser(tmp_path / "browser", door=("127.0.0.1", port), microphone=RESIDENT, policy=policy, offers=offers) as told,
    ):
        offer, answer = (parse(told.take(each)) for each in ("offer", "answer"))
        assert group_of(offer, offer.media[1]) == group_of(answer, answer.media[1]) == ("0", "1")
        assert door.wait_for("MediaAgreed", early=False)["session"]["video"]["shares_way"] is True
        assert door.wait_for("StreamEncrypted")["cipher"].startswith("A")
        heard, seen = told.heard(), told.seen()
        door.wait_for("QualityMeasured", final=True)
        door.process.terminate()
        door.process.wait(60)
    assert (seen["frameWidth"], seen["frameHeight"]) == (320, 240)
    assert seen["framesDecoded"] >= SHOWN
    assert seen["transports"] == 1
    assert best_likeness(VISITOR, heard, from_s=2) > HEARD
    assert heard_at_door(RESIDENT, tmp_path) > HEARD
