"""A request inside a dialog that is no INVITE: BYE, INFO, PRACK, UPDATE, REFER, NOTIFY (RFC 3261 §12.2.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware.sip.events import Hop
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.dialog import Dialog
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint


class DialogHolder(Protocol):
    """Who holds the dialog and its sequence numbers."""

    @property
    def endpoint(self) -> Endpoint:
        """The shared services."""
        ...

    @property
    def knowledge(self) -> AccountKnowledge | None:
        """The account of the call."""
        ...

    @property
    def dialog(self) -> Dialog:
        """The dialog as it is."""
        ...

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number."""
        ...


Done = Callable[[int, str, float], None]


class DialogRequest:
    """One such request; `done(status, text, now_s)` is called once with its final status, 408 or 503 when there was no answer.

    `headers` may depend on the hop, as a Contact does. `response` is the final response, None while or when there is none.
    """

    def __init__(
        self,
        holder: DialogHolder,
        method: str,
        headers: Headers | Callable[[Hop], Headers],
        body: bytes | Callable[[Hop], bytes],
        done: Done,
    ) -> None:
        self.response: Response | None = None
        self.holder = holder
        self._method = method
        self._headers = headers
        self._body = body
        self._done = done
        self._request = ClientRequest(holder.endpoint, self, holder.knowledge, is_proven=holder.dialog.is_proven)

    @property
    def is_done(self) -> bool:
        """Whether the outcome is known."""
        return self._request.is_done

    def begin(self, now_s: float) -> None:
        """Send it to the dialog's next hop."""
        self._request.begin(self.holder.dialog.next_hop, now_s)

    def conclude(self) -> None:
        """The dialog ends: see ClientRequest.conclude."""
        self._request.conclude()

    def compose(self, hop: Hop) -> Request:
        """The request for one attempt."""
        headers = self._headers(hop) if callable(self._headers) else self._headers
        body = self._body(hop) if callable(self._body) else self._body
        return self.holder.next_dialog().compose(self._method, headers, body)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The answer."""
        self.response = response
        self._done(response.status, response.reason, now_s)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer."""
        self._done(status, text, now_s)


class Farewell:
    """ACK has been sent to an answer that nobody wants any more (a late fork, a 200 that crossed our CANCEL): BYE follows
    (RFC 3261 §13.2.2.4: "the UAC must … terminate it with BYE")."""

    def __init__(self, endpoint: Endpoint, dialog: Dialog, knowledge: AccountKnowledge | None) -> None:
        self.endpoint = endpoint
        self.knowledge = knowledge
        self.dialog = dialog

    def begin(self, headers: Headers, now_s: float) -> None:
        """Send the BYE."""
        DialogRequest(self, "BYE", headers, b"", self._done).begin(now_s)

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number."""
        self.dialog = self.dialog.numbered()
        return self.dialog

    def _done(self, status: int, text: str, now_s: float) -> None:
        """Nothing is left to do."""
