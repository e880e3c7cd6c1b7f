"""A call that comes in, until it is answered: RFC 3261 §13.3, §9.2, §12.1.1, §8.2."""

from __future__ import annotations

import gc
import weakref

import pytest

from firmware.sdp.direction import Direction
from firmware.sip.agent import AgentSettings
from firmware.sip.events import (
    Answer,
    CallAnswered,
    CallEnded,
    CallKey,
    CallTurnedAway,
    EndCause,
    HangUp,
    Hold,
    IncomingCall,
    MediaAgreed,
    Reason,
    Resume,
    Ring,
)
from firmware.sip.message import Request
from firmware.sip.transaction.invite_client import make_ack, make_cancel
from tests.sip.wire import ANSWER, NO_COMMON, OURS, PEER, Wire, media, vouched

OFFER = ANSWER


@pytest.fixture
def wire() -> Wire:
    return Wire()


def arriving(wire: Wire, *, body: bytes = OFFER, headers: str = "") -> tuple[Request, CallKey]:
    request = wire.incoming("INVITE", body=body, headers=headers)
    return request, wire.told(IncomingCall)[-1].call


def acknowledge(wire: Wire, *, body: bytes = b"", cseq: int = 1) -> None:
    wire.within("ACK", wire.response(), cseq=cseq, body=body, we_called=False)


def test_a_call_is_told_and_answered_100_at_once(wire: Wire) -> None:
    arriving(wire, headers='P-Asserted-Identity: "somebody" <sip:x@y>\r\n')
    (call,) = wire.told(IncomingCall)
    assert (call.caller.uri.user, call.called.user, call.has_offer, call.account) == ("bob", "door", True, None)
    assert wire.take() == ["100 INVITE"]


def test_a_repeated_invite_is_no_second_call(wire: Wire) -> None:
    request, call = arriving(wire)
    wire.command(Ring(call=call))
    wire.receive(request)
    assert len(wire.told(IncomingCall)) == 1
    assert wire.take() == ["100 INVITE", "180 INVITE", "180 INVITE"]


def test_ringing_makes_the_dialog_and_copies_the_record_route(wire: Wire) -> None:
    _, call = arriving(wire, headers="Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1;lr>\r\n")
    wire.command(Ring(call=call))
    ringing = wire.response()
    assert ringing.to.tag
    assert [str(route) for route in ringing.record_routes] == ["<sip:p2;lr>", "<sip:p1;lr>"]
    assert str(ringing.contacts[0].uri) == f"sip:door@{OURS}:5060"


def test_ringing_is_repeated_each_minute(wire: Wire) -> None:
    _, call = arriving(wire)
    wire.command(Ring(call=call))
    wire.take()
    wire.advance(125)
    assert wire.take() == ["180 INVITE", "180 INVITE"]


def test_an_answer_bears_our_answer_to_the_offer_and_the_call_is_up_with_the_ack(wire: Wire) -> None:
    _, call = arriving(wire)
    wire.command(Answer(call=call, media=media()))
    accepted = wire.response()
    assert accepted.status == 200
    assert b"m=audio 4000 RTP/AVP 0 101" in accepted.body
    assert not wire.told(CallAnswered)
    acknowledge(wire)
    assert [agreed.session.remote_rtp_port for agreed in wire.told(MediaAgreed)] == [7000]
    assert len(wire.told(CallAnswered)) == 1


def test_through_a_server_sound_may_flow_before_the_ack() -> None:
    wire = vouched()
    _, call = arriving(wire)
    wire.command(Answer(call=call, media=media()))
    assert [agreed.session.remote_rtp_port for agreed in wire.told(MediaAgreed)] == [7000]


def test_the_200_is_repeated_until_the_ack() -> None:
    wire = vouched()
    _, call = arriving(wire)
    wire.command(Answer(call=call, media=media()))
    wire.advance(3.6)
    assert wire.take() == ["100 INVITE"] + ["200 INVITE"] * 4  # at 0, 0.5, 1.5, 3.5 s
    wire.command(HangUp(call=CallKey("nobody")))


def test_the_ack_ends_the_repetition(wire: Wire) -> None:
    _, call = arriving(wire)
    wire.command(Answer(call=call, media=media()))
    acknowledge(wire)
    wire.take()
    wire.advance(40)
    assert wire.take() == []


def test_without_any_ack_the_call_is_ended_with_bye_after_32_seconds(wire: Wire) -> None:
    _, call = arriving(wire)
    wire.command(Answer(call=call, media=media()))
    wire.advance(32.1)
    assert wire.take()[-1] == "BYE"
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.TIMEOUT]


