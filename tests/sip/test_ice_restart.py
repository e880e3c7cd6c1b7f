"""ICE that begins anew within a call: new credentials of one side are answered by new ones of the other (RFC 8445 §9, RFC 8839)."""

from __future__ import annotations

import pytest

from firmware.ids import SeededIds
from firmware.sdp.codec import PCMU
from firmware.sdp.ice import PWD_MIN, IceCredentials
from firmware.sdp.media_session import LocalMedia, MediaSession
from firmware.sip.usage.negotiation import Negotiation, Standpoint

DOOR, PHONE = Standpoint("192.0.2.1"), Standpoint("192.0.2.9")
MOVED = Standpoint("198.51.100.7")


def side(name: str, *, lite: bool) -> Negotiation:
    credentials = IceCredentials(name, name * 6)
    media = LocalMedia(rtp_port=4000, codecs=(PCMU,), session_id=1, rtcp_mux=True, ice=credentials, ice_lite=lite)
    return Negotiation(media, SeededIds(len(name)))


def talk(*, lite_door: bool) -> tuple[Negotiation, Negotiation]:
    """The phone has called the door."""
    door, phone = side("door", lite=lite_door), side("phone", lite=False)
    exchange(phone, PHONE, door, DOOR)
    return door, phone


def exchange(offerer: Negotiation, place: Standpoint, answerer: Negotiation, there: Standpoint) -> None:
    answer, _ = answerer.answer(offerer.offer(offerer.wish, place), there)
    offerer.accept(answer)


def credentials(negotiation: Negotiation) -> tuple[IceCredentials, IceCredentials]:
    session = negotiation.agreed
    assert isinstance(session, MediaSession)
    assert session.ice is not None
    return session.ice.ours, session.ice.theirs


@pytest.mark.parametrize("lite_door", [True, False])
def test_a_phone_elsewhere_begins_anew_and_the_door_with_it(*, lite_door: bool) -> None:
    door, phone = talk(lite_door=lite_door)
    ours, theirs = credentials(door)
    exchange(phone, MOVED, door, DOOR)
    renewed, others = credentials(door)
    assert renewed != ours  # RFC 8445 §9: the answer to a restart is one
    assert others != theirs
    assert credentials(phone) == (others, renewed)
    assert len(renewed.pwd) >= PWD_MIN


@pytest.mark.parametrize("lite_door", [True, False])
def test_a_door_elsewhere_begins_anew(*, lite_door: bool) -> None:
    door, phone = talk(lite_door=lite_door)
    ours, theirs = credentials(door)
    exchange(door, MOVED, phone, PHONE)
    renewed, others = credentials(door)
    assert ours != renewed
    assert theirs != others
    assert credentials(phone) == (others, renewed)


@pytest.mark.parametrize("lite_door", [True, False])
def test_a_hold_leaves_the_credentials_as_they_are_also_after_a_restart(*, lite_door: bool) -> None:
    door, phone = talk(lite_door=lite_door)
    exchange(phone, MOVED, door, DOOR)
    before = credentials(door)
    exchange(phone, MOVED, door, DOOR)
    exchange(door, DOOR, phone, MOVED)
    assert credentials(door) == before


def test_an_offer_that_was_refused_began_nothing() -> None:
    door, _ = talk(lite_door=False)
    before = credentials(door)
    first = door.offer(door.wish, MOVED)
    door.withdraw()
    assert credentials(door) == before
    assert door.offer(door.wish, MOVED) != first  # each try has credentials of its own
    door.withdraw()
    assert before[0].ufrag.encode() in door.offer(door.wish, DOOR)


def test_a_restart_is_a_changed_description() -> None:
    door, _ = talk(lite_door=False)
    versions = []
    for place in (DOOR, MOVED):
        offer = door.offer(door.wish, place).decode()
        versions.append(int(offer.split("o=", 1)[1].split()[2]))
    assert versions[1] == versions[0] + 1  # RFC 3264 §8
