"""firmware/sdp/ice.py: the answers and further offers of a lite agent (RFC 8445 §2.5, RFC 8839)."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.sdp.codec import PCMA, PCMU
from firmware.sdp.description import SessionDescription, parse
from firmware.sdp.direction import Direction
from firmware.sdp.ice import CANDIDATES_MAX, IceCredentials, IceSession, Kind
from firmware.sdp.media_session import LocalMedia
from firmware.sdp.offer_answer import make_answer, make_offer, read_answer

OURS = IceCredentials("door", "a password that is long enough".replace(" ", "/"))
LOCAL = LocalMedia(host="198.51.100.1", rtp_port=4000, codecs=(PCMU, PCMA), session_id=7, rtcp_mux=True, ice=OURS)
THEIRS = IceCredentials("8hhY", "asd88fgpdd777uzjYhagZg")
LINES = (
    "m=audio 9002 RTP/AVP 0",
    "a=rtcp-mux",
    f"a=ice-ufrag:{THEIRS.ufrag}",
    f"a=ice-pwd:{THEIRS.pwd}",
    "a=candidate:2 1 UDP 1694498815 192.0.2.1 9002 typ srflx raddr 10.0.1.1 rport 8998",
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


@pytest.mark.parametrize(
    ("lines", "host", "ice"),
    [
        ((*LINES[:4], "a=ice-options:trickle"), "0.0.0.0", True),
        (("m=audio 9 RTP/AVP 0", *LINES[1:4], "a=ice-options:rtp+ecn trickle"), "192.0.2.1", True),
        ((*LINES[:4], "a=ice-options:trickle"), "192.0.2.1", False),  # all is told, and there is nothing
        (LINES[:4], "0.0.0.0", False),
        # draft-ietf-mmusic-mdns-ice-candidates §3.1.2: the name says nothing to us, the checks from behind it will.
        ((*LINES[:4], "a=candidate:1 1 UDP 2113937151 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 54596 typ host"), "0.0.0.0", True),
    ],
)
@pytest.mark.parametrize("lite", [True, False])
def test_addresses_that_are_not_known_yet_do_not_keep_the_checks_from_beginning(
    lines: tuple[str, ...], host: str, *, ice: bool, lite: bool
) -> None:
    answer, session = make_answer(theirs(*lines, host=host), LOCAL._replace(ice_lite=lite))
    assert (session.ice is not None, answer.media[0].attribute("candidate") is not None) == (ice, ice)
    if session.ice is not None:
        assert (session.ice.remote, session.direction) == ((), Direction.SENDRECV)
        assert "trickle" not in answer.to_bytes().decode()  # RFC 8840 §4.2: who takes none later does not promise it


def test_the_null_address_is_of_no_family() -> None:
    six = LOCAL._replace(host="2001:db8::1", ice_lite=False)
    _, session = make_answer(theirs(*LINES, "a=candidate:1 1 UDP 2130706431 2001:db8::7 9004 typ host", host="0.0.0.0"), six)
    assert session.ice is not None
    assert [each.host for each in session.ice.remote] == ["2001:db8::7", "192.0.2.1"]


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


FULL = LOCAL._replace(host="192.168.1.5", ice_lite=False, mapped=("198.51.100.1", 5000), states_mapped=True)
OUR_HOST = "a=candidate:1 1 UDP 2130706431 192.168.1.5 4000 typ host"
OUR_REFLEXIVE = "a=candidate:2 1 UDP 1694498815 198.51.100.1 5000 typ srflx raddr 192.168.1.5 rport 4000"


def test_a_full_agent_offers_its_candidates_and_states_the_outer_address() -> None:
    lines = wire(make_offer(FULL))
    assert "o=door 7 1 IN IP4 192.168.1.5" in lines
    assert {"c=IN IP4 198.51.100.1", OUR_HOST, OUR_REFLEXIVE, "a=ice-options:ice2", "a=rtcp-mux"} <= set(lines)
    assert any(line.startswith("m=audio 5000 ") for line in lines)
    assert "a=ice-lite" not in lines


def test_who_offered_controls_and_who_answered_does_not() -> None:
    offer = make_offer(FULL)
    session = read_answer(offer, theirs(*LINES), FULL).ice
    assert session is not None
    assert (session.is_lite, session.is_controlling) == (False, True)
    assert [(each.kind, each.host, each.port) for each in session.remote] == [(Kind.SERVER_REFLEXIVE, "192.0.2.1", 9002)]
    assert [each.kind for each in session.local] == [Kind.HOST, Kind.SERVER_REFLEXIVE]
    _, answered = make_answer(theirs(*LINES), FULL)
    assert answered.ice is not None
    assert not answered.ice.is_controlling


def test_of_a_full_and_a_lite_one_the_full_controls() -> None:
    _, session = make_answer(theirs(*LINES, head=("a=ice-lite",)), FULL)  # RFC 8445 §6.1.1
    assert session.ice is not None
    assert session.ice.is_controlling


def test_without_one_port_for_both_nothing_is_offered() -> None:
    assert "ice" not in make_offer(FULL._replace(rtcp_mux=False)).to_bytes().decode()


@pytest.mark.parametrize("local", [LOCAL, FULL])
def test_an_address_that_somebody_on_the_way_has_changed_means_no_ice(local: LocalMedia) -> None:
    answer, session = make_answer(theirs(*LINES, host="203.0.113.5"), local)
    assert session.ice is None
    assert session.remote_host == "203.0.113.5"
    assert "a=ice-mismatch" in wire(answer)  # RFC 8839 §4.2.5
    assert "ufrag" not in answer.to_bytes().decode()


def test_near_by_the_inner_address_is_stated_and_the_outer_one_a_candidate() -> None:
    lines = wire(make_offer(FULL._replace(states_mapped=False)))
    assert {"c=IN IP4 192.168.1.5", OUR_HOST, OUR_REFLEXIVE} <= set(lines)


@pytest.mark.parametrize("mapped", [None, ("2001:db8::1", 5000), ("0.0.0.0", 5000), ("239.1.1.1", 5000), ("192.168.1.5", 4000)])
def test_a_mapped_address_that_cannot_stand_for_ours_is_none(mapped: tuple[str, int] | None) -> None:
    lines = wire(make_offer(FULL._replace(mapped=mapped)))
    assert "c=IN IP4 192.168.1.5" in lines
    assert [line for line in lines if "candidate" in line] == [OUR_HOST]


def test_the_outer_address_is_stated_without_ice_as_well() -> None:
    lines = wire(make_offer(FULL._replace(ice=None)))
    assert "c=IN IP4 198.51.100.1" in lines
    assert "ice" not in "".join(lines)


@pytest.mark.parametrize(
    "line",
    [
        "1 2 UDP 100 10.0.0.1 4000 typ host",  # RTCP's
        "1 1 TCP 100 10.0.0.1 9 typ host tcptype active",
        "1 1 UDP 100 0f6d.local 4000 typ host",
        "1 1 UDP 100 239.1.1.1 4000 typ host",
        "1 1 UDP 100 0.0.0.0 4000 typ host",
        "1 1 UDP 100 10.0.0.1 70000 typ host",
        "1 1 UDP 0 10.0.0.1 4000 typ host",
        "1 1 UDP 99999999999 10.0.0.1 4000 typ host",
        "1 1 UDP 100 10.0.0.1 4000 typ future",
        "1 1 UDP 100 10.0.0.1",
        f"{'x' * 33} 1 UDP 100 10.0.0.1 4000 typ host",
        "",
    ],
)
def test_candidates_that_we_cannot_check_are_passed_over(line: str) -> None:
    _, session = make_answer(theirs(*LINES, f"a=candidate:{line}"), FULL)
    assert session.ice is not None
    assert [each.host for each in session.ice.remote] == ["192.0.2.1"]


def test_no_more_candidates_are_taken_than_will_be_checked() -> None:
    many = [f"a=candidate:{n} 1 UDP {1000 + n} 10.0.0.{n} 4000 typ host" for n in range(1, 200)]
    _, session = make_answer(theirs(*LINES, *many), FULL)
    assert session.ice is not None
    assert [each.host for each in session.ice.remote[:3]] == ["192.0.2.1", "10.0.0.199", "10.0.0.198"]
    assert len(session.ice.remote) == CANDIDATES_MAX


def test_an_ipv6_candidate_is_written_as_the_system_writes_it() -> None:
    offer = theirs(*LINES, "a=candidate:9 1 udp 500 2001:DB8:0:0::1 4000 typ host")
    _, session = make_answer(offer, FULL)
    assert session.ice is not None
    assert session.ice.remote[1].host == "2001:db8::1"


def test_an_address_on_a_relay_is_the_last_of_our_candidates() -> None:
    lines = wire(make_offer(FULL._replace(relayed=("203.0.113.200", 50_000))))
    assert [line for line in lines if "candidate" in line][-1] == (
        "a=candidate:3 1 UDP 16777215 203.0.113.200 50000 typ relay raddr 192.168.1.5 rport 4000"
    )
