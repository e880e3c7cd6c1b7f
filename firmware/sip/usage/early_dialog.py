"""An early dialog of a call that we place: one for each phone that answers provisionally (RFC 3261 §12.1, RFC 3262 §4, RFC 3311 §5).

It is bound, so that the other side's requests find it, until its 2xx makes a session of it or the INVITE is over.
"""

from __future__ import annotations

from firmware.sip.events import CallKey, Hop, MediaAgreed, RequestDone, Update
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.addressing import session_headers
from firmware.sip.usage.dialog import Dialog, allows
from firmware.sip.usage.early_request import answer_early
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.negotiation import Negotiation, Standpoint, Task, body_of
from firmware.sip.usage.reliable import ReliableOrder, acknowledge, number_of
from firmware.sip.usage.server_request import entered
from firmware.sip.usage.session import Session
from firmware.sip.usage.update import Updating, answer_update


class EarlyDialog:
    """One early dialog. `negotiation` is its own copy: every fork answers the same offer for itself.

    `invite_number`: the CSeq of its INVITE.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        call: CallKey,
        dialog: Dialog,
        negotiation: Negotiation,
        knowledge: AccountKnowledge | None,
        invite_number: int,
    ) -> None:
        self.endpoint = endpoint
        self.dialog = dialog
        self.negotiation = negotiation
        self.knowledge = knowledge
        self.is_over = False
        self.call = call
        self.invite_number = invite_number
        self._order = ReliableOrder()
        self._allows_update = False
        self._updating: Updating | None = None
        self._session: Session | None = None
        endpoint.dialogs.setdefault(dialog.id, self)

    @property
    def is_settled(self) -> bool:
        """Whether offer and answer have met in a reliable way, so that the 2xx need not repeat the answer (RFC 6337 §3.1.1)."""
        return self.negotiation.agreed is not None

    def hear(self, response: Response) -> bool:
        """A provisional response came; False for a reliable one that is to be passed over: heard before, or out of order (RFC 3262 §4)."""
        if number_of(response) is not None and not self._order.is_next(response):
            return False
        self.dialog = self.dialog.refreshed(response)
        self._allows_update = self._allows_update or allows(response, "UPDATE")
        return True

    def settle(self, response: Response, standpoint: Standpoint, now_s: float) -> None:
        """Acknowledge a reliable response and take its description. Raises RemoteProtocolError when that one is unusable.

        RFC 3262 §5: in a reliable response an answer is final; and when our INVITE made no offer, its offer is answered in the PRACK.
        """
        answer = b""
        try:
            body = body_of(response)
            if body is None or self.is_settled:
                return
            if self.negotiation.is_offering:
                self.negotiation.accept(body)
            else:
                answer, _ = self.negotiation.answer(body, standpoint)
            self.tell_media()
        finally:
            acknowledge(self, response, answer, now_s)

    def update(self, command: Update, now_s: float) -> bool:
        """Offer anew before the answer; False when that cannot be now: nothing is settled, or the other side does not know UPDATE."""
        if not self.is_settled or not self._allows_update or self._updating is not None or self.is_over:
            return False
        self._updating = Updating(self, Task(command.media, method="UPDATE"))
        self._updating.begin(now_s)
        return True

    def become(self, session: Session) -> None:
        """The 2xx of this dialog: what still runs here goes on in the session."""
        self.leave()
        self._session = session
        if self._updating is not None:
            session.adopt(self._updating)

    def leave(self) -> None:
        """The dialog is early no more: confirmed, or gone."""
        self.is_over = True
        if self.endpoint.dialogs.get(self.dialog.id) is self:
            del self.endpoint.dialogs[self.dialog.id]

    # --- what the other side sends

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A request inside the early dialog."""
        request = transaction.request
        self.dialog, refused = entered(self.endpoint, self.dialog, request)
        if refused is not None:
            transaction.respond(refused, now_s)
        elif request.method == "UPDATE":
            response, is_new = answer_update(self, request, transaction.source, is_offered=not self.is_settled)
            transaction.respond(response, now_s)
            if is_new:
                self.tell_media()
        else:
            transaction.respond(answer_early(request, self.request_headers(transaction.source)), now_s)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """Somebody's mistake."""

    # --- for the requests of ours

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number."""
        if self._session is not None:
            return self._session.next_dialog()
        self.dialog = self.dialog.numbered()
        return self.dialog

    @property
    def timer_headers(self) -> Headers:
        """RFC 4028 §7: the timer begins with the answer."""
        return ()

    def request_headers(self, hop: Hop) -> Headers:
        """Headers of a target refresh request."""
        return session_headers(
            self.endpoint, hop, self.knowledge, is_focus=self.call in self.endpoint.focus, is_secure=self.dialog.is_secure
        )

    def offer_done(self, task: Task, status: int, text: str, now_s: float, response: Response | None = None) -> None:
        """Our UPDATE has its outcome. A collision (491) is not tried again here: the call is answered soon, or over."""
        self._updating = None
        if self.is_over:
            return  # the end of the call has been told, and is the outcome of everything in it
        self.endpoint.emit(RequestDone(call=self.call, method=task.method, status=status))
        if 200 <= status < 300:
            self.tell_media()

    def tell_media(self) -> None:
        """Offer and answer have met."""
        if self.negotiation.agreed is not None and not self.is_over:
            self.endpoint.emit(MediaAgreed(call=self.call, session=self.negotiation.agreed, early=True))
