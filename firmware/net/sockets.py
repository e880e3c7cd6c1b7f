"""Sockets for SIP: one port for every family and transport, with errors that say what to do."""

from __future__ import annotations

import errno
import socket
from typing import Final, NamedTuple

from firmware.errors import TransportError
from firmware.kind import kind

ANY_PORT_TRIES: Final = 16  # port 0: a port free for UDP over IPv4 may be taken for the others; each try is another random port
TCP_BACKLOG: Final = 16  # connections not yet accepted; the table behind holds a few dozen
KEEPALIVE_IDLE_S: Final = 120  # the kernel then asks dead peers itself: no wake-up of ours
KEEPALIVE_INTERVAL_S: Final = 15
KEEPALIVE_PROBES: Final = 4
UNACKNOWLEDGED_MAX_MS: Final = 20_000  # below the 32 s of a SIP transaction, so that a dead connection is noticed within one
DISCARD_PORT: Final = 9  # where a socket that never sends is connected to

# Linux values that the socket module does not name (linux/in.h, linux/in6.h).
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
IPPROTO_SCTP: Final = 132
SCTP_NODELAY: Final = 3


@kind
class Purpose(NamedTuple):
    """What a socket is for: `name` and the `setting` of its port are for people, `protocol` 0 is the usual one of the kind."""

    kind: socket.SocketKind
    name: str
    setting: str
    protocol: int = 0


UDP: Final = Purpose(socket.SOCK_DGRAM, "UDP", "network.sip_port")
TCP: Final = Purpose(socket.SOCK_STREAM, "TCP", "network.sip_port")
TLS: Final = Purpose(socket.SOCK_STREAM, "TLS", "network.tls_port")
WS: Final = Purpose(socket.SOCK_STREAM, "WebSocket", "network.ws_port")
WSS: Final = Purpose(socket.SOCK_STREAM, "secure WebSocket", "network.wss_port")
SCTP: Final = Purpose(socket.SOCK_STREAM, "SCTP", "network.sip_port", IPPROTO_SCTP)  # one-to-one style (RFC 6458 §4)

Tables = list[tuple[Purpose, dict[int, socket.socket]]]  # sockets by address family, for each purpose


@kind
class SipSockets(NamedTuple):
    """Bound sockets by address family, all on `port`."""

    port: int
    udp: dict[int, socket.socket]
    tcp: dict[int, socket.socket]


