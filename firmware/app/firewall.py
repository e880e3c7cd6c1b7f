"""`portero firewall`: the nftables ruleset that this configuration needs, and nothing more. What no line allows is dropped, in and out.

    portero firewall | sudo nft -f -

Load it again after each change of the configuration; it replaces what it was before and leaves other tables alone. What this machine needs
beside the door stands in files of `/etc/portero/firewall.d`, as rules for the chains `more_in` and `more_out`.
"""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from firmware.config.load import load
from firmware.config.paging import group_address
from firmware.config.schema import Settings
from firmware.config.transports import name_server
from firmware.errors import PorteroError
from firmware.sip.uri import Uri

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

# Keys of the schema that name a port, and which chain they go into. A test holds that none is forgotten.
PORT_KEYS = {
    *("network.sip_port", "network.tls_port", "network.ws_port", "network.wss_port", "network.rtp_ports"),
    *("web.port", "mqtt.port", "rtsp.port"),
}
STREAMS = ("tcp", "tls", "ws", "wss")
WEB_PORTS = {"http": 80, "https": 443}
FRAME = """\
# Made by `portero firewall`; what stands here by hand is lost with the next run.
table inet portero
delete table inet portero
table inet portero {{
    chain more_in {{
    }}
    chain more_out {{
    }}
    chain input {{
        type filter hook input priority filter; policy drop;
        iif "lo" accept
        ct state established,related accept
        ct state invalid drop
        icmp type echo-request limit rate 20/second accept
        icmpv6 type {{ packet-too-big, echo-request }} limit rate 20/second accept
        icmpv6 type {{ nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query }} ip6 hoplimit {{ 1, 255 }} accept
        udp sport 67 udp dport 68 accept comment "DHCP"
        ip6 saddr fe80::/10 udp dport 546 accept comment "DHCPv6"
        udp dport 5353 ip daddr 224.0.0.251 accept comment "mDNS"
        udp dport 5353 ip6 daddr ff02::fb accept comment "mDNS"
{input}
        jump more_in
        limit rate 1/second burst 5 packets log prefix "portero drops in: "
    }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
    }}
    chain output {{
        type filter hook output priority filter; policy drop;
        oif "lo" accept
        ct state established,related accept
        meta l4proto {{ icmp, ipv6-icmp, igmp }} limit rate 50/second accept
        udp sport 68 udp dport 67 accept comment "DHCP"
        udp dport 547 ip6 daddr ff02::1:2 accept comment "DHCPv6"
        udp dport 5353 ip daddr 224.0.0.251 accept comment "mDNS"
        udp dport 5353 ip6 daddr ff02::fb accept comment "mDNS"
        udp dport 123 accept comment "time"
{output}
        jump more_out
        limit rate 1/second burst 5 packets log prefix "portero drops out: "
    }}
}}
include "/etc/portero/firewall.d/*.nft"
"""


class Peer(NamedTuple):
    """Somebody whom we connect to: a numeric address, or a name whose addresses change; the TCP port."""

    host: str
    port: int

    @property
    def match(self) -> str:
        """The nftables words that let a connection to it through."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return f"tcp dport {self.port}"
        return f"{'ip' if address.version == 4 else 'ip6'} daddr {address} tcp dport {self.port}"


def add_firewall_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `firewall` to the command line; returns its parser for further options."""
    parser = commands.add_parser("firewall", help="print the nftables rules that the configuration needs")
    parser.set_defaults(command=lambda options: firewall(options.config))
    return parser


def firewall(config: Path) -> int:
    """Print the ruleset; the exit code."""
    try:
        settings = load(config, outside_service=True)
        print(ruleset(settings), end="")
    except PorteroError as error:
        print(f"portero firewall: {error}", file=sys.stderr)
        return 1
    return 0


def ruleset(settings: Settings) -> str:
    """The whole of it, as `nft -f` reads it. Raises RemoteProtocolError for an address that is none."""
    return FRAME.format(input=_lines(incoming(settings)), output=_lines(outgoing(settings)))


def _lines(rules: Iterable[str]) -> str:
    return "\n".join(f"        {rule}" for rule in dict.fromkeys(rules))


