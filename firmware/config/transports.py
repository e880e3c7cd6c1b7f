"""Checks of [network] and [tls] that concern the transports."""

from __future__ import annotations

import re
import socket
from pathlib import Path as FilePath
from typing import Literal, NamedTuple

from firmware.config.checks import HOST_PATTERN
from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.schema import Settings

SECURE = ("tls", "wss")
NAME_SERVERS_MAX = 4  # all of them are asked within seconds; the C library takes three
TRANSPORT_PATTERN = re.compile(r";transport=([A-Za-z]+)", re.IGNORECASE)
STUN_PATTERN = re.compile(rf"(?P<host>{HOST_PATTERN})(?::(?P<port>\d{{1,5}}))?")
TURN_PATTERN = re.compile(r"(?:(?P<scheme>turns?):)?(?P<where>[^?]+)(?:\?transport=(?P<transport>udp|tcp))?", re.IGNORECASE)
PORT_PATTERN = re.compile(r":\d+$")
NAME_SERVER_PATTERN = re.compile(r"(?:(?P<v4>[0-9.]+)|\[(?P<v6>[0-9A-Fa-f:.]+)\])(?::(?P<port>\d{1,5}))?|(?P<bare>[0-9A-Fa-f:]+)")


def name_server(text: str) -> tuple[str, int] | None:
    """Address and port of a name server, written as in [network] dns; None when it is none."""
    match = NAME_SERVER_PATTERN.fullmatch(text)
    if match is None:
        return None
    host, port = match["v4"] or match["v6"] or match["bare"], int(match["port"] or 53)
    return (host, port) if is_address(host) and 0 < port < 65536 else None


def stun_server(text: str) -> tuple[str, int] | None:
    """Host and port of a STUN server, written as in [network] stun; None when it is none. Its port is 3478 (RFC 8489 §8.1)."""
    match = STUN_PATTERN.fullmatch(text)
    if match is None:
        return None
    host, port = match["host"], int(match["port"] or 3478)
    is_bracketed = host.startswith("[")
    usable = is_address(host[1:-1]) if is_bracketed else True
    return (host.strip("[]"), port) if usable and 0 < port < 65536 else None


class TurnServer(NamedTuple):
    """Where a relay is, and how it is spoken with."""

    host: str
    port: int
    transport: Literal["udp", "tcp", "tls"]


def turn_server(text: str) -> TurnServer | None:
    """A relay, written as in [turn] server: as a STUN server is, or as a URI (RFC 7065); None when it is none that we can reach."""
    match = TURN_PATTERN.fullmatch(text)
    found = None if match is None else stun_server(match["where"])
    if match is None or found is None:
        return None
    is_secure, transport = (match["scheme"] or "").lower() == "turns", (match["transport"] or "").lower()
    if is_secure and transport == "udp":
        return None  # TURN over DTLS (RFC 7350)
    host, port = found
    stated = PORT_PATTERN.search(match["where"]) is not None
    # RFC 8656 §4: 5349 for TURN over TLS.
    return TurnServer(host, port if stated or not is_secure else 5349, "tls" if is_secure else "tcp" if transport == "tcp" else "udp")


