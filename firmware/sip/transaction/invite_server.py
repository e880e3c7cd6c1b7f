"""INVITE server transaction (RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1).

Proceeding --300..699--> Completed --ACK--> Confirmed --I--> Terminated
     \\-----2xx--> Accepted --L--> Terminated
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from firmware.kind import kind
from firmware.sip.message import Request, Response
from firmware.sip.timers import T1_S, T2_S, Timer
from firmware.sip.transaction.actions import (
    TERMINATED,
    Action,
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
class Proceeding(NamedTuple):
    """The user has not decided; `last` is the newest provisional response, which answers retransmitted requests."""

    reliable: bool
    last: Response | None


@kind
class Completed(NamedTuple):
    """Refused; the refusal is repeated until the ACK comes."""

    reliable: bool
    refusal: Response
    interval_s: float


@kind
class Confirmed(NamedTuple):
    """The refusal was acknowledged; further ACKs are absorbed."""


@kind
class Accepted(NamedTuple):
    """Accepted; the user repeats its 2xx, retransmitted INVITEs are absorbed."""


State = Proceeding | Completed | Confirmed | Accepted | Terminated
Input = Request | Response | Expired | Undeliverable  # Request from the network, Response from the user
Step = tuple[State, tuple[Action, ...]]


def begin(*, reliable: bool) -> Step:
    """The request has arrived. The user answers 100 within 200 ms (§17.2.1); ours does so at once."""
    return Proceeding(reliable, None), ()


def handle(state: State, event: Input) -> Step:
    """One step of the machine."""
    match state:
        case Proceeding():
            return _proceeding(state, event)
        case Completed():
            return _completed(state, event)
        case Confirmed():
            # §17.2.1: Confirmed absorbs additional ACKs until timer I fires.
            return (TERMINATED, ()) if isinstance(event, Expired) else (state, ())
        case Accepted():
            return _accepted(state, event)
        case Terminated():
            return state, ()
        case _:
            assert_never(state)


def _proceeding(state: Proceeding, event: Input) -> Step:
    match event:
        case Request(method="ACK"):
            return state, ()
        case Request():
            # §17.2.1: a retransmitted request gets the most recent provisional response again.
            return state, () if state.last is None else (Transmit(state.last),)
        case Response() if event.status < 200:
            return state._replace(last=event), (Transmit(event),)
        case Response() if event.status < 300:
            # RFC 6026 §7.1: on 2xx enter Accepted and start timer L.
            return Accepted(), (Transmit(event), *start(Timer.L, reliable=state.reliable))
        case Response():
            # §17.2.1: a refusal is repeated with timer G on unreliable transports, until ACK or timer H.
            timers = (*start(Timer.G, reliable=state.reliable), *start(Timer.H, reliable=state.reliable))
            return Completed(state.reliable, event, T1_S), (Transmit(event), *timers)
        case Undeliverable():
            # RFC 6026 §7.1: after a transport error the machine stays; the user is informed.
            return state, (Fail(Failure.TRANSPORT),)
        case Expired():
            return state, ()
        case _:
            assert_never(event)


def _completed(state: Completed, event: Input) -> Step:
    match event:
        case Request(method="ACK"):
            # §17.2.1: ACK stops the retransmissions; timer I absorbs further ones.
            stop = (Stop(Timer.G), Stop(Timer.H))
            return Confirmed(), (*stop, *start(Timer.I, reliable=state.reliable))
        case Request():
            return state, (Transmit(state.refusal),)
        case Expired(timer=Timer.G):
            # §17.2.1: timer G doubles up to T2.
            interval_s = min(2 * state.interval_s, T2_S)
            return state._replace(interval_s=interval_s), (Transmit(state.refusal), Start(Timer.G, interval_s))
        case Expired():
            # §17.2.1: timer H: the ACK was never received.
            return TERMINATED, (Fail(Failure.TIMEOUT),)
        case Undeliverable() | Response():
            return state, ()
        case _:
            assert_never(event)


def _accepted(state: Accepted, event: Input) -> Step:
    match event:
        case Response() if 200 <= event.status < 300:
            # RFC 6026 §7.1: the user's repeated 2xx are passed to the transport.
            return state, (Transmit(event),)
        case Request() | Response():
            # RFC 6026 §7.1: retransmitted INVITEs are absorbed without a response.
            return state, ()
        case Undeliverable():
            return state, (Fail(Failure.TRANSPORT),)
        case Expired():
            return TERMINATED, ()
        case _:
            assert_never(event)
