"""A call that came in, until we answer or it ends (RFC 3261 §13.3, §9.2, RFC 3262 §3).

WAITING --Answer--> ANSWERED (a Session takes over, and waits for the ACK)
   | --refused, cancelled, too late--> ENDED
"""

from __future__ import annotations

from enum import Enum

from firmware.errors import RemoteProtocolError
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import LocalMedia
from firmware.sip.auto_answer import mode_of_answer
from firmware.sip.events import CallEnded, CallKey, EndCause, Hop, MediaAgreed, Reason, RequestDone, Update
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response, make_response
from firmware.sip.rack import OPTION_TAG, rack
from firmware.sip.settings import Use
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage import refresh
from firmware.sip.usage.addressing import session_headers
from firmware.sip.usage.caller import NO_TAKEOVER, Takeover, announcement
from firmware.sip.usage.dialog import Dialog, allows, as_callee
from firmware.sip.usage.early_request import answer_early
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.negotiation import SDP, Negotiation, Standpoint, Task, Wish, body_of, why_headers
from firmware.sip.usage.reliable import ReliableResponses, understands, wants
from firmware.sip.usage.server_request import demand_refusal, entered, supported
from firmware.sip.usage.session import Session
from firmware.sip.usage.update import Updating, answer_update

REPEAT_PROVISIONAL_S = 60.0  # §13.3.1.1: "the UAS MUST send a non-100 provisional response at every minute"


class Phase(Enum):
    """Where the call stands."""

    WAITING = "not answered"
    ANSWERED = "a session has taken over"
    ENDED = "over"


class Described(Enum):
    """How far offer and answer are before the final response."""

    NOTHING = "no description of ours was sent"
    SAID = "in a response that may have been lost: the 2xx repeats it"
    SETTLED = "in a reliable response that was acknowledged: the 2xx needs none (RFC 6337 §3.1.1)"


