"""Who may reach us with a request outside a dialog: what the settings say of it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from firmware.kind import kind
from firmware.sip.auth import Credentials

# What address scanners call themselves (User-Agent, lower case); who looks for open PBXs rings phones at night.
SCANNERS = ("friendly-scanner", "friendly-request", "sipvicious", "sip-scan", "sundayddr", "sivus", "sipcli", "vaxsipuseragent", "pplsip")


class Unwanted(Enum):
    """What a scanner, or a call for a user whom we do not know, gets."""

    DROP = "no answer at all: there is nothing here to find"
    NOT_FOUND = "404"
    DECLINE = "603"

    @property
    def status(self) -> int | None:
        """The status to answer with, None for silence."""
        return {Unwanted.DROP: None, Unwanted.NOT_FOUND: 404, Unwanted.DECLINE: 603}[self]


class Proof(Enum):
    """From whom a password is asked before a call or message gets through."""

    NEVER = "nobody"
    DIRECT = "whoever does not come over a server that we are registered at"
    ALWAYS = "everybody"


@kind
class Gate(NamedTuple):
    """The rules. Patterns are `user@host` in lower case, `*` for any; an empty list names nobody.

    `writers` may send messages besides the accounts' own servers; `watchers` may subscribe to our state. `callers` are the passwords that
    count as proof. `only_servers`: nothing is taken from an address that is no account's server.
    """

    writers: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()
    only_servers: bool = False
    scanners: tuple[str, ...] = SCANNERS
    unwanted: Unwanted = Unwanted.NOT_FOUND
    proof: Proof = Proof.NEVER
    callers: tuple[Credentials, ...] = ()
    realm: str = "door"
    allow_md5: bool = True


OPEN_GATE = Gate()