def family_of(host: str) -> int:
    """The address family of a numeric address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_wildcard(host: str) -> bool:
    """Whether binding to `host` means every address of its family."""
    return host in ("", "::", "0.0.0.0")  # noqa: S104 # compared, not bound


def open_sockets(bind_host: str, port: int, *, dscp: int, udp: bool = True, tcp: bool = True) -> SipSockets:
    """Bind the sockets of UDP and TCP to one port; port 0 finds one that is free for all of them.

    `bind_host` '' or '::' means every address, IPv4 and IPv6 (only IPv4 where the kernel has no IPv6); '0.0.0.0' every IPv4 address.
    Raises TransportError that names the address and the remedy.
    """
    opened = SipSockets(port, {}, {})
    tables = [(purpose, table) for purpose, table, wanted in ((UDP, opened.udp, udp), (TCP, opened.tcp, tcp)) if wanted]
    return opened._replace(port=_open_somewhere(bind_host, port, dscp, tables) if tables else port)


def open_listeners(bind_host: str, port: int, purpose: Purpose, *, dscp: int) -> tuple[int, dict[int, socket.socket]]:
    """The port, and by address family the listening sockets, of one more stream transport; otherwise as `open_sockets`."""
    listeners: dict[int, socket.socket] = {}
    return _open_somewhere(bind_host, port, dscp, [(purpose, listeners)]), listeners


def local_host_towards(host: str) -> str:
    """The address that this machine uses as its own when it sends to the numeric address `host`; nothing is sent.

    Raises OSError when there is no route.
    """
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
        probe.connect((host, DISCARD_PORT))
        return without_zone(str(probe.getsockname()[0]))


def without_zone(host: str) -> str:
    """An IPv6 address without `%interface`, which means nothing to anyone else (RFC 4007 §11.2)."""
    return host.partition("%")[0]


def prepare_stream(sock: socket.socket, dscp: int) -> None:
    """Options of a connection: the kernel tells us of a dead peer, which a silent TCP would hide for hours."""
    _mark(sock, dscp)
    if sock.proto == IPPROTO_SCTP:
        sock.setsockopt(IPPROTO_SCTP, SCTP_NODELAY, 1)  # RFC 4168 §7; its heartbeats find dead peers by themselves (RFC 9260 §8.3)
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MAX_MS)


class _PortTakenError(TransportError):
    """Another socket has the port."""


def _open_somewhere(bind_host: str, port: int, dscp: int, tables: Tables) -> int:
    for attempt in range(ANY_PORT_TRIES):
        try:
            return _open_all(bind_host, port, dscp, tables)
        except _PortTakenError:
            if port != 0 or attempt == ANY_PORT_TRIES - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _open_all(bind_host: str, port: int, dscp: int, tables: Tables) -> int:
    """Fill the tables with sockets on one port, and give it; on failure they are empty again."""
    everywhere = bind_host in ("", "::")
    hosts = ("0.0.0.0", "::") if everywhere else (bind_host,)  # noqa: S104 # a station answers on the addresses it is told, here all
    try:
        for host in hosts:
            family = family_of(host)
            try:
                for purpose, table in tables:
                    table[family] = _open(purpose, host, port, dscp)
                    port = table[family].getsockname()[1]
            except _NoIpv6Error:
                if not everywhere:
                    raise
    except TransportError:
        for _, table in tables:
            _close(table)
            table.clear()
        raise
    return port


def close_sockets(opened: SipSockets) -> None:
    """Close them all."""
    _close(opened.udp)
    _close(opened.tcp)


def _close(table: dict[int, socket.socket]) -> None:
    for sock in table.values():
        sock.close()


class _NoIpv6Error(TransportError):
    """The kernel has no IPv6, or no address of it."""


def _open(purpose: Purpose, host: str, port: int, dscp: int) -> socket.socket:
    family = family_of(host)
    try:
        sock = socket.socket(family, purpose.kind, purpose.protocol)
    except OSError as error:
        raise _refusal(error, purpose, host, port) from error
    try:
        sock.settimeout(0)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        _mark(sock, dscp)
        if purpose.kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else the port stays taken for a minute after a restart
        elif family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sock.bind((host, port))
        if purpose.kind == socket.SOCK_STREAM:
            sock.listen(TCP_BACKLOG)
    except OSError as error:
        sock.close()
        raise _refusal(error, purpose, host, port) from error
    return sock


def _mark(sock: socket.socket, dscp: int) -> None:
    """Ask routers for the treatment of signalling (RFC 4594 §4.1): the upper six bits of the old type-of-service octet (RFC 2474 §3)."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)


def _refusal(error: OSError, purpose: Purpose, host: str, port: int) -> TransportError:
    """What the kernel's refusal means for whoever configures the station."""
    where = f"{purpose.name} port {port} on {host}"
    match error.errno:
        case errno.EADDRINUSE:
            return _PortTakenError(
                f"{where} is taken by another program; stop it (`ss -lnp` shows which) or choose another {purpose.setting}"
            )
        case errno.EADDRNOTAVAIL if host != "::":
            return TransportError(f"this machine has no address {host}; correct network.bind, or leave it empty for all addresses")
        case errno.EACCES | errno.EPERM:
            return TransportError(f"{where} is not allowed to this user; choose a {purpose.setting} above 1023")
        case errno.EPROTONOSUPPORT | errno.ESOCKTNOSUPPORT:
            return TransportError(
                f"this kernel has no {purpose.name}; load it (`modprobe {purpose.name.lower()}`), or take it out of network.transports"
            )
        case errno.EAFNOSUPPORT | errno.EADDRNOTAVAIL:
            return _NoIpv6Error(f"this machine has no IPv6; set network.bind to an IPv4 address instead of {host}")
        case _:
            return TransportError(f"{where} cannot be opened: {error.strerror or error}")
