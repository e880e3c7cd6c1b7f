"""Session timers (RFC 4028) and UPDATE inside an answered call (RFC 3311), both roles; who is at the other end (RFC 4916)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import (
    Answer,
    CallAnswered,
    CallEnded,
    EndCause,
    HangUp,
    Hold,
    IncomingCall,
    MediaAgreed,
    Reinvite,
    RemoteChanged,
    RequestDone,
    Update,
)
from firmware.sip.message import Request
from firmware.sip.settings import CallHabits, Use
from tests.sip.wire import ANSWER, CALL, NO_COMMON, PEER, Wire, invite, media

ALLOWS = "INVITE, ACK, BYE, CANCEL, UPDATE"
MOVED = ANSWER.replace(b"o=- 7 1", b"o=- 7 2").replace(b"audio 7000", b"audio 7002")


def habits(**changes: object) -> AgentSettings:
    return AgentSettings(habits=CallHabits()._replace(**changes))  # type: ignore[arg-type]  # fields by name


def placed(wire: Wire, expires: str | None = "1800;refresher=uac", allow: str = ALLOWS) -> None:
    """A call that we placed, and what its 200 says about the timer."""
    wire.command(invite())
    if expires is None:
        wire.reply(200, body=ANSWER, Allow=allow)
    else:
        wire.reply(200, body=ANSWER, Allow=allow, Session_Expires=expires)
    wire.take()


def taken(wire: Wire, headers: str) -> None:
    wire.incoming("INVITE", body=ANSWER, headers=headers)
    wire.command(Answer(call=wire.told(IncomingCall)[0].call, media=media()))


def acknowledged(wire: Wire) -> None:
    wire.within("ACK", wire.response(), cseq=1, we_called=False)
    wire.take()


@pytest.fixture
def wire() -> Wire:
    return Wire()


# --- what an INVITE of ours asks for


def test_an_invite_offers_the_timer(wire: Wire) -> None:
    wire.command(invite())
    assert wire.request().get("Session-Expires") == "1800"
    assert "timer" in wire.request().get_all("Supported")


def test_an_invite_is_silent_about_it_when_the_settings_say_so() -> None:
    wire = Wire(habits(session_timer=Use.OFF))
    wire.command(invite())
    assert wire.request().get("Session-Expires") is None
    assert "timer" not in wire.request().get_all("Supported")


def test_a_422_is_answered_with_a_larger_interval(wire: Wire) -> None:
    wire.command(invite())
    first = wire.request()
    wire.reply(422, Min_SE="3600")
    second = wire.request("INVITE")
    assert (second.get("Session-Expires"), second.get("Min-SE")) == ("3600", "3600")
    assert (second.call_id, second.cseq.number, second.from_.tag) == (first.call_id, 2, first.from_.tag)
    wire.reply(200, second, body=ANSWER)
    assert len(wire.told(CallAnswered)) == 1


@pytest.mark.parametrize("asked", ["1000", "99999999", "nonsense"])
def test_a_422_that_asks_for_nothing_larger_is_a_refusal(wire: Wire, asked: str) -> None:
    wire.command(invite())
    wire.reply(422, Min_SE=asked)
    assert [(end.cause, end.status) for end in wire.told(CallEnded)] == [(EndCause.REFUSED, 422)]


def test_422_again_and_again_ends_the_call(wire: Wire) -> None:
    wire.command(invite())
    for least_s in (2000, 3000, 4000, 5000):
        wire.reply(422, wire.request("INVITE"), Min_SE=str(least_s))
    assert [end.status for end in wire.told(CallEnded)] == [422]


# --- we refresh


def test_half_way_through_we_refresh_by_an_update_without_offer(wire: Wire) -> None:
    placed(wire)
    wire.advance(899)
    assert wire.take() == []
    wire.advance(2)
    update = wire.request("UPDATE")
    assert (update.get("Session-Expires"), update.body) == ("1800;refresher=uac", b"")
    assert [str(contact.uri.user) for contact in update.contacts] == ["door"]
    wire.reply(200, update, Session_Expires="1800;refresher=uac")
    wire.take()
    wire.advance(900)
    assert wire.take() == ["UPDATE"]
    assert not wire.told(RequestDone)


def test_a_peer_without_update_gets_a_reinvite_that_changes_nothing(wire: Wire) -> None:
    placed(wire, allow="INVITE, ACK, BYE, CANCEL")
    wire.advance(900)
    reinvite = wire.request("INVITE")
    assert reinvite.get("Session-Expires") == "1800;refresher=uac"
    assert b"o=door 1 1 " in reinvite.body  # RFC 4028 §7.4: the same version says that nothing has changed
    wire.reply(200, reinvite, body=ANSWER, Session_Expires="1800;refresher=uac")
    assert wire.take() == ["INVITE", "ACK"]
    assert not wire.told(RequestDone)  # nobody asked for it
    wire.advance(900)
    assert wire.take() == ["INVITE"]


def renewed(wire: Wire) -> Request:
    """The re-INVITE that refreshes a call which we have taken, answered with what is in force at the peer."""
    wire.advance(900)
    reinvite = wire.request("INVITE")
    wire.reply(200, reinvite, body=ANSWER, Session_Expires="1800;refresher=uac")
    return reinvite


def test_a_refresh_of_a_call_that_we_took_repeats_our_answer(wire: Wire) -> None:
    """RFC 4028 §7.4: "the offer MUST indicate that it has not changed … by including the same value for the origin field"."""
    taken(wire, "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n")
    answer = wire.response().body
    acknowledged(wire)
    assert renewed(wire).body == answer
    assert renewed(wire).body == answer
    assert len({agreed.session for agreed in wire.told(MediaAgreed)}) == 1


def test_a_refresh_leaves_a_hold_by_the_other_side_as_it_is(wire: Wire) -> None:
    taken(wire, "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n")
    first = wire.response()
    acknowledged(wire)
    held = MOVED + b"a=sendonly\r\n"
    headers = "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n"
    wire.within("INVITE", first, cseq=2, body=held, headers=headers, we_called=False)
    answer = wire.response().body
    wire.within("ACK", first, cseq=2, we_called=False)
    wire.advance(900)
    assert wire.request("INVITE").body == answer
    wire.reply(200, wire.request("INVITE"), body=held, Session_Expires="1800;refresher=uac")
    resumed = held.replace(b"o=- 7 2", b"o=- 7 3").replace(b"sendonly", b"sendrecv")
    wire.within("INVITE", first, cseq=3, body=resumed, we_called=False)
    assert b"a=sendrecv" in wire.response().body


def test_a_refresh_after_a_refused_offer_says_what_is_in_force_as_a_new_edition(wire: Wire) -> None:
    """RFC 3264 §8: it differs from what was sent last, so the version rises; RFC 6141 §3.4: what was refused is not in force."""
    placed(wire, allow="INVITE, ACK, BYE, CANCEL")
    wire.command(Reinvite(call=CALL, media=media(4444)))
    wire.reply(488, wire.request("INVITE"))
    wire.advance(900)
    again = wire.request("INVITE").body
    assert b"o=door 1 3 " in again
    assert b"m=audio 4000" in again


def test_a_refresh_that_waits_for_a_hold_does_not_end_it(wire: Wire) -> None:
    placed(wire, allow="INVITE, ACK, BYE, CANCEL")
    wire.advance(899)
    wire.command(Hold(call=CALL))
    wire.advance(1.5)
    wire.reply(200, wire.request("INVITE"), body=MOVED + b"a=recvonly\r\n")
    assert b"a=sendonly" in wire.request("INVITE").body
    assert wire.take()[-2:] == ["ACK", "INVITE"]


def test_a_hold_that_waits_for_a_new_port_keeps_it(wire: Wire) -> None:
    placed(wire)
    wire.command(Reinvite(call=CALL, media=media(4444)))
    wire.command(Hold(call=CALL))
    wire.reply(200, wire.request("INVITE"), body=MOVED)
    assert b"m=audio 4444" in wire.request("INVITE").body
    assert b"a=sendonly" in wire.request("INVITE").body


def test_an_update_that_is_not_understood_after_all_gives_way_to_a_reinvite(wire: Wire) -> None:
    placed(wire)
    wire.advance(900)
    wire.reply(501)
    wire.take()
    wire.advance(10)
    assert wire.take() == ["INVITE"]


def test_a_refresh_that_gets_422_is_repeated_at_once_with_more(wire: Wire) -> None:
    placed(wire, "200;refresher=uac")
    wire.advance(100)
    wire.reply(422, wire.request("UPDATE"), Min_SE="600")
    wire.advance(0)
    again = wire.request("UPDATE")
    assert (again.get("Session-Expires"), again.get("Min-SE")) == ("600;refresher=uac", "600")


@pytest.mark.parametrize("refresher", ["uac", "uas"])
def test_a_hold_that_gets_422_is_repeated_at_once_with_more_whoever_refreshes(wire: Wire, refresher: str) -> None:
    """RFC 4028 §7.3: the request is tried again; a timer is no reason for a hold to fail."""
    placed(wire, f"200;refresher={refresher}")
    wire.command(Hold(call=CALL))
    for least_s in (600, 700, 800):
        wire.reply(422, wire.request("INVITE"), Min_SE=str(least_s))
    again = wire.request("INVITE")
    assert (again.get("Session-Expires"), again.get("Min-SE")) == (f"800;refresher={refresher}", "800")
    assert b"a=sendonly" in again.body
    assert not wire.told(RequestDone)
    wire.reply(422, again, Min_SE="900")
    assert [done.status for done in wire.told(RequestDone)] == [422]


def test_422_again_and_again_slows_the_refresh_down(wire: Wire) -> None:
    placed(wire, "200;refresher=uac")
    wire.advance(100)
    for least_s in (600, 700, 800):
        wire.reply(422, wire.request("UPDATE"), Min_SE=str(least_s))
        wire.advance(0)
    wire.reply(422, wire.request("UPDATE"), Min_SE="900")
    wire.take()
    wire.advance(9)
    assert wire.take() == []
    wire.advance(1)
    assert wire.take() == ["UPDATE"]


@pytest.mark.parametrize("status", [408, 481])
def test_a_refresh_that_finds_the_dialog_gone_ends_the_call(wire: Wire, status: int) -> None:
    placed(wire)
    wire.advance(900)
    wire.reply(status, wire.request("UPDATE"))
    assert wire.take() == ["UPDATE", "BYE"]
    assert len(wire.told(CallEnded)) == 1


def test_refreshes_that_fail_for_passing_reasons_are_repeated_until_the_session_expires(wire: Wire) -> None:
    placed(wire, "120;refresher=uac")
    wire.advance(60)
    for _ in range(2):
        wire.reply(500, wire.request("UPDATE"))
        wire.advance(10)
    assert wire.take() == ["UPDATE", "UPDATE", "UPDATE"]
    wire.advance(8.1)  # 120 s less a margin of 32 s
    assert "BYE" in wire.take()
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.TIMEOUT]


def test_a_200_that_drops_the_timer_ends_it(wire: Wire) -> None:
    placed(wire)
    wire.advance(900)
    wire.reply(200, wire.request("UPDATE"))
    wire.take()
    wire.advance(5000)
    assert wire.take() == []
    assert not wire.told(CallEnded)


def test_without_an_answer_about_it_there_is_no_timer(wire: Wire) -> None:
    placed(wire, None)
    wire.advance(5000)
    assert wire.take() == []


def test_any_reinvite_of_ours_sets_the_timer_anew(wire: Wire) -> None:
    placed(wire)
    wire.advance(800)
    wire.command(Hold(call=CALL))
    assert wire.request("INVITE").get("Session-Expires") == "1800;refresher=uac"
    wire.reply(200, wire.request("INVITE"), body=MOVED, Session_Expires="1800;refresher=uac")
    wire.take()
    wire.advance(890)
    assert wire.take() == []


def test_the_end_of_the_call_ends_the_timer(wire: Wire) -> None:
    placed(wire)
    wire.command(HangUp(call=CALL))
    wire.reply(200)
    wire.settle()
    assert not any(wire.agent.census().values())
    assert wire.now_s < 200  # nothing waited for the half of the interval


# --- the other side refreshes


def test_a_peer_that_never_refreshes_is_left_in_time(wire: Wire) -> None:
    placed(wire, "1800;refresher=uas")
    wire.advance(1800 - 32 - 1)
    assert wire.take() == []
    wire.advance(2)
    assert wire.request("BYE").get("Reason") == 'SIP;cause=408;text="Session expired"'
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.TIMEOUT]


def test_a_short_session_ends_a_third_before_its_expiry(wire: Wire) -> None:
    placed(wire, "90;refresher=uas")
    wire.advance(60.1)
    assert wire.take() == ["BYE"]


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_their_refresh_keeps_the_call(wire: Wire, method: str) -> None:
    wire.command(invite())
    wire.reply(200, body=ANSWER, Session_Expires="600;refresher=uas")
    first = wire.request("ACK")
    wire.advance(300)
    body = MOVED if method == "INVITE" else b""
    headers = "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n"
    wire.within(method, first, cseq=1, body=body, headers=headers, we_called=True)
    assert wire.response().get("Session-Expires") == "600;refresher=uac"
    assert wire.response().get("Require") == "timer"
    if method == "INVITE":
        wire.within("ACK", first, cseq=1, we_called=True)
    wire.take()
    wire.advance(560)
    assert not wire.told(CallEnded)
    wire.advance(10)
    assert len(wire.told(CallEnded)) == 1


# --- what our 200 says

SUPPORTS = "Supported: timer\r\n"


@pytest.mark.parametrize(
    ("headers", "expires", "requires"),
    [
        (SUPPORTS + "Session-Expires: 600\r\n", "600;refresher=uac", "timer"),
        (SUPPORTS + "Session-Expires: 600;refresher=uas\r\n", "600;refresher=uas", None),
        (SUPPORTS + "Session-Expires: 600;refresher=uac\r\n", "600;refresher=uac", "timer"),
        (SUPPORTS + "x: 7200;refresher=uas\r\n", "1800;refresher=uas", None),  # not longer than we like
        (SUPPORTS + "Session-Expires: 7200\r\nMin-SE: 3600\r\n", "3600;refresher=uac", "timer"),  # not shorter than they can
        ("Session-Expires: 600\r\n", "600;refresher=uas", None),  # a proxy wants it, and the caller does not know it
        (SUPPORTS, None, None),
        ("", None, None),
    ],
)
def test_the_timer_of_an_incoming_call(wire: Wire, headers: str, expires: str | None, requires: str | None) -> None:
    taken(wire, headers)
    response = wire.response()
    assert (response.status, response.get("Session-Expires"), response.get("Require")) == (200, expires, requires)


def test_as_refresher_of_an_incoming_call_we_refresh(wire: Wire) -> None:
    taken(wire, SUPPORTS + f"Session-Expires: 600;refresher=uas\r\nAllow: {ALLOWS}\r\n")
    acknowledged(wire)
    wire.advance(300)
    assert wire.request("UPDATE").get("Session-Expires") == "600;refresher=uac"  # in this request we are the client


def test_an_interval_below_ours_is_422(wire: Wire) -> None:
    wire = Wire(habits(session_min_s=300))
    taken_early = "Supported: timer\r\nSession-Expires: 120\r\n"
    wire.incoming("INVITE", body=ANSWER, headers=taken_early)
    assert (wire.response().status, wire.response().get("Min-SE")) == (422, "300")
    assert not wire.told(IncomingCall)
    wire.settle()
    assert not any(wire.agent.census().values())


def test_a_timer_can_be_imposed_on_callers_that_do_not_ask() -> None:
    wire = Wire(habits(session_timer=Use.REQUIRED))
    taken(wire, "")
    assert wire.response().get("Session-Expires") == "1800;refresher=uas"


def test_a_forbidden_timer_is_not_answered_and_refused_when_required() -> None:
    wire = Wire(habits(session_timer=Use.OFF))
    taken(wire, SUPPORTS + "Session-Expires: 600\r\n")
    assert wire.response().get("Session-Expires") is None
    wire = Wire(habits(session_timer=Use.OFF))
    wire.incoming("INVITE", body=ANSWER, headers="Require: timer\r\nSession-Expires: 600\r\n")
    assert (wire.response().status, wire.response().get("Unsupported")) == (420, "timer")


# --- UPDATE in an answered call


def within(wire: Wire, method: str, *, cseq: int = 1, body: bytes = b"", headers: str = "") -> Request:
    first = wire.request("ACK")
    return wire.within(method, first, cseq=cseq, body=body, headers=headers, we_called=True)


def answered(wire: Wire) -> None:
    wire.command(invite())
    wire.reply(200, body=ANSWER, Allow=ALLOWS)


def test_an_offer_in_an_update_is_answered_in_its_200(wire: Wire) -> None:
    answered(wire)
    within(wire, "UPDATE", body=MOVED)
    assert wire.response().status == 200
    assert b"m=audio 4000" in wire.response().body
    assert wire.told(MediaAgreed)[-1].session.remote_rtp_port == 7002


def test_an_update_that_does_not_fit_is_488_and_changes_nothing(wire: Wire) -> None:
    answered(wire)
    within(wire, "UPDATE", body=NO_COMMON)
    assert wire.response().status == 488
    assert (wire.response().get("Warning") or "").startswith("399 door ")
    assert len(wire.told(MediaAgreed)) == 1


def test_an_update_moves_the_target(wire: Wire) -> None:
    answered(wire)
    within(wire, "UPDATE", headers="Contact: <sip:bob@192.0.2.77>\r\n")
    wire.command(HangUp(call=CALL))
    assert wire.request("BYE").uri.host == "192.0.2.77"


def test_an_update_during_our_reinvite_is_491(wire: Wire) -> None:
    answered(wire)
    wire.command(Hold(call=CALL))
    within(wire, "UPDATE", body=MOVED)
    assert wire.response().status == 491


def test_an_update_after_we_hung_up_changes_nothing(wire: Wire) -> None:
    taken(wire, "")
    first = wire.response()
    wire.command(HangUp(call=wire.told(IncomingCall)[0].call))  # the ACK is still to come, so there is no BYE yet
    wire.within("UPDATE", first, cseq=2, body=MOVED, we_called=False)
    assert wire.response().status == 481
    assert type(wire.events[-1]) is CallEnded


def test_our_update_offers_and_takes_the_answer(wire: Wire) -> None:
    answered(wire)
    wire.command(Update(call=CALL, media=media(4444)))
    update = wire.request("UPDATE")
    assert b"m=audio 4444" in update.body
    wire.reply(200, update, body=MOVED)
    assert [(done.method, done.status) for done in wire.told(RequestDone)] == [("UPDATE", 200)]
    assert wire.told(MediaAgreed)[-1].session.local_port == 4444


def test_our_update_that_collides_is_repeated(wire: Wire) -> None:
    answered(wire)
    wire.command(Update(call=CALL))
    wire.reply(491, wire.request("UPDATE"))
    wire.take()
    wire.advance(4.1)
    assert wire.take() == ["UPDATE"]


def test_our_update_to_a_peer_that_does_not_take_it_is_not_sent(wire: Wire) -> None:
    wire.command(invite())
    wire.reply(200, body=ANSWER, Allow="INVITE, ACK, BYE")
    wire.command(Update(call=CALL))
    assert [(done.method, done.status) for done in wire.told(RequestDone)] == [("UPDATE", 500)]
    assert wire.take() == ["INVITE", "ACK"]


# --- who is there (RFC 4916)


def test_another_identity_in_from_is_told_and_answered_to(wire: Wire) -> None:
    answered(wire)
    first = wire.request("ACK")
    changed = first.with_header("To", f'"Carol" <sip:carol@{PEER}>;tag=peer')
    wire.within("UPDATE", changed, cseq=1, we_called=True)
    assert [(event.remote.uri.user, event.remote.display) for event in wire.told(RemoteChanged)] == [("carol", "Carol")]
    wire.command(HangUp(call=CALL))
    assert wire.request("BYE").get("To") == f'"Carol" <sip:carol@{PEER}>;tag=peer'


def test_an_invite_says_that_a_changed_from_is_understood(wire: Wire) -> None:
    wire.command(invite())
    assert "from-change" in wire.request().get_all("Supported")
