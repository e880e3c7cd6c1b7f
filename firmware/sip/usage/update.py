"""UPDATE: a new offer inside a dialog that need not be confirmed yet (RFC 3311), in both directions."""

from __future__ import annotations

from typing import Protocol

from firmware.errors import RemoteProtocolError
from firmware.sip.events import Hop
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response, make_response
from firmware.sip.usage.dialog import Dialog
from firmware.sip.usage.dialog_request import DialogRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.negotiation import SDP, Negotiation, Standpoint, Task, body_of, why_headers

RETRY_AFTER_S_MAX = 10  # RFC 3311 §5.2: "a randomly chosen value between 0 and 10 seconds"


class Offerer(Protocol):
    """Who may offer and answer inside a dialog: a session, or a call before its answer."""

    dialog: Dialog
    negotiation: Negotiation

    @property
    def endpoint(self) -> Endpoint:
        """The shared services."""
        ...

    @property
    def knowledge(self) -> AccountKnowledge | None:
        """The account of the call."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, as far as the program is concerned."""
        ...

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number."""
        ...

    @property
    def timer_headers(self) -> Headers:
        """The session timer as requests of ours state it."""
        ...

    def request_headers(self, hop: Hop) -> Headers:
        """Headers of a target refresh request, and of its response, but for the timer."""
        ...

    def offer_done(self, task: Task, status: int, text: str, now_s: float, response: Response | None = None) -> None:
        """The offer has its outcome."""
        ...


class Updating:
    """One UPDATE of ours with an offer. `holder` changes when the call is answered meanwhile."""

    def __init__(self, holder: Offerer, task: Task) -> None:
        self.holder = holder
        self.task = task
        self._request = DialogRequest(holder, "UPDATE", self._headers, self._offer, self._done)

    def begin(self, now_s: float) -> None:
        """Send it."""
        self._request.begin(now_s)

    def adopt(self, holder: Offerer) -> None:
        """The session goes on with what the early dialog began."""
        self.holder = self._request.holder = holder

    def conclude(self) -> None:
        """The dialog ends: see ClientRequest.conclude."""
        self._request.conclude()

    def _headers(self, hop: Hop) -> Headers:
        return (*self.holder.request_headers(hop), *self.holder.timer_headers, ("Content-Type", SDP))

    def _offer(self, hop: Hop) -> bytes:
        negotiation = self.holder.negotiation
        return negotiation.offer(self.task.wish(negotiation.wish), Standpoint.at(hop))

    def _done(self, status: int, text: str, now_s: float) -> None:
        holder, response = self.holder, self._request.response
        if response is None or status >= 300:
            # RFC 3311 §5.1: after a refusal the session stays as if there had been no UPDATE.
            holder.negotiation.withdraw()
            holder.offer_done(self.task, status, text, now_s, response)
            return
        # §5.1: UPDATE is a target refresh request.
        holder.dialog = holder.dialog.refreshed(response)
        if holder.is_over:
            return
        try:
            holder.negotiation.accept(body_of(response) or b"")
        except RemoteProtocolError:
            holder.offer_done(self.task, 488, "the answer could not be used", now_s, response)
            return
        holder.offer_done(self.task, status, text, now_s, response)


def answer_update(holder: Offerer, request: Request, hop: Hop, *, is_offered: bool) -> tuple[Response, bool]:
    """Our response to their UPDATE, or to a PRACK with an offer, and whether the media changed.

    `is_offered`: an offer of theirs is not answered yet.
    """
    try:
        offer = body_of(request)
    except RemoteProtocolError as error:
        return make_response(request, error.status), False
    headers = holder.request_headers(hop)
    if offer is None:
        # §5.2: without an offer it only refreshes the target, or the session timer.
        holder.dialog = holder.dialog.refreshed(request)
        return make_response(request, 200, headers=headers), False
    if holder.negotiation.is_offering:
        # §5.2: an offer of our own is open: 491.
        return make_response(request, 491), False
    if is_offered:
        # §5.2: an offer of theirs is open: 500 with a random Retry-After.
        retry_after = str(int(holder.endpoint.ids.fraction() * (RETRY_AFTER_S_MAX + 1)))
        return make_response(request, 500, headers=(("Retry-After", retry_after),)), False
    try:
        answer, _ = holder.negotiation.answer(offer, Standpoint.at(hop))
    except RemoteProtocolError as error:
        # §5.2: what does not fit is 488, and the session goes on unchanged.
        return make_response(request, error.status, headers=why_headers(error)), False
    if request.method == "UPDATE":
        # §5.2: UPDATE is a target refresh request. A PRACK, whose offer is answered here as well, is none (RFC 3262 §3).
        holder.dialog = holder.dialog.refreshed(request)
    return make_response(request, 200, headers=(*headers, ("Content-Type", SDP)), body=answer), True
