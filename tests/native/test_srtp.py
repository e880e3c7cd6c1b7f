"""SRTP through its binding, and the pump behind it; the RFCs' arithmetic done again in Python says what must come out."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator

import pytest

from firmware.app.wiring.protection import fresh_key
from firmware.errors import LocalProtocolError
from firmware.media.srtp import SrtpCipher
from firmware.sdp.crypto import SrtpKey, Suite
from tests.native import rfc3711
from tests.native.speech import speech
from tests.native.test_pump import Party, talk

SSRC = 0xCAFEBABE
MASTER = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139") + bytes(range(16))  # RFC 3711 appendix B.3, lengthened for AES-256
SALT = bytes.fromhex("0ec675ad498afeebb6960b3aabe6")


def key(suite: Suite) -> SrtpKey:
    salt = SALT[:12] if suite.octets in (28, 44) else SALT
    return SrtpKey(suite, MASTER[: suite.octets - len(salt)] + salt)


def rtp(sequence: int, payload: bytes = bytes(range(40))) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, 160 * sequence, SSRC) + payload


@pytest.mark.parametrize("suite", Suite)
def test_packets_are_what_the_rfcs_say_across_the_rollover(suite: Suite) -> None:
    cipher = SrtpCipher(send=key(suite), receive=key(suite), ssrc=SSRC)
    for index in (65_534, 65_535, 65_536, 65_537):
        assert cipher.protect(rtp(index)) == rfc3711.protect(key(suite), rtp(index), index)


@pytest.mark.parametrize("suite", Suite)
def test_reports_are_what_the_rfcs_say(suite: Suite) -> None:
    cipher = SrtpCipher(send=key(suite), receive=key(suite), ssrc=SSRC)
    report = struct.pack("!BBHI", 0x80, 201, 1, SSRC) + struct.pack("!BBHII", 0x81, 202, 2, SSRC, 0x01026162)
    for index in (1, 2, 3):  # libsrtp begins with 1; RFC 3711 §3.4 leaves the first index open
        assert cipher.protect(report, rtcp=True) == rfc3711.protect_rtcp(key(suite), report, index)


def test_the_arithmetic_itself_is_that_of_the_rfcs_own_vectors() -> None:
    # FIPS 197 appendix B and C.3; RFC 3711 appendix B.2 and B.3; RFC 7714 §16.1.1.
    assert rfc3711.aes(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes.fromhex("3243f6a8885a308d313198a2e0370734")).hex() == (
        "3925841d02dc09fbdc118597196a0b32"
    )
    assert rfc3711.aes(bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff")).hex() == "8ea2b7ca516745bfeafc49904b496089"
    session_key, session_salt = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfd")
    assert rfc3711.counter_mode(session_key, session_salt + bytes(2), bytes(32)).hex() == (
        "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
    )
    assert rfc3711.derive(MASTER[:16], SALT, 0, 16).hex() == "c61e7a93744f39ee10734afe3ff7a087"
    assert rfc3711.derive(MASTER[:16], SALT, 2, 14).hex() == "30cbbc08863d8c85d49db34a9ae1"
    assert rfc3711.derive(MASTER[:16], SALT, 1, 20).hex() == "cebe321f6ff7716b6fd4ab49af256a156d38baa4"
    header = bytes.fromhex("8040f17b8041f8d35501a0b2")
    plain = b"Gallia est omnis divisa in partes tres"
    sealed = rfc3711.gcm(bytes(range(16)), bytes.fromhex("51753c6580c2726f20718414"), plain, header)
    assert sealed.hex() == "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce"


def test_the_other_way_round_reads_what_we_write_once() -> None:
    ours, theirs = fresh_key(Suite.AEAD_AES_256_GCM), fresh_key(Suite.AES_CM_128_HMAC_SHA1_32)
    near, far = SrtpCipher(send=ours, receive=theirs, ssrc=SSRC), SrtpCipher(send=theirs, receive=ours, ssrc=1)
    sealed = near.protect(rtp(1))
    assert sealed is not None
    assert far.unprotect(sealed) == rtp(1)
    assert far.unprotect(sealed) is None
    assert far.unprotect(rtp(2)) is None
    assert ours != fresh_key(Suite.AEAD_AES_256_GCM)


def test_a_key_of_the_wrong_length_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="has 30 octets, not 4"):
        SrtpCipher(send=SrtpKey(Suite.AES_CM_128_HMAC_SHA1_80, b"1234"), receive=key(Suite.AES_CM_128_HMAC_SHA1_80), ssrc=1)


@pytest.fixture
def parties() -> Iterator[tuple[Party, Party]]:
    near, far = Party("127.0.0.1", 1), Party("127.0.0.1", 2)
    near.start(far)
    far.start(near)
    yield near, far
    for s in near.sockets + far.sockets:
        s.close()


@pytest.mark.parametrize("suite", Suite)
def test_speech_arrives_whole_when_it_is_encrypted(suite: Suite, parties: tuple[Party, Party]) -> None:
    near, far = parties
    ours, theirs = fresh_key(suite), fresh_key(suite)
    near.pump.secure(near.slot, SrtpCipher(send=ours, receive=theirs, ssrc=1))
    far.pump.secure(far.slot, SrtpCipher(send=theirs, receive=ours, ssrc=2))
    said = speech()
    talk(near, far, 1, 402, said.tobytes())
    heard = array("h", bytes(far.heard))
    start = next(i for i in range(4000) if abs(heard[i]) > 300) - next(i for i in range(4000) if abs(said[i]) > 300)
    error = sum((heard[start + i] - said[i]) ** 2 for i in range(60000))
    assert sum(v * v for v in said[:60000]) > 500 * error
    assert far.stats().packets_received == 401
    assert far.stats().packets_refused == far.stats().packets_invalid == 0


def test_a_closed_stream_and_one_with_other_keys_hear_nothing(parties: tuple[Party, Party]) -> None:
    near, far = parties
    near.pump.unsecure(near.slot, closed=True)
    talk(near, far, 1, 20)
    assert far.stats().packets_received == near.stats().packets_received == 0
    near.pump.secure(near.slot, SrtpCipher(send=key(Suite.AEAD_AES_128_GCM), receive=key(Suite.AEAD_AES_128_GCM), ssrc=1))
    far.pump.secure(far.slot, SrtpCipher(send=fresh_key(Suite.AEAD_AES_128_GCM), receive=fresh_key(Suite.AEAD_AES_128_GCM), ssrc=2))
    talk(near, far, 20, 40)
    assert far.stats().packets_received == near.stats().packets_received == 0
    assert far.stats().packets_refused >= 20
    assert far.events == []
    near.pump.unsecure(near.slot, closed=False)
    far.pump.unsecure(far.slot, closed=False)
    talk(near, far, 40, 60)
    assert far.stats().packets_received > 0


def test_what_is_no_media_is_kept_apart(parties: tuple[Party, Party]) -> None:
    near, far = parties
    for datagram in (b"\x16\xfe\xfdhello", b"\x00\x01\x00\x00stun"):
        near.sockets[0].sendto(datagram, far.address(0))
    far.period(1)
    assert far.pump.apart_pending() == 2
    assert far.pump.apart() == [
        (far.slot, near.address(0), b"\x16\xfe\xfdhello"),
        (far.slot, near.address(0), b"\x00\x01\x00\x00stun"),
    ]
    assert far.pump.apart_pending() == 0
    assert far.pump.apart() == []
    with pytest.raises(LocalProtocolError):
        far.pump.unsecure(3, closed=True)  # type: ignore[arg-type]  # a slot that is free
