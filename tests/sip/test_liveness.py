"""Noticing that a registrar restarted, or is there again: the sentinel, the probe, the knocks (RFC 3261 §10.2.3, §11)."""

from __future__ import annotations

from firmware.sip.events import CallKey, FlowClosed, FlowId, Hop, Invite, NetworkChanged, SendFailed, Transport
from firmware.sip.message import Request, make_response, parse_message
from tests.sip.test_registration import accept, registered, registering
from tests.sip.wire import BOB, HOP, MAIN, OURS, PEER, Wire, media

TCP = Hop(transport=Transport.TCP, host=PEER, port=5060, local_host=OURS, local_port=5060)


def sentinel(wire: Wire, flow: int) -> None:
    """Answer the OPTIONS that opened a connection."""
    request = wire.request("OPTIONS")
    wire.receive(make_response(request, 200, to_tag="r"), flow_hop(flow))


def flow_hop(flow: int) -> Hop:
    return Hop(transport=Transport.TCP, host=PEER, port=5060, local_host=OURS, local_port=5060, flow=FlowId(flow))


def close(wire: Wire, flow: int) -> None:
    wire.agent.receive(FlowClosed(flow=FlowId(flow)), wire.now_s)
    wire.advance(0)


def watched() -> Wire:
    wire = registering(probe_s=10.0)
    accept(wire)
    return wire


def test_one_idle_connection_watches_the_registrar() -> None:
    wire = watched()
    assert wire.hops[-1].transport is Transport.TCP
    sentinel(wire, 1)
    wire.take()
    wire.advance(400)
    assert wire.take() == []  # not one wake-up


def test_a_closed_sentinel_registers_at_once() -> None:
    wire = watched()
    sentinel(wire, 1)
    wire.advance(100)
    wire.take()
    close(wire, 1)
    assert wire.take() == ["REGISTER"]


def test_without_tcp_the_registrar_is_probed() -> None:
    wire = watched()
    wire.fail(TCP)
    wire.take()
    wire.advance(10)
    assert [hop.transport for hop in wire.hops] == [Transport.UDP]
    wire.reply(404)  # any answer is a sign of life
    wire.take()
    wire.advance(10)
    assert wire.take() == ["OPTIONS"]


def held(wire: Wire, *contacts: str) -> None:
    """Answer the question for our bindings."""
    question = wire.request("REGISTER")
    assert question.get("Contact") is None
    wire.reply(200, question, Contact=", ".join(contacts))


def probed() -> Wire:
    """Bound at a registrar without TCP that lists us, and asked for the first time."""
    wire = registering(probe_s=10.0)
    own = wire.request("REGISTER").get("Contact") or ""
    wire.reply(200, wire.request("REGISTER"), Contact=own)
    wire.fail(TCP)
    wire.take()
    wire.advance(10)
    return wire


def test_a_registrar_that_lists_us_is_asked_whether_it_still_does() -> None:
    wire = probed()
    held(wire, f"<sip:door@{OURS}:5060>;expires=590")
    assert wire.take() == ["REGISTER"]
    wire.advance(10)
    held(wire, "<sip:other@192.0.2.50>;expires=590")  # it has lost us between two questions
    assert wire.request("REGISTER").get("Contact") is not None


def test_a_list_that_never_has_us_is_believed_once() -> None:
    wire = probed()
    held(wire, "<sip:door@198.51.100.7:5060>;expires=590")  # as a server writes it that puts our public address in place of our own
    wire.reply(200, wire.request("REGISTER"), Contact=wire.request("REGISTER").get("Contact") or "")
    wire.advance(10)
    held(wire, "<sip:door@198.51.100.7:5060>;expires=590")
    wire.take()
    wire.advance(10)
    assert wire.take() == ["OPTIONS"]


def test_who_refuses_the_question_is_asked_for_its_options() -> None:
    wire = probed()
    wire.reply(400, wire.request("REGISTER"))
    wire.take()
    wire.advance(10)
    assert wire.take() == ["OPTIONS"]


# --- a long absence


def absent() -> Wire:
    """A registrar that has been away for five minutes."""
    wire = registering()
    for _ in range(100):
        wire.fail()
        wire.advance(3)
    wire.take()
    return wire


def test_after_two_minutes_knocks_tell_of_the_registrars_return() -> None:
    wire = absent()
    wire.advance(3)
    assert [message.method for message in wire.sent if isinstance(message, Request)] == ["OPTIONS"]
    wire.reply(404, wire.request("OPTIONS"))  # whatever it says, somebody is there
    assert wire.request().method == "REGISTER"
    accept(wire)
    wire.take()
    wire.advance(60)
    assert wire.take() == []


def test_a_knock_whose_look_up_took_long_is_soon_followed_by_the_next() -> None:
    """A dead name server makes each look-up take seconds: its return is noticed within five all the same."""
    wire = absent()
    wire.held = []
    wire.advance(3)
    assert wire.take() == []
    wire.advance(3)
    wire.locate()
    assert wire.take() == ["OPTIONS"]
    wire.advance(0.6)
    assert wire.take() == ["OPTIONS"]


def test_a_server_whose_handshake_fails_is_not_knocked_at() -> None:
    wire = absent()
    wire.agent.receive(SendFailed(hop=HOP, reason="TLS: its certificate has expired", is_refusal=True), wire.now_s)
    wire.advance(15)
    assert "OPTIONS" not in wire.take()