def test_hanging_up_before_the_ack_sends_bye_only_after_it(wire: Wire) -> None:
    _, call = arriving(wire)
    wire.command(Answer(call=call, media=media()))
    wire.command(HangUp(call=call))
    assert wire.take() == ["100 INVITE", "200 INVITE"]
    assert len(wire.told(CallEnded)) == 1
    wire.advance(0.6)
    acknowledge(wire)
    assert wire.take() == ["200 INVITE", "BYE"]
    assert not wire.told(CallAnswered)


@pytest.mark.parametrize("body", [ANSWER, b""])
def test_a_call_that_only_receives_sends_nothing_whatever_is_offered_later(wire: Wire, body: bytes) -> None:
    _, call = arriving(wire, body=body)
    wire.command(Answer(call=call, media=media(), direction=Direction.RECVONLY))
    first = wire.response()
    assert b"a=recvonly" in first.body
    acknowledge(wire, body=b"" if body else ANSWER)
    wire.within("INVITE", first, cseq=2, body=ANSWER.replace(b"o=- 7 1", b"o=- 7 2"), we_called=False)
    assert b"a=recvonly" in wire.response().body
    wire.within("ACK", first, cseq=2, we_called=False)
    for command, said in ((Hold(call=call), b"a=inactive"), (Resume(call=call), b"a=recvonly")):
        wire.command(command)
        assert said in wire.request("INVITE").body
        wire.reply(200, body=ANSWER.replace(b"o=- 7 1", b"o=- 7 3"))
    assert not any(agreed.session.direction.sends for agreed in wire.told(MediaAgreed))


def test_an_invite_without_offer_gets_ours_and_the_ack_answers_it(wire: Wire) -> None:
    _, call = arriving(wire, body=b"")
    wire.command(Answer(call=call, media=media()))
    assert b"m=audio 4000 RTP/AVP 0 8 101" in wire.response().body
    assert not wire.told(MediaAgreed)
    acknowledge(wire, body=ANSWER)
    assert len(wire.told(MediaAgreed)) == 1


def test_an_ack_that_owes_us_the_answer_ends_the_call(wire: Wire) -> None:
    _, call = arriving(wire, body=b"")
    wire.command(Answer(call=call, media=media()))
    acknowledge(wire)
    assert wire.take()[-1] == "BYE"
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.INCOMPATIBLE]


def test_an_offer_with_none_of_our_codecs_is_488(wire: Wire) -> None:
    _, call = arriving(wire, body=NO_COMMON)
    wire.command(Answer(call=call, media=media()))
    warning = wire.response().get("Warning") or ""
    assert warning.startswith("399 door "), "RFC 3261 §13.3.1.3: a 488 says why"
    assert wire.told(CallEnded)[0].text in warning
    assert wire.take() == ["100 INVITE", "488 INVITE"]
    assert [(end.cause, end.status) for end in wire.told(CallEnded)] == [(EndCause.INCOMPATIBLE, 488)]


def test_a_broken_description_is_400_when_the_call_is_answered(wire: Wire) -> None:
    _, call = arriving(wire, body=b"v=0\r\nnonsense\r\n")
    wire.command(Answer(call=call, media=media()))
    assert wire.take() == ["100 INVITE", "400 INVITE"]


@pytest.mark.parametrize("status", [486, 603])
def test_a_refusal_is_repeated_until_its_ack(wire: Wire, status: int) -> None:
    request, call = arriving(wire)
    wire.command(HangUp(call=call, status=status, reason=Reason(protocol="Q.850", cause=17, text="busy")))
    refused = wire.response()
    assert refused.get("Reason") == 'Q.850;cause=17;text="busy"'
    wire.advance(0.6)
    wire.receive(make_ack(request, refused))
    wire.advance(10)
    assert wire.take() == ["100 INVITE"] + [f"{status} INVITE"] * 2
    assert [(end.cause, end.status) for end in wire.told(CallEnded)] == [(EndCause.LOCAL, status)]


def test_a_cancelled_call_is_487(wire: Wire) -> None:
    request, call = arriving(wire)
    wire.command(Ring(call=call))
    wire.take()
    wire.receive(make_cancel(request, 'SIP;cause=200;text="Call completed elsewhere"'))
    assert wire.take() == ["200 CANCEL", "487 INVITE"]
    (end,) = wire.told(CallEnded)
    assert (end.cause, end.status) == (EndCause.REMOTE, 487)
    assert "completed elsewhere" in end.text


