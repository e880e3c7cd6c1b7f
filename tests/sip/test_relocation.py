"""A new address while we talk, and a registrar that drops us without a word."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.body import reginfo
from firmware.sip.body.reginfo import ContactEntry, RegInfo, Registration
from firmware.sip.events import CallAnswered, Hop, NetworkChanged, Register, RequestDone, Transport
from firmware.sip.message import Request
from firmware.sip.uri import Uri
from tests.sip.wire import ANSWER, MAIN, OURS, PEER, Wire, account, invite

MOVED = "192.0.2.2"


def talking() -> Wire:
    wire = Wire()
    wire.command(invite())
    wire.reply(200, wire.request("INVITE"), body=ANSWER)
    assert wire.told(CallAnswered)
    wire.take()
    return wire


def change_network(wire: Wire, local_host: str) -> None:
    wire.names[PEER] = (Hop(transport=Transport.UDP, host=PEER, port=5060, local_host=local_host, local_port=5060),)
    wire.agent.receive(NetworkChanged(), wire.now_s)
    wire.advance(0)


def test_a_running_call_is_told_of_the_new_address() -> None:
    wire = talking()
    change_network(wire, MOVED)
    again = wire.request("INVITE")
    assert again.to.tag
    assert f"c=IN IP4 {MOVED}".encode() in again.body
    assert MOVED in (again.get("Contact") or "")
    wire.reply(200, again, body=ANSWER)
    assert not wire.told(RequestDone)  # the program did not ask for it


def test_a_call_whose_way_is_the_same_is_left_alone() -> None:
    wire = talking()
    change_network(wire, OURS)
    assert wire.take() == []


def test_it_is_told_once_for_one_move() -> None:
    wire = talking()
    change_network(wire, MOVED)
    wire.reply(200, wire.request("INVITE"), body=ANSWER)
    wire.take()
    change_network(wire, MOVED)
    assert wire.take() == []


def test_a_call_without_any_way_waits_for_better_times() -> None:
    wire = talking()
    wire.names[PEER] = ()
    wire.agent.receive(NetworkChanged(), wire.now_s)
    wire.advance(0)
    assert wire.take() == []
    change_network(wire, MOVED)
    assert wire.take() == ["INVITE"]


# --- the registrar's own word (RFC 3680)


def watching() -> tuple[Wire, Request]:
    wire = Wire(AgentSettings(accounts=(account(watches_binding=True),)))
    wire.command(Register(account=MAIN))
    accept(wire)
    subscribe = wire.request("SUBSCRIBE")
    wire.reply(200, subscribe, Expires="3600")
    wire.take()
    return wire, subscribe


def accept(wire: Wire) -> None:
    sent = wire.request("REGISTER")
    wire.reply(200, sent, Contact=str(sent.get("Contact")))


def tell(wire: Wire, subscribe: Request, cseq: int, *contacts: ContactEntry, state: str = "active") -> None:
    info = RegInfo(cseq, "full", (Registration(aor="sip:door@door.example", id="a", state=state, contacts=contacts),))
    body = reginfo.encode(info)
    text = (
        f"NOTIFY sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKreg{cseq};rport\r\nMax-Forwards: 70\r\n"
        f"From: {subscribe.to};tag=peer\r\nTo: {subscribe.from_}\r\nCall-ID: {subscribe.call_id}\r\nCSeq: {cseq} NOTIFY\r\n"
        f"Contact: <sip:{PEER}>\r\nEvent: reg\r\nSubscription-State: active;expires=3600\r\n"
        f"Content-Type: application/reginfo+xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    wire.receive(text.encode() + body)


OWN = ContactEntry(id="1", uri=f"sip:door@{OURS}:5060", state="active", event="registered")


def test_an_account_that_wants_it_subscribes_to_its_own_binding() -> None:
    _, subscribe = watching()
    assert str(subscribe.uri) == "sip:door@door.example"
    assert (subscribe.get("Event"), subscribe.get("Accept")) == ("reg", "application/reginfo+xml")


@pytest.mark.parametrize(
    "contacts", [(OWN._replace(state="terminated", event="deactivated"),), (), (OWN._replace(uri="sip:other@192.0.2.77"),)]
)
def test_a_dropped_binding_is_made_anew_at_once(contacts: tuple[ContactEntry, ...]) -> None:
    wire, subscribe = watching()
    tell(wire, subscribe, 1, OWN)
    wire.advance(10)
    wire.take()
    tell(wire, subscribe, 2, *contacts)
    assert wire.take() == ["200 NOTIFY", "REGISTER"]


def test_a_binding_that_stands_is_left_alone() -> None:
    wire, subscribe = watching()
    wire.advance(10)
    wire.take()
    tell(wire, subscribe, 1, OWN)
    assert wire.take() == ["200 NOTIFY"]


def test_the_state_before_our_register_does_not_set_off_another() -> None:
    wire, subscribe = watching()
    tell(wire, subscribe, 1)
    assert wire.take() == ["200 NOTIFY"]


def test_what_cannot_be_read_says_nothing() -> None:
    wire, subscribe = watching()
    wire.advance(10)
    wire.take()
    data = (
        f"NOTIFY sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKbad;rport\r\nMax-Forwards: 70\r\n"
        f"From: {subscribe.to};tag=peer\r\nTo: {subscribe.from_}\r\nCall-ID: {subscribe.call_id}\r\nCSeq: 5 NOTIFY\r\n"
        f"Contact: <sip:{PEER}>\r\nEvent: reg\r\nSubscription-State: active\r\nContent-Type: application/reginfo+xml\r\n\r\n<!DOCTYPE x>"
    )
    wire.receive(data)
    assert wire.take() == ["200 NOTIFY"]


def test_a_server_without_the_package_is_left_in_peace_until_the_next_registration() -> None:
    wire = Wire(AgentSettings(accounts=(account(watches_binding=True, registrar=Uri.parse(f"sip:{PEER}")),)))
    wire.command(Register(account=MAIN))
    accept(wire)
    wire.reply(489, wire.request("SUBSCRIBE"))
    wire.take()
    wire.advance(400)
    assert wire.take() == []
