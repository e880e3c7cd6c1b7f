"""Non-INVITE server transaction (RFC 3261 §17.2.2, as narrowed by RFC 4320).

    Trying --200..699--> Completed --J--> Terminated

There is no Proceeding: RFC 4320 §4.1 forbids every provisional response but a late 100, and this user agent answers at once.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from firmware.kind import kind
from firmware.sip.message import Request, Response
from firmware.sip.timers import Timer
from firmware.sip.transaction.actions import (
    TERMINATED,
    Action,
    Expired,
    Fail,
    Failure,
    Terminated,
    Transmit,
    Undeliverable,
    start,
)


@kind
class Trying(NamedTuple):
    """The user has not answered."""

    reliable: bool


@kind
class Completed(NamedTuple):
    """Answered; retransmitted requests get the answer again."""

    answer: Response


State = Trying | Completed | Terminated
Input = Request | Response | Expired | Undeliverable  # Request from the network, Response from the user
Step = tuple[State, tuple[Action, ...]]


def begin(*, reliable: bool) -> Step:
    """The request has arrived."""
    return Trying(reliable), ()


def handle(state: State, event: Input) -> Step:
    """One step of the machine."""
    match state:
        case Trying():
            return _trying(state, event)
        case Completed():
            return _completed(state, event)
        case Terminated():
            return state, ()
        case _:
            assert_never(state)


def _trying(state: Trying, event: Input) -> Step:
    match event:
        case Response(status=408):
            # RFC 4320 §4.2: 408 to a non-INVITE request is always too late and must not be sent.
            return TERMINATED, ()
        case Response() if event.status >= 200:
            # §17.2.2: the final response enters Completed; timer J absorbs retransmissions, at once over reliable transports.
            return Completed(event), (Transmit(event), *start(Timer.J, reliable=state.reliable))
        case Request() | Response() | Expired():
            # §17.2.2: retransmissions in Trying are discarded. RFC 4320 §4.1: no provisional response.
            return state, ()
        case Undeliverable():
            return TERMINATED, (Fail(Failure.TRANSPORT),)
        case _:
            assert_never(event)


def _completed(state: Completed, event: Input) -> Step:
    match event:
        case Request():
            # §17.2.2: in Completed a retransmitted request gets the final response again.
            return state, (Transmit(state.answer),)
        case Response():
            return state, ()
        case Expired():
            return TERMINATED, ()
        case Undeliverable():
            # §17.2.4: a transport error ends the transaction; the request will come again if its sender still cares.
            return TERMINATED, (Fail(Failure.TRANSPORT),)
        case _:
            assert_never(event)
