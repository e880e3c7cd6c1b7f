"""Who this door is, and how packets leave and reach it: [station], [network], [turn], [tls]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between, is_port
from firmware.config.secrets import Secret
from firmware.config.sections.values import Text


class Station(NamedTuple):
    """[station]: who this door is."""

    name: Text = "Portero"  # shown on the phones of accounts and direct calls without a display name of their own
    user_agent: str = "Portero"  # the SIP User-Agent header; empty: none is sent
    timezone: str | None = None  # "Europe/Berlin"; None: that of this machine


class Network(NamedTuple):
    """[network]: addresses and ports."""

    bind: str = ""  # an address of this machine; empty: all of them, IPv4 and IPv6
    sip_port: Annotated[int, between(0, 65535)] = 5060  # 0: any free port
    transports: tuple[Literal["udp", "tcp", "tls", "ws", "wss", "sctp"], ...] = ("udp", "tcp")  # in order of preference
    tls_port: Annotated[int, between(0, 65535)] = 5061  # where "tls" listens, if there is a certificate of ours; 0: any free port
    ws_port: Annotated[int, between(0, 65535)] = 5066  # where "ws" listens
    wss_port: Annotated[int, between(0, 65535)] = 7443  # where "wss" listens, if there is a certificate of ours
    websocket_path: Text = "/"  # what a WebSocket server is asked for: Asterisk wants "/ws"
    dns: tuple[str, ...] = ()  # name servers instead of those of the machine: "192.168.1.1" or "192.168.1.1:5353"
    rtp_ports: tuple[Annotated[int, is_port], ...] = (10000, 10099)  # first and last; a call takes two
    rtcp_mux: bool = True  # offer to send reports over the port of the sound (RFC 5761); a phone that cannot leaves it
    ice: Literal["off", "lite", "full"] = "lite"  # RFC 8445: lite answers phones that look for a way to the door, full looks itself
    stun: str = ""  # "stun.example" or with a port: tells under which address a translator (NAT) shows the door; empty: nobody is asked
    dscp_sip: Annotated[int, between(0, 63)] = 24  # CS3, RFC 4594 §4.1
    dscp_rtp: Annotated[int, between(0, 63)] = 46  # EF, RFC 4594 §4.1


class Turn(NamedTuple):
    """[turn]: a server that passes sound on where `network.ice = "full"` finds no other way (RFC 8656)."""

    server: str = ""  # "turn.example", with a port, or a URI such as "turns:turn.example"; empty: none
    username: Text | None = None
    password: Secret | None = None


class Tls(NamedTuple):
    """[tls]: certificates in PEM, for the transports "tls" and "wss". Changed files count from the next connection on."""

    certificate: Text | None = None  # ours, with the authorities between; without one nobody can connect to us
    key: Text | None = None  # None: in the same file
    ca: Text | None = None  # whom we trust; None: the authorities that the system trusts
    verify: Literal["domain", "authority", "nothing"] = "domain"  # what a server must prove (RFC 5922)
    client_certificate: bool = False  # whether whoever connects to us must show a certificate
