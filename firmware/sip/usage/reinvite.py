"""A re-INVITE inside a session: ours composed, acknowledged, reported (RFC 3261 §14.1), and the answer to theirs (§14.2)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from firmware.errors import RemoteProtocolError
from firmware.sip.events import Hop
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response, make_response
from firmware.sip.settings import Use
from firmware.sip.timers import TRANSACTION_LIFE_S
from firmware.sip.usage.acceptance import Acknowledgement
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.negotiation import SDP, Standpoint, Task, body_of
from firmware.sip.usage.reliable import ReliableOrder, acknowledge, number_of

if TYPE_CHECKING:
    from firmware.sip.usage.session import Session


ANSWER_MAX_S = 2 * TRANSACTION_LIFE_S  # no human decides about a re-INVITE; a proxy's 100 stops timer B, so this bounds the wait instead


class Reinvitation:
    """One re-INVITE. It outlives the session where a late 2xx needs its ACK."""

    def __init__(self, session: Session, task: Task) -> None:
        self._session = session
        self._task = task
        self._request = ClientRequest(session.endpoint, self, session.knowledge, shorten=session.negotiation.shorten)
        self._ack: Acknowledgement | None = None
        self._order = ReliableOrder()
        self._answer: bytes | None = None  # that of a reliable response, which counts before the 2xx comes

    def begin(self, now_s: float) -> None:
        """Send it."""
        self._session.endpoint.timers.set(self, "unanswered", now_s + ANSWER_MAX_S)
        self._request.begin(self._session.dialog.next_hop, now_s)

    def conclude(self) -> None:
        """The dialog ends: see ClientRequest.conclude."""
        self._request.conclude()
        if self._request.is_done:
            self._session.endpoint.timers.clear(self, "unanswered")

    def compose(self, hop: Hop) -> Request:
        """The re-INVITE for one attempt."""
        session = self._session
        self._order, self._answer = ReliableOrder(), None  # numbers begin anew with each attempt
        negotiation, task = session.negotiation, self._task
        offer = negotiation.offer(task.wish(negotiation.wish), Standpoint.at(hop), is_renewal=task.is_renewal)
        headers = (*session.request_headers(hop), *session.timer_headers, ("Content-Type", SDP))
        return session.next_dialog().compose("INVITE", headers, offer)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """§14.1: a re-INVITE is never forked and rarely waits; what is reliable must be acknowledged all the same (RFC 3262 §4)."""
        session = self._session
        if number_of(response) is None or session.endpoint.habits(session.knowledge).reliable is Use.OFF:
            return
        if session.is_over or not self._order.is_next(response):
            return
        acknowledge(session, response, b"", now_s)
        # RFC 3262 §5: the first description is the answer. What it changes waits for the 2xx: until then the re-INVITE may still fail, and
        # the session would have to go back (RFC 6141 §3.4). A body of another kind leaves all to the 2xx.
        with suppress(RemoteProtocolError):
            self._answer = self._answer or body_of(response)

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The outcome; a 2xx is acknowledged each time it comes."""
        session = self._session
        session.endpoint.timers.clear(self, "unanswered")
        if response.status >= 300:
            session.negotiation.withdraw()
            # §14.1: after a non-2xx the session stays as if there had been no re-INVITE.
            session.offer_done(self._task, response.status, response.reason, now_s, response)
            return
        if self._ack is not None:
            self._ack.send(now_s)
            return
        session.dialog = session.dialog.refreshed(response)
        ack = session.dialog.compose("ACK", self._request.credentials, cseq=request.cseq.number)
        self._ack = Acknowledgement(session.endpoint, ack, session.dialog.next_hop)
        self._ack.send(now_s)
        if session.is_over:
            return
        try:
            session.negotiation.accept(self._answer or body_of(response) or b"")
        except RemoteProtocolError:
            # The 2xx holds no answer that we can use; as after a refusal, the session stays as it was.
            session.offer_done(self._task, 488, "the answer could not be used", now_s, response)
            return
        session.offer_done(self._task, response.status, response.reason, now_s, response)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer."""
        self._session.endpoint.timers.clear(self, "unanswered")
        self._session.negotiation.withdraw()
        self._session.offer_done(self._task, status, text, now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """Something answered 100 and then nobody answered at all; §14.1 treats that like a 408."""
        assert name == "unanswered", name
        self._request.abandon()
        self.receive_none(408, "the re-INVITE was not answered", now_s)


def answer_reinvite(session: Session, request: Request, hop: Hop, timer: Headers) -> Response:
    """Our 2xx to their re-INVITE. Raises RemoteProtocolError, with the status to refuse with, when its offer does not fit."""
    offer, standpoint = body_of(request), Standpoint.at(hop)
    if offer is None:
        # §14.2: a re-INVITE without offer gets ours in the 2xx.
        body = session.negotiation.offer(session.negotiation.wish, standpoint)
    else:
        body, _ = session.negotiation.answer(offer, standpoint)
    headers = (*session.request_headers(hop), *timer, ("Content-Type", SDP))
    return make_response(request, 200, headers=headers, body=body)
