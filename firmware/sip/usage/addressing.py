"""Under which names we appear in our own messages: Contact, From, and the way that requests of an account take."""

from __future__ import annotations

from firmware.sip.events import Hop, Transport
from firmware.sip.header_lines import Headers
from firmware.sip.headers import NameAddr
from firmware.sip.uri import Uri
from firmware.sip.usage.endpoint import ALLOW, AccountKnowledge, Endpoint
from firmware.sip.usage.server_request import supported


def registered_uri(endpoint: Endpoint, hop: Hop, knowledge: AccountKnowledge, *, is_secure: bool = False) -> Uri:
    """What the registrar is told of us: where it sees us when a NAT lies between; never a GRUU, which only points there (RFC 5627 §4.2)."""
    user = knowledge.account.aor.user or endpoint.settings.user
    host, port = hop.local_host, hop.local_port
    if knowledge.public is not None and hop.host in knowledge.hosts and not hop.transport.reliable:
        host, port = knowledge.public
    # RFC 5630 §5.1.1.1: whoever registers a sips address of record must be reached over sips.
    return _at(user, host, port, hop, secure=is_secure or knowledge.account.aor.scheme == "sips")


def contact_uri(endpoint: Endpoint, hop: Hop, knowledge: AccountKnowledge | None, *, is_secure: bool = False) -> Uri:
    """Where we can be reached over that hop (RFC 3261 §8.1.1.8).

    `is_secure`: the request, or the dialog, is for a sips URI: "the Contact header field MUST contain a SIPS URI as well".
    """
    is_secure = is_secure and hop.transport in (Transport.TLS, Transport.WSS)
    if knowledge is None:
        return _at(endpoint.settings.user, hop.local_host, hop.local_port, hop, secure=is_secure)
    # RFC 5627 §4.4: a user agent that has a GRUU states it as its Contact; one that hides its name, the temporary one.
    gruu = knowledge.temporary_gruu if knowledge.account.habits.is_anonymous else knowledge.gruu
    if gruu is not None and hop.host in knowledge.hosts:
        return gruu._replace(scheme="sips") if is_secure else gruu
    own = registered_uri(endpoint, hop, knowledge, is_secure=is_secure)
    # RFC 5626 §4.3: "ob" says that requests of this dialog are to come over the flow on which it began.
    return own.with_param("ob", None) if knowledge.is_flow_kept and hop.host in knowledge.hosts else own


def contact(endpoint: Endpoint, hop: Hop, knowledge: AccountKnowledge | None, *, is_focus: bool = False, is_secure: bool = False) -> str:
    """The Contact header for that hop.

    RFC 4579 §4: the Contact of whoever mixes a conference is the conference's URI, with the feature parameter isfocus. An address that a
    registrar made for us (RFC 5627) has no place for another user, and stays.
    """
    uri = contact_uri(endpoint, hop, knowledge, is_secure=is_secure)
    if not is_focus:
        return f"<{uri}>"
    user = endpoint.settings.conference
    return f"<{uri._replace(user=user) if user and uri.param('gr') is None else uri}>;isfocus"


def own_address(endpoint: Endpoint, hop: Hop, knowledge: AccountKnowledge | None) -> NameAddr:
    """Our From (§8.1.1.3): the address of record, or in a direct call the address that we have."""
    if knowledge is not None:
        account = knowledge.account
        return NameAddr(account.display_name, account.aor)
    settings = endpoint.settings
    return NameAddr(settings.display_name, Uri("sip", user=settings.user, host=hop.local_host))


def first_hop(target: Uri, knowledge: AccountKnowledge | None) -> Uri:
    """Whither a request outside a dialog goes first (§8.1.2): the account's proxy, its registrar for its own domain, else the target."""
    way = _first_way(target, knowledge)
    # §26.2.2: a sips target is secure on every hop of its way, or it is not called.
    return way._replace(scheme="sips") if target.scheme == "sips" else way


def _first_way(target: Uri, knowledge: AccountKnowledge | None) -> Uri:
    if knowledge is None:
        return target
    account = knowledge.account
    if knowledge.edge is not None:
        return knowledge.edge
    if knowledge.service_routes:
        # RFC 3608 §5: the registrar's own way to its services comes before every other.
        return knowledge.service_routes[0].uri
    # Registrars commonly bear an address while the domain is only a name for people: the registrar is then the domain's proxy.
    # Another port at the same host is another server.
    is_domain = target.host.lower() == account.aor.host.lower() and target.port in (None, account.aor.port)
    return knowledge.registrar if is_domain else target


def edge_route(knowledge: AccountKnowledge | None) -> tuple[tuple[str, str], ...]:
    """The Route header that takes a request over the account's outbound proxy (§8.1.2), none without one."""
    return () if knowledge is None else route_over(knowledge.edge)


def route_over(proxy: Uri | None) -> tuple[tuple[str, str], ...]:
    """The Route header of a request that goes over this proxy first."""
    return () if proxy is None else (("Route", f"<{proxy.with_param('lr', None)}>"),)


def preloaded_route(knowledge: AccountKnowledge | None) -> tuple[tuple[str, str], ...]:
    """The Route headers of a request outside a dialog: the outbound proxy, then the registrar's Service-Route (RFC 3608 §5)."""
    if knowledge is None:
        return ()
    return (*edge_route(knowledge), *[("Route", str(route)) for route in knowledge.service_routes])


def request_uri(target: Uri, knowledge: AccountKnowledge | None) -> Uri | None:
    """The Request-URI for a target; a telephone number becomes a user of the account's domain (§19.1.6). None: nobody could route it."""
    if target.is_sip:
        return target.without_headers()
    if target.scheme == "tel" and knowledge is not None:
        return Uri("sip", user=target.user, host=knowledge.account.aor.host, port=knowledge.account.aor.port, params=(("user", "phone"),))
    return None


def session_headers(
    endpoint: Endpoint, hop: Hop, knowledge: AccountKnowledge | None, *, is_focus: bool = False, is_secure: bool = False
) -> Headers:
    """Headers of every message that opens or changes a session: where we are, what we take, what we understand (§12.1.1, §13.2.1)."""
    return (
        ("Contact", contact(endpoint, hop, knowledge, is_focus=is_focus, is_secure=is_secure)),
        ("Allow", ALLOW),
        ("Supported", ", ".join(supported(endpoint.habits(knowledge)))),
        *common_headers(endpoint),
    )


def common_headers(endpoint: Endpoint) -> tuple[tuple[str, str], ...]:
    """Headers of every request of ours that may open or change a session."""
    agent = endpoint.settings.user_agent
    return () if agent is None else (("User-Agent", agent),)


def _at(user: str, host: str, port: int, hop: Hop, *, secure: bool = False) -> Uri:
    uri = Uri("sips" if secure else "sip", user=user, host=host, port=port)
    match hop.transport:
        case Transport.UDP:
            return uri
        case Transport.TLS if secure:
            return uri  # RFC 5630 §3.1.3: sips says it already, and transport=tls is no way to say it
        case Transport.WSS:
            return uri.with_param("transport", "ws")  # RFC 7118 §5.2.1 knows no other name; sips makes it secure
        case transport:
            return uri.with_param("transport", transport.value.lower())
