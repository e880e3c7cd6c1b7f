"""What the user agent is told at its start: accounts, limits, habits."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from firmware.kind import kind
from firmware.sip.events import AccountName
from firmware.sip.gate import OPEN_GATE, Gate
from firmware.sip.uri import Uri


class Use(Enum):
    """How much we make of an extension that both sides must know."""

    OFF = "never; who requires it is refused"
    SUPPORTED = "when the other side wants it"
    REQUIRED = "always; who cannot do it is no partner"


class ReferPolicy(Enum):
    """Who may ask us to call somebody else, or to replace one of our calls by another. A stranger never may."""

    NEVER = "nobody"
    ACCOUNT = "the other side of a call that came or went over an account's own server"
    CALL = "the other side of any call"


class KeepAliveWay(Enum):
    """What keeps a way over UDP open."""

    CRLF = "an empty line, which nobody answers"
    STUN = "a Binding request, whose answer tells whether the way still stands (RFC 5626 §3.5.2)"


@kind
class CallHabits(NamedTuple):
    """How calls are made; an account has its own, direct calls have those of the agent."""

    reliable: Use = Use.SUPPORTED  # provisional responses that must be acknowledged (RFC 3262)
    session_timer: Use = Use.SUPPORTED  # RFC 4028
    session_expires_s: int = 1800  # RFC 4028 §4 recommends it: a dead call is noticed within half an hour, at two requests an hour
    session_min_s: int = 90  # RFC 4028 §5: the least that anybody may ask for
    is_anonymous: bool = False  # hide who calls (RFC 3323); the account's server still learns it, and may charge for it
    trusts_identity: bool = False  # believe P-Asserted-Identity from the account's servers (RFC 3325 §4)


HABITS = CallHabits()


@kind
class Account(NamedTuple):
    """An address of record at a registrar, and the secret that proves it ours.

    `realm` None: the realm in which the registrar first challenges us, or else the domain; no other is ever answered.
    """

    name: AccountName
    aor: Uri
    registrar: Uri
    outbound_proxy: Uri | None = None
    backups: tuple[Uri, ...] = ()  # registrars that are tried, in order, while `registrar` does not answer
    username: str = ""
    secret: str = ""
    display_name: str = ""
    expires_s: int = 600
    allow_md5: bool = True
    realm: str | None = None
    wants_gruu: bool = False  # an address of this device that works from everywhere (RFC 5627); needs `instance`
    watches_binding: bool = False  # subscribe to the registrar's own state of it, and register again when it drops us (RFC 3680)
    keepalive_s: float = 0.0  # gap between datagrams that keep a NAT binding open; 0: none, unless the registrar keeps flows
    keepalive: KeepAliveWay = KeepAliveWay.CRLF
    wants_outbound: bool = False  # keep flows as RFC 5626 has it; needs `instance`
    second_proxy: Uri | None = None  # another way in, kept open beside `outbound_proxy` when the registrar keeps flows
    habits: CallHabits = HABITS
    probe_s: float = 10.0  # gap between OPTIONS that notice a restarted registrar; 0: none (see usage/liveness.py)

    def __repr__(self) -> str:
        """Without the secret: an account may stand in a log line or in the text of a failed test."""
        return f"Account(name={self.name!r}, aor={self.aor!r}, registrar={self.registrar!r}, username={self.username!r})"

    def __str__(self) -> str:
        return repr(self)


@kind
class AgentSettings(NamedTuple):
    """Accounts and limits. `users`: the user parts of a Request-URI that we answer to; None answers to all."""

    accounts: tuple[Account, ...] = ()
    user_agent: str | None = None
    user: str = "door"  # user part of our Contact and From in direct calls
    display_name: str = ""
    conference: str = ""  # user part of the conference's own URI, which may be dialled (RFC 4579 §5.1); '': it has none
    users: frozenset[str] | None = None
    calls_max: int = 16  # a door talks to one person; parallel ringing and refused floods need some more
    unanswered_max_s: float = 180.0  # how long a call may ring when nobody ends it (the door's own limits are shorter)
    redirects_max: int = 5  # 3xx followed in one call
    targets_max: int = 10  # contacts tried in one call
    habits: CallHabits = HABITS
    refer: ReferPolicy = ReferPolicy.ACCOUNT
    # What an INFO may bear. Who has a camera adds application/media_control+xml (RFC 5168); to ask others for a picture is 415.
    info_types: frozenset[str] = frozenset({"application/dtmf-relay", "application/dtmf"})
    gate: Gate = OPEN_GATE
    proves_itself: bool = False  # whether we show a certificate over TLS, so that a server may send us requests over our own connection
    instance: str = ""  # the device's own URN, the same for ever (RFC 5626 §4.1); '': none
