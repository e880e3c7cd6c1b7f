"""No amplification over UDP: a forged source gets little more than was sent in its name (RFC 3261 §26.1.5, RFC 9000 §8)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.auth import Credentials
from firmware.sip.events import HangUp, Hop, IncomingCall, Transport
from firmware.sip.gate import OPEN_GATE, Proof, Unwanted
from firmware.sip.transaction.layer import UNPROVEN_FACTOR
from tests.sip.wire import ANSWER, OURS, PEER, Wire

CHALLENGING = OPEN_GATE._replace(proof=Proof.ALWAYS, callers=(Credentials("anna", "secret", "door"),))


def sent_for(wire: Wire, method: str) -> float:
    """Octets that we send, for each octet of a request that is never acknowledged."""
    wire.raw.clear()
    request = wire.incoming(method, body=ANSWER if method == "INVITE" else b"")
    for call in wire.told(IncomingCall):
        wire.command(HangUp(call=call.call, status=403))
    wire.advance(60)
    return sum(map(len, wire.raw)) / len(request.to_bytes())


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "BYE", "FROB"])
@pytest.mark.parametrize("gate", [OPEN_GATE, CHALLENGING, OPEN_GATE._replace(unwanted=Unwanted.NOT_FOUND)])
def test_nobody_gets_more_than_three_times_what_was_sent(method: str, gate: object) -> None:
    assert sent_for(Wire(AgentSettings(gate=gate)), method) <= UNPROVEN_FACTOR  # type: ignore[arg-type]  # a Gate, as listed above


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
