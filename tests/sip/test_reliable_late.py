"""Reliable provisional responses whose PRACK comes after the 200, and those to a re-INVITE of ours (RFC 3262 §3, §4; RFC 6141 §3.4)."""

from __future__ import annotations

import pytest

from firmware.sip.events import Answer, HangUp, Hold, MediaAgreed, Progress, RequestDone, Ring, Update
from firmware.sip.message import Request, Response, make_response
from tests.sip.test_reliable import ALLOWS, OFF, call_of, prack, reliable, ringing
from tests.sip.wire import ANSWER, CALL, PEER, Wire, invite, media


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_the_prack_of_a_180_says_nothing_of_the_description_that_waits_behind_it(wire: Wire) -> None:
    """RFC 3262 §5, RFC 3311 §5.1: until our answer was sent and acknowledged, nobody makes a new offer."""
    ringing(wire, headers="Require: 100rel\r\nAllow: INVITE, ACK, PRACK, UPDATE\r\n")
    call = call_of(wire).call
    wire.command(Ring(call=call))
    first = wire.response()
    wire.command(Progress(call=call, media=media()))
    prack(wire, first, cseq=2, body=ANSWER.replace(b"audio 7000", b"audio 7700"))
    assert [message.body for message in wire.sent if isinstance(message, Response) and message.cseq.method == "PRACK"] == [b""]
    progress = wire.response()
    assert (progress.status, b"o=door 1 1 " in progress.body) == (183, True)
    wire.command(Update(call=call, media=media(4444)))
    assert [done.status for done in wire.told(RequestDone)] == [500]
    prack(wire, progress, cseq=3)
    wire.command(Update(call=call, media=media(4444)))
    assert b"o=door 1 2 " in wire.request("UPDATE").body


def overtaken(wire: Wire) -> Response:
    """A call whose 200 went out before the PRACK of its 180 came."""
    ringing(wire, headers="Require: 100rel\r\nAllow: INVITE, ACK, PRACK, UPDATE\r\n")
    wire.command(Ring(call=call_of(wire).call))
    first = wire.response()
    wire.command(Answer(call=call_of(wire).call, media=media()))
    assert wire.take() == ["100 INVITE", "180 INVITE", "200 INVITE"]
    return first


def test_a_prack_that_the_200_has_crossed_is_still_answered(wire: Wire) -> None:
    """RFC 3262 §3: "it MUST be prepared to process PRACK requests for those outstanding responses". A caller that hears 481 hangs up."""
    first = overtaken(wire)
    prack(wire, first, cseq=2)
    prack(wire, first, cseq=3)
    assert wire.take() == ["200 PRACK", "481 PRACK"]
    wire.advance(20)
    assert set(wire.take()) == {"200 INVITE"}  # §3: the 180 is repeated no more


def test_a_late_prack_that_cannot_be_read_is_400_and_the_right_one_still_counts(wire: Wire) -> None:
    first = overtaken(wire)
    prack(wire, first, cseq=2, rack="x")
    prack(wire, first, cseq=3)
    assert wire.take() == ["400 PRACK", "200 PRACK"]


def test_a_late_prack_may_make_a_new_offer(wire: Wire) -> None:
    first = overtaken(wire)
    prack(wire, first, body=ANSWER.replace(b"o=- 7 1", b"o=- 7 2").replace(b"audio 7000", b"audio 7700"))
    assert (wire.response().status, wire.response().content_type) == (200, "application/sdp")
    assert wire.told(MediaAgreed)[-1].session.remote_rtp_port == 7700


def test_an_offer_in_a_prack_brings_no_new_target(wire: Wire) -> None:
    """RFC 3262 §3: PRACK is a request like any other; only INVITE, UPDATE, SUBSCRIBE, NOTIFY and REFER refresh the target."""
    first = overtaken(wire)
    headers = f"RAck: {first.get('RSeq')} 1 INVITE\r\nContact: <sip:bob@192.0.2.77>\r\n"
    wire.within("PRACK", first, cseq=2, body=ANSWER.replace(b"audio 7000", b"audio 7700"), headers=headers, we_called=False)
    wire.within("ACK", first, cseq=1, we_called=False)
    wire.command(HangUp(call=call_of(wire).call))
    assert wire.request("BYE").uri.host == PEER


