"""Binding: where does the other side see us? The question without credentials, as servers for keep-alives and translators take it."""

from __future__ import annotations

from typing import NamedTuple

from firmware.stun.attributes import Address, mapped_address, status_of
from firmware.stun.message import BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, message, parse


class Response(NamedTuple):
    """The answer to a Binding request: where we are seen from; None in an error, with its `status` (RFC 8489 §14.8), or 0."""

    transaction_id: bytes
    mapped: Address | None
    status: int = 0


def binding_request(transaction_id: bytes) -> bytes:
    """RFC 8489 §6.1: a request without attributes; RFC 5626 §8 wants neither authentication nor a fingerprint."""
    return message(BINDING_REQUEST, transaction_id)


def parse_response(data: bytes) -> Response | None:
    """A Binding response, None when it is anything else or malformed."""
    read = parse(data)
    if read is None:
        return None
    if read.kind == BINDING_ERROR:
        return Response(read.transaction_id, None, status_of(read.attributes))
    if read.kind != BINDING_SUCCESS:
        return None
    mapped = mapped_address(read.attributes, read.transaction_id)
    return None if mapped is None else Response(read.transaction_id, mapped)
