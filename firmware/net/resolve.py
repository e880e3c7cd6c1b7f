"""From a URI to the hops to try, in order (RFC 3263 §4).

A numeric host needs nothing, a host with a port needs its addresses; only a bare name is worth NAPTR and SRV look-ups.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from firmware.net.names import LookupFailed, NameCache, Names, Srv
from firmware.sip.events import Hop, Locate, Located, Transport

HOPS_MAX: Final = 16  # tried one after another, each for seconds: nobody waits for a seventeenth
DEFAULT_PORT: Final = 5060
DEFAULT_PORTS: Final = {Transport.TLS: 5061, Transport.WS: 80, Transport.WSS: 443}  # RFC 3261 §19.1.2, RFC 7118 §6
SECURE: Final = (Transport.TLS, Transport.WSS)
DOMAIN_MATTERS: Final = (*SECURE, Transport.WS)  # to WebSocket servers it is the Host header (RFC 6455 §4.1)

# NAPTR services (RFC 3263 §4.1, RFC 4168 §5, RFC 7118 §6) and SRV labels of each transport.
NAPTR_SERVICES: Final = {
    "SIP+D2U": Transport.UDP,
    "SIP+D2T": Transport.TCP,
    "SIPS+D2T": Transport.TLS,
    "SIP+D2S": Transport.SCTP,
    "SIP+D2W": Transport.WS,
    "SIPS+D2W": Transport.WSS,
}
SRV_LABELS: Final = {
    Transport.UDP: "_sip._udp.",
    Transport.TCP: "_sip._tcp.",
    Transport.TLS: "_sips._tcp.",
    Transport.SCTP: "_sip._sctp.",
    Transport.WS: "_sip._ws.",
    Transport.WSS: "_sips._ws.",
}
# Names that no public name server knows (RFC 6761, RFC 6762): their SRV records would only be waited for.
PRIVATE_DOMAINS: Final = (".local", ".localhost")


class Target(NamedTuple):
    """Where to go, before names have become addresses. `domain` is the host of the URI, whatever SRV records made of it."""

    transport: Transport
    host: str
    port: int
    domain: str


class Resolver:
    """Locates URIs. `ports`: the local port of each transport that is open here, in order of preference; no other is ever chosen.

    `local_host` gives our own address towards a numeric one and raises OSError where there is no way. `fraction` chooses among equals.
    """

    def __init__(
        self,
        names: Names,
        *,
        ports: dict[Transport, int],
        local_host: Callable[[str], str],
        fraction: Callable[[], float],
        now_s: Callable[[], float],
    ) -> None:
        self._names = NameCache(names, now_s)
        self._ports = ports
        self._local_host = local_host
        self._fraction = fraction

    async def locate(self, question: Locate) -> Located:
        """The hops to `question.uri`; none, and the reason in words, when there is no way."""
        try:
            hops = await self._hops(await self._targets(question))
        except LookupFailed as failure:
            return Located(query=question.query, hops=(), failure=str(failure))
        return Located(query=question.query, hops=hops)

    def forget(self) -> None:
        """The network has changed: names may mean other addresses now."""
        self._names.forget()

    # --- which transport, which port (RFC 3263 §4.1, §4.2) -----------------------------------------------------------

    async def _targets(self, question: Locate) -> list[Target]:
        uri = question.uri
        # RFC 3263 §4: the target is the maddr parameter if there is one, else the host.
        host = (uri.param("maddr") or uri.host).removeprefix("[").removesuffix("]").removesuffix(".").lower()
        if not host or uri.scheme not in ("sip", "sips"):
            raise LookupFailed(f"{uri} names no host")
        secure = uri.scheme == "sips"
        named = question.transport or _named_transport(uri.param("transport"), secure=secure)
        if named is Transport.WS and named not in self._ports and Transport.WSS in self._ports:
            # RFC 7118 §5.2.1 has one name for both, which proxies write into routes of secure connections too; it only becomes safer.
            named = Transport.WSS
        if named is not None and named not in self._ports:
            raise LookupFailed(f"{named.value} is not switched on here")
        if uri.port is None and not _is_numeric(host) and _is_public(host):
            found = await self._services(host, named, secure=secure)
            if found:
                return found
        # §4.1: with a numeric host or a port, and no transport stated: UDP, for sips TLS. §4.2: neither is looked up by SRV, and a name
        # without SRV records means its own addresses on the default port.
        transport = named or self._default_transport(secure=secure)
        return [Target(transport, host, DEFAULT_PORTS.get(transport, DEFAULT_PORT) if uri.port is None else uri.port, host)]

    async def _services(self, host: str, named: Transport | None, *, secure: bool) -> list[Target]:
        """Targets from NAPTR and SRV records; none when the domain has neither."""
        wanted = [transport for transport in self._ports if named in (None, transport) and (transport in SECURE or not secure)]
        services: list[tuple[Transport, str]] = []
        if named is None:
            # §4.1: services that we do not support are discarded; with sips, those that are not secure.
            for record in sorted(await self._names.naptr(host), key=lambda record: (record.order, record.preference)):
                transport = NAPTR_SERVICES.get(record.service.upper())
                if transport in wanted:
                    services.append((transport, record.replacement))
        if not services:
            services = [(transport, SRV_LABELS[transport] + host) for transport in wanted]
        targets: list[Target] = []
        for transport, name in services[:HOPS_MAX]:
            ordered = order_srv(await self._names.srv(name), self._fraction)
            targets += [Target(transport, record.target.removesuffix("."), record.port, host) for record in ordered]
        return targets

    def _default_transport(self, *, secure: bool) -> Transport:
        for transport in self._ports:
            if (transport in SECURE) == secure:
                return transport
        raise LookupFailed("sips needs TLS, which is not switched on here" if secure else "no transport is switched on here")

    # --- which addresses ---------------------------------------------------------------------------------------------

    async def _hops(self, targets: list[Target]) -> tuple[Hop, ...]:
        hops: list[Hop] = []
        why = "no address"
        for target in targets[:HOPS_MAX]:
            try:
                addresses = (target.host,) if _is_numeric(target.host) else await self._names.addresses(target.host)
            except LookupFailed as failure:
                why = str(failure)
                continue
            for address in addresses:
                try:
                    hop = self._hop(target, address)
                except OSError as error:
                    why = f"no way to {address}: {error.strerror or error}"
                    continue
                if hop not in hops:
                    hops.append(hop)
        if not hops:
            raise LookupFailed(why)
        return tuple(hops[:HOPS_MAX])

    def _hop(self, target: Target, address: str) -> Hop:
        return Hop(
            transport=target.transport,
            host=address,
            port=target.port,
            local_host=self._local_host(address),
            local_port=self._ports[target.transport],
            # RFC 5922 §7.3: what must be proven is the domain of the URI, not the name of a server that a name server told.
            domain=target.domain if target.transport in DOMAIN_MATTERS else "",
        )


def order_srv(records: Iterable[Srv], fraction: Callable[[], float]) -> list[Srv]:
    """Records in the order in which to try them: by priority, and by chance within one, in proportion to the weights (RFC 2782)."""
    # A target of "." says that the service is decidedly not available there.
    left = sorted((record for record in records if record.target.removesuffix(".")), key=lambda record: (record.priority, record.weight))
    ordered: list[Srv] = []
    while left:
        equals = [record for record in left if record.priority == left[0].priority]
        chosen = equals[-1]
        point = fraction() * (sum(record.weight for record in equals) + 1)
        for record in equals:  # those of weight 0 come first: they win only when the point is next to nothing
            point -= record.weight
            if point < 1:
                chosen = record
                break
        left.remove(chosen)
        ordered.append(chosen)
    return ordered


def _named_transport(name: str | None, *, secure: bool) -> Transport | None:
    """The transport that a URI states (RFC 3261 §19.1.1); with sips it runs over TLS (RFC 5630 §3.1.1)."""
    if name is None:
        return None
    try:
        transport = Transport(name.upper())
    except ValueError:
        raise LookupFailed(f"the transport {name[:20]} is unknown") from None
    if not secure:
        return transport
    match transport:
        case Transport.TCP | Transport.TLS:
            return Transport.TLS
        case Transport.WS | Transport.WSS:
            return Transport.WSS
        case Transport.UDP | Transport.SCTP:
            raise LookupFailed(f"sips over {transport.value} does not exist")


def _is_numeric(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host.partition("%")[0])
    except (OSError, UnicodeError, ValueError):
        return False
    return True


def _is_public(host: str) -> bool:
    return "." in host and not host.endswith(PRIVATE_DOMAINS)
