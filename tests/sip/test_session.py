"""What happens inside an answered call: RFC 3261 §12.2, §14, §15; RFC 6086."""

from __future__ import annotations

import pytest

from firmware.sdp.direction import Direction
from firmware.sip.agent import AgentSettings
from firmware.sip.events import (
    Answer,
    CallEnded,
    CallKey,
    EndCause,
    HangUp,
    Hold,
    IncomingCall,
    InfoReceived,
    MediaAgreed,
    Reason,
    Reinvite,
    RequestDone,
    Resume,
    SendInfo,
)
from firmware.sip.message import Request, Response
from firmware.sip.uri import Uri
from tests.sip.wire import ANSWER, CALL, MAIN, NO_COMMON, PEER, Wire, account, invite, media

OFFER = ANSWER.replace(b"o=- 7 1 ", b"o=- 7 2 ")
MOVED = OFFER.replace(b"audio 7000", b"audio 7002")
HELD = OFFER + b"a=sendonly\r\n"


class Call:
    """An answered call and the message that made its dialog."""

    def __init__(self, wire: Wire, first: Request | Response, key: CallKey, *, we_called: bool) -> None:
        self.wire = wire
        self.first = first
        self.key = key
        self.we_called = we_called
        self.cseq = 10
        wire.take()
        wire.events.clear()

    def receive(self, method: str, *, body: bytes = b"", headers: str = "", cseq: int | None = None) -> Request:
        self.cseq += 1
        number = self.cseq if cseq is None else cseq
        return self.wire.within(method, self.first, cseq=number, body=body, headers=headers, we_called=self.we_called)

    def acknowledge(self, body: bytes = b"") -> None:
        """The ACK for the last INVITE."""
        self.wire.within("ACK", self.first, cseq=self.cseq, body=body, we_called=self.we_called)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def call(wire: Wire) -> Call:
    return placed(wire)


def placed(wire: Wire) -> Call:
    wire.command(invite())
    wire.reply(200, body=ANSWER)
    return Call(wire, wire.request("ACK"), CALL, we_called=True)


def taken(wire: Wire) -> Call:
    wire.incoming("INVITE", body=ANSWER)
    key = wire.told(IncomingCall)[0].call
    wire.command(Answer(call=key, media=media()))
    first = wire.response()
    wire.within("ACK", first, cseq=1, we_called=False)
    return Call(wire, first, key, we_called=False)


# --- the end


def test_bye_from_the_other_side_ends_the_call(call: Call) -> None:
    call.receive("BYE")
    assert call.wire.take() == ["200 BYE"]
    assert [(end.cause, end.status) for end in call.wire.told(CallEnded)] == [(EndCause.REMOTE, 0)]


def test_our_bye_ends_the_call_at_once_and_bears_its_reason(call: Call) -> None:
    call.wire.command(HangUp(call=CALL, reason=Reason(protocol="SIP", cause=200, text="door open")))
    assert [end.cause for end in call.wire.told(CallEnded)] == [EndCause.LOCAL]
    assert call.wire.request().get("Reason") == 'SIP;cause=200;text="door open"'
    call.wire.reply(200)
    call.wire.settle()
    assert not any(call.wire.agent.census().values())


def test_both_sides_may_hang_up_at_once(call: Call) -> None:
    call.wire.command(HangUp(call=CALL))
    call.receive("BYE")
    assert call.wire.take() == ["BYE", "200 BYE"]
    assert len(call.wire.told(CallEnded)) == 1


@pytest.mark.parametrize("status", [200, 481, 403, 500])
def test_any_answer_to_bye_ends_the_dialog(call: Call, status: int) -> None:
    call.wire.command(HangUp(call=CALL))
    call.wire.reply(status)
    call.wire.take()
    call.receive("INFO")
    assert call.wire.take() == ["481 INFO"]


def test_a_request_of_a_dialog_that_does_not_exist_is_481(call: Call) -> None:
    call.receive("BYE")
    call.wire.take()
    call.receive("BYE")
    assert call.wire.take() == ["481 BYE"]


def test_a_bye_before_the_ack_ends_the_call(wire: Wire) -> None:
    wire.incoming("INVITE", body=ANSWER)
    wire.command(Answer(call=wire.told(IncomingCall)[0].call, media=media()))
    wire.within("BYE", wire.response(), cseq=2, we_called=False)
    wire.take()
    wire.advance(10)
    assert wire.take() == []  # the 200 to INVITE is repeated no more
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.REMOTE]


