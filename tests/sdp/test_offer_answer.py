"""firmware/sdp/offer_answer.py: RFC 3264 for one audio stream, as transcripts of offer, answer and what was agreed."""

from __future__ import annotations

import pytest

from firmware.errors import RemoteProtocolError
from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT, Codec
from firmware.sdp.codec_list import G722
from firmware.sdp.description import SessionDescription, parse
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import LocalMedia, MediaSession, NoCommonMedia
from firmware.sdp.offer_answer import active_line, make_answer, make_offer, read_answer

LOCAL = LocalMedia(host="198.51.100.1", rtp_port=4000, codecs=(PCMU, PCMA, TELEPHONE_EVENT), session_id=7)
OPUS = Codec(name="opus", clock_rate_hz=48_000, channels=2, payload_type=96, fmtp="useinbandfec=1")
EVENTS_48K = Codec(name="telephone-event", clock_rate_hz=48_000, payload_type=97, fmtp="0-15")


def digit_types(session: MediaSession) -> list[int]:
    return [event.payload_type for event in session.dtmf_receive]


def theirs(*lines: str, host: str = "192.0.2.1") -> SessionDescription:
    """A description by the other side: `lines` follow the session's c= line."""
    family = "IP6" if ":" in host else "IP4"
    head = (f"o=door 500 1 IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0")
    return parse("\r\n".join(("v=0", *head, *lines, "")).encode())


def wire(description: SessionDescription) -> list[str]:
    return description.to_bytes().decode().splitlines()


# --- our offer -------------------------------------------------------------------------------------------------------


def test_an_offer_lists_our_codecs_in_order_of_preference() -> None:
    assert wire(make_offer(LOCAL)) == [
        "v=0",
        "o=door 7 1 IN IP4 198.51.100.1",
        "s=-",
        "c=IN IP4 198.51.100.1",
        "t=0 0",
        "m=audio 4000 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]


def test_an_offer_over_ipv6_says_so() -> None:
    lines = wire(make_offer(LOCAL._replace(host="2001:db8::1")))
    assert "o=door 7 1 IN IP6 2001:db8::1" in lines
    assert "c=IN IP6 2001:db8::1" in lines


def test_a_repeated_offer_keeps_its_version() -> None:
    first = make_offer(LOCAL)
    assert make_offer(LOCAL, previous=first) == first


def test_holding_raises_the_version_and_resuming_raises_it_again() -> None:
    first = make_offer(LOCAL)
    held = make_offer(LOCAL, direction=Direction.SENDONLY, previous=first)
    resumed = make_offer(LOCAL, previous=held)
    assert [description.origin.version for description in (first, held, resumed)] == [1, 2, 3]
    assert "a=sendonly" in wire(held)
    assert "a=sendrecv" in wire(resumed)


def test_a_new_address_changes_the_connection_but_not_the_name_of_the_session() -> None:
    # RFC 3264 §8: the origin line is identical to the previous one except for the version.
    moved = make_offer(LOCAL._replace(host="203.0.113.9", rtp_port=4010), previous=make_offer(LOCAL))
    assert wire(moved)[1] == "o=door 7 2 IN IP4 198.51.100.1"
    assert "c=IN IP4 203.0.113.9" in wire(moved)
    assert "m=audio 4010 RTP/AVP 0 8 101" in wire(moved)


def test_a_new_offer_keeps_the_lines_that_an_earlier_answer_refused() -> None:
    # RFC 3264 §8: the i-th media stream stays in the i-th slot.
    offer = theirs("m=video 9000 RTP/AVP 31", "m=audio 9002 RTP/AVPF 0 96", "a=rtpmap:96 telephone-event/8000", "m=image 9004 udptl t38")
    answer, _ = make_answer(offer, LOCAL)
    again = make_offer(LOCAL, direction=Direction.SENDONLY, previous=answer)
    assert [line for line in wire(again) if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31",
        "m=audio 4000 RTP/AVPF 0 8 96",
        "m=image 0 udptl t38",
    ]
    assert again.origin.version == answer.origin.version + 1


def test_a_number_keeps_its_meaning_for_the_whole_session() -> None:
    # RFC 3264 §8.3.2. They called telephone-event 96, which is our own number for opus.
    answer, _ = make_answer(theirs("m=audio 9002 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000"), LOCAL)
    wider = make_offer(LOCAL._replace(codecs=(OPUS, PCMU, TELEPHONE_EVENT)), previous=answer)
    lines = wire(wider)
    assert "m=audio 4000 RTP/AVP 97 0 96" in lines
    assert "a=rtpmap:97 opus/48000/2" in lines
    assert "a=fmtp:97 useinbandfec=1" in lines
    assert "a=rtpmap:96 telephone-event/8000" in lines


def test_a_stream_after_all_were_refused_goes_below_them() -> None:
    refused = make_offer(LOCAL)._replace(media=tuple(media._replace(port=0) for media in make_offer(LOCAL).media))
    assert active_line(refused) is None
    again = make_offer(LOCAL, previous=refused)
    assert [media.port for media in again.media] == [0, 4000]


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "door.example.com"])
def test_a_description_without_an_address_to_send_to_is_our_own_mistake(host: str) -> None:
    with pytest.raises(AssertionError):
        make_offer(LOCAL._replace(host=host))


