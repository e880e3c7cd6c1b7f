"""What the user agent is told at its start: accounts, limits, habits."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.sip.events import AccountName
from firmware.sip.gate import OPEN_GATE, Gate
from firmware.sip.uri import Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An address of record at a registrar, and the secret that proves it ours.

    `realm` None: the realm in which the registrar first challenges us, or else the domain; no other is ever answered.
    """

    name: AccountName
    aor: Uri
    registrar: Uri
    outbound_proxy: Uri | None = None
    username: str = ""
    secret: str = field(default="", repr=False)
    display_name: str = ""
    expires_s: int = 600
    allow_md5: bool = True
    realm: str | None = None
    keepalive_s: float = 0.0  # gap between CRLF datagrams that keep a NAT binding open; 0: none
    probe_s: float = 10.0  # gap between OPTIONS that notice a restarted registrar; 0: none (see usage/liveness.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Accounts and limits. `users`: the user parts of a Request-URI that we answer to; None answers to all."""

    accounts: tuple[Account, ...] = ()
    user_agent: str | None = None
    user: str = "door"  # user part of our Contact and From in direct calls
    display_name: str = ""
    users: frozenset[str] | None = None
    calls_max: int = 16  # a door talks to one person; parallel ringing and refused floods need some more
    unanswered_max_s: float = 180.0  # how long a call may ring when nobody ends it (the door's own limits are shorter)
    redirects_max: int = 5  # 3xx followed in one call
    targets_max: int = 10  # contacts tried in one call
    info_types: frozenset[str] = frozenset({"application/dtmf-relay", "application/dtmf", "application/media_control+xml"})
    gate: Gate = OPEN_GATE
