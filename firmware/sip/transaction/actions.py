"""What goes into and comes out of the four transaction machines.

Each machine is `handle(state, input) -> (state, actions)`. Time does not appear: a machine asks for a timer by letter and duration,
and its expiry comes back as input. Named tuples rather than dataclasses, because two dozen small classes are created at each start.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from firmware.kind import kind
from firmware.sip.message import Message, Response
from firmware.sip.timers import Timer, delay_s


@kind
class Transmit(NamedTuple):
    """Put the message on the transaction's hop."""

    message: Message


@kind
class Deliver(NamedTuple):
    """Hand the response to the transaction user."""

    response: Response


@kind
class Start(NamedTuple):
    """Start or restart a timer."""

    timer: Timer
    after_s: float


@kind
class Stop(NamedTuple):
    """Stop a timer."""

    timer: Timer


class Failure(Enum):
    """Why a transaction ended without an answer; the text is for people."""

    TIMEOUT = "no answer"
    TRANSPORT = "could not be sent"


@kind
class Fail(NamedTuple):
    """Tell the transaction user that there will be no answer (client), or that no ACK came (server)."""

    failure: Failure


Action = Transmit | Deliver | Start | Stop | Fail


@kind
class Expired(NamedTuple):
    """Input: a timer that the machine started is due."""

    timer: Timer


@kind
class Undeliverable(NamedTuple):
    """Input: the transport reports that the hop cannot be reached."""


@kind
class Terminated(NamedTuple):
    """The last state of every machine: nothing is kept, nothing runs."""


TERMINATED = Terminated()


def start(timer: Timer, *, reliable: bool) -> tuple[Action, ...]:
    """The action that starts `timer` with its first duration; none where that transport does without it."""
    after_s = delay_s(timer, reliable=reliable)
    return () if after_s is None else (Start(timer, after_s),)