# --- sequence numbers, route sets


def test_a_request_with_an_old_number_is_500(call: Call) -> None:
    call.receive("INFO", cseq=20)
    call.receive("INFO", cseq=19)
    assert call.wire.take() == ["200 INFO", "500 INFO"]


def test_our_numbers_rise_by_one(call: Call) -> None:
    first = call.first.cseq.number
    call.wire.command(Hold(call=CALL))
    call.wire.command(SendInfo(call=CALL, content_type="application/dtmf", body=b"1"))
    assert [message.cseq.number for message in call.wire.sent] == [first + 1, first + 2]


def test_requests_follow_the_reversed_record_route(wire: Wire) -> None:
    wire.command(invite())
    wire.reply(200, body=ANSWER, Record_Route="<sip:192.0.2.32;lr>, <sip:192.0.2.31;lr>")
    ack = wire.request("ACK")
    assert [route.uri.host for route in ack.routes] == ["192.0.2.31", "192.0.2.32"]
    assert ack.uri.host == PEER
    assert wire.hops[-1].host == "192.0.2.31"


def test_a_strict_router_becomes_the_request_uri(wire: Wire) -> None:
    wire.command(invite())
    wire.reply(200, body=ANSWER, Record_Route="<sip:192.0.2.32;lr>, <sip:192.0.2.31>")
    ack = wire.request("ACK")
    assert ack.uri.host == "192.0.2.31"
    assert [route.uri.host for route in ack.routes] == ["192.0.2.32", PEER]


def test_a_new_contact_in_a_reinvite_is_where_we_send_from_then_on(call: Call) -> None:
    call.receive("INVITE", body=OFFER, headers="Contact: <sip:bob@192.0.2.99:7070>\r\n")
    call.acknowledge()
    call.wire.command(HangUp(call=CALL))
    assert str(call.wire.request("BYE").uri) == "sip:bob@192.0.2.99:7070"


# --- re-INVITE from the other side


@pytest.mark.parametrize("make", [placed, taken])
def test_hold_by_the_other_side_is_answered_recvonly_and_resumed(wire: Wire, make: type[Call]) -> None:
    call = make(wire)  # type: ignore[call-arg]  # a function with the shape of a constructor
    call.receive("INVITE", body=HELD)
    assert b"a=recvonly" in wire.response().body
    call.acknowledge()
    call.receive("INVITE", body=OFFER)
    call.acknowledge()
    assert [agreed.session.direction for agreed in wire.told(MediaAgreed)] == [Direction.RECVONLY, Direction.SENDRECV]


def test_a_new_port_of_the_other_side_is_told(call: Call) -> None:
    call.receive("INVITE", body=MOVED)
    assert [agreed.session.remote_rtp_port for agreed in call.wire.told(MediaAgreed)] == [7002]


def test_a_reinvite_that_does_not_fit_changes_nothing(call: Call) -> None:
    call.receive("INVITE", body=NO_COMMON)
    assert (call.wire.response().get("Warning") or "").startswith("399 door ")
    assert call.wire.take() == ["488 INVITE"]
    assert not call.wire.told(MediaAgreed)
    assert not call.wire.told(CallEnded)
    call.wire.command(Hold(call=CALL))
    assert call.wire.take() == ["INVITE"]


def test_a_reinvite_without_offer_gets_ours_and_the_ack_answers(call: Call) -> None:
    call.receive("INVITE")
    assert b"m=audio 4000" in call.wire.response().body
    assert not call.wire.told(MediaAgreed)
    call.acknowledge(MOVED)
    assert [agreed.session.remote_rtp_port for agreed in call.wire.told(MediaAgreed)] == [7002]


def test_the_200_to_a_reinvite_is_repeated_until_its_ack(call: Call) -> None:
    call.receive("INVITE", body=OFFER)
    call.wire.advance(1.6)
    assert call.wire.take() == ["200 INVITE"] * 3
    call.acknowledge()
    call.wire.advance(10)
    assert call.wire.take() == []


# --- our re-INVITE


