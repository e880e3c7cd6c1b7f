"""A call that has been answered: everything that may happen inside its dialog until it is over (RFC 3261 §14, §15, RFC 3311, RFC 6086).

Its states are those of `session_state`. What we offer anew in it is for `offers`, session timers for `refresh`, transfers for `refer`.
"""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip.events import (
    CallAnswered,
    CallEnded,
    CallKey,
    EndCause,
    Hop,
    MediaAgreed,
    Reason,
    RemoteChanged,
)
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response, make_response
from firmware.sip.rack import RAck
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.acceptance import Acceptance
from firmware.sip.usage.addressing import session_headers
from firmware.sip.usage.dialog import Dialog, allows
from firmware.sip.usage.dialog_request import DialogRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.info import Infos
from firmware.sip.usage.late_prack import answer_late_prack
from firmware.sip.usage.negotiation import SDP, Negotiation, Task, body_of, why_headers
from firmware.sip.usage.offers import Offers
from firmware.sip.usage.refer import Transfers
from firmware.sip.usage.refresh import Refresh, choose, stated, too_small
from firmware.sip.usage.reinvite import answer_reinvite
from firmware.sip.usage.server_request import entered
from firmware.sip.usage.session_state import (
    OVER,
    STABLE,
    Answering,
    Colliding,
    Leaving,
    Offering,
    Over,
    Reporting,
    Stable,
    State,
)
from firmware.sip.usage.update import Updating, answer_update

REPORT_S_MAX = 4.0  # how long BYE waits for the answer to a last report: it was sent four times by then (T1 to T2, RFC 3261 §17.1.2.2)


