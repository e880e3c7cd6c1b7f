"""What stands in the attributes of STUN: addresses and errors (RFC 8489 §14), the notes of a check of connectivity (RFC 8445 §16.1)."""

from __future__ import annotations

from firmware.stun.message import MAGIC_COOKIE, attribute

MAPPED_ADDRESS, USERNAME, ERROR_CODE, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS = 0x0001, 0x0006, 0x0009, 0x000A, 0x0020
PRIORITY, USE_CANDIDATE, ICE_CONTROLLED, ICE_CONTROLLING = 0x0024, 0x0025, 0x8029, 0x802A

Address = tuple[str, int]


def mapped_address(attributes: dict[int, bytes], transaction_id: bytes) -> Address | None:
    """Where the sender of a response saw us; a server of RFC 3489 says it without disguise. None when it says nothing that is right."""
    return address_in(attributes, XOR_MAPPED_ADDRESS, transaction_id) or _plain(attributes.get(MAPPED_ADDRESS, b""))


def address_in(attributes: dict[int, bytes], number: int, transaction_id: bytes) -> Address | None:
    """The address in an attribute of that kind which is disguised (§14.2); None when it says nothing that is right."""
    return _plain(_disguised(attributes.get(number, b""), transaction_id))


def xor_mapped_address(address: Address, transaction_id: bytes) -> bytes:
    """§14.2, as an attribute."""
    return xor_address(XOR_MAPPED_ADDRESS, address, transaction_id)


def xor_address(number: int, address: Address, transaction_id: bytes) -> bytes:
    """As an attribute of that kind: so disguised that no address translator on the way takes the address for its own business."""
    host, port = address
    octets = _octets(host.partition("%")[0])
    plain = bytes((0, 1 if len(octets) == 4 else 2)) + port.to_bytes(2, "big") + octets
    return attribute(number, _disguised(plain, transaction_id))


def error_code(status: int) -> bytes:
    """§14.8, as an attribute: hundreds and rest; without a phrase, which nobody reads."""
    return attribute(ERROR_CODE, bytes((0, 0, status // 100, status % 100)))


def status_of(attributes: dict[int, bytes]) -> int:
    """The status in ERROR-CODE (§14.8), 0 without."""
    value = attributes.get(ERROR_CODE, b"")
    return (value[2] & 7) * 100 + value[3] if len(value) >= 4 else 0


def unknown_attributes(numbers: list[int]) -> bytes:
    """§14.9, as an attribute: what would have to be understood and is not."""
    return attribute(UNKNOWN_ATTRIBUTES, b"".join([number.to_bytes(2, "big") for number in numbers]))


def _plain(value: bytes) -> Address | None:
    """§14.1: a zero octet, the family, the port, the address."""
    if len(value) < 4:
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


def _disguised(value: bytes, transaction_id: bytes) -> bytes:
    """§14.2: the port under the cookie's upper half, the address under cookie and transaction id; twice is as it was."""
    key = MAGIC_COOKIE.to_bytes(4, "big") + transaction_id
    port = bytes([a ^ b for a, b in zip(value[2:4], key, strict=False)])
    host = bytes([a ^ b for a, b in zip(value[4:], key, strict=False)])
    return value[:2] + port + host


def _octets(host: str) -> bytes:
    """Of a numeric address."""
    if ":" not in host:
        return bytes([int(octet) for octet in host.split(".")])
    from ipaddress import IPv6Address

    return IPv6Address(host).packed
