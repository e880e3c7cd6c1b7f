"""Provisional responses that are acknowledged (RFC 3262), as caller and as callee; early media; several early dialogs."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import (
    Answer,
    CallAnswered,
    CallEnded,
    CallKey,
    CallProgress,
    EndCause,
    HangUp,
    Hop,
    IncomingCall,
    MediaAgreed,
    Progress,
    Register,
    RequestDone,
    Ring,
    Update,
)
from firmware.sip.message import Request, Response
from firmware.sip.settings import CallHabits, Use
from tests.sip.wire import ANSWER, CALL, MAIN, NO_COMMON, OURS, PEER, Wire, account, invite, media, vouched

OFF = AgentSettings(habits=CallHabits(reliable=Use.OFF))
REQUIRED = AgentSettings(habits=CallHabits(reliable=Use.REQUIRED))
IN = CallKey("incoming-1")
ALLOWS = "INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"


@pytest.fixture
def wire() -> Wire:
    return Wire()


def reliable(wire: Wire, number: int, *, status: int = 183, tag: str = "peer", body: bytes = ANSWER) -> None:
    """The peer's reliable provisional response to our INVITE."""
    wire.reply(status, wire.request("INVITE"), tag=tag, body=body, Require="100rel", RSeq=str(number), Allow=ALLOWS)


# --- we call


def test_an_invite_says_that_we_can_acknowledge(wire: Wire) -> None:
    wire.command(invite())
    assert "100rel" in wire.request().get_all("Supported")
    assert wire.request().get("Require") is None


def test_an_invite_requires_it_or_is_silent_about_it_when_the_settings_say_so() -> None:
    wire = Wire(REQUIRED)
    wire.command(invite())
    assert wire.request().get_all("Require") == ("100rel",)
    wire = Wire(OFF)
    wire.command(invite())
    assert "100rel" not in wire.request().get_all("Supported")


def test_a_reliable_response_is_acknowledged_with_its_number(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 17)
    prack = wire.request("PRACK")
    assert prack.get("RAck") == "17 1 INVITE"
    assert prack.cseq.number == 2
    assert prack.to.tag == "peer"
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [True]


def test_a_repeated_response_and_one_out_of_order_are_not_acknowledged(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 17, status=180, body=b"")
    reliable(wire, 17, status=180, body=b"")
    reliable(wire, 19, status=183, body=b"")
    assert wire.take() == ["INVITE", "PRACK"]
    assert len(wire.told(CallProgress)) == 1
    wire.command(HangUp(call=CALL))


def test_responses_in_order_are_acknowledged_one_by_one(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 17, status=180, body=b"")
    reliable(wire, 18)
    assert [message.get("RAck") for message in wire.sent if isinstance(message, Request)][1:] == ["17 1 INVITE", "18 1 INVITE"]


def test_a_reliable_answer_is_final_and_the_200_needs_none(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 1)
    wire.reply(200, wire.request("INVITE"))
    ack = wire.request("ACK")
    assert (ack.cseq.number, ack.body) == (1, b"")
    assert len(wire.told(CallAnswered)) == 1
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [True, False]
    wire.command(HangUp(call=CALL))
    assert wire.request("BYE").cseq.number == 3  # INVITE, PRACK, BYE


def test_another_description_in_the_200_is_ignored_after_a_reliable_answer(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 1)
    wire.reply(200, wire.request("INVITE"), body=ANSWER.replace(b"audio 7000", b"audio 9000"))
    assert {agreed.session.remote_rtp_port for agreed in wire.told(MediaAgreed)} == {7000}


def test_an_offer_in_a_reliable_response_is_answered_in_its_prack(wire: Wire) -> None:
    wire.command(invite(offerless=True))
    reliable(wire, 5)
    assert b"m=audio 4000" in wire.request("PRACK").body
    wire.reply(200, wire.request("INVITE"))
    assert wire.request("ACK").body == b""
    assert len(wire.told(CallAnswered)) == 1


def test_a_reliable_answer_that_cannot_be_used_ends_the_call(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 1, body=NO_COMMON)
    assert sorted(wire.take()) == ["CANCEL", "INVITE", "PRACK"]
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.INCOMPATIBLE]


def test_without_the_extension_a_numbered_response_is_an_ordinary_one() -> None:
    wire = Wire(OFF)
    wire.command(invite())
    reliable(wire, 1)
    assert wire.take() == ["INVITE"]
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [True]


