"""Keys in the messages of a call: over which signalling they go, and what a re-INVITE may change (RFC 4568 §8.3)."""

from __future__ import annotations

import pytest

from firmware.errors import RemoteProtocolError
from firmware.ids import SeededIds
from firmware.sdp.codec import PCMU
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import LocalMedia, NoCommonMedia
from firmware.sdp.protection import Encryption, Method, Protection, SharedKeys
from firmware.sip.events import Hop, Transport
from firmware.sip.headers import Via
from firmware.sip.usage.negotiation import Negotiation, Standpoint, Wish

IDS = SeededIds(1)
CLEAR, SECURE = Standpoint("192.0.2.1"), Standpoint("192.0.2.1", is_secure=True)


def side(first_octet: int, encryption: Encryption = Encryption.OPTIONAL) -> LocalMedia:
    key = SrtpKey(Suite.AES_CM_128_HMAC_SHA1_80, bytes((first_octet,)) * 30)
    return LocalMedia(rtp_port=4000, codecs=(PCMU,), session_id=1, protection=Protection(encryption, (Method.SDES,), (key,)))


def call(standpoint: Standpoint, theirs: Encryption = Encryption.OPTIONAL) -> tuple[Negotiation, Negotiation]:
    caller, callee = Negotiation(side(1), IDS), Negotiation(side(2, theirs), IDS)
    caller.accept(callee.answer(caller.offer(caller.wish, standpoint), standpoint)[0])
    return caller, callee


@pytest.mark.parametrize("transport", Transport)
def test_the_transport_says_whether_keys_may_go(transport: Transport) -> None:
    is_secure = transport in (Transport.TLS, Transport.WSS)
    assert Standpoint.at(Hop(transport, "192.0.2.9", 5060, "192.0.2.1", 5060)) == Standpoint("192.0.2.1", is_secure, is_near=False)
    assert Standpoint.stated(Via(transport.value, "192.0.2.1")).is_secure == is_secure


def test_over_tls_both_have_keys_and_over_udp_neither() -> None:
    caller, callee = call(SECURE)
    assert caller.is_encrypted
    assert callee.is_encrypted
    assert caller.agreed is not None
    assert isinstance(caller.agreed.protection, SharedKeys)
    assert caller.agreed.protection.send.key == b"\1" * 30
    assert caller.agreed.protection.receive.key == b"\2" * 30
    caller, callee = call(CLEAR)
    assert caller.agreed is not None
    assert caller.agreed.protection is None
    assert not caller.is_encrypted


def test_a_hold_keeps_the_keys() -> None:
    caller, callee = call(SECURE)
    before = caller.agreed
    session = caller.accept(callee.answer(caller.offer(Wish(side(1), Direction.SENDONLY), SECURE), SECURE)[0])
    assert before is not None
    assert session.protection == before.protection


def test_new_keys_in_a_re_invite_are_taken() -> None:
    caller, callee = call(SECURE)
    _, session = callee.answer(caller.offer(Wish(side(7), Direction.SENDRECV), SECURE), SECURE)
    assert isinstance(session.protection, SharedKeys)
    assert session.protection.receive.key == b"\7" * 30
    assert session.protection.send.key == b"\2" * 30


@pytest.mark.parametrize("standpoint", [SECURE, CLEAR])
def test_what_began_encrypted_is_not_taken_down_to_plain(standpoint: Standpoint) -> None:
    _, callee = call(SECURE)
    plain = Negotiation(side(1, Encryption.OFF), IDS).offer(Wish(side(1, Encryption.OFF), Direction.SENDRECV), CLEAR)
    before = callee.agreed
    with pytest.raises(RemoteProtocolError) as refused:
        callee.answer(plain, standpoint)
    assert refused.value.status == 488
    assert callee.agreed == before
    with pytest.raises(NoCommonMedia):
        callee.offer(callee.wish, CLEAR)  # nor by ourselves, when the signalling was moved to UDP
