"""The states of one registration (RFC 3261 §10).

Idle --Register--> Registering --200--> Bound --refresh due, registrar lost--> Registering
                      |   ^
                      v   | retry due, sign of life, network changed
                    Waiting                       any --Unregister--> Removing --> Idle
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.kind import kind
from firmware.sip.events import FlowId, Hop
from firmware.sip.usage.client_request import ClientRequest


@kind
class Idle(NamedTuple):
    """Not wanted."""


@kind
class Registering(NamedTuple):
    """REGISTER is on its way."""

    request: ClientRequest


@kind
class Bound(NamedTuple):
    """Registered over this hop."""

    hop: Hop
    flow: FlowId | None


@kind
class Waiting(NamedTuple):
    """Failed; the timer `retry` runs. `is_refused`: only a human can help."""

    since_s: float
    is_refused: bool


@kind
class Removing(NamedTuple):
    """The REGISTER that removes our binding is on its way."""

    request: ClientRequest


State = Idle | Registering | Bound | Waiting | Removing
IDLE = Idle()
