"""Checks of connectivity, answered: STUN Binding requests with short-term credentials (RFC 8489, RFC 8445 §7.3). Bytes in, bytes out.

We are a lite agent: we begin no check, so a request is all that means anything here. What is not authentic gets an error of a few octets,
and nothing else happens.
"""

from __future__ import annotations

import hmac
import socket
import struct
from typing import Final, NamedTuple
from zlib import crc32

from firmware.sdp.ice import IceSession

COOKIE: Final = 0x2112A442
BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0101, 0x0111
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0006, 0x0008, 0x0009, 0x000A
XOR_MAPPED_ADDRESS, PRIORITY, USE_CANDIDATE = 0x0020, 0x0024, 0x0025
FINGERPRINT, ICE_CONTROLLED = 0x8028, 0x8029
FINGERPRINT_XOR: Final = 0x5354554E  # RFC 8489 §14.7
UNDERSTOOD: Final = frozenset({USERNAME, MESSAGE_INTEGRITY, PRIORITY, USE_CANDIDATE})
ATTRIBUTES_MAX: Final = 16  # a check has seven
HEADER, INTEGRITY, PRINT = 20, 24, 8  # octets; of the two attributes with their headers

Address = tuple[str, int]


class Verdict(NamedTuple):
    """What to answer, b'' nothing; `nominated`: the other side wants the sound to go where the check came from (RFC 8445 §7.3.1.5)."""

    answer: bytes
    nominated: bool = False


class _Message(NamedTuple):
    kind: int
    transaction: bytes
    attributes: dict[int, bytes]
    integrity_at: int | None


def judge(datagram: bytes, source: Address, ice: IceSession) -> Verdict:
    """The answer to one datagram that looks like STUN."""
    message = _read(datagram)
    if message is None or message.kind != BINDING_REQUEST:
        return Verdict(b"")  # RFC 8445 §11: indications only keep a binding open
    attributes = message.attributes
    username = f"{ice.ours.ufrag}:{ice.theirs.ufrag}".encode()
    if message.integrity_at is None or USERNAME not in attributes:
        return Verdict(_error(message, 400))  # RFC 8489 §9.1.3
    if attributes[USERNAME] != username or not _is_authentic(datagram, message.integrity_at, ice.ours.pwd):
        return Verdict(_error(message, 401))
    unknown = [number for number in attributes if number < 0x8000 and number not in UNDERSTOOD]
    if unknown:
        return Verdict(_error(message, 420, _attribute(UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(unknown)}H", *unknown)), ice.ours.pwd))
    if ICE_CONTROLLED in attributes:
        # RFC 8445 §6.1.1, §7.3.1.1: a lite agent is controlled, so the other side cannot be.
        return Verdict(_error(message, 487, b"", ice.ours.pwd))
    mapped = _attribute(XOR_MAPPED_ADDRESS, _xor_address(source, message.transaction))
    return Verdict(_finished(BINDING_SUCCESS, message.transaction, mapped, ice.ours.pwd), USE_CANDIDATE in attributes)


def _read(datagram: bytes) -> _Message | None:
    """The message, None when it is none (RFC 8489 §5, §14). Attributes behind MESSAGE-INTEGRITY do not count, but FINGERPRINT."""
    if len(datagram) < HEADER or len(datagram) % 4:
        return None
    kind, length, cookie = struct.unpack_from("!HHI", datagram)
    if kind >> 14 or cookie != COOKIE or length != len(datagram) - HEADER:
        return None
    attributes: dict[int, bytes] = {}
    integrity_at: int | None = None
    has_print = False
    at = HEADER
    for _ in range(ATTRIBUTES_MAX):
        if at + 4 > len(datagram):
            break
        number, octets = struct.unpack_from("!HH", datagram, at)
        value = datagram[at + 4 : at + 4 + octets]
        if len(value) != octets or has_print:
            return None  # FINGERPRINT is the last (§14.7)
        if number == FINGERPRINT:
            if octets != 4 or int.from_bytes(value, "big") != crc32(datagram[:at]) ^ FINGERPRINT_XOR:
                return None
            has_print = True
        elif integrity_at is None:
            attributes.setdefault(number, value)
            integrity_at = at if number == MESSAGE_INTEGRITY and octets == 20 else None
        at += 4 + (octets + 3) // 4 * 4
    # RFC 8445 §7.1: a check bears FINGERPRINT.
    return _Message(kind, datagram[8:HEADER], attributes, integrity_at) if at == len(datagram) and has_print else None


def _is_authentic(datagram: bytes, at: int, password: str) -> bool:
    # §14.5: the length in the header is that of a message which ends with this attribute.
    covered = datagram[:2] + struct.pack("!H", at + INTEGRITY - HEADER) + datagram[4:at]
    return hmac.compare_digest(hmac.digest(password.encode(), covered, "sha1"), datagram[at + 4 : at + INTEGRITY])


def _attribute(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4)


def _xor_address(source: Address, transaction: bytes) -> bytes:
    """§14.2: so that no address translator on the way takes the address for its own business."""
    host = source[0].partition("%")[0]
    family, number = (socket.AF_INET6, 2) if ":" in host else (socket.AF_INET, 1)
    packed = socket.inet_pton(family, host)
    mask = struct.pack("!I", COOKIE) + transaction
    return struct.pack("!BBH", 0, number, source[1] ^ COOKIE >> 16) + bytes(a ^ b for a, b in zip(packed, mask, strict=False))


def _error(message: _Message, code: int, more: bytes = b"", password: str | None = None) -> bytes:
    value = struct.pack("!HBB", 0, code // 100, code % 100)
    return _finished(BINDING_ERROR, message.transaction, _attribute(ERROR_CODE, value) + more, password)


def _finished(kind: int, transaction: bytes, attributes: bytes, password: str | None) -> bytes:
    """The message with its integrity (not where the credentials were wrong, §9.1.3) and its fingerprint."""

    def head(octets: int) -> bytes:
        return struct.pack("!HHI", kind, octets, COOKIE) + transaction

    if password is not None:
        digest = hmac.digest(password.encode(), head(len(attributes) + INTEGRITY) + attributes, "sha1")
        attributes += _attribute(MESSAGE_INTEGRITY, digest)
    whole = head(len(attributes) + PRINT) + attributes
    return whole + _attribute(FINGERPRINT, struct.pack("!I", crc32(whole) ^ FINGERPRINT_XOR))