def test_every_fork_is_acknowledged_and_the_loser_is_ended_with_a_fresh_number(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 100, tag="one")
    reliable(wire, 7, tag="two")
    assert wire.take() == ["INVITE", "PRACK", "PRACK"]
    assert wire.agent.census()["dialogs"] == 2
    wire.command(HangUp(call=CALL))
    wire.settle()
    assert not any(wire.agent.census().values())


def test_the_second_fork_that_answers_gets_ack_and_bye_with_numbers_that_go_on(wire: Wire) -> None:
    wire.command(invite())
    offered = wire.request("INVITE")
    reliable(wire, 100, tag="one")
    reliable(wire, 7, tag="two")
    wire.reply(200, offered, tag="one")
    wire.reply(200, offered, tag="two")
    ack, bye = wire.sent[-2:]
    assert isinstance(ack, Request)
    assert isinstance(bye, Request)
    assert (ack.method, ack.cseq.number, ack.to.tag) == ("ACK", 1, "two")
    assert (bye.method, bye.cseq.number, bye.to.tag) == ("BYE", 3, "two")
    assert len(wire.told(CallAnswered)) == 1
    assert wire.agent.census()["dialogs"] == 1


def test_a_refused_call_leaves_no_early_dialog(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 1)
    wire.reply(486, wire.request("INVITE"))
    wire.settle()
    assert not any(wire.agent.census().values())


# --- we are called

SUPPORTS = "Supported: 100rel\r\nAllow: INVITE, ACK, PRACK, UPDATE\r\n"


def ringing(wire: Wire, *, body: bytes = ANSWER, headers: str = SUPPORTS) -> Request:
    return wire.incoming("INVITE", body=body, headers=headers)


def call_of(wire: Wire) -> IncomingCall:
    return wire.told(IncomingCall)[-1]


def prack(wire: Wire, first: Response, *, cseq: int = 2, body: bytes = b"", rack: str | None = None) -> Request:
    rack = f"{first.get('RSeq')} 1 INVITE" if rack is None else rack
    return wire.within("PRACK", first, cseq=cseq, body=body, headers=f"RAck: {rack}\r\n", we_called=False)


def progress(wire: Wire) -> Response:
    wire.command(Progress(call=call_of(wire).call, media=media()))
    return wire.response()


def test_early_media_is_sent_reliably_where_the_caller_can() -> None:
    wire = vouched()
    ringing(wire)
    first = progress(wire)
    assert (first.status, first.get("Require"), first.content_type) == (183, "100rel", "application/sdp")
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [True]
    prack(wire, first)
    wire.command(Answer(call=call_of(wire).call, media=media()))
    assert (wire.response().status, wire.response().body) == (200, b"")
    assert wire.take()[-2:] == ["200 PRACK", "200 INVITE"]


def test_early_media_is_sent_as_it_is_where_the_caller_cannot(wire: Wire) -> None:
    ringing(wire, headers="")
    first = progress(wire)
    assert (first.status, first.get("RSeq")) == (183, None)
    assert first.body
    wire.command(Answer(call=call_of(wire).call, media=media()))
    assert wire.response().body == first.body  # RFC 6337 §3.1.1: the 2xx repeats it


def test_a_plain_180_is_not_made_reliable_unless_the_caller_insists(wire: Wire) -> None:
    ringing(wire)
    wire.command(Ring(call=call_of(wire).call))
    assert wire.response().get("RSeq") is None
    wire = Wire()
    ringing(wire, headers="Require: 100rel\r\n")
    wire.command(Ring(call=call_of(wire).call))
    assert wire.response().get("RSeq") is not None


def test_who_insists_without_an_offer_hears_no_180_that_would_have_to_make_one(wire: Wire) -> None:
    ringing(wire, body=b"", headers="Require: 100rel\r\n")
    wire.command(Ring(call=call_of(wire).call))
    assert wire.take() == ["100 INVITE"]


def test_a_reliable_response_is_repeated_with_doubling_gaps_until_its_prack() -> None:
    wire = vouched()
    ringing(wire)
    first = progress(wire)
    wire.take()
    wire.advance(0.5 + 1 + 2 + 4 + 8 + 0.1)
    assert wire.take() == ["183 INVITE"] * 5
    prack(wire, first)
    wire.take()
    wire.advance(30)
    assert wire.take() == []


def test_a_caller_that_never_acknowledges_is_refused(wire: Wire) -> None:
    ringing(wire)
    progress(wire)
    wire.advance(32.1)
    assert wire.response().status == 504
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.TIMEOUT]
    wire.settle()
    assert not any(wire.agent.census().values())


