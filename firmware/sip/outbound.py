"""What a registration tells of its flows and paths: instance ids, GRUUs, Flow-Timer, Service-Route.

RFC 5626 (outbound), RFC 5627 (GRUU), RFC 3608 (Service-Route). A Contact is a NameAddr; the functions read its parameters.
"""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.header_values import first
from firmware.sip.headers import DELTA_SECONDS_MAX, NameAddr
from firmware.sip.uri import Uri

REG_ID_MAX = 2**31 - 1  # RFC 5626 §10: "a positive integer", in ABNF one digit or more
ROUTES_MAX = 70  # as many hops as any request can pass (RFC 3261 §8.1.1.6)


def instance(contact: NameAddr) -> str | None:
    """The URN in `+sip.instance` without its angle brackets, None when absent or malformed (RFC 5626 §4.1)."""
    text = contact.param("+sip.instance") or ""
    urn = text[1:-1]
    return urn if text[:1] == "<" and text[-1:] == ">" and urn[:4].lower() == "urn:" else None


def reg_id(contact: NameAddr) -> int | None:
    """Which flow of the instance a binding is, None when absent or malformed (RFC 5626 §4.2)."""
    text = contact.param("reg-id") or ""
    value = int(text) if 0 < len(text) <= 10 and not text.strip(grammar.DIGITS) else 0
    return value if 0 < value <= REG_ID_MAX else None


def with_instance(contact: NameAddr, urn: str, reg_id: int | None = None) -> NameAddr:
    """The Contact of a device with a lasting id, as one of its flows when `reg_id` is given (RFC 5626 §4.2.1)."""
    assert urn.lower().startswith("urn:"), urn
    assert not set(urn) & set('<>"\\ '), urn
    assert reg_id is None or 0 < reg_id <= REG_ID_MAX, reg_id
    contact = contact.with_param("+sip.instance", f'"<{urn}>"')
    return contact if reg_id is None else contact.with_param("reg-id", str(reg_id))


def pub_gruu(contact: NameAddr) -> Uri | None:
    """The public GRUU that the registrar gave to the binding, None when absent or malformed (RFC 5627 §5.3)."""
    return _uri(contact.param("pub-gruu"))


def temp_gruu(contact: NameAddr) -> Uri | None:
    """The temporary GRUU, which does not tell whose it is, None when absent or malformed (RFC 5627 §5.3)."""
    return _uri(contact.param("temp-gruu"))


def flow_timer_s(response: HeaderFields) -> int | None:
    """After how many silent seconds the registrar takes a flow for dead, None when absent or malformed (RFC 5626 §4.4, §10)."""
    return first(response, "Flow-Timer", lambda text: min(grammar.number(text, "Flow-Timer"), DELTA_SECONDS_MAX))


def service_routes(response: HeaderFields) -> tuple[NameAddr, ...]:
    """Service-Route: the Routes that requests to this registrar's services take. Raises RemoteProtocolError (RFC 3608 §5).

    Half a route leads elsewhere, so one malformed value spoils the set.
    """
    values = response.get_all("Service-Route")
    if len(values) > ROUTES_MAX:
        raise RemoteProtocolError(f"{len(values)} values in Service-Route")
    return tuple([NameAddr.parse(text) for text in values])


def _uri(text: str | None) -> Uri | None:
    try:
        return None if text is None else Uri.parse(text)
    except RemoteProtocolError:
        return None
