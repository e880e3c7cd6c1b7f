"""The states of an answered call (RFC 3261 §13.3.1.4, §14, §15).

Answering(our 200 waits for its ACK) --ACK--> Stable <--> Offering(our re-INVITE or UPDATE runs)
                                                ^ |            | 491
                                                | +--> Answering   Colliding(random wait) --> Offering
any --BYE either way--> Over                            Leaving(hung up before the ACK) --ACK--> Over
any --hung up--> Reporting(a transfer's outcome is on its way) --its answer--> Over
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.sip.events import Reason
from firmware.sip.usage.acceptance import Acceptance
from firmware.sip.usage.negotiation import Task
from firmware.sip.usage.reinvite import Reinvitation
from firmware.sip.usage.update import Updating


class Stable(NamedTuple):
    """Nothing pending."""


class Offering(NamedTuple):
    """An offer of ours is on its way."""

    carrier: Reinvitation | Updating


class Answering(NamedTuple):
    """Our 2xx waits for its ACK; `first` when it is the one that answered the call."""

    acceptance: Acceptance
    first: bool


class Colliding(NamedTuple):
    """Both sides offered at once; we wait a random time and offer again (§14.1)."""

    task: Task


class Leaving(NamedTuple):
    """Hung up before the ACK of our 200 came: the callee may not send BYE yet (§15)."""

    acceptance: Acceptance
    reason: Reason | None


class Reporting(NamedTuple):
    """Hung up while the outcome of a transfer that they asked for is on its way: BYE may not overtake it, or it would be out of order
    (RFC 3261 §12.2.2) and its reader never know (RFC 5589 §6.1: it is the success that ends the old call)."""

    reason: Reason | None


class Over(NamedTuple):
    """BYE was sent or received."""


State = Stable | Offering | Answering | Colliding | Leaving | Reporting | Over
STABLE, OVER = Stable(), Over()