def is_address(text: str) -> bool:
    """Whether the text is a numeric IPv4 or IPv6 address."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


def check_transports(settings: Settings, report: Report) -> None:
    """Complain about transports, certificates and name servers that cannot work."""
    _check_ports(settings, report)
    _check_tls(settings, report)
    _check_addresses(settings, report)
    _check_ways(settings, report)
    dns = settings.network.dns
    if len(dns) > NAME_SERVERS_MAX:
        report.complain(("network", "dns"), f"there are {len(dns)} name servers", f"keep to {NAME_SERVERS_MAX}")
    for index, server in enumerate(dns):
        if name_server(server) is None:
            report.complain(("network", "dns", index), f'"{server}" is no address', 'write "192.168.1.1" or "192.168.1.1:5353"')


def _check_ways(settings: Settings, report: Report) -> None:
    """What finds a way for sound through translators."""
    network = settings.network
    if network.stun and stun_server(network.stun) is None:
        report.complain(("network", "stun"), f'"{network.stun}" is no server', 'write "stun.example" or "stun.example:3478"')
    if network.ice == "full" and not network.rtcp_mux:
        report.complain(("network", "ice"), '"full" needs one port for sound and reports', "write rtcp_mux = true")
    turn = settings.turn
    if not turn.server:
        return
    if turn_server(turn.server) is None:
        remedy = 'write "turn.example", "turn:turn.example:3478?transport=tcp" or "turns:turn.example"'
        report.complain(("turn", "server"), f'"{turn.server}" is no server', remedy)
    if network.ice != "full":
        report.complain(("turn", "server"), "only a door that looks for ways takes one through a relay", 'write network.ice = "full"')
    if turn.username is None or turn.password is None:
        report.complain(("turn", "server"), "no server passes sound on for strangers", "add: username = … and password = …")


def _check_ports(settings: Settings, report: Report) -> None:
    """One port, one stream transport."""
    network = settings.network
    taken = {network.sip_port: "sip_port"} if {"tcp", "sctp"} & set(network.transports) else {}
    for transport in ("tls", "ws", "wss"):
        key = f"{transport}_port"
        port: int = {"tls": network.tls_port, "ws": network.ws_port, "wss": network.wss_port}[transport]
        if transport not in network.transports or port == 0:
            continue
        if port in taken:
            report.complain(("network", key), f"{port} is the {taken[port]} already", "give another")
        taken[port] = key
    if len(set(network.transports)) < len(network.transports):
        report.complain(("network", "transports"), "a transport stands twice", "keep one of them")


def _check_tls(settings: Settings, report: Report) -> None:
    tls = settings.tls
    if tls == type(tls)():
        return
    if tls.certificate is None:
        for key, given in (("key", tls.key is not None), ("client_certificate", tls.client_certificate)):
            if given:
                report.complain(("tls", key), "there is no certificate of ours", "add: certificate = …")
    for key, path in (("certificate", tls.certificate), ("key", tls.key), ("ca", tls.ca)):
        if path is not None and not FilePath(path).is_absolute():
            report.complain(("tls", key), f'"{path}" is no whole path', "begin with /")
    if tls.verify == "authority":
        report.warnings.append('tls.verify is "authority": whoever has any certificate of a trusted authority can pose as the SIP server')
    if tls.verify == "nothing":
        report.warnings.append('tls.verify is "nothing": whoever stands on the way can pose as the SIP server and listen')


def _check_addresses(settings: Settings, report: Report) -> None:
    """Addresses that need a transport which is not switched on."""
    for index, account in enumerate(settings.account):
        ways = (("uri", account.uri), ("registrar", account.registrar), ("proxy", account.proxy), ("second_proxy", account.second_proxy))
        for key, uri in ways:
            if uri is not None:
                _check_address(settings, report, ("account", index, key), uri)
        for number, uri in enumerate(account.backups):
            _check_address(settings, report, ("account", index, "backups", number), uri)
        if account.second_proxy is not None and account.proxy is None:
            report.complain(("account", index, "second_proxy"), "there is no first", "add: proxy = …")
    for index, target in enumerate(settings.target):
        _check_address(settings, report, ("target", index, "uri"), target.uri)


def _check_address(settings: Settings, report: Report, path: Path, uri: str) -> None:
    transports = settings.network.transports
    if uri.lower().startswith("sips:") and not set(SECURE) & set(transports):
        report.complain(path, "sips travels over TLS alone (RFC 5630), which is not switched on", 'add "tls" to network.transports')
        return
    match = TRANSPORT_PATTERN.search(uri)
    if match is None:
        return
    named = match[1].lower()
    if uri.lower().startswith("sips:"):
        named = {"tcp": "tls", "ws": "wss"}.get(named, named)
    if named not in transports:
        report.complain(path, f'the transport "{named}" is not switched on', f'add "{named}" to network.transports')