def test_hold_and_resume_offer_sendonly_and_sendrecv_with_rising_versions(call: Call) -> None:
    wire = call.wire
    wire.command(Hold(call=CALL))
    held = wire.request("INVITE")
    assert b"a=sendonly" in held.body
    assert b"o=door 1 2 " in held.body
    wire.reply(200, held, body=OFFER + b"a=recvonly\r\n")
    wire.command(Resume(call=CALL))
    resumed = wire.request("INVITE")
    assert b"a=sendrecv" in resumed.body
    assert b"o=door 1 3 " in resumed.body
    wire.reply(200, resumed, body=OFFER)
    assert wire.take() == ["INVITE", "ACK", "INVITE", "ACK"]
    assert [done.status for done in wire.told(RequestDone)] == [200, 200]
    assert [agreed.session.direction for agreed in wire.told(MediaAgreed)] == [Direction.SENDONLY, Direction.SENDRECV]


def test_a_new_local_port_is_offered_and_kept(call: Call) -> None:
    call.wire.command(Reinvite(call=CALL, media=media(4444)))
    assert b"m=audio 4444" in call.wire.request("INVITE").body
    call.wire.reply(200, body=OFFER)
    call.receive("INVITE", body=OFFER)
    assert b"m=audio 4444" in call.wire.response().body


def test_a_refused_reinvite_leaves_everything_as_it_was(call: Call) -> None:
    call.wire.command(Reinvite(call=CALL, media=media(4444)))
    call.wire.reply(488)
    assert [done.status for done in call.wire.told(RequestDone)] == [488]
    assert not call.wire.told(MediaAgreed)
    call.receive("INVITE", body=OFFER)
    assert b"m=audio 4000" in call.wire.response().body


@pytest.mark.parametrize("status", [408, 481])
def test_a_peer_that_lost_the_dialog_ends_the_call(call: Call, status: int) -> None:
    call.wire.command(Hold(call=CALL))
    call.wire.reply(status)
    assert call.wire.take() == ["INVITE", "ACK", "BYE"]
    assert len(call.wire.told(CallEnded)) == 1


