"""Transfers: REFER heard and sent, its reports, who may ask (RFC 3515, RFC 3892, RFC 4488, RFC 5589)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.body import sipfrag
from firmware.sip.events import (
    AcceptTransfer,
    AttendedTransfer,
    CallAnswered,
    CallEnded,
    CallKey,
    EndCause,
    HangUp,
    Invite,
    RefuseTransfer,
    Transfer,
    TransferProgress,
    TransferRequested,
)
from firmware.sip.message import Request
from firmware.sip.settings import ReferPolicy
from firmware.sip.timers import TRANSACTION_LIFE_S
from firmware.sip.uri import Uri
from tests.sip.wire import ANSWER, BOB, CALL, MAIN, PEER, Wire, account, invite, media

ANYONE = AgentSettings(refer=ReferPolicy.CALL)
NEXT = CallKey("next")
CAROL = "sip:carol@192.0.2.33"


def answered(settings: AgentSettings = ANYONE) -> Wire:
    wire = Wire(settings)
    wire.command(invite())
    wire.reply(200, body=ANSWER)
    return wire


def refer(wire: Wire, target: str = CAROL, *, cseq: int = 1, headers: str = "") -> Request:
    lines = f"Refer-To: <{target}>\r\nReferred-By: <sip:bob@{PEER}>\r\n{headers}"
    first = next(message for message in wire.sent if isinstance(message, Request) and message.method == "ACK")
    return wire.within("REFER", first, cseq=cseq, headers=lines, we_called=True)


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


# --- we ask


def report(wire: Wire, status: int, state: str, *, cseq: int, event: str = "refer") -> None:
    body = sipfrag.encode(status)
    headers = f"Event: {event}\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n"
    first = next(message for message in wire.sent if isinstance(message, Request) and message.method == "ACK")
    wire.within("NOTIFY", first, cseq=cseq, body=body, headers=headers, we_called=True)


def steps(wire: Wire) -> list[tuple[int, bool]]:
    return [(step.status, step.is_done) for step in wire.told(TransferProgress)]


def test_a_blind_transfer_names_the_target_and_us() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    sent = wire.request("REFER")
    assert (sent.get("Refer-To"), sent.get("Referred-By")) == (f"<{CAROL}>", "<sip:door@192.0.2.1>")
    assert sent.contacts
    assert sent.get("Refer-Sub") is None


def test_its_progress_is_told_until_it_is_final() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    report(wire, 100, "active;expires=60", cseq=1)
    report(wire, 180, "active;expires=60", cseq=2)
    report(wire, 200, "terminated;reason=noresource", cseq=3)
    assert steps(wire) == [(202, False), (100, False), (180, False), (200, True)]
    report(wire, 200, "terminated;reason=noresource", cseq=4)
    assert wire.response().status == 481  # nobody waits for it any more
    wire.command(HangUp(call=CALL))
    wire.reply(200)
    wire.settle()
    assert not any(wire.agent.census().values())


def test_a_report_may_come_before_the_202() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    report(wire, 100, "active", cseq=1)
    wire.reply(202, wire.request("REFER"))
    assert steps(wire) == [(100, False), (202, False)]


@pytest.mark.parametrize("status", [403, 603, 405])
def test_a_refused_transfer_is_told_and_the_call_goes_on(status: int) -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(status, wire.request("REFER"))
    assert steps(wire) == [(status, True)]
    assert not wire.told(CallEnded)


def test_reports_that_stop_without_an_outcome() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    report(wire, 100, "terminated;reason=giveup", cseq=1)
    assert steps(wire) == [(202, False), (480, True)]
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    wire.advance(181)
    assert steps(wire) == [(202, False), (408, True)]


def test_a_call_that_we_end_first_ends_the_waiting() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    wire.command(HangUp(call=CALL))
    assert steps(wire) == [(202, False), (487, True)]
    assert type(wire.events[-1]) is CallEnded


def test_the_last_report_may_come_after_the_bye_of_whoever_did_as_we_asked() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    wire.within("BYE", wire.request("ACK"), cseq=1, we_called=True)
    assert wire.told(CallEnded)
    assert steps(wire) == [(202, False)]
    report(wire, 200, "terminated;reason=noresource", cseq=2)
    assert wire.response().status == 200
    assert steps(wire)[-1] == (200, True)
    wire.settle()
    assert wire.agent.is_idle


def left(wire: Wire) -> None:
    """The peer hangs up."""
    wire.within("BYE", wire.request("ACK"), cseq=1, we_called=True)


def test_the_last_report_is_awaited_as_long_as_its_sender_repeats_it() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    left(wire)
    wire.advance(TRANSACTION_LIFE_S - 0.5)  # RFC 3261 §17.1.2.2: timer F of the NOTIFY
    report(wire, 200, "terminated;reason=noresource", cseq=2)
    assert steps(wire) == [(202, False), (200, True)]
    wire.settle()
    assert wire.agent.is_idle


def test_reports_are_awaited_until_the_subscription_ends() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    report(wire, 100, "active;expires=60", cseq=1)
    wire.within("BYE", wire.request("ACK"), cseq=2, we_called=True)
    wire.advance(50)  # the target rings
    report(wire, 180, "active;expires=60", cseq=3)
    wire.advance(9)
    report(wire, 200, "terminated;reason=noresource", cseq=4)
    assert steps(wire) == [(202, False), (100, False), (180, False), (200, True)]
    wire.settle()
    assert wire.agent.is_idle


@pytest.mark.parametrize(("state", "patience_s"), [("active", 32), ("active;expires=10", 32), ("active;expires=86400", 180)])
def test_without_a_last_report_after_the_bye_the_transfer_is_given_up(state: str, patience_s: float) -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    report(wire, 100, state, cseq=1)
    wire.within("BYE", wire.request("ACK"), cseq=2, we_called=True)
    wire.advance(patience_s - 0.1)
    assert steps(wire) == [(202, False), (100, False)]
    wire.advance(0.2)
    assert steps(wire)[-1] == (487, True)
    wire.settle()
    assert wire.agent.is_idle


def test_the_answer_to_refer_may_come_after_the_bye() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    left(wire)
    assert steps(wire) == []
    wire.reply(202, wire.request("REFER"))
    report(wire, 200, "terminated;reason=noresource", cseq=2)
    assert steps(wire) == [(202, False), (200, True)]
    wire.settle()
    assert wire.agent.is_idle


@pytest.mark.parametrize("answer", [487, None])
def test_a_refer_that_the_bye_overtook_ends_with_its_own_outcome(answer: int | None) -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    left(wire)
    if answer is not None:
        wire.reply(answer, wire.request("REFER"))  # RFC 3261 §15.1.2
    wire.settle()
    assert steps(wire) == [(answer or 408, True)]
    assert wire.agent.is_idle


def test_a_transfer_without_reports_is_done_with_its_202() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL), follow=False))
    assert wire.request("REFER").get("Refer-Sub") == "false"
    wire.reply(202, wire.request("REFER"), Refer_Sub="false")
    assert steps(wire) == [(202, True)]


def test_a_body_that_nobody_can_read_is_no_end() -> None:
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    headers = "Event: refer\r\nSubscription-State: active\r\nContent-Type: message/sipfrag\r\n"
    wire.within("NOTIFY", wire.request("ACK"), cseq=1, body=b"\x00", headers=headers, we_called=True)
    assert wire.response().status == 200
    assert steps(wire) == [(202, False), (100, False)]


def test_an_attended_transfer_names_the_other_dialog_from_the_targets_side() -> None:
    wire = answered()
    wire.command(Invite(call=NEXT, target=BOB, account=None, media=media(4100, 2)))
    wire.reply(200, wire.request("INVITE"), tag="carol", body=ANSWER, Contact=f"<{CAROL}>")
    other = wire.request("ACK")
    wire.command(AttendedTransfer(call=CALL, other=NEXT))
    target = Uri.parse((wire.request("REFER").get("Refer-To") or "").strip("<>"))
    assert (target.user, target.host) == ("carol", "192.0.2.33")
    assert target.header("replaces") == f"{other.call_id};to-tag=carol;from-tag={other.from_.tag}"


@pytest.mark.parametrize("other", [CALL, CallKey("nobody")])
def test_an_attended_transfer_to_nobody_is_not_sent(other: CallKey) -> None:
    wire = answered()
    wire.command(AttendedTransfer(call=CALL, other=other))
    assert steps(wire) == [(500, True)]
    assert wire.take() == ["INVITE", "ACK"]


def test_a_transfer_of_a_call_that_is_not_answered_is_told_at_once() -> None:
    wire = Wire()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    assert steps(wire) == [(500, True)]