# --- our answer ------------------------------------------------------------------------------------------------------


def test_an_answer_names_our_most_preferred_codec_under_the_offerers_number() -> None:
    offer = theirs("m=audio 9002 RTP/AVP 18 8 0 96", "a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-16")
    answer, session = make_answer(offer._replace(times=(("t", "1 2"),)), LOCAL)
    assert wire(answer)[4:] == [
        "t=1 2",
        "m=audio 4000 RTP/AVP 0 96",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:96 telephone-event/8000",
        "a=fmtp:96 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]
    assert session.codec == PCMU
    assert session.receive_codecs == (PCMU,)
    assert session.dtmf_send_payload_type == 96
    assert digit_types(session) == [96]
    assert (session.local_port, session.remote_host, session.remote_rtp_port) == (4000, "192.0.2.1", 9002)
    assert (session.remote_rtcp_host, session.remote_rtcp_port) == ("192.0.2.1", 9003)
    assert session.direction is Direction.SENDRECV
    assert not session.rtcp_mux


def test_every_other_line_is_refused_in_place() -> None:
    offer = theirs(
        "m=video 9000 RTP/AVP 31",
        "m=audio 9002 RTP/SAVP 0",
        "m=audio 9004 RTP/AVP 8",
        "m=audio 9006 RTP/AVP 0",
        "m=x 1 y",
        "m=audio 0 RTP/AVP 0",
    )
    answer, session = make_answer(offer, LOCAL)
    assert [line for line in wire(answer) if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31",
        "m=audio 0 RTP/SAVP 0",
        "m=audio 4000 RTP/AVP 8",
        "m=audio 0 RTP/AVP 0",
        "m=x 0 y 0",
        "m=audio 0 RTP/AVP 0",
    ]
    assert session.remote_rtp_port == 9004


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("m=audio 9000 RTP/AVP 18",),
        ("m=audio 9000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
        ("m=audio 9000 RTP/SAVP 0",),
        ("m=audio 0 RTP/AVP 0",),
        ("m=image 9000 udptl t38",),
        ("m=audio 9000 RTP/AVP",),
        ("m=audio 9000 RTP/AVP 0", "c=IN IP4 phone.example.com"),
        ("m=audio 9000 RTP/AVP 0", "c=IN IP6 2001:db8::2"),
        ("m=audio 9000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"),
        ("m=audio 9000 RTP/AVP 0", "c=IN IP4 255.255.255.255"),
    ],
)
def test_an_offer_with_nothing_for_us_deserves_488(lines: tuple[str, ...]) -> None:
    with pytest.raises(NoCommonMedia) as caught:
        make_answer(theirs(*lines), LOCAL)
    assert caught.value.status == 488


def test_an_offer_without_any_address_deserves_488() -> None:
    offer = theirs("m=audio 9000 RTP/AVP 0")._replace(connection=None)
    with pytest.raises(NoCommonMedia):
        make_answer(offer, LOCAL)


def test_an_unchanged_answer_keeps_its_version_and_a_changed_one_raises_it() -> None:
    offer = theirs("m=audio 9002 RTP/AVP 0")
    first, _ = make_answer(offer, LOCAL)
    second, _ = make_answer(offer, LOCAL, previous=first)
    third, _ = make_answer(theirs("m=audio 9002 RTP/AVP 0", "a=sendonly"), LOCAL, previous=second)
    assert second == first
    assert third.origin == first.origin._replace(version=2)


