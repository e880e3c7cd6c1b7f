"""firmware/sdp/media_session.py: what offer and answer make of one audio stream: digits, copies, packet length, reports (RFC 3605)."""

from __future__ import annotations

import pytest

from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT
from firmware.sdp.codec_list import codec_list
from firmware.sdp.offer_answer import make_answer, make_offer, read_answer
from tests.sdp.test_offer_answer import EVENTS_48K, LOCAL, OPUS, digit_types, theirs, wire


def test_digits_must_share_the_clock_of_the_sound() -> None:
    both = LOCAL._replace(codecs=(OPUS, PCMU, TELEPHONE_EVENT, EVENTS_48K))
    lines = ("a=rtpmap:107 opus/48000/2", "a=fmtp:107 stereo=1", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:101 telephone-event/8000")
    _, session = make_answer(theirs("m=audio 9002 RTP/AVP 107 0 101 110", *lines), both)
    assert session.codec == OPUS._replace(payload_type=107, fmtp="stereo=1")
    assert session.receive_codecs[0] == OPUS._replace(payload_type=107)
    assert session.dtmf_send_payload_type == 110
    assert digit_types(session) == [110, 101]  # heard under both
    answer, session = make_answer(theirs("m=audio 9002 RTP/AVP 107 101", *lines), both)
    assert session.dtmf_send_payload_type is None
    assert "m=audio 4000 RTP/AVP 107 101" in wire(answer)  # against the rule: many peers offer Opus so
    assert digit_types(session) == [101]


def test_copies_wrap_the_sound_of_their_clock_under_its_number_in_this_session() -> None:
    local = LOCAL._replace(codecs=codec_list(("opus", "PCMU", "PCMA"), redundancy=True, comfort_noise=True))
    offered = wire(make_offer(local))
    assert "a=fmtp:100 96/96" in offered  # RFC 2198 §5
    assert "a=fmtp:99 0/0" in offered
    lines = ("a=rtpmap:121 red/8000", "a=fmtp:121 8/8", "a=rtpmap:122 red/48000", "a=rtpmap:101 telephone-event/8000")
    answer, session = make_answer(theirs("m=audio 9002 RTP/AVP 8 13 121 122 101", *lines), local)
    assert "m=audio 4000 RTP/AVP 8 13 121 101" in wire(answer)
    assert "a=fmtp:121 8/8" in wire(answer)
    assert (session.red_send_payload_type, session.red_receive_payload_types, session.comfort_noise) == (121, (121,), True)
    assert session.receive_codecs == (PCMA,)


def test_what_accompanies_sound_is_agreed_by_our_offer_and_their_answer() -> None:
    local = LOCAL._replace(codecs=codec_list(("PCMA",), redundancy=True, comfort_noise=True))
    plain = read_answer(make_offer(local), theirs("m=audio 9002 RTP/AVP 8"), local)
    assert (plain.red_send_payload_type, plain.comfort_noise, plain.dtmf_agreed) == (None, False, False)
    answer = theirs("m=audio 9002 RTP/AVP 8 13 99 101", "a=rtpmap:99 red/8000", "a=rtpmap:101 telephone-event/8000")
    full = read_answer(make_offer(local), answer, local)
    assert (full.red_send_payload_type, full.red_receive_payload_types, full.comfort_noise, full.dtmf_agreed) == (99, (99,), True, True)


def test_a_receiver_that_lacks_the_digits_gets_none() -> None:
    offer = theirs("m=audio 9002 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 32-35")
    assert make_answer(offer, LOCAL)[1].dtmf_send_payload_type is None
    offer = theirs("m=audio 9002 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-11")
    assert make_answer(offer, LOCAL)[1].dtmf_send_payload_type == 101


@pytest.mark.parametrize(
    ("lines", "ptime_ms"),
    [
        ((), 20),
        (("a=ptime:30",), 30),
        (("a=ptime:20", "a=maxptime:10"), 10),
        (("a=maxptime:150",), 20),
        (("a=maxptime:5",), 10),
        (("a=ptime:240",), 60),
        (("a=ptime:0",), 20),
        (("a=ptime:12.5",), 10),
        (("a=ptime:-20",), 20),
        (("a=ptime:" + "9" * 5000,), 20),
        (("a=ptime",), 20),
    ],
)
def test_we_send_in_the_packet_length_that_the_receiver_asks_for(lines: tuple[str, ...], ptime_ms: int) -> None:
    assert make_answer(theirs("m=audio 9002 RTP/AVP 0", *lines), LOCAL)[1].ptime_ms == ptime_ms


@pytest.mark.parametrize(
    ("rtcp", "where"),
    [
        ("a=rtcp:53020", ("192.0.2.1", 53_020)),
        ("a=rtcp:53020 IN IP4 203.0.113.5", ("203.0.113.5", 53_020)),
        ("a=rtcp:53020 IN IP4 phone.example", ("192.0.2.1", 53_020)),
        ("a=rtcp:53020 IN IP6 2001:db8::5", ("192.0.2.1", 53_020)),
        ("a=rtcp:53020 IN IP4 224.0.0.1", ("192.0.2.1", 53_020)),
        ("a=rtcp:0", ("192.0.2.1", 9003)),
        ("a=rtcp:70000", ("192.0.2.1", 9003)),
        ("a=rtcp:x", ("192.0.2.1", 9003)),
        ("a=rtcp", ("192.0.2.1", 9003)),
    ],
)
def test_rtcp_goes_where_the_other_side_says_or_to_the_next_port(rtcp: str, where: tuple[str, int]) -> None:
    session = make_answer(theirs("m=audio 9002 RTP/AVP 0", rtcp), LOCAL)[1]
    assert (session.remote_rtcp_host, session.remote_rtcp_port) == where


def test_the_highest_port_has_no_next_one() -> None:
    assert make_answer(theirs("m=audio 65535 RTP/AVP 0"), LOCAL)[1].remote_rtcp_port == 65_535


@pytest.mark.parametrize(
    ("codec", "asked_ms", "sent_ms"),
    [("96 opus/48000/2", 30, 20), ("96 opus/48000/2", 60, 60), ("97 L16/16000", 60, 40), ("98 L16/8000", 60, 60), ("0 PCMU/8000", 50, 50)],
)
def test_a_packet_is_as_long_as_the_codec_can_fill(codec: str, asked_ms: int, sent_ms: int) -> None:
    local = LOCAL._replace(codecs=codec_list(("opus", "L16", "PCMU")))
    offer = theirs(f"m=audio 9002 RTP/AVP {codec.split()[0]}", f"a=rtpmap:{codec}", f"a=ptime:{asked_ms}")
    assert make_answer(offer, local)[1].ptime_ms == sent_ms


# --- reports ----------------------------------------------------------------------------------------------------------


def test_reports_share_the_port_where_both_say_so() -> None:
    # RFC 5761 §5.1.1: rtcp-mux in the answer only when it was offered; then RTCP goes where RTP goes.
    local = LOCAL._replace(rtcp_mux=True)
    answer, session = make_answer(theirs("m=audio 9002 RTP/AVP 0", "a=rtcp-mux", "a=rtcp:9003"), local)
    assert "a=rtcp-mux" in wire(answer)
    assert (session.rtcp_mux, session.remote_rtcp_host, session.remote_rtcp_port) == (True, "192.0.2.1", 9002)
    answer, session = make_answer(theirs("m=audio 9002 RTP/AVP 0"), local)
    assert "a=rtcp-mux" not in wire(answer)
    assert (session.rtcp_mux, session.remote_rtcp_port) == (False, 9003)
    assert "a=rtcp-mux" in wire(make_offer(local))
    assert read_answer(make_offer(local), theirs("m=audio 9002 RTP/AVP 0", "a=rtcp-mux"), local).rtcp_mux
    assert not read_answer(make_offer(LOCAL), theirs("m=audio 9002 RTP/AVP 0", "a=rtcp-mux"), LOCAL).rtcp_mux


@pytest.mark.parametrize(
    ("line", "taken"), [("a=rtcp-xr:rcvr-rtt=all voip-metrics", True), ("a=rtcp-xr:pkt-loss-rle", False), ("a=sendrecv", False)]
)
def test_voip_metrics_go_to_who_asks_for_them(line: str, taken: bool) -> None:
    # RFC 3611 §5.1.
    local = LOCAL._replace(rtcp_xr=True)
    answer, session = make_answer(theirs("m=audio 9002 RTP/AVP 0", line), local)
    assert ("a=rtcp-xr:voip-metrics" in wire(answer)) == session.rtcp_xr == taken
    assert "a=rtcp-xr:voip-metrics" in wire(make_offer(local))
    assert read_answer(make_offer(local), theirs("m=audio 9002 RTP/AVP 0", line), local).rtcp_xr == taken
    assert not make_answer(theirs("m=audio 9002 RTP/AVP 0", line), LOCAL)[1].rtcp_xr