def test_a_probe_without_answer_registers_again_until_somebody_answers() -> None:
    wire = watched()
    wire.fail(TCP)
    wire.advance(10)
    wire.take()
    wire.fail(HOP)
    assert wire.take() == ["REGISTER"]
    wire.fail(HOP)
    wire.advance(1)
    assert wire.take() == ["REGISTER"]


def test_a_server_that_drops_idle_connections_is_probed_instead() -> None:
    wire = watched()
    for flow in (1, 2, 3):
        sentinel(wire, flow)
        wire.advance(5)
        close(wire, flow)
        accept(wire)
    wire.take()
    wire.advance(10)
    assert [message.via.transport for message in wire.sent] == ["UDP"]


def test_a_connection_is_tried_again_after_an_hour_of_probing() -> None:
    wire = watched()
    wire.fail(TCP)
    wire.advance(9)
    wire.agent.receive(NetworkChanged(), wire.now_s)  # any later success
    wire.advance(0)
    accept(wire)
    assert all(hop.transport is Transport.UDP for hop in wire.hops[2:])
    wire.now_s += 3600
    wire.agent.receive(NetworkChanged(), wire.now_s)
    wire.advance(0)
    accept(wire)
    assert wire.hops[-1].transport is Transport.TCP


def test_crlf_keeps_a_nat_open_when_asked_to() -> None:
    wire = registered(keepalive_s=25.0)
    wire.raw.clear()
    wire.advance(60)
    assert wire.raw == [b"\r\n\r\n"] * 2


def test_an_unreachable_keepalive_is_the_sign_of_a_lost_registrar() -> None:
    wire = registered(keepalive_s=25.0)
    wire.advance(25)
    wire.fail()
    assert wire.take() == ["REGISTER"]


def test_a_registration_over_a_connection_ends_with_it() -> None:
    wire = registering()
    request = wire.request()
    assert isinstance(request, Request)
    wire.receive(make_response(request, 200, to_tag="r", headers=(("Contact", request.get("Contact") or ""),)), flow_hop(4))
    wire.take()
    close(wire, 4)
    assert wire.take() == ["REGISTER"]


def placed(wire: Wire, call: str) -> None:
    wire.command(Invite(call=CallKey(call), target=BOB, account=MAIN, media=media()))


def test_a_call_through_the_account_asks_the_registrar_at_once() -> None:
    wire = probed()
    own = f"<sip:door@{OURS}:5060>"
    held(wire, own)
    wire.take()
    wire.advance(3)
    placed(wire, "one")
    placed(wire, "two")  # the other phone of the same press
    assert sorted(wire.take()) == ["INVITE", "INVITE", "REGISTER"]


def test_a_registrar_that_forgot_us_has_us_again_a_moment_after_a_press() -> None:
    wire = probed()
    held(wire, f"<sip:door@{OURS}:5060>")
    wire.advance(3)
    placed(wire, "one")
    wire.take()
    question = next(message for message in reversed(wire.raw) if message.startswith(b"REGISTER"))
    asked = parse_message(question)
    assert isinstance(asked, Request)
    assert asked.get("Contact") is None
    wire.reply(200, asked, Contact="<sip:somebody@192.0.2.77>")
    assert wire.take() == ["REGISTER"]
    assert wire.raw[-1].count(b"Contact: ") == 1


def test_the_gap_of_questions_begins_anew_with_a_call() -> None:
    wire = probed()
    held(wire, f"<sip:door@{OURS}:5060>")
    wire.advance(9)
    placed(wire, "one")
    held(wire, f"<sip:door@{OURS}:5060>")
    wire.take()
    wire.advance(9)
    assert "REGISTER" not in wire.take()
    wire.advance(1)
    assert "REGISTER" in wire.take()


def test_with_a_sentinel_a_call_asks_nothing() -> None:
    wire = watched()
    sentinel(wire, 1)
    wire.take()
    wire.advance(3)
    placed(wire, "one")
    assert wire.take() == ["INVITE"]


def bind_over(wire: Wire, flow: int) -> None:
    """Answer the REGISTER over this connection."""
    request = wire.request("REGISTER")
    headers = (("Contact", request.get("Contact") or ""),)
    wire.receive(make_response(request, 200, to_tag="r", headers=headers), flow_hop(flow))
    wire.take()


def test_a_registrar_that_closes_each_connection_at_once_is_not_hammered() -> None:
    wire = registering()
    bind_over(wire, 1)
    close(wire, 1)
    bind_over(wire, 2)  # at once: the first time may be a restart
    for flow, gap_s in enumerate((1, 2, 4, 8, 16, 32, 60, 60), 2):
        close(wire, flow)
        wire.advance(gap_s - 0.1)
        close(wire, flow)  # bad news of the same connection do not put it off
        assert wire.take() == []
        wire.advance(0.2)
        bind_over(wire, flow + 1)


def test_a_connection_that_has_lived_for_a_while_is_made_anew_at_once_each_time() -> None:
    wire = registering()
    for flow in range(1, 4):
        bind_over(wire, flow)
        wire.advance(20)
        close(wire, flow)
    assert wire.take() == ["REGISTER"]
