"""Registrations at SIP servers: [[account]]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between
from firmware.config.secrets import Secret
from firmware.config.sections.values import Name, SipUri

MediaEncryption = Literal["off", "optional", "mandatory"]
KeyExchange = Literal["sdes", "dtls"]  # keys in the session description (RFC 4568), or by a handshake beside the sound (RFC 5763)


class Account(NamedTuple):
    """[[account]]: a registration at a SIP server."""

    name: Name
    uri: SipUri  # the address of record: sip:door@pbx.example
    registrar: SipUri | None = None  # None: the domain of `uri`
    proxy: SipUri | None = None  # outbound proxy
    second_proxy: SipUri | None = None  # another way to the same registrar, for when the first is gone
    outbound: bool = False  # true: keep flows, over both proxies at once where the registrar can (RFC 5626)
    username: str | None = None  # for the digest; None: the user of `uri`
    password: Secret | None = None
    display_name: str | None = None  # None: the station's name
    expires_s: Annotated[int, between(30, 86400, "s")] = 300
    allow_md5: bool = True  # false: a server that offers nothing better than MD5 is refused
    backups: tuple[SipUri, ...] = ()  # further registrars of this account, asked in order while the first does not answer
    gruu: bool = False  # true: ask for an address of this device that works from everywhere (RFC 5627)
    watch_binding: bool = False  # true: ask the registrar to tell when it drops us (RFC 3680), and register again at once
    watch_mailbox: bool = False  # true: ask the server how many messages wait for this account (RFC 3842)
    probe_s: Annotated[int, between(2, 3600, "s")] | Literal["never"] = 10  # gap of the questions that notice a restarted registrar
    keepalive: Literal["crlf", "stun"] = "crlf"  # which: an empty line, or a question of which a server with STUN says where it sees us
    keepalive_s: Annotated[int, between(10, 600, "s")] | Literal["never"] = "never"  # gap of the signs of life that keep a NAT open
    publish: bool = False  # true: tell the server that the door is there, and when it talks (RFC 3903)
    quality_to: SipUri | None = None  # who collects how each call sounded (RFC 6035); None: nobody
    anonymous: bool = False  # true: whom the door calls is not shown who calls (RFC 3323)
    trust_identity: bool = False  # true: who calls is whom this server asserts (RFC 3325), and may open with a code; see [incoming]
    media_encryption: MediaEncryption | None = None  # of calls through this account; None: as in [call]
    key_exchange: tuple[KeyExchange, ...] | None = None  # None: as in [call]
