"""STUN Binding (RFC 8489): where does the other side see us? Bytes to values and back, as far as a keep-alive needs it (RFC 5626 §3.5.2).

Beside SIP on one socket, the two first bits tell them apart: they are zero in STUN (§5), and no SIP message begins with such an octet.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

MAGIC_COOKIE = 0x2112A442  # §5
TRANSACTION_ID_BYTES = 12
HEADER = struct.Struct("!HHI12s")  # type, length, cookie, transaction id (§5)
ATTRIBUTE = struct.Struct("!HH")  # type, length (§14)
BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0101, 0x0111
MAPPED_ADDRESS, XOR_MAPPED_ADDRESS, ERROR_CODE = 0x0001, 0x0020, 0x0009
ATTRIBUTES_MAX = 32  # a Binding response has three or four

Address = tuple[str, int]


class Response(NamedTuple):
    """The answer to a Binding request: where we are seen from; None in an error, with its `status` (§14.8), or 0."""

    transaction_id: bytes
    mapped: Address | None
    status: int = 0


def is_stun(data: bytes) -> bool:
    """Whether a datagram is STUN, and no SIP (§5: two zero bits, the magic cookie, a length that is a multiple of four)."""
    if len(data) < HEADER.size or data[0] & 0xC0:
        return False
    _, length, cookie, _ = HEADER.unpack_from(data)
    return bool(cookie == MAGIC_COOKIE and length % 4 == 0 and length == len(data) - HEADER.size)


def binding_request(transaction_id: bytes) -> bytes:
    """§6.1: a request without attributes; RFC 5626 §8 wants neither authentication nor a fingerprint."""
    assert len(transaction_id) == TRANSACTION_ID_BYTES, transaction_id
    return HEADER.pack(BINDING_REQUEST, 0, MAGIC_COOKIE, transaction_id)


def parse_response(data: bytes) -> Response | None:
    """A Binding response, None when it is anything else or malformed."""
    if not is_stun(data):
        return None
    kind, _, _, transaction_id = HEADER.unpack_from(data)
    attributes = _attributes(data[HEADER.size :])
    if attributes is None:
        return None
    if kind == BINDING_ERROR:
        value = attributes.get(ERROR_CODE, b"")
        return Response(transaction_id, None, (value[2] & 7) * 100 + value[3] if len(value) >= 4 else 0)
    if kind != BINDING_SUCCESS:
        return None
    mapped = _xored(attributes.get(XOR_MAPPED_ADDRESS), transaction_id) or _plain(attributes.get(MAPPED_ADDRESS))
    return None if mapped is None else Response(transaction_id, mapped)


def _attributes(data: bytes) -> dict[int, bytes] | None:
    """§14: type, length, value, padded to four octets. §14: of a repeated one only the first counts. None: cut short."""
    found: dict[int, bytes] = {}
    at = 0
    for _ in range(ATTRIBUTES_MAX):
        if len(data) - at < ATTRIBUTE.size:
            break
        kind, length = ATTRIBUTE.unpack_from(data, at)
        at += ATTRIBUTE.size
        if length > len(data) - at:
            return None
        found.setdefault(kind, data[at : at + length])
        at += (length + 3) & ~3
    return found


def _plain(value: bytes | None) -> Address | None:
    """§14.1: a zero octet, the family, the port, the address."""
    if value is None or len(value) < 4:
        return None
    family, port, host = value[1], int.from_bytes(value[2:4], "big"), value[4:]
    match family:
        case 1 if len(host) == 4:
            return ".".join([str(octet) for octet in host]), port
        case 2 if len(host) == 16:
            from ipaddress import IPv6Address  # writes it as RFC 5952 wants; most stations have no IPv6 proxy

            return str(IPv6Address(host)), port
        case _:
            return None


def _xored(value: bytes | None, transaction_id: bytes) -> Address | None:
    """§14.2: the same, with the port under the cookie's upper half and the address under cookie and transaction id."""
    if value is None or len(value) < 4:
        return None
    key = MAGIC_COOKIE.to_bytes(4, "big") + transaction_id
    port = bytes(a ^ b for a, b in zip(value[2:4], key, strict=False))
    host = bytes(a ^ b for a, b in zip(value[4:], key, strict=False))
    return _plain(value[:2] + port + host)