@pytest.mark.parametrize(
    ("stated", "wish", "answered"),
    [
        # RFC 3264 §6.1, one row a rule; the wish is ours.
        ("sendrecv", Direction.SENDRECV, "sendrecv"),
        ("sendonly", Direction.SENDRECV, "recvonly"),
        ("recvonly", Direction.SENDRECV, "sendonly"),
        ("inactive", Direction.SENDRECV, "inactive"),
        ("sendrecv", Direction.SENDONLY, "sendonly"),
        ("sendonly", Direction.SENDONLY, "inactive"),
        ("recvonly", Direction.SENDONLY, "sendonly"),
        ("inactive", Direction.SENDONLY, "inactive"),
        ("sendrecv", Direction.RECVONLY, "recvonly"),
        ("sendonly", Direction.RECVONLY, "recvonly"),
        ("recvonly", Direction.RECVONLY, "inactive"),
        ("sendrecv", Direction.INACTIVE, "inactive"),
        ("sendonly", Direction.INACTIVE, "inactive"),
        ("recvonly", Direction.INACTIVE, "inactive"),
    ],
)
def test_the_answered_direction_is_what_both_allow(stated: str, wish: Direction, answered: str) -> None:
    answer, session = make_answer(theirs("m=audio 9002 RTP/AVP 0", f"a={stated}"), LOCAL, direction=wish)
    assert wire(answer)[-1] == f"a={answered}"
    assert session.direction.value == answered


def test_a_session_level_direction_holds_unless_the_line_has_its_own() -> None:
    _, session = make_answer(theirs("a=sendonly", "m=audio 9002 RTP/AVP 0"), LOCAL)
    assert session.direction is Direction.RECVONLY
    _, session = make_answer(theirs("a=sendonly", "m=audio 9002 RTP/AVP 0", "a=sendrecv"), LOCAL)
    assert session.direction is Direction.SENDRECV


@pytest.mark.parametrize(("stated", "answered"), [("a=sendrecv", "recvonly"), ("a=sendonly", "recvonly"), ("a=recvonly", "inactive")])
def test_the_null_address_of_an_old_hold_stops_our_sending(stated: str, answered: str) -> None:
    answer, session = make_answer(theirs("m=audio 9002 RTP/AVP 0", "c=IN IP4 0.0.0.0", stated), LOCAL)
    assert wire(answer)[-1] == f"a={answered}"
    assert not session.direction.sends
    assert session.remote_is_null


def test_the_null_address_of_ipv6_does_too() -> None:
    _, session = make_answer(theirs("m=audio 9002 RTP/AVP 0", host="::"), LOCAL._replace(host="2001:db8::1"))
    assert session.direction is Direction.RECVONLY
    assert session.remote_is_null


# --- their answer to our offer ---------------------------------------------------------------------------------------


def test_an_answer_agrees_on_its_first_sound_codec() -> None:
    offer = make_offer(LOCAL)
    session = read_answer(offer, theirs("m=audio 9002 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:30"), LOCAL)
    assert session.codec == PCMA
    assert session.dtmf_send_payload_type == 101
    assert digit_types(session) == [101]
    assert session.ptime_ms == 30
    assert session.direction is Direction.SENDRECV
    assert (session.remote_host, session.remote_rtp_port, session.remote_rtcp_port) == ("192.0.2.1", 9002, 9003)


def test_what_the_answer_names_may_arrive_and_telephone_quality_always() -> None:
    # RFC 3264 §7: the offerer may cease listening for formats that were not in the answer.
    wide = LOCAL._replace(codecs=(OPUS, G722, PCMU, PCMA, TELEPHONE_EVENT, EVENTS_48K))
    session = read_answer(make_offer(wide), theirs("m=audio 9002 RTP/AVP 8"), wide)
    assert session.receive_codecs == (PCMU, PCMA)
    assert session.dtmf_send_payload_type is None
    session = read_answer(make_offer(wide), theirs("m=audio 9002 RTP/AVP 9 8"), wide)
    assert session.codec == G722
    assert session.receive_codecs == (G722, PCMU, PCMA)


