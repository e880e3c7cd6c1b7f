"""Call legs and the camera: what is said of the picture, when it is shown, and that it ends with the decision to end."""

from __future__ import annotations

from firmware.door import events as door
from firmware.sdp.h264 import Picture
from firmware.sdp.media_session import MediaSession
from firmware.sdp.protection import Protection
from firmware.sdp.video_session import LocalVideo
from firmware.sip import events as sip
from tests.app.test_calls import Rig, session

VIDEO = LocalVideo(rtp_port=4002, picture=Picture(320, 240, 15, 300))


class FakePicture:
    """Remembers."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []

    @property
    def shown(self) -> list[str]:
        return [what for step, what in self.steps if step == "show"]

    def open(self, leg: str, protection: Protection) -> LocalVideo | None:
        self.steps.append(("open", leg))
        return VIDEO

    def show(self, leg: str, call: str, session: MediaSession) -> None:
        self.steps.append(("show", f"{leg} as {call}"))

    def stop(self, leg: str) -> None:
        self.steps.append(("stop", leg))


def seeing() -> tuple[Rig, FakePicture]:
    picture = FakePicture()
    return Rig(picture), picture


def test_the_picture_is_offered_shown_with_the_sound_and_stopped_with_it() -> None:
    rig, picture = seeing()
    rig.ring()
    (invite,) = rig.commands
    assert isinstance(invite, sip.Invite)
    assert invite.media.video == VIDEO
    rig.agree("p1.1", early=True)
    rig.agree("p1.1", early=False)
    rig.answer("p1.1")
    assert picture.steps == [("open", "p1.1"), ("show", "p1.1 as p1.1"), ("show", "p1.1 as p1.1")]
    rig.calls.end(door.End(call=door.CallName("p1.1"), reason=door.EndReason.HUNG_UP))
    assert picture.steps[-1] == ("stop", "p1.1")
    rig.end("p1.1", sip.EndCause.LOCAL)
    assert rig.all_closed()


def test_of_several_phones_only_the_one_that_is_heard_sees() -> None:
    rig, picture = seeing()
    rig.ring("p1.1")
    rig.ring("p1.2")
    rig.agree("p1.1", early=True)
    rig.agree("p1.2", early=True)
    assert picture.shown == ["p1.1 as p1.1"]
    for call in ("p1.1", "p1.2"):
        rig.end(call, sip.EndCause.REMOTE)
    assert rig.all_closed()


def test_a_leg_whose_sound_cannot_be_had_shows_nothing() -> None:
    rig, picture = seeing()
    rig.sound.deaf = {"p1.1"}
    rig.ring()
    rig.agree("p1.1", early=False)
    assert picture.shown == []
    assert picture.steps[-1] == ("stop", "p1.1")
    assert session().video is None