class UnansweredCall:
    """One call leg that somebody else placed."""

    def __init__(
        self,
        endpoint: Endpoint,
        key: CallKey,
        transaction: ServerTransaction,
        knowledge: AccountKnowledge | None,
        takeover: Takeover = NO_TAKEOVER,
    ) -> None:
        self.endpoint = endpoint
        self.knowledge = knowledge
        self.dialog = as_callee(transaction.request, endpoint.ids.tag(), transaction.source, is_proven=transaction.is_proven)
        self.negotiation = Negotiation(
            LocalMedia(rtp_port=0, codecs=(), session_id=0), endpoint.ids
        )  # replaced when the program says what it can do
        self._key = key
        self._transaction = transaction
        self._takeover = takeover
        self._habits = endpoint.habits(knowledge)
        self._phase = Phase.WAITING
        self._described = Described.NOTHING
        self._body = b""  # our description in a provisional response
        self._ringing: Response | None = None
        self._reliable = ReliableResponses(endpoint, transaction, self)
        self._updating: Updating | None = None
        self._is_media_held = False
        self._answer_mode: Headers = ()  # how it was answered, for a caller that asked
        self._decided: Wish | None = None  # answered by the program while a PRACK or an UPDATE was still open

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, as far as the program is concerned."""
        return self._phase is Phase.ENDED

    def begin(self, now_s: float) -> None:
        """Tell the program, and the caller that we are at it (§17.2.1: 100 when the answer takes longer than 200 ms)."""
        endpoint, request = self.endpoint, self._transaction.request
        refused = self._unfit(request)
        if refused is not None:
            self._transaction.respond(refused.with_header("To", str(self.dialog.local)), now_s)
            return
        endpoint.calls[self._key] = self
        endpoint.unanswered[self._transaction.key] = self
        endpoint.dialogs[self.dialog.id] = self
        self._transaction.respond(make_response(request, 100), now_s)
        limit_s = endpoint.settings.unanswered_max_s
        if request.expires is not None:
            # §13.3.1: when the invitation expires before the callee decides, it is answered 487.
            limit_s = min(limit_s, float(request.expires))
        endpoint.timers.set(self, "expired", now_s + limit_s)
        conference = endpoint.settings.conference
        endpoint.emit(announcement(self._key, self._transaction, self.knowledge, self._takeover, conference=conference))

    def _unfit(self, request: Request) -> Response | None:
        demanded = demand_refusal(request, supported(self._habits))
        if demanded is not None:
            return demanded
        if self._habits.reliable is Use.REQUIRED and not understands(request):
            # §21.4.21: an extension that we insist on is named in Require.
            return make_response(request, 421, headers=(("Require", OPTION_TAG),))
        return refresh.too_small(self._habits, request)

    # --- what the program asks for

    def ring(self, now_s: float) -> None:
        """Answer 180 (§13.3.1.1)."""
        if self._phase is not Phase.WAITING or self._decided is not None:
            return
        request = self._transaction.request
        if self._must_be_reliable and not request.body and self._described is Described.NOTHING:
            # RFC 3262 §5: the first reliable response to an INVITE without offer makes one; what, the program has not said yet.
            return
        self._provide(180, b"", now_s, reliably=self._must_be_reliable)

    def progress(self, media: LocalMedia, status: int, now_s: float) -> None:
        """Answer 1xx with our description, so that sound flows before the answer; 488 and the end when nothing fits."""
        if self._phase is not Phase.WAITING or self._decided is not None:
            return
        if self._described is Described.NOTHING and (self._transaction.request.body or self._may_be_reliable):
            # RFC 3262 §5: only a reliable response can make an offer; else it must wait for the 2xx.
            try:
                self._body = self._describe(Wish(media, Direction.SENDRECV))
            except RemoteProtocolError as error:
                self._fail(error, now_s)
                return
            self._described = Described.SAID
            self._provide(status, self._body, now_s, reliably=self._may_be_reliable)
            # As for the sound after a 2xx: see Session.tell_first_media.
            self._is_media_held = not self.dialog.is_proven
            if self.dialog.is_proven:
                self.tell_media()
            return
        self._provide(status, b"" if self._may_be_reliable else self._body, now_s, reliably=self._must_be_reliable)

    def answer(self, wish: Wish, now_s: float, *, by_itself: bool) -> None:
        """Answer 200 with our side of the media, or 488 when nothing fits (§13.3.1.3, §13.3.1.4)."""
        if self._phase is Phase.WAITING:
            self._answer_mode = mode_of_answer(self._transaction.request, by_itself=by_itself)
            self._accept(wish, now_s)

    def _accept(self, wish: Wish, now_s: float) -> None:
        if self._reliable.holds_description or self._updating is not None:
            # RFC 3262 §3: the 2xx waits until a provisional response with a description is acknowledged, as it does for our UPDATE.
            self._decided = wish
            return
        try:
            if self._described is Described.NOTHING:
                self._body = self._describe(wish)
        except RemoteProtocolError as error:
            self._fail(error, now_s)
            return
        body = b"" if self._described is Described.SETTLED else self._body
        agreed = refresh.choose(self._habits, self._transaction.request)
        overtaken = self._reliable.outstanding
        self._leave(Phase.ANSWERED)
        session = Session(self.endpoint, self._key, self.dialog, self.negotiation, self.knowledge)
        session.peer_allows_update = allows(self._transaction.request, "UPDATE")
        session.overtaken = overtaken
        content = (("Content-Type", SDP),) if body else ()
        session.accept(
            self._transaction, self._response(200, (*refresh.stated(agreed), *self._answer_mode, *content), body), now_s, first=True
        )
        session.refresher.start(agreed, now_s, we_asked=False)
        session.tell_first_media()
        self._take_over(now_s)

    def update(self, command: Update, now_s: float) -> bool:
        """Offer anew before the answer; False when that cannot be now."""
        may = self._described is Described.SETTLED and not self.negotiation.is_offering and allows(self._transaction.request, "UPDATE")
        if self._phase is not Phase.WAITING or not may or self._updating is not None:
            return False
        self._updating = Updating(self, Task(command.media, method="UPDATE"))
        self._updating.begin(now_s)
        return True

    def hang_up(self, reason: Reason | None, status: int, now_s: float, cause: EndCause = EndCause.LOCAL) -> None:
        """Refuse the call."""
        headers = () if reason is None else (("Reason", str(reason)),)
        self._refuse(status, now_s, headers)
        self._tell_ended(cause, status, "refused by us")

    # --- what the caller does

    def receive_cancel(self, cancel: Request, now_s: float) -> None:
        """§9.2: a cancelled INVITE that is not answered yet is answered 487."""
        reason = cancel.get("Reason")
        self._refuse(487, now_s)
        self._tell_ended(EndCause.REMOTE, 487, "cancelled" if reason is None else f"cancelled: {reason[:200]}")

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A request inside the early dialog."""
        request = transaction.request
        if request.method == "INVITE":
            # §14.2: a second INVITE before the final response to the first is answered 500 with a random Retry-After of 0 to 10 s.
            retry_after = str(int(self.endpoint.ids.fraction() * 11))
            transaction.respond(make_response(request, 500, headers=(("Retry-After", retry_after),)), now_s)
            return
        self.dialog, refused = entered(self.endpoint, self.dialog, request)
        if refused is not None:
            transaction.respond(refused, now_s)
        elif request.method == "BYE":
            # §15: the caller may end an early dialog with BYE; §15.1.2: its INVITE then gets 487.
            transaction.respond(make_response(request, 200), now_s)
            self._refuse(487, now_s)
            self._tell_ended(EndCause.REMOTE, 487, "the other side hung up")
        elif request.method == "PRACK":
            self._receive_prack(transaction, now_s)
        elif request.method == "UPDATE":
            is_offered = self._described is not Described.SETTLED
            response, is_new = answer_update(self, request, transaction.source, is_offered=is_offered)
            transaction.respond(response, now_s)
            if is_new:
                self.tell_media()
        else:
            transaction.respond(answer_early(request, self.request_headers(transaction.source)), now_s)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """Nothing was answered yet: somebody's mistake."""

    def receive_no_prack(self, now_s: float) -> None:
        """RFC 3262 §3: 64*T1 without PRACK: the INVITE is refused with 5xx."""
        self._refuse(504, now_s)
        self._tell_ended(EndCause.TIMEOUT, 504, "our provisional response was not acknowledged")

    def handle_timer(self, name: str, now_s: float) -> None:
        """Another minute of ringing, or the end of it."""
        if name == "ringing" and self._ringing is not None:
            self._repeat_ringing(self._ringing, now_s)
        elif name == "expired":
            self._refuse(487, now_s)
            self._tell_ended(EndCause.TIMEOUT, 487, "nobody answered in time")

    # --- PRACK (RFC 3262 §3, §5)

    def _receive_prack(self, transaction: ServerTransaction, now_s: float) -> None:
        request = transaction.request
        try:
            acknowledged = rack(request)
            body = body_of(request)
        except RemoteProtocolError as error:
            transaction.respond(make_response(request, error.status), now_s)
            return
        is_description = self._reliable.is_description_open  # one that still waits to be sent has not arrived by this
        if acknowledged is None or not self._reliable.acknowledge(acknowledged, now_s):
            # §3: a PRACK that matches no unacknowledged response is answered 481.
            transaction.respond(make_response(request, 400 if acknowledged is None else 481), now_s)
            return
        if self._is_media_held:
            self._is_media_held = False
            self.tell_media()
        if self.negotiation.is_offering and self._updating is None:
            # §5: our offer in the reliable response is answered in its PRACK.
            transaction.respond(make_response(request, 200), now_s)
            try:
                self.negotiation.accept(body or b"")
            except RemoteProtocolError as error:
                self._fail(error, now_s)
                return
            self.tell_media()
        elif body is not None and (is_description or self._described is Described.SETTLED):
            self._described = Described.SETTLED
            # §5: after our answer the PRACK may make a new offer; its 200 answers.
            response, is_new = answer_update(self, request, transaction.source, is_offered=False)
            transaction.respond(response, now_s)
            if is_new:
                self.tell_media()
        else:
            transaction.respond(make_response(request, 200), now_s)
        if is_description:
            self._described = Described.SETTLED
        self._go_on(now_s)

    def _go_on(self, now_s: float) -> None:
        self._reliable.go_on(now_s)
        decided = self._decided
        if decided is not None and not self._reliable.holds_description:
            self._decided = None
            self._accept(decided, now_s)

    # --- for the requests of ours

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number."""
        self.dialog = self.dialog.numbered()
        return self.dialog

    @property
    def timer_headers(self) -> Headers:
        """RFC 4028 §7: the timer begins with the answer."""
        return ()

    def request_headers(self, hop: Hop) -> Headers:
        """Headers of a target refresh request, or of its response."""
        return self._own_headers(hop)

    def offer_done(self, task: Task, status: int, text: str, now_s: float, response: Response | None = None) -> None:
        """Our UPDATE has its outcome."""
        self._updating = None
        if self._phase is not Phase.WAITING:
            return
        self.endpoint.emit(RequestDone(call=self._key, method=task.method, status=status))
        if 200 <= status < 300:
            self.tell_media()
        self._go_on(now_s)

    def tell_media(self) -> None:
        """Offer and answer have met."""
        if self.negotiation.agreed is not None:
            self.endpoint.emit(MediaAgreed(call=self._key, session=self.negotiation.agreed, early=True))

    # --- the answers

    @property
    def _may_be_reliable(self) -> bool:
        return self._habits.reliable is not Use.OFF and understands(self._transaction.request)

    @property
    def _must_be_reliable(self) -> bool:
        """RFC 3262 §3: to whoever requires it every provisional response but 100 goes reliably."""
        return self._may_be_reliable and (wants(self._transaction.request) or self._habits.reliable is Use.REQUIRED)

    def _describe(self, wish: Wish) -> bytes:
        """Our answer to the INVITE's offer, or our offer when it made none (§13.3.1). Raises RemoteProtocolError."""
        negotiation = Negotiation(wish.local, self.endpoint.ids, wish.direction)
        standpoint = Standpoint.at(self._transaction.source)
        offer = body_of(self._transaction.request)
        body = negotiation.offer(negotiation.wish, standpoint) if offer is None else negotiation.answer(offer, standpoint)[0]
        self.negotiation = negotiation
        return body

    def _provide(self, status: int, body: bytes, now_s: float, *, reliably: bool) -> None:
        response = self._response(status, (("Content-Type", SDP),) if body else (), body)
        if reliably:
            # RFC 3262 §3: reliable responses are not repeated every minute: the caller has acknowledged that it waits.
            self._reliable.send(response, now_s)
        else:
            self._ringing = response
            self._repeat_ringing(response, now_s)

    def _repeat_ringing(self, ringing: Response, now_s: float) -> None:
        self._transaction.respond(ringing, now_s)
        self.endpoint.timers.set(self, "ringing", now_s + REPEAT_PROVISIONAL_S)

    def _response(self, status: int, headers: Headers = (), body: bytes = b"") -> Response:
        """§12.1.1: a response that makes a dialog bears Contact and copies Record-Route."""
        request = self._transaction.request
        routes = [(name, value) for name, value in request.headers if name == "Record-Route"]
        own = self._own_headers(self._transaction.source)
        return make_response(request, status, to_tag=self.dialog.local.tag, headers=(*routes, *own, *headers), body=body)

    def _own_headers(self, hop: Hop) -> Headers:
        # RFC 3911 §4: who joins a conversation hears that it is a conference, and where.
        is_focus = self._takeover.joins is not None or self._key in self.endpoint.focus
        return session_headers(self.endpoint, hop, self.knowledge, is_focus=is_focus, is_secure=self.dialog.is_secure)

    def _take_over(self, now_s: float) -> None:
        replaced = None if self._takeover.replaces is None else self.endpoint.calls.get(self._takeover.replaces)
        if replaced is not None:
            # RFC 3891 §3: once the new call is accepted, the replaced dialog is ended.
            replaced.hang_up(None, 487, now_s, EndCause.REPLACED)

    def _fail(self, error: RemoteProtocolError, now_s: float) -> None:
        self._refuse(error.status, now_s, why_headers(error))
        self._tell_ended(EndCause.INCOMPATIBLE, error.status, str(error))

    def _refuse(self, status: int, now_s: float, headers: Headers = ()) -> None:
        self._leave(Phase.ENDED)
        response = make_response(self._transaction.request, status, to_tag=self.dialog.local.tag, headers=headers)
        self._transaction.respond(response, now_s)

    def _leave(self, phase: Phase) -> None:
        endpoint = self.endpoint
        self._phase = phase
        self._reliable.close()
        if self._updating is not None:
            self._updating.conclude()
        endpoint.timers.clear(self, "ringing")
        endpoint.timers.clear(self, "expired")
        endpoint.unanswered.pop(self._transaction.key, None)
        endpoint.dialogs.pop(self.dialog.id, None)

    def _tell_ended(self, cause: EndCause, status: int, text: str) -> None:
        self.endpoint.calls.pop(self._key, None)
        self.endpoint.emit(CallEnded(call=self._key, cause=cause, status=status, text=text))
