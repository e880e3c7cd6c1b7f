"""Flows that the registrar keeps (RFC 5626), their keep-alives (RFC 5626 §4.4, RFC 8489), and the addresses of the device (RFC 5627)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import (
    CallEnded,
    FlowClosed,
    FlowId,
    Hop,
    Register,
    Registered,
    RegistrationFailed,
    Transport,
    Unregister,
    Unregistered,
)
from firmware.sip.message import Request, make_response
from firmware.sip.settings import HABITS, KeepAliveWay
from firmware.sip.uri import Uri
from firmware.stun.message import MAGIC_COOKIE, is_stun
from tests.sip.wire import HOP, MAIN, OURS, Wire, account, invite

URN = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
FIRST, SECOND = "192.0.2.51", "192.0.2.52"
ANNA = Uri.parse("sip:anna@door.example")


def wanting(**changes: object) -> Wire:
    fields = {
        "wants_outbound": True,
        "outbound_proxy": Uri.parse(f"sip:{FIRST}"),
        "second_proxy": Uri.parse(f"sip:{SECOND}"),
    }
    wire = Wire(AgentSettings(accounts=(account(**(fields | changes)),), instance=URN))
    wire.command(Register(account=MAIN))
    return wire


def hop(host: str) -> Hop:
    return Hop(transport=Transport.UDP, host=host, port=5060, local_host=OURS, local_port=5060)


def register_over(wire: Wire, host: str) -> Request:
    """The newest REGISTER that went there."""
    found = [message for message, at in zip(wire.sent, wire.hops, strict=True) if at.host == host and isinstance(message, Request)]
    assert found, [at.host for at in wire.hops]
    assert found[-1].method == "REGISTER"
    return found[-1]


def accept(wire: Wire, host: str, *, require: str = "outbound", **headers: str) -> None:
    request = register_over(wire, host)
    lines = [("Contact", request.get("Contact") or ""), *[(name.replace("_", "-"), value) for name, value in headers.items()]]
    if require:
        lines.append(("Require", require))
    wire.receive(make_response(request, 200, to_tag="r", headers=tuple(lines)), hop(host))


def both() -> Wire:
    wire = wanting()
    accept(wire, FIRST)
    accept(wire, SECOND)
    return wire


def stun_requests(wire: Wire) -> list[bytes]:
    return [data for data in wire.raw if is_stun(data)]


def stun_answer(request: bytes, port: int = 5060) -> bytes:
    mapped = bytes((0, 1)) + (port ^ (MAGIC_COOKIE >> 16)).to_bytes(2, "big") + bytes.fromhex("e112a643")
    return b"\x01\x01\x00\x0c" + request[4:20] + b"\x00\x20\x00\x08" + mapped


def question(wire: Wire) -> bytes:
    """Let time pass until the flow is asked."""
    wire.raw.clear()
    for _ in range(300):
        wire.advance(0.1)
        if found := stun_requests(wire):
            return found[0]
    raise AssertionError("not within half a minute")


# --- registering


def test_each_flow_names_the_device_and_itself() -> None:
    wire = both()
    for number, host in enumerate((FIRST, SECOND), 1):
        request = register_over(wire, host)
        contact = request.contacts[0]
        assert (contact.param("+sip.instance"), contact.param("reg-id")) == (f"<{URN}>", str(number))
        assert "outbound" in request.get_all("Supported")
        assert request.get("Route") == f"<sip:{host};lr>"
    assert register_over(wire, FIRST).call_id != register_over(wire, SECOND).call_id


def test_a_registrar_without_flows_gets_one_registration() -> None:
    wire = wanting()
    accept(wire, FIRST, require="")
    assert SECOND not in [at.host for at in wire.hops]
    assert len(wire.told(Registered)) == 1


def test_a_first_hop_without_flows_gets_an_ordinary_registration() -> None:
    wire = wanting()
    wire.receive(make_response(register_over(wire, FIRST), 439, to_tag="r"), hop(FIRST))
    again = register_over(wire, FIRST)
    assert again.contacts[0].param("reg-id") is None
    assert "outbound" not in again.get_all("Supported")
    accept(wire, FIRST, require="")
    assert wire.told(Registered)
    assert not wire.told(RegistrationFailed)


def test_without_flows_the_second_proxy_is_tried_when_the_first_is_gone() -> None:
    wire = wanting()
    wire.fail(hop(FIRST))
    assert wire.told(RegistrationFailed)
    accept(wire, SECOND, require="")
    assert wire.told(Registered)
    wire.command(invite(ANNA, account=MAIN))
    assert wire.hops[-1].host == SECOND


def test_a_refusal_is_not_tried_again_over_the_other_proxy() -> None:
    wire = wanting()
    wire.receive(make_response(register_over(wire, FIRST), 403, to_tag="r"), hop(FIRST))
    assert wire.told(RegistrationFailed)
    assert SECOND not in [at.host for at in wire.hops]  # servers lock out who fails too often


# --- using and losing flows


def test_calls_take_the_first_flow_and_say_that_they_belong_to_it() -> None:
    wire = both()
    wire.command(invite(ANNA, account=MAIN))
    assert wire.hops[-1].host == FIRST
    sent = wire.request("INVITE")
    assert sent.get("Route") == f"<sip:{FIRST};lr>"
    assert sent.contacts[0].uri.param("ob") == ""


def test_a_lost_flow_is_no_lost_account() -> None:
    wire = both()
    wire.fail(hop(FIRST))  # the keep-alive, or any request, was not delivered
    wire.fail(hop(FIRST))  # nor is the REGISTER
    assert not wire.told(RegistrationFailed)
    wire.command(invite(ANNA, account=MAIN))
    assert wire.hops[-1].host == SECOND


def test_a_lost_flow_is_tried_again_as_the_rfc_has_it() -> None:
    wire = both()
    wire.fail(hop(FIRST))
    lost = register_over(wire, FIRST)
    wire.take()
    wire.fail(hop(FIRST))
    wire.advance(30)
    wire.receive(make_response(lost, 100), hop(SECOND))  # whatever the other server says, this one is not there
    wire.advance(59)  # §4.5: 90 s · 2, half of it at the least
    assert FIRST not in [at.host for at in wire.hops]
    wire.advance(92)
    assert register_over(wire, FIRST).contacts[0].param("reg-id") == "1"
    accept(wire, FIRST)
    wire.command(invite(ANNA, account=MAIN))
    assert wire.hops[-1].host == FIRST


def test_when_both_are_lost_the_account_has_failed_and_comes_back_quickly() -> None:
    wire = both()
    for host in (FIRST, SECOND):
        wire.fail(hop(host))
        wire.fail(hop(host))
    assert len(wire.told(RegistrationFailed)) == 1
    wire.take()
    wire.advance(2)
    accept(wire, SECOND)
    assert wire.told(Registered)


def test_both_bindings_are_removed_before_the_account_is_unregistered() -> None:
    wire = both()
    wire.command(Unregister(account=MAIN))
    assert {at.host for at in wire.hops[-2:]} == {FIRST, SECOND}
    accept(wire, FIRST)
    assert not wire.told(Unregistered)
    accept(wire, SECOND)
    assert len(wire.told(Unregistered)) == 1


def test_a_flow_over_a_connection_ends_with_it_and_the_other_carries() -> None:
    wire = wanting()
    over = [
        Hop(transport=Transport.TCP, host=host, port=5060, local_host=OURS, local_port=5060, flow=FlowId(n))
        for n, host in ((1, FIRST), (2, SECOND))
    ]
    for host, at in zip((FIRST, SECOND), over, strict=True):
        request = register_over(wire, host)
        headers = (("Contact", request.get("Contact") or ""), ("Require", "outbound"))
        wire.receive(make_response(request, 200, to_tag="r", headers=headers), at)
    wire.take()
    wire.agent.receive(FlowClosed(flow=FlowId(1)), wire.now_s)
    wire.advance(0)
    assert [at.host for at in wire.hops] == [FIRST]
    assert not wire.told(RegistrationFailed)


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_call_that_finds_its_flow_dead_takes_the_other(*, is_silent: bool) -> None:
    wire = both()
    wire.command(invite(ANNA, account=MAIN))
    first = wire.request("INVITE")
    if is_silent:
        wire.advance(4.1)
    else:
        wire.fail(hop(FIRST))
    sent = [(message, at.host) for message, at in zip(wire.sent, wire.hops, strict=True) if isinstance(message, Request)]
    again, host = next((message, host) for message, host in reversed(sent) if message.method == "INVITE")
    assert (host, again.get("Route"), again.call_id) == (SECOND, f"<sip:{SECOND};lr>", first.call_id)
    assert not wire.told(CallEnded)
    wire.fail(hop(SECOND))  # and once only
    assert wire.told(CallEnded)


# --- keep-alives


def test_a_kept_flow_over_udp_is_asked_by_stun_and_lives_while_it_answers() -> None:
    wire = wanting(second_proxy=None)
    accept(wire, FIRST)
    wire.take()
    for _ in range(3):
        wire.receive(stun_answer(question(wire)), hop(FIRST))
    assert wire.take() == []


def test_a_change_of_the_mapped_address_is_a_failure_of_the_flow() -> None:
    wire = wanting(second_proxy=None)
    accept(wire, FIRST)
    wire.receive(stun_answer(question(wire)), hop(FIRST))
    wire.take()
    wire.receive(stun_answer(question(wire), port=40_001), hop(FIRST))
    assert wire.take() == ["REGISTER"]


def test_without_an_answer_the_flow_is_dead() -> None:
    wire = wanting(second_proxy=None)
    accept(wire, FIRST)
    wire.take()
    question(wire)
    wire.advance(15.4)
    assert len(stun_requests(wire)) == 5
    assert wire.take() == []
    wire.advance(0.2)
    assert wire.take() == ["REGISTER"]


def test_an_answer_from_elsewhere_or_to_another_question_counts_for_nothing() -> None:
    wire = wanting(second_proxy=None)
    accept(wire, FIRST)
    wire.take()
    wire.receive(stun_answer(question(wire)), hop(SECOND))
    wire.receive(stun_answer(bytes(20)), hop(FIRST))
    wire.advance(15.6)
    assert wire.take() == ["REGISTER"]


def test_a_flow_timer_is_undercut() -> None:
    wire = wanting(second_proxy=None)
    accept(wire, FIRST, Flow_Timer="10")
    wire.advance(7.9)
    assert not stun_requests(wire)
    wire.advance(2.2)
    assert stun_requests(wire)


def test_stun_is_used_without_flows_where_the_owner_wants_it() -> None:
    wire = Wire(AgentSettings(accounts=(account(keepalive_s=20.0, keepalive=KeepAliveWay.STUN),)))
    wire.command(Register(account=MAIN))
    wire.reply(200, wire.request("REGISTER"), Contact=wire.request("REGISTER").get("Contact") or "")
    wire.advance(20)
    assert len(stun_requests(wire)) == 1
    wire.receive(stun_answer(stun_requests(wire)[0]), HOP)
    wire.advance(20)
    assert len(stun_requests(wire)) == 2


def test_a_kept_connection_is_pinged_and_an_ordinary_one_is_not() -> None:
    for require, pings in (("outbound", 1), ("", 0)):
        wire = wanting(second_proxy=None, keepalive_s=30.0)
        request = register_over(wire, FIRST)
        headers = (("Contact", request.get("Contact") or ""), *([("Require", require)] if require else []))
        at = Hop(transport=Transport.TCP, host=FIRST, port=5060, local_host=OURS, local_port=5060, flow=FlowId(1))
        wire.receive(make_response(request, 200, to_tag="r", headers=headers), at)
        wire.raw.clear()
        wire.advance(30)
        assert wire.raw == [b"\r\n\r\n"] * pings


# --- addresses of the device


@pytest.mark.parametrize(("is_anonymous", "expected"), [(False, "sip:door@door.example;gr=x"), (True, "sip:tgruu.7@door.example;gr")])
def test_a_hidden_caller_states_its_temporary_gruu(*, is_anonymous: bool, expected: str) -> None:
    changes = {"wants_gruu": True, "habits": HABITS._replace(is_anonymous=is_anonymous)}
    wire = Wire(AgentSettings(accounts=(account(**changes),), instance=URN))
    wire.command(Register(account=MAIN))
    request = wire.request("REGISTER")
    gruus = ';pub-gruu="sip:door@door.example;gr=x";temp-gruu="sip:tgruu.7@door.example;gr"'
    wire.reply(200, request, Contact=(request.get("Contact") or "") + gruus)
    wire.command(invite(ANNA, account=MAIN))
    assert str(wire.request("INVITE").contacts[0].uri) == expected