def test_a_prack_that_fits_nothing_is_481_and_one_without_number_400(wire: Wire) -> None:
    ringing(wire)
    first = progress(wire)
    prack(wire, first, rack="1 2 INVITE")
    wire.within("PRACK", first, cseq=3, we_called=False)
    assert wire.take()[-2:] == ["481 PRACK", "400 PRACK"]
    prack(wire, first, cseq=4)
    prack(wire, first, cseq=5)
    assert wire.take() == ["200 PRACK", "481 PRACK"]


def test_the_200_waits_for_the_prack_of_an_answer(wire: Wire) -> None:
    ringing(wire)
    first = progress(wire)
    wire.command(Answer(call=call_of(wire).call, media=media()))
    assert wire.take() == ["100 INVITE", "183 INVITE"]
    prack(wire, first)
    assert wire.take() == ["200 PRACK", "200 INVITE"]


def test_our_offer_in_a_reliable_response_is_answered_in_the_prack(wire: Wire) -> None:
    ringing(wire, body=b"")
    first = progress(wire)
    assert b"m=audio 4000" in first.body
    assert not wire.told(MediaAgreed)
    prack(wire, first, body=ANSWER)
    assert [agreed.session.remote_rtp_port for agreed in wire.told(MediaAgreed)] == [7000]
    wire.command(Answer(call=call_of(wire).call, media=media()))
    assert wire.response().body == b""


@pytest.mark.parametrize("body", [b"", NO_COMMON])
def test_a_prack_without_a_usable_answer_to_our_offer_ends_the_call(wire: Wire, body: bytes) -> None:
    ringing(wire, body=b"")
    prack(wire, progress(wire), body=body)
    assert wire.take()[-2] == "200 PRACK"
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.INCOMPATIBLE]


def test_a_new_offer_in_the_prack_is_answered_in_its_200(wire: Wire) -> None:
    ringing(wire)
    first = progress(wire)
    prack(wire, first, body=ANSWER.replace(b"o=- 7 1", b"o=- 7 2").replace(b"audio 7000", b"audio 7700"))
    assert wire.response().cseq.method == "PRACK"
    assert b"m=audio 4000" in wire.response().body
    assert [agreed.session.remote_rtp_port for agreed in wire.told(MediaAgreed)] == [7000, 7700]


def test_a_cancelled_call_repeats_nothing(wire: Wire) -> None:
    request = ringing(wire)
    progress(wire)
    wire.incoming("CANCEL", branch=request.via.branch or "")
    assert wire.take()[-2:] == ["200 CANCEL", "487 INVITE"]
    wire.advance(20)
    assert set(wire.take()) == {"487 INVITE"}
    wire.settle()
    assert not any(wire.agent.census().values())


def test_a_caller_that_cannot_is_refused_when_we_insist() -> None:
    wire = Wire(REQUIRED)
    ringing(wire, headers="")
    assert (wire.response().status, wire.response().get("Require")) == (421, "100rel")
    assert not wire.told(IncomingCall)


def test_who_requires_what_the_settings_forbid_is_refused() -> None:
    wire = Wire(OFF)
    ringing(wire, headers="Require: 100rel\r\n")
    assert (wire.response().status, wire.response().get("Unsupported")) == (420, "100rel")


def test_to_who_requires_it_a_second_progress_goes_reliably_too(wire: Wire) -> None:
    """§3: "The UAS MUST send any non-100 provisional response reliably if the initial request contained a Require … 100rel"."""
    wire.incoming(body=ANSWER, headers="Require: 100rel\r\n")
    for number in (1, 2):
        wire.command(Progress(call=IN, media=media()))
        response = wire.response()
        assert (response.status, response.get_all("Require")) == (183, ("100rel",))
        wire.within("PRACK", response, cseq=1 + number, headers=f"RAck: {response.get('RSeq')} 1 INVITE\r\n", we_called=False)
        assert wire.response().status == 200


