"""Refer-To, Referred-By and Refer-Sub: the headers of a transfer (RFC 3515 §2.1, RFC 3892 §2, RFC 4488 §4)."""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip.fields import HeaderFields
from firmware.sip.header_values import first, sole
from firmware.sip.headers import NameAddr

OPTION_TAG_NO_REFER_SUB = "norefersub"
METHOD_DEFAULT = "INVITE"


def refer_to(request: HeaderFields) -> NameAddr:
    """Whom the request asks to contact; what is to be sent stands in `method_of` and in the URI's ?headers (`replaces_in`, `join_in`).

    Raises RemoteProtocolError: "a REFER request MUST contain exactly one Refer-To" (RFC 3515 §2.4.1), else 400 (§2.4.2).
    """
    value = sole(request, "Refer-To", NameAddr.parse)
    if value is None:
        raise RemoteProtocolError("Refer-To is missing")
    return value


def method_of(target: NameAddr) -> str:
    """The method that a Refer-To asks for: the URI's method parameter, INVITE without one (RFC 3515 §2.1). Methods keep their case."""
    return target.uri.param("method") or METHOD_DEFAULT


def referred_by(message: HeaderFields) -> NameAddr | None:
    """Who referred, None when absent or malformed. Only a claim unless its `cid` parameter names a signed body (RFC 3892 §3)."""
    return first(message, "Referred-By", NameAddr.parse)


def refer_sub(message: HeaderFields) -> bool | None:
    """Whether the REFER makes a subscription; None when absent or malformed, and then it does (RFC 4488 §4)."""
    return first(message, "Refer-Sub", _truth)


def _truth(text: str) -> bool:
    value = text.partition(";")[0].strip().lower()
    if value not in ("true", "false"):
        raise RemoteProtocolError(f"neither true nor false: {text[:40]!r}")
    return value == "true"
