"""firmware/sdp/ice.py: the answers and further offers of a lite agent (RFC 8445 §2.5, RFC 8839)."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.sdp.codec import PCMA, PCMU
from firmware.sdp.description import SessionDescription, parse
from firmware.sdp.ice import IceCredentials, IceSession
from firmware.sdp.offer_answer import Direction, LocalMedia, make_answer, make_offer, read_answer

OURS = IceCredentials("door", "a password that is long enough".replace(" ", "/"))
LOCAL = LocalMedia(host="198.51.100.1", rtp_port=4000, codecs=(PCMU, PCMA), session_id=7, rtcp_mux=True, ice=OURS)
THEIRS = IceCredentials("8hhY", "asd88fgpdd777uzjYhagZg")
LINES = (
    "m=audio 9002 RTP/AVP 0",
    "a=rtcp-mux",
    f"a=ice-ufrag:{THEIRS.ufrag}",
    f"a=ice-pwd:{THEIRS.pwd}",
    "a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host",
)
OUR_CANDIDATE = "a=candidate:1 1 UDP 2130706431 198.51.100.1 4000 typ host"


def theirs(*lines: str, host: str = "192.0.2.1", head: tuple[str, ...] = ()) -> SessionDescription:
    return parse("\r\n".join(("v=0", f"o=x 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", *head, *lines, "")).encode())


def wire(description: SessionDescription) -> list[str]:
    return description.to_bytes().decode().splitlines()


def test_an_answer_says_lite_and_has_the_one_candidate() -> None:
    answer, session = make_answer(theirs(*LINES), LOCAL)
    lines = wire(answer)
    assert "a=ice-lite" in lines[: lines.index("m=audio 4000 RTP/AVP 0")]  # RFC 8839 §5.3: of the whole session
    assert {OUR_CANDIDATE, f"a=ice-ufrag:{OURS.ufrag}", f"a=ice-pwd:{OURS.pwd}"} <= set(lines)
    assert session.ice == IceSession(OURS, THEIRS)


def test_the_credentials_may_stand_above_the_media() -> None:
    head = (LINES[2], LINES[3])
    assert make_answer(theirs(LINES[0], LINES[1], LINES[4], head=head), LOCAL)[1].ice == IceSession(OURS, THEIRS)


@pytest.mark.parametrize(
    ("offer", "local"),
    [
        (theirs(*LINES), LOCAL._replace(ice=None)),
        (theirs(*LINES), LOCAL._replace(rtcp_mux=False)),  # RTCP would need a candidate of its own
        (theirs(LINES[0], *LINES[2:]), LOCAL),
        (theirs(*LINES[:4]), LOCAL),  # no candidate
        (theirs(*LINES, head=("a=ice-lite",)), LOCAL),  # two lite agents: nobody checks
        (theirs(*LINES[:2], "a=ice-ufrag:abc", *LINES[3:]), LOCAL),  # too short (RFC 8839 §5.4)
        (theirs(*LINES[:3], "a=ice-pwd:short", LINES[4]), LOCAL),
        (theirs(*LINES[:2], "a=ice-ufrag:ab c?", *LINES[3:]), LOCAL),
    ],
)
def test_without_ice_on_both_sides_the_plain_rules_hold(offer: SessionDescription, local: LocalMedia) -> None:
    answer, session = make_answer(offer, local)
    assert session.ice is None
    assert "ice" not in answer.to_bytes().decode()


def test_the_null_address_of_a_trickling_offer_is_no_hold() -> None:
    # RFC 8840 §4.1.1: the address is not known yet; with RFC 3264 alone it would be the old hold.
    _, session = make_answer(theirs(*LINES, host="0.0.0.0"), LOCAL)
    assert session.direction is Direction.SENDRECV
    assert session.remote_is_null
    _, session = make_answer(theirs(LINES[0], host="0.0.0.0"), LOCAL)
    assert session.direction is Direction.RECVONLY


def test_a_further_offer_goes_on_with_ice_and_a_first_one_does_not_begin_it() -> None:
    answer, _ = make_answer(theirs(*LINES), LOCAL)
    again = make_offer(LOCAL, direction=Direction.SENDONLY, previous=answer)
    assert OUR_CANDIDATE in wire(again)
    assert "a=ice-lite" in wire(again)
    assert read_answer(again, theirs(*LINES), LOCAL).ice == IceSession(OURS, THEIRS)
    assert read_answer(again, theirs(*LINES[:2]), LOCAL).ice is None
    assert "ice" not in make_offer(LOCAL).to_bytes().decode()


def test_the_offer_of_a_browser_is_understood() -> None:
    offer = parse((Path(__file__).parent.parent / "data" / "sdp" / "webrtc_browser.sdp").read_bytes())
    assert offer.media[0].attribute("ice-ufrag")


def test_a_password_hides_itself() -> None:
    assert OURS.pwd not in f"{OURS} {OURS!r} {IceSession(OURS, THEIRS)}"