class Session:
    """One answered call leg. It binds its dialog at creation and unbinds it when over."""

    def __init__(
        self, endpoint: Endpoint, key: CallKey, dialog: Dialog, negotiation: Negotiation, knowledge: AccountKnowledge | None
    ) -> None:
        self.endpoint = endpoint
        self.key = key
        self.dialog = dialog
        self.negotiation = negotiation
        self.knowledge = knowledge
        self.has_said_bye = False
        self.state: State = STABLE  # which the offers move as well
        self._is_media_held = False  # until the other side has shown where it is
        self.peer_allows_update = False
        self.overtaken: RAck | None = None  # the PRACK of a provisional response that our 2xx did not wait for
        self.refresher = Refresh(self)
        self.transfers = Transfers(self)
        self.infos = Infos(self)
        self.offers = Offers(self)
        endpoint.dialogs[dialog.id] = self
        endpoint.calls[key] = self

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, as far as the program is concerned."""
        return isinstance(self.state, (Over, Leaving, Reporting))

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number, for the request about to be composed."""
        self.dialog = self.dialog.numbered()
        return self.dialog

    @property
    def timer_headers(self) -> Headers:
        """The session timer as requests of ours state it."""
        return self.refresher.headers

    def tell_answered(self) -> None:
        """The call is up."""
        knowledge, dialog = self.knowledge, self.dialog
        self.endpoint.emit(
            CallAnswered(
                call=self.key,
                remote=dialog.remote,
                local=dialog.local,
                call_id=dialog.call_id,
                local_host=self.negotiation.local_host,
                account=None if knowledge is None else knowledge.account.name,
                is_encrypted=self.negotiation.is_encrypted,
            )
        )

    def tell_media(self) -> None:
        """Offer and answer have met."""
        if self.negotiation.agreed is not None:
            self.endpoint.emit(MediaAgreed(call=self.key, session=self.negotiation.agreed, early=False))

    def tell_first_media(self) -> None:
        """They have met in our 2xx. From an address that has proven nothing the offer counts when the ACK shows that our answer arrived,
        lest a forged INVITE points half a minute of sound at a stranger (RFC 5245 §18.5.1: the voice hammer)."""
        if self.dialog.is_proven:
            self.tell_media()
        else:
            self._is_media_held = True

    # --- what the program asks for

    def accept(self, transaction: ServerTransaction, response: Response, now_s: float, *, first: bool) -> None:
        """Answer an INVITE 2xx, the one that made the dialog or a later one."""
        acceptance = Acceptance(self.endpoint, transaction, response, self)
        self.state = Answering(acceptance, first)
        acceptance.begin(now_s)

    def referral_ended(self, now_s: float) -> None:
        """A transfer is reported on no more; the dialog goes when both are over."""
        match self.state:
            case Over():
                self._over()
            case Reporting(reason=reason) if not self.transfers.is_reporting:
                self._bye(reason, now_s)
            case _:
                pass

    def adopt(self, updating: Updating) -> None:
        """An UPDATE that was begun before the answer goes on here."""
        updating.adopt(self)
        self.state = Offering(updating)

    def hang_up(self, reason: Reason | None, status: int, now_s: float, cause: EndCause = EndCause.LOCAL) -> None:
        """End the call."""
        self.end(cause, 0, "hung up" if cause is EndCause.LOCAL else cause.value, now_s, reason)

    def end(self, cause: EndCause, status: int, text: str, now_s: float, reason: Reason | None = None) -> None:
        """End the call from our side and tell the program why."""
        match self.state:
            case Over() | Leaving() | Reporting():
                return
            case Answering(acceptance=acceptance, first=True):
                # §15: the callee must not send BYE until it has the ACK, or the 2xx has timed out.
                self.state = Leaving(acceptance, reason)
            case Answering(acceptance=acceptance):
                acceptance.stop()
                self._leave(reason, now_s)
            case Stable() | Offering() | Colliding():
                self._leave(reason, now_s)
        self._tell_ended(cause, status, text, now_s)

    # --- what the other side sends

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A request inside the dialog."""
        request = transaction.request
        self.dialog, refused = entered(self.endpoint, self.dialog, request)
        if refused is not None:
            transaction.respond(refused, now_s)
        elif request.method == "BYE":
            self._receive_bye(transaction, now_s)
        elif request.method == "NOTIFY":
            # RFC 5057 §4.1: a subscription by REFER lives in the dialog beside the call, and may outlive it.
            self.transfers.receive_notify(transaction, now_s)
        elif isinstance(self.state, Over) or (self.is_over and request.method == "UPDATE"):
            transaction.respond(make_response(request, 481), now_s)
        elif request.method == "PRACK":
            answer_late_prack(self, transaction, now_s)
        elif request.method == "INVITE":
            self._receive_invite(transaction, now_s)
        elif request.method == "UPDATE":
            self._receive_update(transaction, now_s)
        elif request.method == "REFER":
            self.transfers.receive_refer(transaction, now_s)
        elif request.method == "SUBSCRIBE":
            self.transfers.receive_subscribe(transaction, now_s)  # the desk has left it to us, so it is about a transfer
        elif request.method == "INFO":
            self.infos.receive(transaction, now_s)
        else:
            self._receive_other(transaction, now_s)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """The ACK of our 2xx; its CSeq number is that of the INVITE (§13.2.2.4)."""
        self.dialog = self.dialog._replace(is_proven=True)
        match self.state:
            case Answering(acceptance=acceptance, first=first) if acceptance.cseq == ack.cseq.number:
                acceptance.stop()
                self.state = STABLE
                self._acknowledged(ack, now_s, first=first)
            case Leaving(acceptance=acceptance, reason=reason) if acceptance.cseq == ack.cseq.number:
                acceptance.stop()
                self._bye(reason, now_s)
            case _:
                pass  # a repetition

    def receive_no_ack(self, now_s: float) -> None:
        """§13.3.1.4: 64*T1 without ACK: the dialog is confirmed, but the session should be ended with BYE."""
        match self.state:
            case Leaving(reason=reason):
                self._bye(reason, now_s)
            case Answering():
                self.state = STABLE
                self.end(EndCause.TIMEOUT, 408, "our 200 was not acknowledged", now_s)
            case _:
                pass

    def _receive_bye(self, transaction: ServerTransaction, now_s: float) -> None:
        # §15.1.2: answer 200, whatever is going on; both sides may have sent BYE at once.
        transaction.respond(make_response(transaction.request, 200), now_s)
        match self.state:
            case Over():
                return
            case Reporting():
                pass
            case Leaving(acceptance=acceptance):
                acceptance.stop()
            case Answering(acceptance=acceptance):
                acceptance.stop()
                self._tell_ended(EndCause.REMOTE, 0, "the other side hung up", now_s)
            case Stable() | Offering() | Colliding():
                self._tell_ended(EndCause.REMOTE, 0, "the other side hung up", now_s)
        self._over()

    def _receive_other(self, transaction: ServerTransaction, now_s: float) -> None:
        # §11.2: OPTIONS inside a dialog is answered as outside of it. The rest was refused before.
        headers = (*self.request_headers(transaction.source), ("Accept", SDP))
        transaction.respond(make_response(transaction.request, 200, headers=headers), now_s)

    # --- re-INVITE from the other side (§14.2)

    def _receive_invite(self, transaction: ServerTransaction, now_s: float) -> None:
        request = transaction.request
        small = too_small(self.endpoint.habits(self.knowledge), request)
        if small is not None:
            transaction.respond(small, now_s)
            return
        match self.state:
            case Offering() | Leaving() | Reporting() | Over():
                # §14.2: while our own INVITE is in progress in this dialog, theirs is answered 491.
                transaction.respond(make_response(request, 491), now_s)
                return
            case Answering() if self.negotiation.is_offering:
                # RFC 3264 §4: no new offer while one is open; ours waits for the answer in the ACK.
                transaction.respond(make_response(request, 491), now_s)
                return
            case Answering(acceptance=acceptance, first=first):
                # A new INVITE proves that our 2xx arrived; its ACK was lost or is late.
                acceptance.stop()
                if first:
                    self.tell_answered()
                    self._release_media()
            case Stable() | Colliding():
                pass
        agreed = choose(self.endpoint.habits(self.knowledge), request)
        try:
            response = answer_reinvite(self, request, transaction.source, stated(agreed))
        except RemoteProtocolError as error:
            # §14.2: an offer that does not fit is refused with 488; the session goes on unchanged.
            self._become_stable(now_s)
            transaction.respond(make_response(request, error.status, headers=why_headers(error)), now_s)
            return
        self.dialog = self.dialog.refreshed(request)
        self._note_peer(request)
        if isinstance(self.state, Colliding):
            self.offers.overtaken(self.state.task)
        self.accept(transaction, response, now_s, first=False)
        self.refresher.start(agreed, now_s, we_asked=False)
        if not self.negotiation.is_offering:
            self.tell_media()

    def _receive_update(self, transaction: ServerTransaction, now_s: float) -> None:
        """RFC 3311 §5.2: like a re-INVITE, but without ACK, and possible before the call is confirmed."""
        request = transaction.request
        habits = self.endpoint.habits(self.knowledge)
        small = too_small(habits, request)
        if small is not None:
            transaction.respond(small, now_s)
            return
        response, is_new = answer_update(self, request, transaction.source, is_offered=False)
        if response.status < 300:
            agreed = choose(habits, request)
            for name, value in stated(agreed):
                response = response.adding(name, value)
            self.refresher.start(agreed, now_s, we_asked=False)
            self._note_peer(request)
        transaction.respond(response, now_s)
        if is_new:
            self.tell_media()

    def _note_peer(self, request: Request) -> None:
        """A target refresh of the other side: what it takes now, and who it is now."""
        self.peer_allows_update = allows(request, "UPDATE")
        now, before = request.from_, self.dialog.remote
        if (now.uri, now.display) != (before.uri, before.display):
            # RFC 4916 §4.4.1: another URI in From says who is there now; our To says the same from here on.
            self.dialog = self.dialog._replace(remote=now)
            if now.uri != before.uri:
                self.endpoint.emit(RemoteChanged(call=self.key, remote=now))

    def _acknowledged(self, ack: Request, now_s: float, *, first: bool) -> None:
        if first:
            self.tell_answered()
        if self.negotiation.is_offering:
            try:
                # §13.2.1: when the 2xx held the offer, the ACK holds the answer.
                self.negotiation.accept(body_of(ack) or b"")
            except RemoteProtocolError as error:
                self.end(EndCause.INCOMPATIBLE, 0, f"no usable answer in the ACK: {error}", now_s)
                return
            self._is_media_held = True  # agreed on here, and let go with what the 2xx has agreed on
        self._release_media()
        self._become_stable(now_s)

    def _release_media(self) -> None:
        """Our 2xx has arrived: what it agreed on counts."""
        if self._is_media_held:
            self._is_media_held = False
            self.tell_media()

    # --- our own offers

    def offer_done(self, task: Task, status: int, text: str, now_s: float, response: Response | None = None) -> None:
        """Our re-INVITE or UPDATE has its outcome."""
        if not isinstance(self.state, Offering) or not self.offers.done(task, status, response, now_s):
            return
        if not self.lose(status, text, now_s):
            self._become_stable(now_s)

    def _become_stable(self, now_s: float) -> None:
        if isinstance(self.state, (Answering, Stable)):
            self.state = STABLE
            self.offers.go_on(now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The answer to a last report has been waited for long enough."""
        assert name == "report", name
        if isinstance(self.state, Reporting):
            self._bye(self.state.reason, now_s)

    # --- the end

    def lose(self, status: int, text: str, now_s: float) -> bool:
        """End the call when this answer to a request of ours says that the other side has lost it."""
        if status not in (408, 481):
            return False
        # §12.2.1.2: 481 or 408 to a request inside the dialog: the other side has lost it, so we end it.
        self.end(EndCause.TIMEOUT if status == 408 else EndCause.REMOTE, status, text, now_s)
        return True

    def _leave(self, reason: Reason | None, now_s: float) -> None:
        """BYE, at once or after the last report of a transfer."""
        if not self.transfers.is_reporting:
            self._bye(reason, now_s)
            return
        self._conclude()
        self.state = Reporting(reason)
        self.endpoint.timers.set(self, "report", now_s + REPORT_S_MAX)

    def _bye(self, reason: Reason | None, now_s: float) -> None:
        self.has_said_bye = True
        self._conclude()
        headers: Headers = () if reason is None else (("Reason", str(reason)),)
        DialogRequest(self, "BYE", headers, b"", self._bye_done).begin(now_s)

    def _bye_done(self, status: int, text: str, now_s: float) -> None:
        # §15.1.1: whatever the answer, or none, the session is over.
        self._over()

    def _conclude(self) -> None:
        """Nothing new is begun in this dialog but BYE."""
        self.offers.conclude()
        self.infos.conclude()
        self.state = OVER
        self.refresher.stop()
        self.endpoint.timers.clear(self, "report")

    def _over(self) -> None:
        self._conclude()
        if not self.transfers.is_waiting:
            self.endpoint.dialogs.pop(self.dialog.id, None)

    def _tell_ended(self, cause: EndCause, status: int, text: str, now_s: float) -> None:
        self.offers.close()
        self.refresher.stop()
        self.transfers.close(now_s, by_peer=cause is EndCause.REMOTE)
        self.endpoint.calls.pop(self.key, None)
        self.endpoint.emit(CallEnded(call=self.key, cause=cause, status=status, text=text))

    def request_headers(self, hop: Hop) -> Headers:
        """Headers of a target refresh request (§12.2.1.1), and of its response but for the timer."""
        is_focus = self.key in self.endpoint.focus
        return session_headers(self.endpoint, hop, self.knowledge, is_focus=is_focus, is_secure=self.dialog.is_secure)
