"""The front: requests outside dialogs, broken bytes, limits, the timer promise: RFC 3261 §8.2, §11."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import LocalProtocolError
from firmware.ids import SeededIds
from firmware.sip.agent import Agent, AgentSettings
from firmware.sip.events import (
    AccountName,
    Answer,
    CallEnded,
    CallKey,
    HangUp,
    Hop,
    IncomingCall,
    Invite,
    Located,
    OptionsAnswered,
    QueryId,
    QueryOptions,
    Received,
    Register,
    Registered,
    Ring,
    Send,
    Transport,
)
from firmware.sip.message import Response, parse_message
from firmware.sip.uri import Uri
from tests.searching import examples
from tests.sip.wire import ANSWER, BOB, CALL, HOP, MAIN, OURS, PEER, Wire, account, invite, media


@pytest.fixture
def wire() -> Wire:
    return Wire()


# --- OPTIONS


def test_options_is_answered_with_what_we_can_do(wire: Wire) -> None:
    wire.incoming("OPTIONS")
    answer = wire.response()
    assert answer.status == 200
    assert "INVITE" in answer.get_all("Allow")
    assert answer.get("Accept") == "application/sdp"
    assert answer.to.tag


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "NoSuchMethod"])
def test_what_changes_nothing_is_answered_without_remembering_it(wire: Wire, method: str) -> None:
    # RFC 3261 §8.2.7: a stateless UAS gives the same tag for the same request consistently.
    wire.incoming(method, branch="z9hG4bKsame")
    wire.incoming(method, branch="z9hG4bKsame")
    wire.incoming(method, branch="z9hG4bKother")
    first, again, other = [message for message in wire.sent if isinstance(message, Response)]
    assert first == again
    assert first.to.tag != other.to.tag
    assert wire.agent.is_idle
    stranger = Wire()
    stranger.agent = Agent(AgentSettings(), SeededIds(2), 100.0)
    stranger.incoming(method, branch="z9hG4bKsame")
    assert stranger.response().to.tag != first.to.tag  # no other agent gives it, so that nobody can foretell it


def test_a_question_to_a_neighbour_brings_one_answer(wire: Wire) -> None:
    wire.command(QueryOptions(key="k", target=BOB))
    wire.reply(200)
    assert [(event.key, event.status) for event in wire.told(OptionsAnswered)] == [("k", 200)]


def test_a_neighbour_that_does_not_answer_counts_as_408(wire: Wire) -> None:
    wire.command(QueryOptions(key="k", target=BOB))
    wire.advance(33)
    assert [event.status for event in wire.told(OptionsAnswered)] == [408]


# --- refusals


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("REGISTER", 405),
        ("PRACK", 481),
        ("UPDATE", 481),
        ("NoSuchMethod", 501),
        ("BYE", 481),
        ("INFO", 481),
    ],
)
def test_requests_that_are_not_for_us_are_refused(wire: Wire, method: str, status: int) -> None:
    wire.incoming(method)
    assert wire.response().status == status
    assert wire.response().to.tag
    assert (wire.response().get("Allow") is None) == (status == 481)


def test_a_scheme_that_nobody_can_route_is_416(wire: Wire) -> None:
    wire.incoming("OPTIONS", uri="soap.beep://192.0.2.1")
    assert wire.response().status == 416


def test_only_configured_users_are_answered() -> None:
    wire = Wire(AgentSettings(users=frozenset({"door"})))
    wire.incoming("INVITE", uri=f"sip:nobody@{OURS}", body=ANSWER)
    assert wire.response().status == 404
    assert not wire.told(IncomingCall)
    wire.incoming("INVITE", uri=f"sip:d%6for@{OURS}", body=ANSWER, cseq=2)
    assert len(wire.told(IncomingCall)) == 1


def test_required_extensions_that_we_lack_are_listed(wire: Wire) -> None:
    wire.incoming("INVITE", headers="Require: 100rel, precondition\r\nRequire: foo\r\nProxy-Require: bar\r\n")
    assert wire.response().status == 420
    assert wire.response().get_all("Unsupported") == ("precondition", "foo")


def test_a_body_of_an_unknown_type_is_415_unless_it_is_optional(wire: Wire) -> None:
    wire.incoming("INVITE", body=b"?", headers="Content-Type: application/unknown\r\n")
    assert wire.response().status == 415
    assert wire.response().get("Accept") == "application/sdp"
    wire.incoming("OPTIONS", body=b"?", headers="Content-Type: text/x\r\nContent-Disposition: session; handling=optional\r\n", cseq=2)
    assert wire.response().status == 200


def test_an_encoded_body_is_415(wire: Wire) -> None:
    wire.incoming("INVITE", body=ANSWER, headers="Content-Encoding: gzip\r\n")
    assert (wire.response().status, wire.response().get("Accept-Encoding")) == (415, "identity")


def test_a_caller_that_takes_no_description_is_406(wire: Wire) -> None:
    wire.incoming("INVITE", headers="Accept: text/nothing\r\n")
    assert wire.response().status == 406


@pytest.mark.parametrize("accept", ["application/sdp, text/plain", "*/*", "application/*;q=0.5"])
def test_a_caller_that_takes_descriptions_among_others_is_served(wire: Wire, accept: str) -> None:
    wire.incoming("INVITE", headers=f"Accept: {accept}\r\n")
    assert wire.response().status == 100


def test_a_request_with_a_to_tag_of_nobody_is_481(wire: Wire) -> None:
    text = (
        f"INVITE sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKq;rport\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:c@d>;tag=gone\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\r\n"
    )
    wire.receive(text)
    assert wire.response().status == 481


def test_an_ack_is_never_answered(wire: Wire) -> None:
    wire.incoming("ACK")
    assert wire.take() == []


# --- Via


def test_the_response_tells_the_sender_where_it_was_seen(wire: Wire) -> None:
    source = Hop(transport=Transport.UDP, host="203.0.113.7", port=40001, local_host=OURS, local_port=5060)
    text = (
        f"OPTIONS sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKn;rport, SIP/2.0/UDP deep;branch=z9hG4bKd\r\n"
        "Via: SIP/2.0/TCP deeper;branch=z9hG4bKe\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    wire.receive(text, source)
    answer = wire.response()
    assert (answer.via.received, answer.via.rport) == ("203.0.113.7", 40001)
    assert [via.host for via in answer.vias] == ["10.0.0.5", "deep", "deeper"]
    assert (wire.hops[-1].host, wire.hops[-1].port) == ("203.0.113.7", 40001)


def test_without_rport_the_response_goes_to_the_port_of_the_via(wire: Wire) -> None:
    source = Hop(transport=Transport.UDP, host=PEER, port=40001, local_host=OURS, local_port=5060)
    text = (
        f"OPTIONS sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER}:5070;branch=z9hG4bKn\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    wire.receive(text, source)
    assert wire.hops[-1].port == 5070


def test_a_response_with_two_vias_was_misrouted_and_is_dropped(wire: Wire) -> None:
    wire.command(QueryOptions(key="k", target=BOB))
    data = wire.raw[-1].split(b"\r\n", 1)[1]
    wire.receive(b"SIP/2.0 200 OK\r\n" + data.replace(b"\r\nMax-", b"\r\nVia: SIP/2.0/UDP other;branch=z9hG4bKo\r\nMax-", 1))
    assert not wire.told(OptionsAnswered)


# --- broken bytes


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        (b"OPTIONS sip:door@192.0.2.1 SIP/7.0\r\n", 505),
        (b"OPTIONS <sip:door@192.0.2.1> SIP/2.0\r\n", 400),
        (b"OPTIONS sip:door@192.0.2.1 SIP/2.0\r\nCSeq: 2 OPTIONS\r\n", 400),
    ],
)
def test_a_broken_request_is_refused_without_state(wire: Wire, broken: bytes, status: int) -> None:
    via = b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb;rport\r\n"
    rest = via + b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
    wire.receive(broken + rest)
    assert wire.response().status == status
    assert not any(wire.agent.census().values())


@pytest.mark.parametrize("noise", [b"", b"\r\n\r\n", b"\x00" * 20, b"SIP/2.0 200 OK\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"INVITE"])
def test_noise_is_dropped(wire: Wire, noise: bytes) -> None:
    wire.receive(noise)
    assert wire.take() == []


@settings(max_examples=examples(60))
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_no_mutilated_message_makes_the_agent_raise_or_keep_anything_for_ever(seed: int, cuts: int) -> None:
    chance = random.Random(seed)
    wire = Wire()
    wire.command(invite())
    wire.reply(183, body=ANSWER)
    originals = [*wire.raw, ANSWER]
    for _ in range(cuts):
        data = bytearray(chance.choice(originals))
        if chance.random() < 0.5:
            data = bytearray(b"SIP/2.0 %d OK\r\n" % chance.choice((180, 200, 302, 401, 486)) + data.partition(b"\r\n")[2])
        for _ in range(chance.randrange(4)):
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(3)] = bytes(chance.choices(b'\r\n;,:<>"= \x00\xff9z', k=chance.randrange(3)))
        wire.agent.receive(Received(data=bytes(data), source=HOP), wire.now_s)
        wire.advance(chance.random())
    wire.command(HangUp(call=CALL))
    wire.advance(600)
    wire.settle()
    assert not any(wire.agent.census().values())


# --- limits, our own caller's mistakes


def test_a_key_in_use_is_our_own_callers_mistake(wire: Wire) -> None:
    wire.command(invite())
    with pytest.raises(LocalProtocolError, match="in use"):
        wire.command(invite())


@pytest.mark.parametrize("command", [Register(account=AccountName("x")), QueryOptions(key="k", target=BOB, account=AccountName("x"))])
def test_an_account_that_is_not_configured_is_our_own_callers_mistake(wire: Wire, command: Register | QueryOptions) -> None:
    with pytest.raises(LocalProtocolError, match="account"):
        wire.command(command)


def test_one_call_too_many_ends_at_once() -> None:
    wire = Wire(AgentSettings(calls_max=1))
    wire.command(invite())
    wire.command(Invite(call=CallKey("second"), target=BOB, account=None, media=media()))
    assert [event.call for event in wire.told(CallEnded)] == ["second"]


def test_commands_for_calls_that_do_not_exist_are_late_not_wrong(wire: Wire) -> None:
    wire.command(Ring(call=CallKey("gone")))
    wire.command(Answer(call=CallKey("gone"), media=media()))
    assert wire.take() == []


def test_a_late_answer_of_the_name_look_up_is_dropped(wire: Wire) -> None:
    wire.agent.receive(Located(query=QueryId(99), hops=()), 0.0)
    assert wire.agent.take_effects() == ()


def test_a_name_look_up_that_never_answers_is_given_up() -> None:
    agent = Agent(AgentSettings(), SeededIds(1), 0.0)
    agent.command(QueryOptions(key="k", target=BOB), 0.0)
    agent.take_effects()
    assert agent.next_deadline() == 32.0
    agent.handle_timer(32.0)
    (event,) = agent.take_effects()
    assert isinstance(event, OptionsAnswered)
    assert event.status == 503
    assert not any(agent.census().values())


def test_an_incoming_call_names_the_account_whose_server_sent_it() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(Register(account=MAIN))
    wire.reply(200)
    assert wire.told(Registered)
    wire.incoming("INVITE", body=ANSWER)
    assert [event.account for event in wire.told(IncomingCall)] == [MAIN]


# --- the promise about time


def test_an_idle_agent_wants_no_timer(wire: Wire) -> None:
    assert wire.agent.next_deadline() is None


def test_the_same_seed_says_the_same_bytes() -> None:
    said = []
    for _ in range(2):
        wire = Wire()
        wire.command(invite())
        wire.reply(200, body=ANSWER)
        said.append(wire.raw)
    assert said[0] == said[1]


def test_ipv6_addresses_stand_in_brackets_where_they_must() -> None:
    agent = Agent(AgentSettings(), SeededIds(1), 0.0)
    agent.command(Invite(call=CallKey("c"), target=Uri.parse("sip:bob@[2001:db8::9]"), account=None, media=media()), 0.0)
    agent.take_effects()
    hop = Hop(transport=Transport.UDP, host="2001:db8::9", port=5060, local_host="2001:db8::1", local_port=5060)
    agent.receive(Located(query=QueryId(1), hops=(hop,)), 0.0)
    (send,) = agent.take_effects()
    assert isinstance(send, Send)
    text = send.data.decode()
    assert "Via: SIP/2.0/UDP [2001:db8::1]:5060;" in text
    assert "Contact: <sip:door@[2001:db8::1]:5060>" in text
    assert "c=IN IP6 2001:db8::1\r\n" in text
    assert not isinstance(parse_message(send.data), Response)
