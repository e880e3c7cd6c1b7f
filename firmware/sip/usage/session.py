"""A call that has been answered: everything that may happen inside its dialog until it is over (RFC 3261 §14, §15, RFC 6086).

Answering(our 200 waits for its ACK) --ACK--> Stable <--> Offering(our re-INVITE runs)
                                                ^ |            | 491
                                                | +--> Answering   Colliding(random wait) --> Offering
any --BYE either way--> Over                            Leaving(hung up before the ACK) --ACK--> Over
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sdp.offer_answer import Direction, LocalMedia
from firmware.sip.events import (
    CallAnswered,
    CallEnded,
    CallKey,
    EndCause,
    Hop,
    InfoReceived,
    MediaAgreed,
    Reason,
    RequestDone,
)
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response, make_response
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.acceptance import Acceptance
from firmware.sip.usage.addressing import common_headers, contact
from firmware.sip.usage.dialog import Dialog
from firmware.sip.usage.dialog_request import DialogRequest
from firmware.sip.usage.endpoint import ALLOW, AccountKnowledge, Endpoint
from firmware.sip.usage.negotiation import SDP, Negotiation, Wish, body_of
from firmware.sip.usage.reinvite import Reinvitation
from firmware.sip.usage.server_request import refusal

WISHES_MAX = 4  # hold, resume, hold … pressed faster than the network answers; more would only be out of date
INFOS_MAX = 8  # INFO requests of ours on the way at once: more digits than anybody types in 32 s without an answer


class Stable(NamedTuple):
    """Nothing pending."""


class Offering(NamedTuple):
    """Our re-INVITE is on its way."""

    reinvitation: Reinvitation


class Answering(NamedTuple):
    """Our 2xx waits for its ACK; `first` when it is the one that answered the call."""

    acceptance: Acceptance
    first: bool


class Colliding(NamedTuple):
    """Both sides offered at once; we wait a random time and offer again (§14.1)."""

    wish: Wish


class Leaving(NamedTuple):
    """Hung up before the ACK of our 200 came: the callee may not send BYE yet (§15)."""

    acceptance: Acceptance
    reason: Reason | None


class Over(NamedTuple):
    """BYE was sent or received."""


State = Stable | Offering | Answering | Colliding | Leaving | Over
STABLE, OVER = Stable(), Over()


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
        self._state: State = STABLE
        self._wishes: deque[Wish] = deque()
        self._infos: list[DialogRequest] = []
        endpoint.dialogs[dialog.id] = self
        endpoint.calls[key] = self

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, as far as the program is concerned."""
        return isinstance(self._state, (Over, Leaving))

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number, for the request about to be composed."""
        self.dialog = self.dialog.numbered()
        return self.dialog

    def tell_answered(self) -> None:
        """The call is up."""
        self.endpoint.emit(CallAnswered(call=self.key, remote=self.dialog.remote))

    def tell_media(self) -> None:
        """Offer and answer have met."""
        if self.negotiation.agreed is not None:
            self.endpoint.emit(MediaAgreed(call=self.key, session=self.negotiation.agreed, early=False))

    # --- what the program asks for

    def accept(self, transaction: ServerTransaction, response: Response, now_s: float, *, first: bool) -> None:
        """Answer an INVITE 2xx, the one that made the dialog or a later one."""
        acceptance = Acceptance(self.endpoint, transaction, response, self)
        self._state = Answering(acceptance, first)
        acceptance.begin(now_s)

    def hold(self, now_s: float) -> None:
        """RFC 3264 §8.4: hold is an offer of sendonly."""
        self._want(Wish(self.negotiation.wish.local, Direction.SENDONLY), now_s)

    def resume(self, now_s: float) -> None:
        """Offer both directions again."""
        self._want(Wish(self.negotiation.wish.local, Direction.SENDRECV), now_s)

    def reinvite(self, media: LocalMedia | None, now_s: float) -> None:
        """Offer anew, with other media or with the same."""
        wish = self.negotiation.wish
        self._want(wish if media is None else Wish(media, wish.direction), now_s)

    def send_info(self, content_type: str, body: bytes, now_s: float) -> None:
        """An INFO request (RFC 6086 §4.2.1)."""
        self._infos = [info for info in self._infos if not info.is_done]
        if self.is_over or len(self._infos) >= INFOS_MAX:
            self.endpoint.emit(RequestDone(call=self.key, method="INFO", status=500))
            return
        info = DialogRequest(self, "INFO", (("Content-Type", content_type),), body, self._info_done)
        self._infos.append(info)
        info.begin(now_s)

    def hang_up(self, reason: Reason | None, status: int, now_s: float) -> None:
        """End the call."""
        self.end(EndCause.LOCAL, 0, "hung up", now_s, reason)

    def end(self, cause: EndCause, status: int, text: str, now_s: float, reason: Reason | None = None) -> None:
        """End the call from our side and tell the program why."""
        match self._state:
            case Over() | Leaving():
                return
            case Answering(acceptance=acceptance, first=True):
                # §15: the callee must not send BYE until it has the ACK, or the 2xx has timed out.
                self._state = Leaving(acceptance, reason)
            case Answering(acceptance=acceptance):
                acceptance.stop()
                self._bye(reason, now_s)
            case Stable() | Offering() | Colliding():
                self._bye(reason, now_s)
        self._tell_ended(cause, status, text)

    # --- what the other side sends

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A request inside the dialog."""
        request = transaction.request
        if self.dialog.is_stale(request.cseq.number):
            # §12.2.2: a sequence number below the last one is out of order.
            transaction.respond(make_response(request, 500, "Request out of order"), now_s)
            return
        self.dialog = self.dialog.heard(request.cseq.number)
        refused = refusal(self.endpoint.settings, request)
        if refused is not None:
            transaction.respond(refused, now_s)
        elif request.method == "BYE":
            self._receive_bye(transaction, now_s)
        elif isinstance(self._state, Over):
            transaction.respond(make_response(request, 481), now_s)
        elif request.method == "INVITE":
            self._receive_invite(transaction, now_s)
        elif request.method == "INFO":
            self._receive_info(transaction, now_s)
        else:
            self._receive_other(transaction, now_s)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """The ACK of our 2xx; its CSeq number is that of the INVITE (§13.2.2.4)."""
        match self._state:
            case Answering(acceptance=acceptance, first=first) if acceptance.cseq == ack.cseq.number:
                acceptance.stop()
                self._state = STABLE
                self._acknowledged(ack, now_s, first=first)
            case Leaving(acceptance=acceptance, reason=reason) if acceptance.cseq == ack.cseq.number:
                acceptance.stop()
                self._bye(reason, now_s)
            case _:
                pass  # a repetition

    def receive_no_ack(self, now_s: float) -> None:
        """§13.3.1.4: 64*T1 without ACK: the dialog is confirmed, but the session should be ended with BYE."""
        match self._state:
            case Leaving(reason=reason):
                self._bye(reason, now_s)
            case Answering():
                self._state = STABLE
                self.end(EndCause.TIMEOUT, 408, "our 200 was not acknowledged", now_s)
            case _:
                pass

    def _receive_bye(self, transaction: ServerTransaction, now_s: float) -> None:
        # §15.1.2: answer 200, whatever is going on; both sides may have sent BYE at once.
        transaction.respond(make_response(transaction.request, 200), now_s)
        match self._state:
            case Over():
                return
            case Leaving(acceptance=acceptance):
                acceptance.stop()
            case Answering(acceptance=acceptance):
                acceptance.stop()
                self._tell_ended(EndCause.REMOTE, 0, "the other side hung up")
            case Stable() | Offering() | Colliding():
                self._tell_ended(EndCause.REMOTE, 0, "the other side hung up")
        self._over()

    def _receive_info(self, transaction: ServerTransaction, now_s: float) -> None:
        request = transaction.request
        content_type = request.content_type
        transaction.respond(make_response(request, 200), now_s)
        if content_type is not None and not self.is_over:
            self.endpoint.emit(InfoReceived(call=self.key, content_type=content_type, body=request.body))

    def _receive_other(self, transaction: ServerTransaction, now_s: float) -> None:
        # §11.2: OPTIONS inside a dialog is answered as outside of it. The rest was refused before.
        headers = (("Allow", ALLOW), ("Accept", SDP), ("Contact", self._contact(transaction.source)))
        transaction.respond(make_response(transaction.request, 200, headers=headers), now_s)

    # --- re-INVITE from the other side (§14.2)

    def _receive_invite(self, transaction: ServerTransaction, now_s: float) -> None:
        request = transaction.request
        match self._state:
            case Offering() | Leaving() | Over():
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
            case Stable() | Colliding():
                pass
        try:
            response = self._answer(transaction)
        except RemoteProtocolError as error:
            # §14.2: an offer that does not fit is refused with 488; the session goes on unchanged.
            self._become_stable(now_s)
            transaction.respond(make_response(request, error.status), now_s)
            return
        self.dialog = self.dialog.refreshed(request)
        wish = self._state.wish if isinstance(self._state, Colliding) else None
        if wish is not None:
            self.endpoint.timers.clear(self, "collision")
            self._wishes.appendleft(wish)
        self.accept(transaction, response, now_s, first=False)
        if not self.negotiation.is_offering:
            self.tell_media()

    def _answer(self, transaction: ServerTransaction) -> Response:
        offer = body_of(transaction.request)
        host = transaction.source.local_host
        if offer is None:
            # §14.2: a re-INVITE without offer gets ours in the 2xx.
            body = self.negotiation.offer(self.negotiation.wish, host)
        else:
            body, _ = self.negotiation.answer(offer, host)
        headers = (("Contact", self._contact(transaction.source)), ("Allow", ALLOW), ("Content-Type", SDP))
        return make_response(transaction.request, 200, headers=headers, body=body)

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
            self.tell_media()
        self._become_stable(now_s)

    # --- our re-INVITE (§14.1)

    def _want(self, wish: Wish, now_s: float) -> None:
        match self._state:
            case Stable():
                self._offer(wish, now_s)
            case Offering() | Answering() | Colliding() if len(self._wishes) < WISHES_MAX:
                # §14.1: no new INVITE while another one is in progress in either direction.
                self._wishes.append(wish)
            case _:
                self.endpoint.emit(RequestDone(call=self.key, method="INVITE", status=500))

    def _offer(self, wish: Wish, now_s: float) -> None:
        reinvitation = Reinvitation(self, wish)
        self._state = Offering(reinvitation)
        reinvitation.begin(now_s)

    def offer_done(self, wish: Wish, status: int, text: str, now_s: float) -> None:
        """Our re-INVITE has its outcome."""
        if not isinstance(self._state, Offering):
            return
        if status == 491:
            # §14.1: the owner of the Call-ID waits 2.1 to 4 s, the other side 0 to 2 s, in units of 10 ms.
            chance = self.endpoint.ids.fraction()
            wait_s = 2.1 + round(chance * 190) / 100 if self.dialog.is_caller else round(chance * 200) / 100
            self._state = Colliding(wish)
            self.endpoint.timers.set(self, "collision", now_s + wait_s)
            return
        self._state = STABLE
        self.endpoint.emit(RequestDone(call=self.key, method="INVITE", status=status))
        if 200 <= status < 300:
            self.tell_media()
        if not self._lost(status, text, now_s):
            self._become_stable(now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The random wait after a collision is over."""
        assert name == "collision", name
        if isinstance(self._state, Colliding):
            self._offer(self._state.wish, now_s)

    def _become_stable(self, now_s: float) -> None:
        if isinstance(self._state, (Answering, Stable)):
            self._state = STABLE
            if self._wishes:
                self._offer(self._wishes.popleft(), now_s)

    # --- the end

    def _info_done(self, status: int, text: str, now_s: float) -> None:
        if not self.is_over:
            self.endpoint.emit(RequestDone(call=self.key, method="INFO", status=status))
            self._lost(status, text, now_s)

    def _lost(self, status: int, text: str, now_s: float) -> bool:
        if status not in (408, 481):
            return False
        # §12.2.1.2: 481 or 408 to a request inside the dialog: the other side has lost it, so we end it.
        self.end(EndCause.TIMEOUT if status == 408 else EndCause.REMOTE, status, text, now_s)
        return True

    def _bye(self, reason: Reason | None, now_s: float) -> None:
        self._conclude()
        headers: Headers = () if reason is None else (("Reason", str(reason)),)
        DialogRequest(self, "BYE", headers, b"", self._bye_done).begin(now_s)

    def _bye_done(self, status: int, text: str, now_s: float) -> None:
        # §15.1.1: whatever the answer, or none, the session is over.
        self._over()

    def _conclude(self) -> None:
        """Nothing new is begun in this dialog but BYE."""
        if isinstance(self._state, Offering):
            self._state.reinvitation.conclude()
        for info in self._infos:
            info.conclude()
        self._state = OVER
        self.endpoint.timers.clear(self, "collision")

    def _over(self) -> None:
        self._conclude()
        if self.endpoint.dialogs.get(self.dialog.id) is self:
            del self.endpoint.dialogs[self.dialog.id]

    def _tell_ended(self, cause: EndCause, status: int, text: str) -> None:
        for _ in range(len(self._wishes)):
            self.endpoint.emit(RequestDone(call=self.key, method="INVITE", status=500))
        self._wishes.clear()
        self.endpoint.calls.pop(self.key, None)
        self.endpoint.emit(CallEnded(call=self.key, cause=cause, status=status, text=text))

    def _contact(self, hop: Hop) -> str:
        return contact(self.endpoint, hop, self.knowledge)

    def request_headers(self, hop: Hop) -> Headers:
        """Headers of a target refresh request (§12.2.1.1)."""
        return (("Contact", self._contact(hop)), ("Allow", ALLOW), *common_headers(self.endpoint))
