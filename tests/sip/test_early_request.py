"""Requests inside a dialog whose call is not answered yet, as caller and as callee (RFC 3261 §12.1, §15)."""

from __future__ import annotations

import pytest

from firmware.sip.events import CallEnded, IncomingCall, InfoReceived, Ring, TransferRequested
from firmware.sip.message import Request, Response
from firmware.sip.notices import MessageReceived
from tests.sip.wire import ANSWER, Wire, invite

DIGIT = "Content-Type: application/dtmf-relay\r\n"


def ringing(*, we_called: bool) -> tuple[Wire, Request | Response]:
    """A call that rings, and a message with both tags of its dialog."""
    wire = Wire()
    if we_called:
        wire.command(invite())
        first = wire.request("INVITE")
        wire.reply(180, first)
        tagged: Request | Response = first.with_header("To", f"{first.get('To')};tag=peer")
    else:
        wire.incoming("INVITE", body=ANSWER)
        wire.command(Ring(call=wire.told(IncomingCall)[0].call))
        tagged = wire.response()
    wire.take()
    return wire, tagged


@pytest.mark.parametrize("we_called", [True, False])
def test_options_tells_what_we_can_do(*, we_called: bool) -> None:
    wire, first = ringing(we_called=we_called)
    wire.within("OPTIONS", first, cseq=5, we_called=we_called)
    assert (wire.response().status, wire.response().get("Accept")) == (200, "application/sdp")
    assert "UPDATE" in wire.response().get_all("Allow")


@pytest.mark.parametrize("we_called", [True, False])
@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        ("INFO", DIGIT, b"Signal=5\r\n"),
        ("MESSAGE", "Content-Type: text/plain\r\n", b"hello"),
        ("REFER", "Refer-To: <sip:carol@192.0.2.33>\r\n", b""),
        ("SUBSCRIBE", "Event: dialog\r\n", b""),
    ],
)
def test_what_only_an_answered_call_can_do_is_put_off(method: str, headers: str, body: bytes, *, we_called: bool) -> None:
    """RFC 5057 §5.1: 481 would be the end of the dialog, and callers that hear it give the call up."""
    wire, first = ringing(we_called=we_called)
    wire.within(method, first, cseq=5, headers=headers, body=body, we_called=we_called)
    assert (wire.response().status, wire.response().retry_after) == (500, 5)
    assert not [event for event in wire.events if isinstance(event, CallEnded | InfoReceived | MessageReceived | TransferRequested)]


@pytest.mark.parametrize("we_called", [True, False])
def test_a_notify_of_no_subscription_is_481(*, we_called: bool) -> None:
    wire, first = ringing(we_called=we_called)
    wire.within("NOTIFY", first, cseq=5, headers="Event: refer\r\nSubscription-State: active\r\n", we_called=we_called)
    assert wire.response().status == 481
    assert not wire.told(CallEnded)


def test_a_callee_that_says_bye_before_it_has_answered_is_not_heard() -> None:
    """§15: "The callee's UA MUST NOT send a BYE on an early dialog"."""
    wire, first = ringing(we_called=True)
    wire.within("BYE", first, cseq=5, we_called=True)
    assert wire.response().status == 481
    assert not wire.told(CallEnded)
