"""Reliable provisional responses: the side that sends them repeats each until its PRACK (RFC 3262 §3); the other reads their order (§4)."""

from __future__ import annotations

from typing import Protocol

from firmware.errors import RemoteProtocolError
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response
from firmware.sip.rack import OPTION_TAG, RSEQ_FIRST_MAX, RSEQ_MAX, RAck, rseq
from firmware.sip.timers import T1_S, TRANSACTION_LIFE_S
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.dialog_request import DialogHolder, DialogRequest
from firmware.sip.usage.endpoint import Endpoint
from firmware.sip.usage.negotiation import SDP


class ReliableUser(Protocol):
    """Who sends provisional responses."""

    def receive_no_prack(self, now_s: float) -> None:
        """64*T1 without PRACK."""
        ...


class Nobody:
    """In place of whoever sent provisional responses to an INVITE that has its final one."""

    def receive_no_prack(self, now_s: float) -> None:
        """Nothing follows from it any more."""


NOBODY = Nobody()


class ReliableResponses:
    """The reliable provisional responses to one INVITE, one at a time."""

    def __init__(self, endpoint: Endpoint, transaction: ServerTransaction, user: ReliableUser) -> None:
        self._endpoint = endpoint
        self._transaction = transaction
        self._user: ReliableUser = user
        # §3: the first number is chosen uniformly from 1 to 2**31 - 1; each further one is one higher.
        self._rseq = endpoint.ids.uint32() % RSEQ_FIRST_MAX
        self._unacknowledged: Response | None = None
        self._waiting: Response | None = None  # the newest that came meanwhile; older ones are out of date
        self._interval_s = T1_S

    @property
    def holds_description(self) -> bool:
        """Whether a response with a body waits for its PRACK: the 2xx must not be sent before (§3)."""
        return any(response is not None and response.body for response in (self._unacknowledged, self._waiting))

    @property
    def is_description_open(self) -> bool:
        """Whether the response that the next PRACK acknowledges has a description."""
        return self._unacknowledged is not None and bool(self._unacknowledged.body)

    @property
    def outstanding(self) -> RAck | None:
        """What the PRACK of the response that waits for one will bear, None when none waits."""
        return None if self._unacknowledged is None else RAck(self._rseq, self._transaction.request.cseq)

    def send(self, response: Response, now_s: float) -> None:
        """Send it, or keep it until the one before it is acknowledged (§3: only one may be open)."""
        if self._unacknowledged is not None:
            self._waiting = response
            return
        self._rseq += 1
        assert self._rseq <= RSEQ_MAX, self._rseq
        self._unacknowledged = response.adding("Require", OPTION_TAG).adding("RSeq", str(self._rseq))
        self._interval_s = T1_S
        self._endpoint.timers.set(self, "give up", now_s + TRANSACTION_LIFE_S)
        self._transmit(now_s)

    def acknowledge(self, acknowledged: RAck, now_s: float) -> bool:
        """A PRACK names a response; False when that one is not open: the PRACK is answered 481 (§3)."""
        if acknowledged != self.outstanding:
            return False
        self.stop()
        return True

    def go_on(self, now_s: float) -> None:
        """Send what has waited for the PRACK."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.send(waiting, now_s)

    def stop(self) -> None:
        """Acknowledged, or given up."""
        self._unacknowledged = None
        self._endpoint.timers.clear(self, "repeat")
        self._endpoint.timers.clear(self, "give up")

    def close(self) -> None:
        """There is a final response. Its sender is let go: in a flood of refused calls no ring of references may wait for a collection."""
        self.stop()
        self._user = NOBODY

    def handle_timer(self, name: str, now_s: float) -> None:
        """Repeat, or give up."""
        if name == "repeat":
            # §3: the interval begins with T1 and doubles with each retransmission; it has no ceiling but 64*T1.
            self._interval_s *= 2
            self._transmit(now_s)
        else:
            self.stop()
            self._user.receive_no_prack(now_s)

    def _transmit(self, now_s: float) -> None:
        assert self._unacknowledged is not None, "only an open response is repeated"
        self._transaction.respond(self._unacknowledged, now_s)
        self._endpoint.timers.set(self, "repeat", now_s + self._interval_s)


class ReliableOrder:
    """What a caller has heard of the reliable provisional responses of one early dialog."""

    def __init__(self) -> None:
        self._last: int | None = None

    def is_next(self, response: Response) -> bool:
        """Whether the response is to be processed and acknowledged; repetitions and those that come too early are not (§4)."""
        number = number_of(response)
        assert number is not None, "only reliable responses have an order"
        if self._last is not None and number != self._last + 1:
            return False
        self._last = number
        return True


def acknowledge(holder: DialogHolder, response: Response, answer: bytes, now_s: float) -> None:
    """Send the PRACK of a reliable response inside its dialog (§4), with an answer where the response made an offer (§5)."""
    number = number_of(response)
    assert number is not None, "only reliable responses are acknowledged"
    headers: Headers = (("RAck", str(RAck(number, response.cseq))),)
    if answer:
        headers = (*headers, ("Content-Type", SDP))
    DialogRequest(holder, "PRACK", headers, answer, _nothing).begin(now_s)


def _nothing(status: int, text: str, now_s: float) -> None:
    """The outcome of a PRACK: a refused one means that the response was given up, and the final response tells the rest."""


def number_of(response: Response) -> int | None:
    """The RSeq of a response that wants an acknowledgement: it requires 100rel and bears a number (§4); None for any other."""
    if not wants(response):
        return None
    try:
        return rseq(response)
    except RemoteProtocolError:
        return None


def wants(message: Request | Response) -> bool:
    """Whether the message requires 100rel."""
    return OPTION_TAG in [tag.lower() for tag in message.get_all("Require")]


def understands(message: Request | Response) -> bool:
    """Whether its sender can acknowledge provisional responses."""
    return wants(message) or OPTION_TAG in [tag.lower() for tag in message.get_all("Supported")]
