"""MESSAGE, both ways: one request, no dialog, no session (RFC 3428)."""

from __future__ import annotations

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.sip.events import Hop
from firmware.sip.message import Request, Response, make_response
from firmware.sip.names import AccountName
from firmware.sip.notices import MessageReceived, PeerComposing, RequestAnswered, SendMessage
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.addressing import common_headers, first_hop, own_address, preloaded_route, request_uri
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint

IS_COMPOSING = "application/im-iscomposing+xml"
ACCEPTED = ("text/plain", IS_COMPOSING)
BODY_BYTES_MAX = 16_384  # what a person writes, ten times over; RFC 3428 §8 wants to stay below 1300 without a way over TCP


class OutgoingMessage:
    """One message of ours."""

    def __init__(self, endpoint: Endpoint, command: SendMessage, knowledge: AccountKnowledge | None) -> None:
        if len(command.body) > BODY_BYTES_MAX:
            raise LocalProtocolError(f"a message of {len(command.body)} bytes; {BODY_BYTES_MAX} is the most")
        uri = request_uri(command.target, knowledge)
        if uri is None:
            raise LocalProtocolError(f"{command.target} is no address for a message")
        self._endpoint = endpoint
        self._command = command
        self._knowledge = knowledge
        self._uri = uri
        self._call_id = endpoint.ids.call_id()
        self._tag = endpoint.ids.tag()
        self._cseq = 0

    def begin(self, now_s: float) -> None:
        """Send it."""
        request = ClientRequest(self._endpoint, self, self._knowledge)
        request.begin(first_hop(self._uri, self._knowledge), now_s)

    def compose(self, hop: Hop) -> Request:
        """§4: built like any request outside a dialog, but without a Contact, since it begins none."""
        self._cseq += 1
        headers = (
            ("Max-Forwards", "70"),
            *preloaded_route(self._knowledge),
            ("From", str(own_address(self._endpoint, hop, self._knowledge).with_tag(self._tag))),
            ("To", f"<{self._uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} MESSAGE"),
            *common_headers(self._endpoint),
            ("Content-Type", self._command.content_type),
        )
        return Request("MESSAGE", self._uri, headers, self._command.body)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The answer: 200 it was delivered, 202 it was taken for delivery (§7)."""
        self._tell(response.status, response.reason)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer."""
        self._tell(status, text)

    def _tell(self, status: int, text: str) -> None:
        self._endpoint.emit(RequestAnswered(key=self._command.key, method="MESSAGE", status=status, text=text))


def receive_message(
    endpoint: Endpoint, transaction: ServerTransaction, knowledge: AccountKnowledge | None, now_s: float, *, is_authenticated: bool
) -> None:
    """Take a message from somebody whom we allow to write; the policy has looked at that before."""
    request = transaction.request
    tag = None if request.to_tag else endpoint.ids.tag()
    content_type = request.content_type or "text/plain"  # §10: a message without a body, which needs no type
    if request.body and content_type not in ACCEPTED:
        # RFC 3261 §8.2.3: a body type that we do not understand is 415 with what we accept.
        transaction.respond(make_response(request, 415, to_tag=tag, headers=(("Accept", ", ".join(ACCEPTED)),)), now_s)
        return
    account = None if knowledge is None else knowledge.account.name
    composing: PeerComposing | None = None
    if content_type == IS_COMPOSING and request.body:
        try:
            composing = _composing(request, account)
        except RemoteProtocolError as error:
            transaction.respond(make_response(request, error.status, to_tag=tag), now_s)
            return
    # §7: 200 says that it has reached the recipient; the response holds no body and no Contact.
    transaction.respond(make_response(request, 200, to_tag=tag), now_s)
    if composing is not None:
        endpoint.emit(composing)
        return
    if not request.body:
        return
    endpoint.emit(
        MessageReceived(
            sender=request.from_,
            source=transaction.source,
            account=account,
            content_type=content_type,
            body=request.body,
            is_authenticated=is_authenticated,
        )
    )


def _composing(request: Request, account: AccountName | None) -> PeerComposing:
    """RFC 3994 §3.2: what the sender does now. Raises RemoteProtocolError."""
    from firmware.sip.body import is_composing

    state = is_composing.decode(request.body)
    refresh_s = is_composing.REFRESH_S_DEFAULT if state.refresh_s is None else state.refresh_s
    return PeerComposing(sender=request.from_, account=account, is_active=state.is_active, refresh_s=refresh_s)
