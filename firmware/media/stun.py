"""Checks of connectivity, answered: STUN Binding requests with short-term credentials (RFC 8489, RFC 8445 §7.3). Bytes in, bytes out.

We are a lite agent: we begin no check, so a request is all that means anything here. What is not authentic gets an error of a few octets,
and nothing else happens.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from firmware.sdp.ice import IceSession
from firmware.stun.attributes import (
    ICE_CONTROLLED,
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
    is_authentic,
    message,
    parse,
)

UNDERSTOOD: Final = frozenset({USERNAME, MESSAGE_INTEGRITY, PRIORITY, USE_CANDIDATE})


class Verdict(NamedTuple):
    """What to answer, b'' nothing; `nominated`: the other side wants the sound to go where the check came from (RFC 8445 §7.3.1.5)."""

    answer: bytes
    nominated: bool = False


def judge(datagram: bytes, source: Address, ice: IceSession) -> Verdict:
    """The answer to one datagram that looks like STUN."""
    check = parse(datagram)
    # RFC 8445 §11: indications only keep a binding open. §7.1: a check bears FINGERPRINT.
    if check is None or check.kind != BINDING_REQUEST or not check.has_fingerprint:
        return Verdict(b"")
    username = f"{ice.ours.ufrag}:{ice.theirs.ufrag}".encode()
    transaction_id, attributes = check.transaction_id, check.attributes
    if check.integrity_at is None or USERNAME not in attributes:
        return Verdict(_error(transaction_id, 400))  # RFC 8489 §9.1.3
    if attributes[USERNAME] != username or not is_authentic(datagram, check, ice.ours.pwd):
        return Verdict(_error(transaction_id, 401))
    unknown = [number for number in attributes if number < COMPREHENSION_OPTIONAL and number not in UNDERSTOOD]
    if unknown:
        return Verdict(_error(transaction_id, 420, unknown_attributes(unknown), password=ice.ours.pwd))
    if ICE_CONTROLLED in attributes:
        # RFC 8445 §6.1.1, §7.3.1.1: a lite agent is controlled, so the other side cannot be.
        return Verdict(_error(transaction_id, 487, password=ice.ours.pwd))
    mapped = xor_mapped_address(source, transaction_id)
    answer = message(BINDING_SUCCESS, transaction_id, mapped, password=ice.ours.pwd, fingerprint=True)
    return Verdict(answer, USE_CANDIDATE in attributes)


def _error(transaction_id: bytes, status: int, *more: bytes, password: str | None = None) -> bytes:
    """§9.1.3: without integrity where the credentials were wrong."""
    return message(BINDING_ERROR, transaction_id, error_code(status), *more, password=password, fingerprint=True)