def incoming(settings: Settings) -> Iterator[str]:
    """SIP where we listen, from the servers alone if that is wished and they have addresses; sound from wherever the call has agreed."""
    network = settings.network
    who = _servers(settings)
    listening = {"tcp": network.sip_port, "tls": network.tls_port, "ws": network.ws_port, "wss": network.wss_port}
    for source in who:
        if "udp" in network.transports and network.sip_port:
            yield f'{source}udp dport {network.sip_port} accept comment "SIP"'
        if "sctp" in network.transports and network.sip_port:
            yield f'{source}sctp dport {network.sip_port} accept comment "SIP"'
        for transport, port in listening.items():
            if transport in network.transports and port:
                yield f'{source}tcp dport {port} accept comment "SIP over {transport}"'
    yield f'udp dport {_range(settings)} accept comment "sound"'
    if settings.web.enabled and settings.web.port and not _is_loopback(settings.web.bind):
        yield f'tcp dport {settings.web.port} accept comment "web"'
    if settings.rtsp.port and not _is_loopback(settings.rtsp.bind):
        yield f'tcp dport {settings.rtsp.port} accept comment "camera"'
    for paging in settings.paging:
        group = group_address(paging.address)
        if paging.listen and group is not None:
            yield f'{"ip6" if ":" in group[0] else "ip"} daddr {group[0]} udp dport {group[1]} accept comment "announcements"'
    if settings.system.ssh_keys:
        yield 'tcp dport 22 limit rate 10/minute burst 10 packets accept comment "login"'


def _is_loopback(host: str) -> bool:
    return bool(host) and ipaddress.ip_address(host).is_loopback


def _servers(settings: Settings) -> list[str]:
    """Whom SIP may come from, as the beginning of a rule; one empty text: anybody."""
    hosts = [uri.host for each in settings.account for uri in _uris(each.registrar or each.uri, each.proxy, *each.backups)]
    if not settings.incoming.only_servers or not hosts:
        return [""]
    try:
        addresses = sorted({ipaddress.ip_address(host) for host in hosts}, key=str)
    except ValueError:  # a name: its addresses are not known here
        return [""]
    return [f"{'ip' if each.version == 4 else 'ip6'} saddr {each} " for each in addresses]


def outgoing(settings: Settings) -> Iterator[str]:
    """Name servers, SIP and sound from our own ports, connections to whom the configuration names."""
    network = settings.network
    servers = [server for text in network.dns if (server := name_server(text)) is not None]
    for port in sorted({port for _, port in servers} | {53}):
        yield f'meta l4proto {{ tcp, udp }} th dport {port} accept comment "names"'
    if "udp" in network.transports:
        source = f"udp sport {network.sip_port}" if network.sip_port else "udp sport 1024-65535"
        yield f'{source} accept comment "SIP"'
    if "sctp" in network.transports:
        yield 'meta l4proto sctp accept comment "SIP"'
    for peer in peers(settings):
        yield f'{peer.match} accept comment "SIP"'
    yield f'udp sport {_range(settings)} accept comment "sound"'
    if settings.update.url is not None:
        url = urlsplit(settings.update.url)
        yield f'{Peer(url.hostname or "", url.port or WEB_PORTS["https"]).match} accept comment "updates"'
    for hook in settings.webhook:
        url = urlsplit(hook.url)
        peer = Peer(url.hostname or "", url.port or WEB_PORTS[url.scheme.lower()])
        yield f'{peer.match} accept comment "webhook"'
    remote = [menu.document for menu in settings.menu if "://" in menu.document]
    for address in dict.fromkeys((*remote, *settings.voicexml.servers)):
        url = urlsplit(address)
        yield f'{Peer(url.hostname or "", url.port or WEB_PORTS[url.scheme.lower()]).match} accept comment "menus"'
    mqtt = settings.mqtt
    if mqtt.broker is not None:
        broker = Peer(mqtt.broker, mqtt.port or (8883 if mqtt.tls else 1883))
        yield f'{broker.match} accept comment "MQTT"'


def peers(settings: Settings) -> Iterator[Peer]:
    """Whom we may connect to over TCP, TLS or WebSocket. An SRV record that names a third port needs a rule of one's own."""
    if not set(STREAMS) & set(settings.network.transports):
        return
    texts = [text for each in settings.account for text in (each.registrar or each.uri, each.proxy, *each.backups)]
    texts += [text for each in settings.target for text in (each.uri, each.fallback_uri)]
    rung = [each.targets for each in settings.button] + [each.targets for each in settings.step]
    texts += [target for targets in rung for target in targets if ":" in target]
    for uri in _uris(*texts):
        secure, transport = uri.scheme == "sips", dict(uri.params).get("transport")
        if uri.port is not None:
            yield Peer(uri.host, uri.port)
        elif transport in ("ws", "wss"):
            yield Peer(uri.host, 443 if secure or transport == "wss" else 80)
        else:
            yield from (Peer(uri.host, port) for port in ((5061,) if secure or transport == "tls" else (5060, 5061)))


def _uris(*texts: str | None) -> list[Uri]:
    return [uri for text in texts if text is not None and (uri := Uri.parse(text)).host]


def _range(settings: Settings) -> str:
    return "-".join(str(port) for port in settings.network.rtp_ports)
