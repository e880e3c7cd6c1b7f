"""One STUN message: header, attributes, integrity, fingerprint (RFC 8489 §5, §14).

Beside SIP or RTP on one socket the first octets tell them apart: the two first bits are zero in STUN (§5), no SIP message begins so, and
RTP begins with the bits 10.
"""

from __future__ import annotations

import struct
from typing import NamedTuple
from zlib import crc32

from firmware.hashes import compare_digest

MAGIC_COOKIE = 0x2112A442  # §5
TRANSACTION_ID_BYTES = 12
HEADER = struct.Struct("!HHI12s")  # type, length, cookie, transaction id (§5)
ATTRIBUTE = struct.Struct("!HH")  # type, length (§14)
BINDING_REQUEST, BINDING_INDICATION, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0011, 0x0101, 0x0111
MESSAGE_INTEGRITY, FINGERPRINT = 0x0008, 0x8028
INTEGRITY_BYTES = ATTRIBUTE.size + 20  # HMAC-SHA1 (§14.5)
FINGERPRINT_BYTES = ATTRIBUTE.size + 4
FINGERPRINT_XOR = 0x5354554E  # §14.7
ATTRIBUTES_MAX = 32  # a check of connectivity has seven, a Binding response three or four
COMPREHENSION_OPTIONAL = 0x8000  # §14: from this type on an attribute that is not known is passed over


class Message(NamedTuple):
    """What was read. `integrity_at`: where MESSAGE-INTEGRITY begins, None without; `has_fingerprint`: there was one, and it is right."""

    kind: int
    transaction_id: bytes
    attributes: dict[int, bytes]
    integrity_at: int | None = None
    has_fingerprint: bool = False


def is_stun(data: bytes) -> bool:
    """Whether a datagram is STUN (§5: two zero bits, the magic cookie, a length that is the rest's and a multiple of four)."""
    if len(data) < HEADER.size or data[0] & 0xC0:
        return False
    _, length, cookie, _ = HEADER.unpack_from(data)
    return bool(cookie == MAGIC_COOKIE and length % 4 == 0 and length == len(data) - HEADER.size)


def parse(data: bytes) -> Message | None:
    """The message, None when it is none: no STUN, cut short, a wrong fingerprint, or anything behind it.

    §14: of a repeated attribute only the first counts. §14.5: what follows MESSAGE-INTEGRITY does not count, but FINGERPRINT (§14.7).
    """
    if not is_stun(data):
        return None
    kind, _, _, transaction_id = HEADER.unpack_from(data)
    attributes: dict[int, bytes] = {}
    integrity_at: int | None = None
    has_fingerprint = False
    at = HEADER.size
    for _ in range(ATTRIBUTES_MAX):
        if at == len(data):
            break
        number, length = ATTRIBUTE.unpack_from(data, at)  # both are multiples of four, so a whole head is there
        value = data[at + ATTRIBUTE.size : at + ATTRIBUTE.size + length]
        if len(value) != length or has_fingerprint:
            return None
        if number == FINGERPRINT:
            if value != _fingerprint(data[:at]):
                return None
            has_fingerprint = True
        elif integrity_at is None:
            attributes.setdefault(number, value)
            integrity_at = at if number == MESSAGE_INTEGRITY and length == INTEGRITY_BYTES - ATTRIBUTE.size else None
        at += ATTRIBUTE.size + (length + 3) // 4 * 4
    return Message(kind, transaction_id, attributes, integrity_at, has_fingerprint) if at == len(data) else None


def is_authentic(data: bytes, message: Message, password: str | bytes) -> bool:
    """Whether `data`, which was read as `message`, bears the integrity that `password` gives (§9.1.3, §14.5)."""
    at = message.integrity_at
    if at is None:
        return False
    return compare_digest(_integrity(data[:at], password), message.attributes[MESSAGE_INTEGRITY])


def attribute(number: int, value: bytes) -> bytes:
    """§14: type, length, value, padded to four octets."""
    return ATTRIBUTE.pack(number, len(value)) + value + bytes(-len(value) % 4)


def message(kind: int, transaction_id: bytes, *attributes: bytes, password: str | bytes | None = None, fingerprint: bool = False) -> bytes:
    """The octets of a message, with integrity by `password` where there is one, and with a fingerprint when asked.

    A short-term password is a text, what is made of a long-term one (§9.2.2) are octets.
    """
    assert len(transaction_id) == TRANSACTION_ID_BYTES, transaction_id
    body = b"".join(attributes)
    if password is not None:
        head = HEADER.pack(kind, len(body), MAGIC_COOKIE, transaction_id)
        body += attribute(MESSAGE_INTEGRITY, _integrity(head + body, password))
    if not fingerprint:
        return HEADER.pack(kind, len(body), MAGIC_COOKIE, transaction_id) + body
    whole = HEADER.pack(kind, len(body) + FINGERPRINT_BYTES, MAGIC_COOKIE, transaction_id) + body
    return whole + attribute(FINGERPRINT, _fingerprint(whole))


def _integrity(before: bytes, password: str | bytes) -> bytes:
    """§14.5: over what stands before the attribute, with the length in the header that of a message which ends with it."""
    import hmac  # brings OpenSSL: beside SIP nobody has a password

    length = len(before) - HEADER.size + INTEGRITY_BYTES
    key = password.encode() if isinstance(password, str) else password
    return hmac.digest(key, before[:2] + length.to_bytes(2, "big") + before[4:], "sha1")


def _fingerprint(before: bytes) -> bytes:
    """§14.7: a CRC-32 of what stands before it, in disguise."""
    return (crc32(before) ^ FINGERPRINT_XOR).to_bytes(4, "big")
