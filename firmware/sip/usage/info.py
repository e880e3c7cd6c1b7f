"""INFO inside a call, both ways: what neither changes the session nor the dialog, such as a digit (RFC 6086)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.sip.events import InfoReceived, RequestDone
from firmware.sip.message import make_response
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.dialog_request import DialogRequest

if TYPE_CHECKING:
    from firmware.sip.usage.session import Session

INFOS_MAX = 8  # INFO requests of ours on the way at once: more digits than anybody types in 32 s without an answer


class Infos:
    """Those of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sent: list[DialogRequest] = []

    def send(self, content_type: str, body: bytes, now_s: float) -> None:
        """RFC 6086 §4.2.1."""
        self._sent = [info for info in self._sent if not info.is_done]
        if self._session.is_over or len(self._sent) >= INFOS_MAX:
            self._tell_done(500)
            return
        info = DialogRequest(self._session, "INFO", (("Content-Type", content_type),), body, self._done)
        self._sent.append(info)
        info.begin(now_s)

    def receive(self, transaction: ServerTransaction, now_s: float) -> None:
        """§4.2.2: answered at once, whatever becomes of what it says."""
        request = transaction.request
        content_type = request.content_type
        if request.get("Info-Package") is not None:
            # §4.2.2: a package that we have not said to take is 469 with those that we take: none, digits came before there were packages.
            transaction.respond(make_response(request, 469, headers=(("Recv-Info", ""),)), now_s)
            return
        transaction.respond(make_response(request, 200), now_s)
        if content_type is not None and not self._session.is_over:
            self._session.endpoint.emit(InfoReceived(call=self._session.key, content_type=content_type, body=request.body))

    def conclude(self) -> None:
        """The dialog ends: see ClientRequest.conclude."""
        for info in self._sent:
            info.conclude()

    def _done(self, status: int, text: str, now_s: float) -> None:
        if not self._session.is_over:
            self._tell_done(status)
            self._session.lose(status, text, now_s)

    def _tell_done(self, status: int) -> None:
        self._session.endpoint.emit(RequestDone(call=self._session.key, method="INFO", status=status))