@pytest.mark.parametrize("tag", ["100rel", "timer"])
def test_what_one_accounts_settings_forbid_is_not_named_and_not_granted_to_its_callers(tag: str) -> None:
    """§3: "If the UAS is unwilling to do so, it MUST reject the initial request with a 420 (Bad Extension)"."""
    off = CallHabits(reliable=Use.OFF, session_timer=Use.OFF)
    wire = Wire(AgentSettings(accounts=(account(habits=off),)))
    wire.command(Register(account=MAIN))
    wire.reply(200, Contact=f"<sip:door@{OURS}:5060>;expires=600")
    wire.incoming(body=ANSWER, headers=f"Require: {tag}\r\n")
    assert (wire.response().status, wire.response().get("Unsupported")) == (420, tag)
    assert not wire.told(IncomingCall)
    wire.incoming(body=ANSWER, cseq=2)
    wire.command(Ring(call=wire.told(IncomingCall)[0].call))
    assert tag not in wire.response().get_all("Supported")
    stranger = Hop(transport=wire.hops[-1].transport, host="192.0.2.77", port=5060, local_host=OURS, local_port=5060)
    direct = wire.incoming("FROB", headers=f"Require: {tag}\r\n", body=ANSWER).to_bytes()
    wire.receive(direct.replace(b"FROB", b"INVITE").replace(b"in-1", b"direct"), stranger)
    assert wire.told(IncomingCall)[-1].account is None


# --- UPDATE before the answer (RFC 3311)

MOVED = ANSWER.replace(b"o=- 7 1", b"o=- 7 2").replace(b"audio 7000", b"audio 7002")


def test_the_callee_may_change_early_media(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 1)
    wire.within("UPDATE", wire.request("PRACK"), cseq=1, body=MOVED, we_called=True)
    assert wire.response().status == 200
    assert wire.response().body
    assert [(agreed.early, agreed.session.remote_rtp_port) for agreed in wire.told(MediaAgreed)] == [(True, 7000), (True, 7002)]
    wire.reply(200, wire.request("INVITE"))
    assert wire.told(MediaAgreed)[-1].session.remote_rtp_port == 7002


def test_an_update_before_our_offer_is_answered_is_491(wire: Wire) -> None:
    wire.command(invite())
    wire.reply(180)
    first = wire.request("INVITE").with_header("To", f"<sip:bob@{PEER}>;tag=peer")
    wire.within("UPDATE", first, cseq=1, body=MOVED, we_called=True)
    assert wire.response().status == 491


def test_an_update_before_we_have_answered_the_offer_is_500_with_a_time_to_come_back(wire: Wire) -> None:
    ringing(wire)
    wire.command(Ring(call=call_of(wire).call))
    wire.within("UPDATE", wire.response(), cseq=2, body=MOVED, we_called=False)
    assert wire.response().status == 500
    assert 0 <= int(wire.response().get("Retry-After") or "-1") <= 10


def test_the_caller_may_change_early_media_once_it_is_acknowledged(wire: Wire) -> None:
    ringing(wire)
    first = progress(wire)
    prack(wire, first)
    wire.within("UPDATE", first, cseq=3, body=MOVED, we_called=False)
    assert wire.response().status == 200
    assert wire.told(MediaAgreed)[-1].session.remote_rtp_port == 7002


@pytest.mark.parametrize("we_called", [True, False])
def test_we_may_change_early_media_and_the_answer_may_cross_it(wire: Wire, *, we_called: bool) -> None:
    if we_called:
        wire.command(invite())
        reliable(wire, 1)
        key = CALL
    else:
        ringing(wire)
        prack(wire, progress(wire))
        key = call_of(wire).call
    wire.command(Update(call=key, media=media(4444)))
    update = wire.request("UPDATE")
    assert b"m=audio 4444" in update.body
    if we_called:
        wire.reply(200, wire.request("INVITE"))
        assert len(wire.told(CallAnswered)) == 1
    else:
        wire.command(Answer(call=key, media=media()))
        assert wire.take()[-1] == "UPDATE"  # the 200 waits for the outcome
    wire.reply(200, update, body=MOVED)
    assert [(done.method, done.status) for done in wire.told(RequestDone)] == [("UPDATE", 200)]
    assert wire.told(MediaAgreed)[-1].session.local_port == 4444
    if not we_called:
        assert wire.response().cseq.method == "INVITE"


def test_an_update_that_cannot_be_is_told_at_once(wire: Wire) -> None:
    wire.command(invite())
    wire.command(Update(call=CALL))
    assert [(done.method, done.status) for done in wire.told(RequestDone)] == [("UPDATE", 500)]
    assert wire.take() == ["INVITE"]


def test_nothing_is_told_of_an_update_that_the_end_of_the_call_overtook(wire: Wire) -> None:
    wire.command(invite())
    reliable(wire, 1)
    wire.command(Update(call=CALL))
    update = wire.request("UPDATE")
    wire.command(HangUp(call=CALL))
    wire.reply(200, update, body=MOVED)
    assert type(wire.events[-1]) is CallEnded
