"""What a registrar's answer to REGISTER says (RFC 3261 §10.2.4, RFC 3581, RFC 3608, RFC 5627). Nothing here sends or waits."""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip.events import Hop
from firmware.sip.message import Response
from firmware.sip.outbound import instance, pub_gruu, service_routes, temp_gruu
from firmware.sip.reason import explained
from firmware.sip.uri import Uri
from firmware.sip.usage.endpoint import AccountKnowledge

EXPIRES_MAX_S = 86_400  # nobody needs to be asked less often than daily
RETRY_AFTER_MAX_S = 300  # a registrar may ask for patience, but not take the door out of service for a day

_ADVICE = {
    401: "wrong user name or password",
    407: "wrong user name or password",
    403: "the registrar forbids this account; check user name, password and domain",
    404: "the registrar does not know this address; check user name and domain",
    416: "the registrar does not understand this address; check the domain",
    423: "the registrar wants a longer registration time than can be asked for",
}


def granted_s(response: Response, contact: Uri, asked_s: int) -> int:
    """§10.2.4: the time in the `expires` of our own Contact, else in Expires, else what we asked for.

    A border controller writes its own address in place of ours, and a shorter time: the only Contact of an answer is then meant for us.
    """
    own = [held for held in response.contacts if held.uri.equivalent(contact)]
    alone = response.contacts if len(response.contacts) == 1 else ()
    for held in own or alone:
        text = held.param("expires") or ""
        if text.isascii() and text.isdecimal() and len(text) < 10:
            return min(int(text), EXPIRES_MAX_S)
    return min(asked_s if response.expires is None else response.expires, EXPIRES_MAX_S)


def keeps_flows(response: Response) -> bool:
    """RFC 5626 §6: a registrar that keeps the flow says so by `outbound` in Require."""
    return "outbound" in [tag.lower() for tag in response.get_all("Require")]


def learn_ways(knowledge: AccountKnowledge, response: Response, contact: Uri, urn: str) -> None:
    """How the registrar wants to be used from now on: its Service-Route (RFC 3608 §5), our GRUU (RFC 5627 §4.2).

    `urn`: our instance, by which our own binding is known among those that are listed.
    """
    try:
        knowledge.service_routes = service_routes(response)
    except RemoteProtocolError:
        knowledge.service_routes = ()
    own = [held for held in response.contacts if held.uri.equivalent(contact) and instance(held) == urn]
    is_wanted = bool(own) and knowledge.account.wants_gruu
    knowledge.gruu = pub_gruu(own[0]) if is_wanted else None
    knowledge.temporary_gruu = temp_gruu(own[0]) if is_wanted else None


def learn_address(knowledge: AccountKnowledge, response: Response, source: Hop) -> bool:
    """Note under which address the registrar sees us (RFC 3581); True when that differs from what we told it."""
    via = response.via
    if source.transport.reliable or not via.rport:
        return False
    seen = (via.received or via.host, via.rport)
    public = None if seen == (via.host, source.local_port) else seen
    if public == knowledge.public:
        return False
    knowledge.public = public
    return True


def refusal_text(response: Response) -> str:
    """The refusal in plain words, with what to do about it where we know."""
    advice = _ADVICE.get(response.status)
    said = f"{response.status} {explained(response)}"
    return said if advice is None else f"{said}: {advice}"


def wanted_patience_s(response: Response) -> float | None:
    """§20.33: when the registrar wants to be asked again, None when it does not say."""
    return None if response.retry_after is None else float(min(response.retry_after, RETRY_AFTER_MAX_S))
