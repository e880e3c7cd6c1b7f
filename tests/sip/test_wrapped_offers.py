"""Bodies of an INVITE that are more, or other, than a session description (RFC 3261 §8.2.3, §20.11; RFC 5621)."""

from __future__ import annotations

import pytest

from firmware.sip.events import Answer, CallAnswered, IncomingCall
from tests.sip.wire import ANSWER, Wire, media

LOCATION = b"Content-Type: application/pidf+xml\r\nContent-ID: <where@phone.example>\r\n\r\n<presence/>"
DESCRIPTION = b"Content-Type: application/sdp\r\n\r\n" + ANSWER
MIXED = "Content-Type: multipart/mixed;boundary=b1\r\n"


def wrapped(*parts: bytes) -> bytes:
    return b"".join([b"--b1\r\n" + part + b"\r\n" for part in parts]) + b"--b1--\r\n"


def test_an_offer_beside_a_location_is_an_offer() -> None:
    wire = Wire()
    wire.incoming("INVITE", body=wrapped(LOCATION, DESCRIPTION), headers=MIXED)
    (call,) = wire.told(IncomingCall)
    assert call.has_offer
    wire.command(Answer(call=call.call, media=media()))
    accepted = wire.response()
    assert (accepted.status, accepted.content_type) == (200, "application/sdp")
    wire.within("ACK", accepted, cseq=1, body=b"", we_called=False)
    assert len(wire.told(CallAnswered)) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [(wrapped(LOCATION), 415), (wrapped(DESCRIPTION).removesuffix(b"--b1--\r\n"), 415), (b"", None)],
    ids=["no description in it", "cut off", "nothing"],
)
def test_what_wraps_no_offer_is_refused_before_anybody_is_called(body: bytes, status: int | None) -> None:
    wire = Wire()
    wire.incoming("INVITE", body=body, headers=MIXED)
    assert [call.has_offer for call in wire.told(IncomingCall)] == ([False] if status is None else [])
    assert wire.response().status == (status or 100)


@pytest.mark.parametrize("kind", ["application/isup", "multipart/mixed;boundary=b1"])
def test_a_body_that_may_be_ignored_is_as_none_and_the_offer_is_ours(kind: str) -> None:
    # RFC 3261 §20.11: handling=optional.
    wire = Wire()
    wire.incoming("INVITE", body=b"?", headers=f"Content-Type: {kind}\r\nContent-Disposition: signal;handling=optional\r\n")
    (call,) = wire.told(IncomingCall)
    assert not call.has_offer
    wire.command(Answer(call=call.call, media=media()))
    accepted = wire.response()
    assert (accepted.status, accepted.content_type) == (200, "application/sdp")
    wire.within("ACK", accepted, cseq=1, body=ANSWER, we_called=False)
    assert len(wire.told(CallAnswered)) == 1