def test_wishes_wait_for_the_one_that_runs(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    call.wire.command(Resume(call=CALL))
    assert call.wire.take() == ["INVITE"]
    call.wire.sent.clear()
    call.wire.command(Hold(call=CALL))
    assert call.wire.take() == []


def test_too_many_wishes_are_refused_at_once(call: Call) -> None:
    for _ in range(6):
        call.wire.command(Hold(call=CALL))
    assert [done.status for done in call.wire.told(RequestDone)] == [500]


def test_a_reinvite_that_is_never_answered_but_100_ends_the_call(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    call.wire.reply(100)
    call.wire.advance(65)
    assert [end.cause for end in call.wire.told(CallEnded)] == [EndCause.TIMEOUT]
    call.wire.settle()
    assert not any(call.wire.agent.census().values())


def test_a_late_200_to_a_reinvite_is_acknowledged_after_the_call(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    offered = call.wire.request("INVITE")
    call.receive("BYE")
    call.wire.reply(200, offered, body=OFFER)
    assert call.wire.take() == ["INVITE", "200 BYE", "ACK"]
    assert not call.wire.told(MediaAgreed)


# --- glare


def test_their_reinvite_during_ours_is_491(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    call.receive("INVITE", body=OFFER)
    assert call.wire.take() == ["INVITE", "491 INVITE"]


@pytest.mark.parametrize(("make", "least_s", "most_s"), [(placed, 2.1, 4.0), (taken, 0.0, 2.0)])
def test_after_491_we_offer_again_when_the_random_wait_is_over(wire: Wire, make: type[Call], least_s: float, most_s: float) -> None:
    call = make(wire)  # type: ignore[call-arg]  # a function with the shape of a constructor
    wire.command(Hold(call=call.key))
    wire.reply(491)
    wire.take()
    if least_s:
        wire.advance(least_s - 0.01)
        assert wire.take() == []
    wire.advance(most_s - least_s + 0.02)
    assert wire.take()[0] == "INVITE"


def test_their_reinvite_during_the_wait_is_served_and_ours_follows(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    call.wire.reply(491)
    call.wire.take()
    call.receive("INVITE", body=OFFER)
    assert call.wire.take() == ["200 INVITE"]
    call.acknowledge()
    assert call.wire.take() == ["INVITE"]


# --- INFO, OPTIONS, the rest


def test_an_info_of_a_known_type_is_told(call: Call) -> None:
    call.receive("INFO", body=b"Signal=5\r\n", headers="Content-Type: application/dtmf-relay\r\n")
    assert call.wire.take() == ["200 INFO"]
    assert [(info.content_type, info.body) for info in call.wire.told(InfoReceived)] == [("application/dtmf-relay", b"Signal=5\r\n")]


def test_an_info_of_an_unknown_type_is_415_with_what_we_know(call: Call) -> None:
    call.receive("INFO", body=b"?", headers="Content-Type: application/unknown\r\n")
    assert call.wire.response().status == 415
    assert "application/dtmf-relay" in (call.wire.response().get("Accept") or "")
    assert not call.wire.told(InfoReceived)


def test_who_has_no_camera_says_that_it_cannot_send_a_picture(call: Call) -> None:
    body = b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"
    call.receive("INFO", body=body, headers="Content-Type: application/media_control+xml\r\n")
    refused = call.wire.response()
    # RFC 3261 §8.2.3: 415 lists what would be taken.
    assert (refused.status, refused.get("Accept")) == (415, "application/dtmf, application/dtmf-relay")
    assert not call.wire.told(InfoReceived)


def test_our_info_reports_its_outcome(call: Call) -> None:
    call.wire.command(SendInfo(call=CALL, content_type="application/dtmf-relay", body=b"Signal=1\r\n"))
    assert call.wire.request("INFO").content_type == "application/dtmf-relay"
    call.wire.reply(200)
    assert [(done.method, done.status) for done in call.wire.told(RequestDone)] == [("INFO", 200)]


def test_options_in_a_call_is_answered(call: Call) -> None:
    call.receive("OPTIONS")
    assert call.wire.response().status == 200
    assert "INVITE" in (call.wire.response().get("Allow") or "")


@pytest.mark.parametrize(("method", "status"), [("REGISTER", 405), ("PUBLISH", 405), ("NONSENSE", 501)])
def test_methods_that_we_do_not_allow_are_refused_with_allow(call: Call, method: str, status: int) -> None:
    call.receive(method)
    assert call.wire.response().status == status
    assert call.wire.response().get("Allow") is not None
    assert not call.wire.told(CallEnded)


def test_commands_for_a_call_that_has_ended_are_answered_500(call: Call) -> None:
    call.receive("BYE")
    call.wire.command(Hold(call=CALL))
    call.wire.command(SendInfo(call=CALL, content_type="application/dtmf", body=b"1"))
    assert [(done.method, done.status) for done in call.wire.told(RequestDone)] == [("INVITE", 500), ("INFO", 500)]


# --- credentials inside the call

CHALLENGE = 'Digest realm="door.example", nonce="n1", qop="auth", algorithm=SHA-256'


def test_the_accounts_proxy_may_challenge_our_bye() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    wire.reply(200, body=ANSWER, Record_Route=f"<sip:{PEER};lr>", Contact="<sip:bob@192.0.2.88>")
    wire.command(HangUp(call=CALL))
    wire.reply(407, Proxy_Authenticate=CHALLENGE)
    assert wire.request("BYE").get("Proxy-Authorization") is not None


def test_the_phone_that_we_called_gets_no_digest() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    wire.reply(200, body=ANSWER, Contact="<sip:thief@192.0.2.88>")
    wire.command(HangUp(call=CALL))
    assert wire.hops[-1].host == "192.0.2.88"
    wire.reply(401, WWW_Authenticate=CHALLENGE)
    assert wire.take() == ["INVITE", "ACK", "BYE"]  # no second BYE with credentials


# --- order of our own requests


def test_what_still_waits_for_a_name_is_not_sent_after_the_bye(call: Call) -> None:
    call.wire.held = []
    call.wire.command(Hold(call=CALL))
    call.wire.command(SendInfo(call=CALL, content_type="application/dtmf", body=b"1"))
    call.wire.command(HangUp(call=CALL))
    call.wire.locate()
    assert call.wire.take() == ["BYE"]
    call.wire.settle()
    assert not any(call.wire.agent.census().values())


def test_an_info_that_is_challenged_after_the_bye_is_not_repeated() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    wire.reply(200, body=ANSWER)
    wire.command(SendInfo(call=CALL, content_type="application/dtmf", body=b"1"))
    info = wire.request("INFO")
    wire.command(HangUp(call=CALL))
    wire.reply(407, info, Proxy_Authenticate=CHALLENGE)
    assert wire.take() == ["INVITE", "ACK", "INFO", "BYE"]
