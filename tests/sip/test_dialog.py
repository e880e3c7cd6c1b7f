"""Dialogs as values: RFC 3261 §12."""

from __future__ import annotations

import pytest

from firmware.sip.events import FlowId, Hop, Transport
from firmware.sip.message import Request, Response, make_response, parse_message
from firmware.sip.usage.dialog import as_callee, as_caller, dialog_id

INVITE_TEXT = (
    "INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    "Record-Route: <sip:p2.example;lr>\r\nRecord-Route: <sip:p1.example;lr>\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:bob@example.org>\r\n"
    "Call-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:a@192.0.2.1>\r\n\r\n"
)


def invite(text: str = INVITE_TEXT) -> Request:
    message = parse_message(text.encode())
    assert isinstance(message, Request)
    return message


def answer(*headers: tuple[str, str], tag: str | None = "b") -> Response:
    return make_response(invite(), 200, to_tag=tag, headers=headers)


def test_the_caller_reverses_the_record_route() -> None:
    dialog = as_caller(invite(), answer(("Contact", "<sip:bob@192.0.2.9>"), ("Record-Route", "<sip:p2;lr>, <sip:p1;lr>")))
    assert [route.uri.host for route in dialog.routes] == ["p1", "p2"]
    assert dialog.next_hop.host == "p1"
    assert (dialog.local_cseq, dialog.remote_cseq, dialog.is_caller) == (7, None, True)


def test_the_callee_keeps_the_order_of_the_record_route() -> None:
    dialog = as_callee(invite(), "b")
    assert [route.uri.host for route in dialog.routes] == ["p2.example", "p1.example"]
    assert (dialog.remote_cseq, dialog.is_caller) == (7, False)
    assert dialog.local.tag == "b"


def test_both_sides_name_the_same_dialog() -> None:
    caller, callee = as_caller(invite(), answer()), as_callee(invite(), "b")
    assert caller.id == (callee.id[0], callee.id[2], callee.id[1])
    assert dialog_id(caller.numbered().compose("BYE")) == callee.id
    assert dialog_id(callee.numbered().compose("BYE")) == caller.id


def test_a_2xx_without_contact_leaves_the_request_uri_as_target() -> None:
    assert as_caller(invite(), answer()).target == invite().uri


def test_an_invite_without_contact_leaves_the_callers_address_as_target() -> None:
    assert as_callee(invite(INVITE_TEXT.replace("Contact: <sip:a@192.0.2.1>\r\n", "")), "b").target.user == "a"


def test_a_contact_that_cannot_be_routed_is_no_target() -> None:
    assert as_caller(invite(), answer(("Contact", "<mailto:bob@example.org>"))).target == invite().uri
    dialog = as_callee(invite(), "b")
    assert dialog.refreshed(answer(("Contact", "<mailto:bob@example.org>"))) == dialog


def test_a_refresh_replaces_the_target_but_not_the_route() -> None:
    dialog = as_callee(invite(), "b")
    refreshed = dialog.refreshed(answer(("Contact", "<sip:new@192.0.2.7>"), ("Record-Route", "<sip:other;lr>")))
    assert refreshed.target.user == "new"
    assert refreshed.routes == dialog.routes


def test_a_request_in_the_dialog_has_its_names_route_and_number() -> None:
    bye = as_callee(invite(), "b").numbered().compose("BYE", (("Reason", "SIP;cause=200"),))
    assert (bye.from_.tag, bye.to.tag, bye.call_id, str(bye.cseq)) == ("b", "a", "c", "1 BYE")
    assert str(bye.uri) == "sip:a@192.0.2.1"
    assert len(bye.routes) == 2
    assert bye.get("Reason") == "SIP;cause=200"


def test_a_strict_router_gets_the_request_and_the_target_goes_last() -> None:
    strict = invite(INVITE_TEXT.replace("<sip:p2.example;lr>", "<sip:p2.example>"))
    bye = as_callee(strict, "b").numbered().compose("BYE")
    assert bye.uri.host == "p2.example"
    assert [route.uri.host for route in bye.routes] == ["p1.example", "192.0.2.1"]


def test_an_old_number_is_stale_an_equal_or_new_one_is_not() -> None:
    dialog = as_callee(invite(), "b")
    assert [dialog.is_stale(number) for number in (6, 7, 8)] == [True, False, False]
    assert dialog.heard(9).is_stale(8)
    assert not as_caller(invite(), answer()).is_stale(1)


def over(transport: Transport, host: str = "192.0.2.9") -> Hop:
    flow = FlowId(3) if transport.reliable else None
    return Hop(transport=transport, host=host, port=49_152, local_host="192.0.2.1", local_port=5066, flow=flow)


@pytest.mark.parametrize(
    ("contact", "transport", "next_hop"),
    [
        # RFC 7118 §5: a browser is nowhere but at the far end of its connection.
        ("<sip:a@df7jal23ls0d.invalid;transport=ws>", Transport.WS, "sip:192.0.2.9:49152;transport=ws"),
        ("<sip:a@df7jal23ls0d.invalid;transport=ws>", Transport.WSS, "sip:192.0.2.9:49152;transport=wss"),
        # RFC 5626 §4.3: so is whoever asks for the flow on which the dialog began.
        ("<sip:a@10.0.0.5;transport=tcp;ob>", Transport.TCP, "sip:192.0.2.9:49152;transport=tcp"),
        ("<sip:a@10.0.0.5;ob>", Transport.UDP, "sip:a@10.0.0.5;ob"),
        ("<sip:a@10.0.0.5;transport=tcp>", Transport.TCP, "sip:a@10.0.0.5;transport=tcp"),
    ],
)
def test_a_contact_without_a_place_is_reached_over_its_connection(contact: str, transport: Transport, next_hop: str) -> None:
    request = invite().without("Record-Route").with_header("Contact", contact)
    dialog = as_callee(request, "b", over(transport))
    assert str(dialog.next_hop) == next_hop
    assert str(dialog.compose("BYE").uri) == contact[1:-1]  # the Request-URI stays the Contact


def test_a_refreshed_contact_with_a_place_is_reached_there() -> None:
    browser = invite().without("Record-Route").with_header("Contact", "<sip:a@df7jal23ls0d.invalid;transport=ws>")
    dialog = as_callee(browser, "b", over(Transport.WS))
    assert str(dialog.refreshed(browser).next_hop) == "sip:192.0.2.9:49152;transport=ws"
    assert str(dialog.refreshed(browser.with_header("Contact", "<sip:a@192.0.2.77>")).next_hop) == "sip:a@192.0.2.77"
