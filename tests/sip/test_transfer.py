"""Transfers: REFER heard and sent, its reports, who may ask (RFC 3515, RFC 3892, RFC 4488, RFC 5589)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.body import sipfrag
from firmware.sip.events import (
    AcceptTransfer,
    CallAnswered,
    CallEnded,
    CallKey,
    EndCause,
    HangUp,
    RefuseTransfer,
    Transfer,
    TransferProgress,
    TransferRequested,
)
from firmware.sip.message import Request
from firmware.sip.settings import ReferPolicy
from firmware.sip.timers import TRANSACTION_LIFE_S
from firmware.sip.uri import Uri
from firmware.sip.usage.session import REPORT_S_MAX
from tests.sip.wire import ANSWER, BOB, CALL, MAIN, PEER, Wire, account, invite, media

ANYONE = AgentSettings(refer=ReferPolicy.CALL)
NEXT = CallKey("next")
CAROL = "sip:carol@192.0.2.33"


def answered(settings: AgentSettings = ANYONE) -> Wire:
    wire = Wire(settings)
    wire.command(invite())
    wire.reply(200, body=ANSWER)
    return wire


def first_ack(wire: Wire) -> Request:
    """That of the call in which they asked."""
    return next(message for message in wire.sent if isinstance(message, Request) and message.method == "ACK")


def refer(wire: Wire, target: str = CAROL, *, cseq: int = 1, headers: str = "") -> Request:
    lines = f"Refer-To: <{target}>\r\nReferred-By: <sip:bob@{PEER}>\r\n{headers}"
    return wire.within("REFER", first_ack(wire), cseq=cseq, headers=lines, we_called=True)


def accept(wire: Wire, call: CallKey = NEXT) -> None:
    wire.command(AcceptTransfer(transfer=wire.told(TransferRequested)[-1].transfer, call=call, media=media(4100, 2)))


def notifies(wire: Wire) -> list[tuple[int, str]]:
    """Status and subscription state of every report of ours."""
    found = [message for message in wire.sent if isinstance(message, Request) and message.method == "NOTIFY"]
    return [(sipfrag.decode(message.body).status, message.get("Subscription-State") or "") for message in found]


def confirm(wire: Wire) -> None:
    """The peer takes our newest NOTIFY."""
    wire.reply(200, wire.request("NOTIFY"))


# --- they ask


def test_the_program_hears_who_shall_be_called_and_decides() -> None:
    wire = answered()
    refer(wire)
    wish = wire.told(TransferRequested)[0]
    assert (wish.call, str(wish.target), wish.takes_over) == (CALL, CAROL, False)
    assert wish.referred_by is not None
    assert wish.referred_by.uri.user == "bob"
    assert wire.take() == ["INVITE", "ACK"]  # nothing is answered yet


def test_an_accepted_wish_is_202_then_a_report_then_the_new_call() -> None:
    wire = answered()
    refer(wire)
    accept(wire)
    placed = wire.request("INVITE")
    assert str(placed.uri) == CAROL
    assert placed.get("Referred-By") == f"<sip:bob@{PEER}>"
    assert wire.take()[2:] == ["202 REFER", "NOTIFY", "INVITE"]


def test_each_step_of_the_new_call_is_reported_in_the_old_dialog() -> None:
    wire = answered()
    refer(wire)
    accept(wire)
    confirm(wire)
    wire.reply(180, wire.request("INVITE"), tag="carol")
    confirm(wire)
    wire.reply(200, wire.request("INVITE"), tag="carol", body=ANSWER)
    confirm(wire)
    assert notifies(wire) == [(100, "active;expires=180"), (180, "active;expires=180"), (200, "terminated;reason=noresource")]
    report = wire.request("NOTIFY")
    assert (report.get("Event"), report.content_type, report.to.tag) == ("refer", "message/sipfrag", "peer")
    assert [event.call for event in wire.told(CallAnswered)] == [CALL, NEXT]
    assert wire.agent.census()["transfers"] == 0


def test_reports_wait_for_the_one_before_and_only_the_newest_is_sent() -> None:
    wire = answered()
    refer(wire)
    accept(wire)
    wire.reply(180, wire.request("INVITE"), tag="carol")
    wire.reply(183, wire.request("INVITE"), tag="carol")
    assert [status for status, _ in notifies(wire)] == [100]
    confirm(wire)
    assert [status for status, _ in notifies(wire)] == [100, 183]


def test_a_call_that_fails_is_reported_with_its_status() -> None:
    wire = answered()
    refer(wire)
    accept(wire)
    confirm(wire)
    wire.reply(486, wire.request("INVITE"), tag="carol")
    assert notifies(wire)[-1] == (486, "terminated;reason=noresource")
    assert [(end.call, end.status) for end in wire.told(CallEnded)] == [(NEXT, 486)]


def test_a_transferor_that_hangs_up_at_once_is_still_told() -> None:
    wire = answered()
    refer(wire)
    accept(wire)
    confirm(wire)
    wire.within("BYE", wire.request("ACK"), cseq=2, we_called=True)
    wire.reply(200, wire.request("INVITE"), tag="carol", body=ANSWER)
    assert notifies(wire)[-1][0] == 200
    assert [event.call for event in wire.told(CallAnswered)] == [CALL, NEXT]


def done(*, first_report_is_answered: bool) -> Wire:
    """The target has answered, and the program ends the old call in the same moment."""
    wire = answered()
    refer(wire)
    accept(wire)
    if first_report_is_answered:
        confirm(wire)
    wire.reply(200, wire.request("INVITE"), tag="carol", body=ANSWER)
    wire.command(HangUp(call=CALL))
    return wire


def byes(wire: Wire) -> int:
    return sum(isinstance(message, Request) and message.method == "BYE" for message in wire.sent)


def test_a_bye_waits_for_the_report_of_success() -> None:
    wire = done(first_report_is_answered=True)
    assert notifies(wire)[-1][0] == 200
    assert byes(wire) == 0
    assert [end.call for end in wire.told(CallEnded)] == [CALL]
    confirm(wire)
    assert byes(wire) == 1
    assert wire.request("BYE").cseq.number > wire.request("NOTIFY").cseq.number


def test_success_is_reported_although_the_first_report_is_still_unanswered() -> None:
    wire = done(first_report_is_answered=False)
    confirm(wire)
    assert (notifies(wire)[-1][0], byes(wire)) == (200, 0)
    confirm(wire)
    assert byes(wire) == 1
    assert wire.agent.census()["transfers"] == 0


def test_a_bye_does_not_wait_for_ever_for_whoever_does_not_answer() -> None:
    wire = done(first_report_is_answered=True)
    wire.advance(REPORT_S_MAX - 0.1)
    assert byes(wire) == 0
    wire.advance(0.2)
    assert byes(wire) == 1
    wire.reply(200, wire.request("BYE"))
    wire.advance(TRANSACTION_LIFE_S)
    assert (byes(wire), wire.agent.census()["transfers"]) == (1, 0)


def test_whoever_hears_of_success_and_hangs_up_spares_us_the_bye() -> None:
    wire = done(first_report_is_answered=True)
    wire.within("BYE", first_ack(wire), cseq=2, we_called=True)
    confirm(wire)
    wire.advance(REPORT_S_MAX)
    assert byes(wire) == 0
    assert [end.call for end in wire.told(CallEnded)] == [CALL]


def test_meanwhile_the_call_is_over_for_both() -> None:
    wire = done(first_report_is_answered=True)
    wire.within("INVITE", first_ack(wire), cseq=2, we_called=True)
    wire.command(HangUp(call=CALL))
    wire.command(Transfer(call=CALL, target=BOB))
    assert wire.take()[-1] == "491 INVITE"
    assert [(progress.status, progress.is_done) for progress in wire.told(TransferProgress)] == [(500, True)]
    assert len(wire.told(CallEnded)) == 1


def test_nothing_is_reported_after_our_own_bye() -> None:
    wire = answered()
    refer(wire)
    accept(wire)
    confirm(wire)
    wire.command(HangUp(call=CALL))
    before = len(notifies(wire))
    wire.reply(180, wire.request("INVITE"), tag="carol")
    assert len(notifies(wire)) == before
    assert wire.agent.census()["transfers"] == 0


def test_a_report_that_is_refused_is_the_last() -> None:
    wire = answered()
    refer(wire)
    accept(wire)
    wire.reply(481, wire.request("NOTIFY"))
    wire.reply(180, wire.request("INVITE"), tag="carol")
    assert len(notifies(wire)) == 1


def test_a_refused_wish_and_one_that_nobody_decides_about() -> None:
    wire = answered()
    refer(wire)
    wire.command(RefuseTransfer(transfer=wire.told(TransferRequested)[0].transfer, status=486))
    refer(wire, cseq=2)
    assert wire.take()[2:] == ["486 REFER"]
    wire.advance(10.1)
    assert wire.take() == ["603 REFER"]
    assert wire.agent.census()["transfers"] == 0


def test_reports_of_a_second_wish_bear_its_number() -> None:
    wire = answered()
    for cseq in (1, 2):
        refer(wire, cseq=cseq)
        accept(wire, CallKey(f"next-{cseq}"))
    assert wire.request("NOTIFY").get("Event") == "refer;id=2"


def test_without_reports_there_are_none() -> None:
    wire = answered()
    refer(wire, headers="Refer-Sub: false\r\n")
    accept(wire)
    assert wire.take()[2:] == ["202 REFER", "INVITE"]
    assert wire.agent.census()["transfers"] == 0


def test_who_wants_no_reports_is_told_so() -> None:
    wire = answered()
    refer(wire, headers="Refer-Sub: false\r\n")
    accept(wire)
    assert wire.response().get("Refer-Sub") == "false"


def subscribe(wire: Wire, cseq: int, headers: str) -> None:
    wire.within("SUBSCRIBE", first_ack(wire), cseq=cseq, headers=headers, we_called=True)


def test_the_subscription_of_a_wish_is_refreshed_and_told_the_state() -> None:
    """RFC 3515 §2.4.4: "This subscription … may be … refreshed as described in" RFC 6665; §4.2.1.2 there: with a NOTIFY at once."""
    wire = answered()
    refer(wire)
    accept(wire)
    confirm(wire)
    wire.reply(180, wire.request("INVITE"))
    confirm(wire)
    subscribe(wire, 2, "Event: refer\r\nExpires: 60\r\n")
    assert (wire.response().status, wire.response().expires) == (200, 180)
    assert notifies(wire)[-1] == (180, "active;expires=180")
    assert len(notifies(wire)) == 3


def test_whoever_ends_the_subscription_hears_so_and_nothing_more() -> None:
    wire = answered()
    refer(wire)
    accept(wire)
    confirm(wire)
    subscribe(wire, 2, "Event: refer;id=1\r\nExpires: 0\r\n")
    assert (wire.response().status, wire.response().expires) == (200, 0)
    assert notifies(wire)[-1] == (100, "terminated;reason=timeout")
    confirm(wire)
    wire.reply(200, wire.request("INVITE"), body=ANSWER)
    assert len(notifies(wire)) == 2
    subscribe(wire, 3, "Event: refer\r\n")
    assert wire.response().status == 481
    assert not wire.told(CallEnded)


def test_a_subscription_that_no_wish_made_is_481() -> None:
    wire = answered()
    subscribe(wire, 1, "Event: refer\r\n")
    assert wire.response().status == 481
    refer(wire, cseq=2)
    subscribe(wire, 3, "Event: refer\r\n")  # not decided yet: RFC 3515 §2.4.4 makes the subscription with the 202
    assert wire.response().status == 481
    accept(wire)
    subscribe(wire, 4, "Event: refer;id=99\r\n")
    assert wire.response().status == 481


def test_the_new_call_takes_over_what_refer_to_names() -> None:
    wire = answered()
    refer(wire, f"{CAROL}?Replaces=abc%40x%3Bto-tag%3D1%3Bfrom-tag%3D2")
    assert wire.told(TransferRequested)[0].takes_over
    accept(wire)
    placed = wire.request("INVITE")
    assert (placed.get("Replaces"), placed.get("Require"), str(placed.uri)) == ("abc@x;to-tag=1;from-tag=2", "replaces", CAROL)


@pytest.mark.parametrize(
    ("target", "status"),
    [(f"{CAROL};method=BYE", 603), ("http://example.org/", 603), (f"{CAROL}?Replaces=nonsense", 400)],
)
def test_wishes_that_we_do_not_fulfil(target: str, status: int) -> None:
    wire = answered()
    refer(wire, target)
    assert wire.response().status == status
    assert not wire.told(TransferRequested)


@pytest.mark.parametrize("headers", ["", "Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n"])
def test_not_exactly_one_refer_to_is_400(headers: str) -> None:
    wire = answered()
    wire.within("REFER", wire.request("ACK"), cseq=1, headers=headers, we_called=True)
    assert wire.response().status == 400


def test_a_wish_that_is_out_of_date_ends_the_programs_new_leg() -> None:
    wire = answered()
    refer(wire)
    wire.within("BYE", wire.request("ACK"), cseq=2, we_called=True)
    assert wire.take()[-2:] == ["200 BYE", "487 REFER"]  # RFC 3261 §15.1.2
    accept(wire)
    assert [(end.call, end.cause) for end in wire.told(CallEnded)] == [(CALL, EndCause.REMOTE), (NEXT, EndCause.FAILED)]


# --- who may ask


def test_nobody_may_when_the_settings_say_so() -> None:
    wire = answered(AgentSettings(refer=ReferPolicy.NEVER))
    refer(wire)
    assert wire.response().status == 403
    assert not wire.told(TransferRequested)


def test_by_default_a_direct_peer_may_not() -> None:
    wire = answered(AgentSettings())
    refer(wire)
    assert wire.response().status == 403


def test_by_default_the_accounts_server_may() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    wire.reply(200, body=ANSWER)
    refer(wire)
    assert len(wire.told(TransferRequested)) == 1
    accept(wire)
    assert wire.told(CallEnded) == []


def test_a_refer_by_somebody_with_whom_we_do_not_talk_is_refused() -> None:
    wire = Wire(ANYONE)
    wire.incoming("REFER", headers=f"Refer-To: <{CAROL}>\r\n")
    assert wire.response().status == 403
    assert not wire.told(TransferRequested)
