"""No amplification over UDP: a forged source gets little more than was sent in its name (RFC 3261 §26.1.5, RFC 9000 §8)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.auth import Challenge, Credentials, answer
from firmware.sip.events import Answer, CallAnswered, CallEnded, CallKey, HangUp, Hop, IncomingCall, MediaAgreed, Progress, Ring, Transport
from firmware.sip.gate import OPEN_GATE, Gate, Proof, Unwanted
from firmware.sip.message import make_response
from firmware.sip.transaction.layer import GRANTED_REPEATS_MAX, UNPROVEN_FACTOR
from tests.sip.wire import ANSWER, NO_COMMON, OURS, PEER, Wire, media, vouched

ANNA = Credentials("bob", "secret", "door")
CHALLENGING = OPEN_GATE._replace(proof=Proof.ALWAYS, callers=(ANNA,))
GRANTED_FACTOR = 9  # what a name on the list of the owner can bring about: three copies of an answer and of its BYE, for a tiny request


def sent_for(wire: Wire, method: str, headers: str = "") -> float:
    """Octets that we send, for each octet of a request that is never acknowledged."""
    wire.raw.clear()
    request = wire.incoming(method, body=ANSWER if method == "INVITE" else b"", headers=headers)
    for call in wire.told(IncomingCall):
        wire.command(HangUp(call=call.call, status=403))
    wire.advance(60)
    return sum(map(len, wire.raw)) / len(request.to_bytes())


def called(wire: Wire, headers: str = "") -> CallKey:
    wire.incoming("INVITE", body=ANSWER, headers=headers)
    return wire.told(IncomingCall)[-1].call


def acknowledge(wire: Wire) -> None:
    wire.within("ACK", wire.response(), cseq=1, we_called=False)


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "BYE", "FROB"])
@pytest.mark.parametrize("gate", [OPEN_GATE, CHALLENGING, OPEN_GATE._replace(unwanted=Unwanted.NOT_FOUND)])
def test_nobody_gets_more_than_three_times_what_was_sent(method: str, gate: Gate) -> None:
    assert sent_for(Wire(AgentSettings(gate=gate)), method) <= UNPROVEN_FACTOR


def test_a_tag_that_is_none_of_ours_proves_nothing() -> None:
    wire = Wire()
    forged = (
        f"INVITE sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKx\r\nFrom: <sip:b@{PEER}>;tag=b\r\n"
        f"To: <sip:door@{OURS}>;tag=guessed\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:b@{PEER}>\r\nContent-Length: 0\r\n\r\n"
    )
    wire.receive(forged)
    wire.advance(60)
    assert set(wire.take()) == {"481 INVITE"}
    assert sum(map(len, wire.raw)) <= UNPROVEN_FACTOR * len(forged)


def test_a_source_that_repeats_its_request_is_answered_each_time() -> None:
    wire = Wire()
    wire.incoming("INVITE", body=ANSWER, branch="z9hG4bKsame")
    (call,) = wire.told(IncomingCall)
    wire.command(HangUp(call=call.call, status=403))
    wire.advance(31)
    wire.take()
    wire.incoming("INVITE", body=ANSWER, branch="z9hG4bKsame")
    assert wire.take() == ["403 INVITE"]


def test_a_connection_has_proven_its_address() -> None:
    hop = Hop(transport=Transport.TCP, host=PEER, port=5060, local_host=OURS, local_port=5060)
    wire = Wire()
    wire.receive(
        f"OPTIONS sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/TCP {PEER};branch=z9hG4bKx\r\nFrom: <sip:b@{PEER}>;tag=b\r\n"
        f"To: <sip:door@{OURS}>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        hop,
    )
    assert wire.take() == ["200 OPTIONS"]


# --- what is granted to a name on a list


def test_an_answer_that_nobody_acknowledges_is_hardly_repeated_and_neither_is_its_bye() -> None:
    wire = Wire()
    asked = len(wire.incoming("INVITE", body=ANSWER).to_bytes())
    call = wire.told(IncomingCall)[-1].call
    wire.command(Ring(call=call))
    wire.command(Answer(call=call, media=media()))
    wire.advance(120)
    sent = wire.take()
    assert sent.count("200 INVITE") == sent.count("BYE") == 1 + GRANTED_REPEATS_MAX
    assert sum(map(len, wire.raw)) <= GRANTED_FACTOR * asked
    assert len(wire.told(CallEnded)) == 1


def test_no_sound_goes_where_an_offer_says_before_its_sender_has_our_answer() -> None:
    wire = Wire()
    call = called(wire)
    wire.command(Answer(call=call, media=media()))
    wire.advance(20)
    assert not wire.told(MediaAgreed)
    acknowledge(wire)
    assert [agreed.session.remote_rtp_port for agreed in wire.told(MediaAgreed)] == [7000]
    acknowledge(wire)
    assert len(wire.told(MediaAgreed)) == len(wire.told(CallAnswered)) == 1


def test_sound_before_the_answer_waits_for_the_prack_or_the_ack() -> None:
    wire = Wire()
    call = called(wire, headers="Supported: 100rel\r\n")
    wire.command(Progress(call=call, media=media()))
    wire.advance(60)
    assert not wire.told(MediaAgreed)
    assert wire.take().count("183 INVITE") == 1 + GRANTED_REPEATS_MAX

    wire = Wire()
    wire.command(Progress(call=called(wire, headers="Supported: 100rel\r\n"), media=media()))
    first = wire.response()
    wire.within("PRACK", first, cseq=2, headers=f"RAck: {first.get('RSeq')} 1 INVITE\r\n", we_called=False)
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [True]

    wire = Wire()
    call = called(wire)
    wire.command(Progress(call=call, media=media()))
    wire.command(Answer(call=call, media=media()))
    assert not wire.told(MediaAgreed)
    acknowledge(wire)
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [False]


def test_a_forged_subscription_hears_little_and_ends() -> None:
    wire = Wire(AgentSettings(gate=Gate(watchers=("bob@*",))))
    ratio = sent_for(wire, "SUBSCRIBE", headers="Event: dialog\r\n")
    assert wire.take().count("NOTIFY") == 1 + GRANTED_REPEATS_MAX
    assert ratio <= GRANTED_FACTOR
    called(wire)
    wire.advance(60)
    assert "NOTIFY" not in wire.take()


def test_a_subscriber_that_has_answered_is_told_as_often_as_it_takes() -> None:
    wire = Wire(AgentSettings(gate=Gate(watchers=("bob@*",))))
    wire.incoming("SUBSCRIBE", headers="Event: dialog\r\n")
    wire.receive(make_response(wire.request("NOTIFY"), 200))
    wire.advance(2)
    wire.take()
    called(wire)
    wire.advance(5)
    assert wire.take().count("NOTIFY") == 4  # at 0, 0.5, 1.5, 3.5 s


def test_who_proves_a_password_has_proven_the_address_too() -> None:
    wire = Wire(AgentSettings(gate=CHALLENGING))
    wire.incoming("INVITE", body=ANSWER)
    asked = Challenge.parse(wire.response().get_all("WWW-Authenticate")[0])
    proof = answer(asked, ANNA, "INVITE", f"sip:door@{OURS}", cnonce="c", nonce_count=1)
    wire.incoming("INVITE", body=ANSWER, headers=f"Authorization: {proof}\r\n", cseq=2)
    wire.command(Answer(call=wire.told(IncomingCall)[-1].call, media=media()))
    wire.take()
    assert wire.told(MediaAgreed)
    wire.advance(3.6)
    assert wire.take().count("200 INVITE") == 3


def test_for_what_comes_through_a_server_the_server_vouches() -> None:
    wire = vouched()
    wire.command(Answer(call=called(wire), media=media()))
    wire.take()
    wire.advance(8)
    assert wire.take().count("200 INVITE") > GRANTED_REPEATS_MAX


def test_a_reinvite_in_place_of_a_lost_ack_starts_the_sound_whether_or_not_it_fits() -> None:
    """A request in the dialog knows our tag: our 2xx has arrived, and what it agreed on counts (§14.2: a refused offer changes nothing)."""
    wire = Wire()
    wire.command(Answer(call=called(wire), media=media()))
    accepted = wire.response()
    assert not wire.told(MediaAgreed)
    wire.within("INVITE", accepted, cseq=2, body=NO_COMMON, we_called=False)
    assert wire.response().status == 488
    assert len(wire.told(CallAnswered)) == 1
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [False]