def test_a_cancel_after_the_answer_has_no_effect(wire: Wire) -> None:
    request, call = arriving(wire)
    wire.command(Answer(call=call, media=media()))
    wire.take()
    wire.receive(make_cancel(request))
    assert wire.take() == ["200 CANCEL"]
    assert not wire.told(CallEnded)


def test_a_cancel_of_nothing_is_481(wire: Wire) -> None:
    wire.incoming("CANCEL")
    assert wire.take() == ["481 CANCEL"]


def test_answering_a_cancelled_call_does_nothing(wire: Wire) -> None:
    request, call = arriving(wire)
    wire.receive(make_cancel(request))
    wire.take()
    wire.command(Answer(call=call, media=media()))
    wire.command(Ring(call=call))
    assert wire.take() == []


def test_the_caller_may_end_an_early_dialog_with_bye(wire: Wire) -> None:
    _, call = arriving(wire)
    wire.command(Ring(call=call))
    ringing = wire.response()
    wire.take()
    wire.within("BYE", ringing, cseq=2, we_called=False)
    assert wire.take() == ["200 BYE", "487 INVITE"]
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.REMOTE]


def test_a_second_invite_before_the_answer_is_500_with_a_moment_to_wait(wire: Wire) -> None:
    _, call = arriving(wire)
    wire.command(Ring(call=call))
    wire.within("INVITE", wire.response(), cseq=2, body=OFFER, we_called=False)
    assert wire.response().status == 500
    assert 0 <= int(wire.response().get("Retry-After") or "-1") <= 10


def test_an_invitation_that_expires_is_487(wire: Wire) -> None:
    arriving(wire, headers="Expires: 20\r\n")
    wire.advance(21)
    assert "487 INVITE" in wire.take()
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.TIMEOUT]


def test_an_undecided_call_does_not_wait_for_ever(wire: Wire) -> None:
    arriving(wire)
    wire.advance(AgentSettings().unanswered_max_s + 1)
    assert "487 INVITE" in wire.take()


def test_the_same_invite_over_two_ways_is_one_call_and_one_482(wire: Wire) -> None:
    arriving(wire)
    wire.incoming("INVITE", body=OFFER)  # the same From tag, Call-ID and CSeq, another branch
    assert wire.take() == ["100 INVITE", "482 INVITE"]
    assert len(wire.told(IncomingCall)) == 1


def test_one_call_too_many_is_503_with_retry_after() -> None:
    wire = Wire(AgentSettings(calls_max=1))
    arriving(wire)
    wire.incoming("INVITE", body=OFFER, cseq=2)
    assert wire.response().status == 503
    assert wire.response().get("Retry-After") == "10"
    assert [(str(event.caller.uri), event.is_private) for event in wire.told(CallTurnedAway)] == [(f"sip:bob@{PEER}", False)]
    assert len(wire.told(IncomingCall)) == 1


def test_a_caller_without_branch_and_tag_is_served_like_any_other(wire: Wire) -> None:
    text = (
        f"INVITE sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER}\r\nFrom: <sip:old@{PEER}>\r\nTo: <sip:door@{OURS}>\r\n"
        f"Call-ID: old-1\r\nCSeq: 1 INVITE\r\nContact: <sip:old@{PEER}>\r\n"
    )
    wire.receive(text + "\r\n")
    (call,) = wire.told(IncomingCall)
    wire.receive(text + "\r\n")
    assert len(wire.told(IncomingCall)) == 1
    wire.command(HangUp(call=call.call, status=486))
    to = wire.response().get("To")
    wire.receive(text.replace("INVITE", "ACK").replace(f"To: <sip:door@{OURS}>", f"To: {to}") + "\r\n")
    wire.take()
    wire.advance(5)
    assert wire.take() == []


def test_a_refused_call_is_freed_without_a_collection(wire: Wire) -> None:
    wire.incoming("INVITE", body=ANSWER)
    (call,) = wire.told(IncomingCall)
    held = weakref.ref(wire.agent._endpoint.calls[call.call])
    gc.disable()
    try:
        wire.command(HangUp(call=call.call, status=486))
        wire.settle()
        assert held() is None  # a flood must not fill the memory with rings of references
    finally:
        gc.enable()


def test_everything_is_gone_after_a_refused_call(wire: Wire) -> None:
    _, call = arriving(wire)
    wire.command(HangUp(call=call))
    wire.settle()
    assert not any(wire.agent.census().values())
