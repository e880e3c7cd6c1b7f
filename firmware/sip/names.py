"""Names and addresses that inputs, commands and events have in common."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, NewType

from firmware.kind import kind
from firmware.sip.grammar import quote

CallKey = NewType("CallKey", str)  # the program's own handle for one call leg, chosen by whoever starts the leg
AccountName = NewType("AccountName", str)  # the account's name in the configuration
QueryId = NewType("QueryId", int)  # ties a Located to its Locate
FlowId = NewType("FlowId", int)  # one connection of a stream transport
TransferKey = NewType("TransferKey", int)  # one REFER that waits for the program's decision, or that we follow


class Transport(Enum):
    """How messages travel; `via` is the token of the Via header, `param` that of the URI's transport parameter (RFC 3261 §18, §19.1.1)."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"
    SCTP = "SCTP"
    WS = "WS"
    WSS = "WSS"

    @property
    def reliable(self) -> bool:
        return self is not Transport.UDP


@kind
class Hop(NamedTuple):
    """One way to a neighbour: numeric addresses of both ends; `flow` names the connection when there is one.

    `local_host` and `local_port` are what a Via or Contact may state for it; never a wildcard. `domain`, for TLS and WebSocket, is the host
    of the URI before any look-up: the name that the other side must prove (RFC 5922 §7.3) and be asked for; '' where nobody looks.
    """

    transport: Transport
    host: str
    port: int
    local_host: str
    local_port: int
    flow: FlowId | None = None
    domain: str = ""


@kind
class Reason(NamedTuple):
    """A Reason header value (RFC 3326): protocol `SIP` or `Q.850`."""

    protocol: str
    cause: int
    text: str

    def __str__(self) -> str:
        return f"{self.protocol};cause={self.cause};text={quote(self.text)}"
