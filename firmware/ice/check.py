"""One check of connectivity: a STUN Binding request with short-term credentials, made, read and answered (RFC 8445 §7, RFC 8489 §9.1)."""

from __future__ import annotations

from typing import Final, NamedTuple

from firmware.sdp.ice import IceSession, Kind, priority
from firmware.stun.attributes import (
    ICE_CONTROLLED,
    ICE_CONTROLLING,
    PRIORITY,
    USE_CANDIDATE,
    USERNAME,
    Address,
    error_code,
    unknown_attributes,
    xor_mapped_address,
)
from firmware.stun.message import (
    BINDING_ERROR,
    BINDING_REQUEST,
    BINDING_SUCCESS,
    COMPREHENSION_OPTIONAL,
    MESSAGE_INTEGRITY,
    attribute,
    is_authentic,
    message,
    parse,
)

UNDERSTOOD: Final = frozenset({USERNAME, MESSAGE_INTEGRITY, PRIORITY, USE_CANDIDATE})
BAD_REQUEST, UNAUTHENTICATED, FORBIDDEN, UNKNOWN_ATTRIBUTE, ROLE_CONFLICT = 400, 401, 403, 420, 487
PEER_PRIORITY: Final = priority(Kind.PEER_REFLEXIVE)  # §7.1.1: what we would give a candidate that a check of ours discovers


class Check(NamedTuple):
    """An authentic check of the other side. `tie_breaker` goes with its role (§7.1.3), which is None when it names none."""

    transaction_id: bytes
    priority: int
    nominates: bool
    says_controlling: bool | None
    tie_breaker: int


def read_check(datagram: bytes, ice: IceSession) -> Check | bytes:
    """The check; else what to answer, b'' nothing: what is not authentic gets an error of a few octets, and nothing else happens."""
    read = parse(datagram)
    # RFC 8445 §11: indications only keep a binding open. §7.1: a check bears FINGERPRINT.
    if read is None or read.kind != BINDING_REQUEST or not read.has_fingerprint:
        return b""
    attributes = read.attributes
    if read.integrity_at is None or USERNAME not in attributes:
        return _error(read.transaction_id, BAD_REQUEST)  # RFC 8489 §9.1.3
    username = f"{ice.ours.ufrag}:{ice.theirs.ufrag}".encode()
    if attributes[USERNAME] != username or not is_authentic(datagram, read, ice.ours.pwd):
        return _error(read.transaction_id, UNAUTHENTICATED)
    unknown = [number for number in attributes if number < COMPREHENSION_OPTIONAL and number not in UNDERSTOOD]
    if unknown:
        return _error(read.transaction_id, UNKNOWN_ATTRIBUTE, unknown_attributes(unknown), password=ice.ours.pwd)
    role = next((number for number in (ICE_CONTROLLING, ICE_CONTROLLED) if number in attributes), None)
    return Check(
        transaction_id=read.transaction_id,
        priority=int.from_bytes(attributes.get(PRIORITY, b"")[:4], "big") or PEER_PRIORITY,
        nominates=USE_CANDIDATE in attributes,
        says_controlling=None if role is None else role == ICE_CONTROLLING,
        tie_breaker=0 if role is None else int.from_bytes(attributes[role][:8], "big"),
    )


def success(check: Check, source: Address, ice: IceSession) -> bytes:
    """§7.3: the check came from `source`."""
    mapped = xor_mapped_address(source, check.transaction_id)
    return message(BINDING_SUCCESS, check.transaction_id, mapped, password=ice.ours.pwd, fingerprint=True)


def role_conflict(check: Check, ice: IceSession) -> bytes:
    """§7.3.1.1: the other side shall change its role."""
    return _error(check.transaction_id, ROLE_CONFLICT, password=ice.ours.pwd)


def request(transaction_id: bytes, ice: IceSession, tie_breaker: int, *, nominates: bool) -> bytes:
    """§7.2.2: a check of ours."""
    role = ICE_CONTROLLING if ice.is_controlling else ICE_CONTROLLED
    attributes = [
        attribute(USERNAME, f"{ice.theirs.ufrag}:{ice.ours.ufrag}".encode()),
        attribute(PRIORITY, PEER_PRIORITY.to_bytes(4, "big")),
        attribute(role, tie_breaker.to_bytes(8, "big")),
    ]
    if nominates:
        attributes.append(attribute(USE_CANDIDATE, b""))
    return message(BINDING_REQUEST, transaction_id, *attributes, password=ice.theirs.pwd, fingerprint=True)


def _error(transaction_id: bytes, status: int, *more: bytes, password: str | None = None) -> bytes:
    """RFC 8489 §9.1.3: without integrity where the credentials were wrong."""
    return message(BINDING_ERROR, transaction_id, error_code(status), *more, password=password, fingerprint=True)
