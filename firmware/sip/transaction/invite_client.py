"""INVITE client transaction (RFC 3261 §17.1.1, with the Accepted state of RFC 6026 §7.2).

Calling --1xx--> Proceeding --300..699--> Completed --D--> Terminated
   |  \\------------------------^
   +--2xx (also from Proceeding)--> Accepted --M--> Terminated
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from firmware.kind import kind
from firmware.sip.message import Request, Response
from firmware.sip.timers import T1_S, Timer
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
class Calling(NamedTuple):
    """No response yet."""

    request: Request
    reliable: bool
    interval_s: float


@kind
class Proceeding(NamedTuple):
    """A provisional response has come."""

    request: Request
    reliable: bool


@kind
class Completed(NamedTuple):
    """Refused and acknowledged; retransmitted refusals get the ACK again."""

    ack: Request


@kind
class Accepted(NamedTuple):
    """Accepted; the user gets every 2xx, retransmitted or from another fork."""


State = Calling | Proceeding | Completed | Accepted | Terminated
Input = Response | Expired | Undeliverable
Step = tuple[State, tuple[Action, ...]]


def begin(request: Request, *, reliable: bool) -> Step:
    """RFC 3261 §17.1.1.2: pass the request to the transport, start timer A if that is unreliable, and timer B always."""
    actions = (Transmit(request), *start(Timer.A, reliable=reliable), *start(Timer.B, reliable=reliable))
    return Calling(request, reliable, T1_S), actions


def handle(state: State, event: Input) -> Step:
    """One step of the machine."""
    match state:
        case Calling():
            return _calling(state, event)
        case Proceeding():
            return _proceeding(state, event)
        case Completed():
            return _completed(state, event)
        case Accepted():
            return _accepted(state, event)
        case Terminated():
            return state, ()
        case _:
            assert_never(state)


def _calling(state: Calling, event: Input) -> Step:
    match event:
        case Expired(timer=Timer.A):
            # §17.1.1.2: when timer A fires, retransmit and reset it to twice its value.
            interval_s = 2 * state.interval_s
            return state._replace(interval_s=interval_s), (Transmit(state.request), Start(Timer.A, interval_s))
        case Expired():
            # §17.1.1.2: still Calling when timer B fires: inform the user that a timeout has occurred.
            return TERMINATED, (Fail(Failure.TIMEOUT),)
        case Undeliverable():
            # §17.1.4: a transport error is reported to the user and ends the transaction.
            return TERMINATED, (Fail(Failure.TRANSPORT),)
        case Response():
            return _answered(state.request, event, reliable=state.reliable)
        case _:
            assert_never(event)


def _proceeding(state: Proceeding, event: Input) -> Step:
    match event:
        case Response():
            return _answered(state.request, event, reliable=state.reliable)
        case Undeliverable() | Expired():
            # The INVITE has arrived, since it was answered: figure 5 knows transport errors in Calling and Completed only.
            return state, ()
        case _:
            assert_never(event)


def _answered(request: Request, response: Response, *, reliable: bool) -> Step:
    stop = (Stop(Timer.A), Stop(Timer.B))
    if response.status < 200:
        # §17.1.1.2: a provisional response ends retransmission and is passed to the user.
        return Proceeding(request, reliable), (*stop, Deliver(response))
    if response.status < 300:
        # RFC 6026 §7.2: on 2xx enter Accepted, start timer M, pass the response up; the user makes the ACK.
        return Accepted(), (*stop, *start(Timer.M, reliable=reliable), Deliver(response))
    # §17.1.1.2: a refusal is passed up and acknowledged by the transaction itself, to the same hop.
    ack = make_ack(request, response)
    return Completed(ack), (*stop, Transmit(ack), *start(Timer.D, reliable=reliable), Deliver(response))


def _completed(state: Completed, event: Input) -> Step:
    match event:
        case Response() if event.status >= 300:
            # §17.1.1.2: a retransmitted final response causes the ACK to be sent again, and is not passed up.
            return state, (Transmit(state.ack),)
        case Response():
            return state, ()
        case Expired() | Undeliverable():
            # §17.1.1.2: timer D or a transport error ends the transaction; the user has its answer already.
            return TERMINATED, ()
        case _:
            assert_never(event)


def _accepted(state: Accepted, event: Input) -> Step:
    match event:
        case Response() if 200 <= event.status < 300:
            # RFC 6026 §7.2: every 2xx in this state is passed to the user.
            return state, (Deliver(event),)
        case Response() | Undeliverable():
            # RFC 6026 §7.2: other responses are ignored, and a transport error does not end this state.
            return state, ()
        case Expired():
            return TERMINATED, ()
        case _:
            assert_never(event)


def make_ack(request: Request, response: Response) -> Request:
    """The ACK to a refusal (§17.1.1.3): the INVITE's Call-ID, From, Request-URI, top Via and Route; the response's To."""
    return _beside(request, "ACK", response.get("To") or "")


def make_cancel(request: Request, reason: str | None = None) -> Request:
    """The CANCEL of `request` (§9.1): same Request-URI, Call-ID, To, From, CSeq number, Route and top Via; `reason` per RFC 3326."""
    cancel = _beside(request, "CANCEL", request.get("To") or "")
    return cancel if reason is None else cancel.adding("Reason", reason)


def _beside(request: Request, method: str, to: str) -> Request:
    """A request that proxies must take for one with `request`, and send the same way."""
    headers = [("Via", str(request.via)), ("Max-Forwards", "70")]
    headers += [(name, value) for name, value in request.headers if name == "Route"]
    headers += [
        ("From", request.get("From") or ""),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq.number} {method}"),
    ]
    return Request(method, request.uri, tuple(headers))