def test_an_answer_with_numbers_of_its_own_is_sent_to_with_its_numbers_and_heard_with_both() -> None:
    # RFC 3264 §6.1: the same number should be used, but need not.
    answer = theirs("m=audio 9002 RTP/AVP 0 97", "a=rtpmap:97 telephone-event/8000")
    session = read_answer(make_offer(LOCAL), answer, LOCAL)
    assert session.dtmf_send_payload_type == 97
    assert digit_types(session) == [101, 97]


def test_a_number_of_theirs_never_replaces_one_of_ours() -> None:
    answer = theirs("m=audio 9002 RTP/AVP 101 8", "a=rtpmap:101 PCMU/8000")
    session = read_answer(make_offer(LOCAL), answer, LOCAL)
    assert session.codec == PCMU._replace(payload_type=101)
    assert digit_types(session) == [101]
    assert session.receive_codecs == (PCMU, PCMA)


def test_codecs_that_we_did_not_offer_are_passed_over() -> None:
    assert read_answer(make_offer(LOCAL), theirs("m=audio 9002 RTP/AVP 18 9 8"), LOCAL).codec == PCMA
    with pytest.raises(NoCommonMedia):
        read_answer(make_offer(LOCAL), theirs("m=audio 9002 RTP/AVP 18 9"), LOCAL)


@pytest.mark.parametrize("line", ["m=audio 0 RTP/AVP 0", "m=video 9002 RTP/AVP 31", "m=audio 9002 RTP/SAVP 0", "m=audio 9002 RTP/XAVP 0"])
def test_a_refused_stream_is_no_common_media(line: str) -> None:
    with pytest.raises(NoCommonMedia):
        read_answer(make_offer(LOCAL), theirs(line), LOCAL)


def test_an_answer_without_our_line_breaks_the_protocol() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_answer(make_offer(LOCAL), theirs(), LOCAL)
    assert not isinstance(caught.value, NoCommonMedia)


def test_our_line_is_found_by_its_place() -> None:
    offered = theirs("m=video 9000 RTP/AVP 31", "m=audio 9002 RTP/AVP 0")
    ours, _ = make_answer(offered, LOCAL)
    offer = make_offer(LOCAL, previous=ours)
    session = read_answer(offer, theirs("m=video 0 RTP/AVP 31", "m=audio 9002 RTP/AVP 0"), LOCAL)
    assert session.remote_rtp_port == 9002


@pytest.mark.parametrize(
    ("offered", "answered", "agreed"),
    [
        (Direction.SENDRECV, "sendrecv", Direction.SENDRECV),
        (Direction.SENDRECV, "sendonly", Direction.RECVONLY),
        (Direction.SENDRECV, "recvonly", Direction.SENDONLY),
        (Direction.SENDRECV, "inactive", Direction.INACTIVE),
        (Direction.SENDONLY, "recvonly", Direction.SENDONLY),
        (Direction.SENDONLY, "inactive", Direction.INACTIVE),
        (Direction.SENDONLY, "sendrecv", Direction.SENDONLY),  # not theirs to widen
        (Direction.INACTIVE, "sendrecv", Direction.INACTIVE),
    ],
)
def test_the_agreed_direction_is_never_wider_than_the_offer(offered: Direction, answered: str, agreed: Direction) -> None:
    session = read_answer(make_offer(LOCAL, direction=offered), theirs("m=audio 9002 RTP/AVP 0", f"a={answered}"), LOCAL)
    assert session.direction is agreed


def test_an_offerless_invite_is_the_same_with_the_roles_swapped() -> None:
    # RFC 3261 §13.2.1: the 2xx carries our offer and the ACK the answer.
    offer = make_offer(LOCAL)
    phone = LocalMedia(host="192.0.2.1", rtp_port=9002, codecs=(PCMA, TELEPHONE_EVENT), session_id=8)
    answer, at_phone = make_answer(parse(offer.to_bytes()), phone)
    at_door = read_answer(offer, parse(answer.to_bytes()), LOCAL)
    assert at_door.codec == at_phone.codec == PCMA
    assert (at_door.remote_rtp_port, at_phone.remote_rtp_port) == (9002, 4000)


def test_opportunistic_encryption_keys_are_passed_over() -> None:
    # RFC 8643: keys beside plain RTP may be ignored.
    answer, session = make_answer(theirs("m=audio 9002 RTP/AVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"), LOCAL)
    assert "crypto" not in answer.to_bytes().decode()
    assert session.codec == PCMU
