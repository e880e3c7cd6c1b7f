"""Transfers that we ask for, and what their reports tell (RFC 3515 §2.4, RFC 3892, RFC 4488, RFC 5589)."""

from __future__ import annotations

import pytest

from firmware.sip.body import sipfrag
from firmware.sip.events import (
    AttendedTransfer,
    CallEnded,
    CallKey,
    HangUp,
    Invite,
    Transfer,
    TransferProgress,
)
from firmware.sip.timers import TRANSACTION_LIFE_S
from firmware.sip.uri import Uri
from tests.sip.test_transfer import CAROL, NEXT, answered, first_ack
from tests.sip.wire import ANSWER, BOB, CALL, Wire, media


def report(wire: Wire, status: int, state: str, *, cseq: int, event: str = "refer") -> None:
    body = sipfrag.encode(status)
    headers = f"Event: {event}\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n"
    wire.within("NOTIFY", first_ack(wire), cseq=cseq, body=body, headers=headers, we_called=True)


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


def test_a_report_that_ends_the_subscription_after_the_outcome_is_taken() -> None:
    """RFC 3515 §2.4.5: outcome and end of the subscription may come in two reports; RFC 6665 §4.1.3: 481 only where there is none."""
    wire = answered()
    wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
    wire.reply(202, wire.request("REFER"))
    report(wire, 200, "active;expires=60", cseq=1)
    report(wire, 200, "terminated;reason=noresource", cseq=2)
    assert wire.response().status == 200
    assert steps(wire) == [(202, False), (200, True)]
    report(wire, 200, "terminated;reason=noresource", cseq=3)
    assert wire.response().status == 481


def test_a_second_transfer_is_not_confused_with_the_first_ones_open_subscription() -> None:
    wire = answered()
    for cseq in (1, 2, 3, 4):
        wire.command(Transfer(call=CALL, target=Uri.parse(CAROL)))
        wire.reply(202, wire.request("REFER"))
        report(wire, 486, "active;expires=60", cseq=cseq)
    assert [step for step in steps(wire) if step[1]] == [(486, True)] * 4
    wire.command(HangUp(call=CALL))
    wire.reply(200)
    wire.settle()
    assert wire.agent.is_idle


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
