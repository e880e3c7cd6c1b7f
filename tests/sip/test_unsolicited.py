"""NOTIFY that nobody asked for: what PBXs send to every phone (RFC 6665 §4.1.3, and habit)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import CallAnswered, Register, Registered
from firmware.sip.message import Response
from firmware.sip.notices import CallOrdered, MailboxTold, ResyncRequested
from firmware.sip.uri import Uri
from tests.sip.wire import ANSWER, MAIN, Wire, account, invite


def registered() -> Wire:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(Register(account=MAIN))
    wire.reply(200, wire.request("REGISTER"), Contact=str(wire.request("REGISTER").get("Contact")))
    wire.take()
    return wire


def test_a_mailbox_told_unasked_by_a_stranger_is_taken_politely_and_forgotten() -> None:
    wire = Wire()
    wire.incoming(
        "NOTIFY",
        body=b"Messages-Waiting: yes\r\n",
        headers="Event: message-summary\r\nContent-Type: application/simple-message-summary\r\n",
    )
    assert wire.take() == ["200 NOTIFY"]
    assert wire.events == []


def test_the_registrars_word_on_a_mailbox_is_passed_on() -> None:
    wire = registered()
    summary = b"Messages-Waiting: yes\r\nVoice-Message: 2/8\r\n"
    headers = "Event: message-summary\r\nContent-Type: application/simple-message-summary\r\n"
    wire.incoming("NOTIFY", body=summary, headers=headers)
    wire.incoming("NOTIFY", headers="Event: message-summary\r\n", cseq=2)  # says nothing
    assert wire.take() == ["200 NOTIFY", "200 NOTIFY"]
    assert wire.told(MailboxTold) == [MailboxTold(account=MAIN, content_type="application/simple-message-summary", body=summary)]


@pytest.mark.parametrize("headers", ["Event: as-feature-event\r\n", "", "Event: ;;\r\n"])
def test_a_package_that_we_do_not_know_is_489_with_those_that_we_know(headers: str) -> None:
    wire = Wire()
    wire.incoming("NOTIFY", headers=headers)
    assert wire.response().status == 489
    assert "dialog" in (wire.response().get("Allow-Events") or "")


@pytest.mark.parametrize(("event", "reboot"), [("check-sync", False), ("check-sync;reboot=true", True), ("Check-Sync;reboot=false", False)])
def test_the_registrar_may_ask_for_a_new_start_and_is_registered_with_at_once(event: str, *, reboot: bool) -> None:
    wire = registered()
    wire.incoming("NOTIFY", headers=f"Event: {event}\r\n")
    assert wire.take() == ["200 NOTIFY", "REGISTER"]
    assert wire.told(ResyncRequested) == [ResyncRequested(account=MAIN, reboot=reboot)]


def test_nobody_else_may() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.incoming("NOTIFY", headers="Event: check-sync;reboot=true\r\n")
    assert wire.take() == ["403 NOTIFY"]
    assert wire.events == []


def in_call(*, by_account: bool) -> tuple[Wire, Response]:
    wire = registered()
    target = Uri.parse("sip:anna@door.example") if by_account else Uri.parse("sip:anna@192.0.2.50")
    wire.command(invite(target, account=MAIN if by_account else None))
    sent = wire.request("INVITE")
    wire.reply(200, sent, body=ANSWER)
    assert wire.told(CallAnswered)
    answer = wire.request("ACK")
    wire.take()
    return wire, Response(200, "OK", answer.headers)


@pytest.mark.parametrize("order", ["talk", "hold"])
def test_the_accounts_server_may_order_talk_and_hold_in_a_call(order: str) -> None:
    wire, answer = in_call(by_account=True)
    wire.within("NOTIFY", answer, cseq=1, headers=f"Event: {order}\r\nSubscription-State: active\r\n", we_called=True)
    assert wire.take() == ["200 NOTIFY"]
    assert [event.order for event in wire.told(CallOrdered)] == [order]


def test_another_phone_may_not() -> None:
    wire, answer = in_call(by_account=False)
    wire.within("NOTIFY", answer, cseq=1, headers="Event: talk\r\n", we_called=True)
    assert wire.take() == ["403 NOTIFY"]
    assert not wire.told(CallOrdered)


def test_a_notify_in_a_call_counts_in_its_sequence() -> None:
    wire, answer = in_call(by_account=True)
    wire.within("NOTIFY", answer, cseq=7, headers="Event: nonsense\r\n", we_called=True)
    wire.within("INFO", answer, cseq=6, we_called=True)
    assert wire.take() == ["489 NOTIFY", "500 INFO"]


def test_the_registration_goes_on_after_a_new_start() -> None:
    wire = registered()
    wire.incoming("NOTIFY", headers="Event: check-sync\r\n")
    again = wire.request("REGISTER")
    wire.reply(200, again, Contact=str(again.get("Contact")))
    assert len(wire.told(Registered)) == 2