def test_a_late_prack_after_we_have_hung_up_is_answered_and_changes_nothing(wire: Wire) -> None:
    first = overtaken(wire)
    wire.command(HangUp(call=call_of(wire).call))
    prack(wire, first, body=ANSWER.replace(b"audio 7000", b"audio 7700"))
    assert (wire.response().status, wire.response().body) == (200, b"")


def test_a_server_that_answers_the_next_invite_under_its_old_tag_is_heard_anew(wire: Wire) -> None:
    """RFC 3262 §4: the order of reliable responses is that of one INVITE. RFC 3261 §12.2.1.1: the numbers of a dialog only rise."""
    wire.command(invite())
    reliable(wire, 17)
    assert wire.request("PRACK").cseq.number == 2
    wire.reply(302, wire.request("INVITE"), Contact=f"<sip:carol@{PEER}>")
    reliable(wire, 5, body=ANSWER.replace(b"audio 7000", b"audio 7700"))
    assert (wire.request("PRACK").get("RAck"), wire.request("PRACK").cseq.number) == ("5 2 INVITE", 3)
    assert [agreed.session.remote_rtp_port for agreed in wire.told(MediaAgreed)] == [7000, 7700]


# --- in a call


def held(wire: Wire) -> Request:
    """A hold of ours whose re-INVITE waits for its answer."""
    wire.command(invite())
    wire.reply(200, wire.request("INVITE"), body=ANSWER, Allow=ALLOWS)
    wire.take()
    wire.command(Hold(call=CALL))
    return wire.request("INVITE")


def test_a_reliable_response_to_a_reinvite_is_acknowledged_once(wire: Wire) -> None:
    """RFC 3262 §4: whoever says that it can, must; a server that puts the call through elsewhere sends what it hears from there."""
    again = held(wire)
    for _ in range(2):
        wire.reply(183, again, Require="100rel", RSeq="9")
    assert wire.take() == ["INVITE", "PRACK"]
    wire.reply(180, again, Require="100rel", RSeq="10")
    assert wire.request("PRACK").get("RAck") == f"10 {again.cseq.number} INVITE"
    assert wire.request("PRACK").to.tag == "peer"


def test_the_answer_in_a_reliable_response_to_a_reinvite_counts_with_its_200(wire: Wire) -> None:
    """RFC 6141 §3.4: until the 2xx the re-INVITE may still be refused, and the session stays what it was."""
    again = held(wire)
    wire.reply(183, again, Require="100rel", RSeq="9", body=ANSWER.replace(b"audio 7000", b"audio 7002") + b"a=recvonly\r\n")
    assert wire.told(MediaAgreed)[-1].session.remote_rtp_port == 7000
    wire.reply(200, again)
    assert (wire.told(RequestDone)[-1].status, wire.told(MediaAgreed)[-1].session.remote_rtp_port) == (200, 7002)


def test_a_reinvite_that_is_refused_after_its_reliable_answer_changes_nothing(wire: Wire) -> None:
    again = held(wire)
    wire.reply(183, again, Require="100rel", RSeq="9", body=ANSWER.replace(b"audio 7000", b"audio 7002") + b"a=recvonly\r\n")
    wire.reply(488, again)
    assert wire.told(RequestDone)[-1].status == 488
    assert wire.told(MediaAgreed)[-1].session.remote_rtp_port == 7000


def test_a_body_that_nobody_knows_in_a_reliable_response_leaves_the_answer_to_the_200(wire: Wire) -> None:
    again = held(wire)
    headers = (("Contact", f"<sip:bob@{PEER}>"), ("Require", "100rel"), ("RSeq", "9"), ("Content-Type", "text/xml"))
    wire.receive(make_response(again, 183, to_tag="peer", headers=headers, body=b"<x/>"))
    assert "PRACK" in wire.take()
    wire.reply(200, again, body=ANSWER + b"a=recvonly\r\n")
    assert wire.told(RequestDone)[-1].status == 200


def test_without_the_extension_nothing_in_a_call_is_acknowledged() -> None:
    wire = Wire(OFF)
    wire.reply(183, held(wire), Require="100rel", RSeq="9")
    assert wire.take() == ["INVITE"]
