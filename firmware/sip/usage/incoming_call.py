"""A call that came in, until we answer or it ends (RFC 3261 §13.3, §9.2).

WAITING --Answer--> ANSWERED (a Session takes over, and waits for the ACK)
   | --refused, cancelled, too late--> ENDED
"""

from __future__ import annotations

from enum import Enum

from firmware.errors import RemoteProtocolError
from firmware.sdp.offer_answer import LocalMedia
from firmware.sip.events import CallEnded, CallKey, EndCause, IncomingCall, Reason
from firmware.sip.message import Request, Response, make_response
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.addressing import common_headers, contact
from firmware.sip.usage.dialog import as_callee
from firmware.sip.usage.endpoint import ALLOW, AccountKnowledge, Endpoint
from firmware.sip.usage.negotiation import SDP, Negotiation, body_of
from firmware.sip.usage.session import Session

REPEAT_PROVISIONAL_S = 60.0  # §13.3.1.1: "the UAS MUST send a non-100 provisional response at every minute"


class Phase(Enum):
    """Where the call stands."""

    WAITING = "not answered"
    ANSWERED = "a session has taken over"
    ENDED = "over"


class UnansweredCall:
    """One call leg that somebody else placed."""

    def __init__(self, endpoint: Endpoint, key: CallKey, transaction: ServerTransaction, knowledge: AccountKnowledge | None) -> None:
        self._endpoint = endpoint
        self._key = key
        self._transaction = transaction
        self._knowledge = knowledge
        self._phase = Phase.WAITING
        self._tag = endpoint.ids.tag()
        self._dialog = as_callee(transaction.request, self._tag)
        self._ringing: Response | None = None

    def begin(self, now_s: float) -> None:
        """Tell the program, and the caller that we are at it (§17.2.1: 100 when the answer takes longer than 200 ms)."""
        endpoint, request = self._endpoint, self._transaction.request
        endpoint.calls[self._key] = self
        endpoint.unanswered[self._transaction.key] = self
        endpoint.dialogs[self._dialog.id] = self
        self._transaction.respond(make_response(request, 100), now_s)
        limit_s = endpoint.settings.unanswered_max_s
        if request.expires is not None:
            # §13.3.1: when the invitation expires before the callee decides, it is answered 487.
            limit_s = min(limit_s, float(request.expires))
        endpoint.timers.set(self, "expired", now_s + limit_s)
        endpoint.emit(
            IncomingCall(
                call=self._key,
                caller=request.from_,
                called=request.uri,
                source=self._transaction.source,
                account=None if self._knowledge is None else self._knowledge.account.name,
                has_offer=bool(request.body),
            )
        )

    # --- what the program asks for

    def ring(self, now_s: float) -> None:
        """Answer 180 (§13.3.1.1)."""
        if self._phase is Phase.WAITING:
            self._ringing = self._response(180)
            self._repeat_ringing(self._ringing, now_s)

    def answer(self, media: LocalMedia, now_s: float) -> None:
        """Answer 200 with our side of the media, or 488 when nothing fits (§13.3.1.3, §13.3.1.4)."""
        if self._phase is not Phase.WAITING:
            return
        negotiation = Negotiation(media)
        host = self._transaction.source.local_host
        try:
            offer = body_of(self._transaction.request)
            # §13.3.1: an INVITE without offer is answered with ours.
            body = negotiation.offer(negotiation.wish, host) if offer is None else negotiation.answer(offer, host)[0]
        except RemoteProtocolError as error:
            self._refuse(error.status, now_s)
            self._tell_ended(EndCause.INCOMPATIBLE, error.status, str(error))
            return
        self._leave(Phase.ANSWERED)
        session = Session(self._endpoint, self._key, self._dialog, negotiation, self._knowledge)
        session.accept(self._transaction, self._response(200, (("Content-Type", SDP),), body), now_s, first=True)
        session.tell_media()

    def hang_up(self, reason: Reason | None, status: int, now_s: float) -> None:
        """Refuse the call."""
        headers = () if reason is None else (("Reason", str(reason)),)
        self._refuse(status, now_s, headers)
        self._tell_ended(EndCause.LOCAL, status, "refused by us")

    # --- what the caller does

    def receive_cancel(self, cancel: Request, now_s: float) -> None:
        """§9.2: a cancelled INVITE that is not answered yet is answered 487."""
        reason = cancel.get("Reason")
        self._refuse(487, now_s)
        self._tell_ended(EndCause.REMOTE, 487, "cancelled" if reason is None else f"cancelled: {reason[:200]}")

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A request inside the early dialog."""
        request = transaction.request
        if request.method == "BYE":
            # §15: the caller may end an early dialog with BYE; §15.1.2: its INVITE then gets 487.
            transaction.respond(make_response(request, 200), now_s)
            self._refuse(487, now_s)
            self._tell_ended(EndCause.REMOTE, 487, "the other side hung up")
        elif request.method == "INVITE":
            # §14.2: a second INVITE before the final response to the first is answered 500 with a random Retry-After of 0 to 10 s.
            retry_after = str(int(self._endpoint.ids.fraction() * 11))
            transaction.respond(make_response(request, 500, headers=(("Retry-After", retry_after),)), now_s)
        else:
            transaction.respond(make_response(request, 481), now_s)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """Nothing was answered yet: somebody's mistake."""

    def handle_timer(self, name: str, now_s: float) -> None:
        """Another minute of ringing, or the end of it."""
        if name == "ringing" and self._ringing is not None:
            self._repeat_ringing(self._ringing, now_s)
        elif name == "expired":
            self._refuse(487, now_s)
            self._tell_ended(EndCause.TIMEOUT, 487, "nobody answered in time")

    # --- the answers

    def _repeat_ringing(self, ringing: Response, now_s: float) -> None:
        self._transaction.respond(ringing, now_s)
        self._endpoint.timers.set(self, "ringing", now_s + REPEAT_PROVISIONAL_S)

    def _response(self, status: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> Response:
        """§12.1.1: a response that makes a dialog bears Contact and copies Record-Route."""
        request = self._transaction.request
        routes = [(name, value) for name, value in request.headers if name == "Record-Route"]
        where = contact(self._endpoint, self._transaction.source, self._knowledge)
        own = (("Contact", where), ("Allow", ALLOW), *common_headers(self._endpoint))
        return make_response(request, status, to_tag=self._tag, headers=(*routes, *own, *headers), body=body)

    def _refuse(self, status: int, now_s: float, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self._leave(Phase.ENDED)
        response = make_response(self._transaction.request, status, to_tag=self._tag, headers=headers)
        self._transaction.respond(response, now_s)

    def _leave(self, phase: Phase) -> None:
        endpoint = self._endpoint
        self._phase = phase
        endpoint.timers.clear(self, "ringing")
        endpoint.timers.clear(self, "expired")
        endpoint.unanswered.pop(self._transaction.key, None)
        endpoint.dialogs.pop(self._dialog.id, None)

    def _tell_ended(self, cause: EndCause, status: int, text: str) -> None:
        self._endpoint.calls.pop(self._key, None)
        self._endpoint.emit(CallEnded(call=self._key, cause=cause, status=status, text=text))
