"""Non-INVITE client transaction (RFC 3261 §17.1.2).

Trying --1xx--> Proceeding --200..699--> Completed --K--> Terminated
   \\------------------------^
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from firmware.kind import kind
from firmware.sip.message import Request, Response
from firmware.sip.timers import T1_S, T2_S, Timer
from firmware.sip.transaction.actions import (
    TERMINATED,
    Action,
    Deliver,
    Expired,
    Fail,
    Failure,
    Start,
    Stop,
    Terminated,
    Transmit,
    Undeliverable,
    start,
)


@kind
class Trying(NamedTuple):
    """No response yet."""

    request: Request
    reliable: bool
    interval_s: float


@kind
class Proceeding(NamedTuple):
    """A provisional response has come; the request is repeated every T2."""

    request: Request
    reliable: bool


@kind
class Completed(NamedTuple):
    """Answered; retransmitted answers are absorbed."""


State = Trying | Proceeding | Completed | Terminated
Input = Response | Expired | Undeliverable
Step = tuple[State, tuple[Action, ...]]


def begin(request: Request, *, reliable: bool) -> Step:
    """RFC 3261 §17.1.2.2: send the request, start timer F, and timer E on unreliable transports."""
    actions = (Transmit(request), *start(Timer.E, reliable=reliable), *start(Timer.F, reliable=reliable))
    return Trying(request, reliable, T1_S), actions


def handle(state: State, event: Input) -> Step:
    """One step of the machine."""
    match state:
        case Trying() | Proceeding():
            return _waiting(state, event)
        case Completed():
            # §17.1.2.2: Completed absorbs retransmitted responses until timer K.
            return (TERMINATED, ()) if isinstance(event, Expired) else (state, ())
        case Terminated():
            return state, ()
        case _:
            assert_never(state)


def _waiting(state: Trying | Proceeding, event: Input) -> Step:
    match event:
        case Expired(timer=Timer.E):
            return _repeat(state)
        case Expired():
            # §17.1.2.2: timer F: inform the user about the timeout.
            return TERMINATED, (Fail(Failure.TIMEOUT),)
        case Undeliverable():
            return TERMINATED, (Fail(Failure.TRANSPORT),)
        case Response() if event.status < 200:
            return Proceeding(state.request, state.reliable), (Deliver(event),)
        case Response():
            # §17.1.2.2: a final response is passed up; timer K absorbs its retransmissions.
            stop = (Stop(Timer.E), Stop(Timer.F))
            return Completed(), (*stop, *start(Timer.K, reliable=state.reliable), Deliver(event))
        case _:
            assert_never(event)


def _repeat(state: Trying | Proceeding) -> Step:
    match state:
        case Trying():
            # §17.1.2.2: timer E doubles up to T2.
            interval_s = min(2 * state.interval_s, T2_S)
            return state._replace(interval_s=interval_s), (Transmit(state.request), Start(Timer.E, interval_s))
        case Proceeding():
            # §17.1.2.2: in Proceeding timer E is reset to T2.
            return state, (Transmit(state.request), Start(Timer.E, T2_S))
        case _:
            assert_never(state)
