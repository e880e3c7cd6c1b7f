"""REFER outside of any call, both ways: it makes a dialog of its own for its reports (RFC 3515 §2.4.4, RFC 4579 §5.5, RFC 4538).

    they ask:  REFER --ReferRequested--> program --AcceptTransfer--> 202, a new call, NOTIFY for each step of it
    we ask:    Refer --REFER--> 202 --NOTIFY--> ReferProgress … until one is final

With Target-Dialog it speaks of a call of ours after all, and is a transfer of that (RFC 4538 §3).
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.sip.event_package import event, subscription_state
from firmware.sip.events import DismissalRequested, Hop, Refer, ReferProgress, ReferRequested, TransferRequested
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response, make_response
from firmware.sip.refer_to import refer_sub
from firmware.sip.replaces import target_dialog
from firmware.sip.settings import ReferPolicy
from firmware.sip.timers import TRANSACTION_LIFE_S
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.addressing import first_hop, own_address, preloaded_route, request_uri, session_headers
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.dialog import Dialog, as_callee, as_caller
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.refer import asked_of, may_steer, wish_of
from firmware.sip.usage.referral import PACKAGE, Referral, Wish
from firmware.sip.usage.referrer import FOLLOW_S_MAX, report_of
from firmware.sip.usage.server_request import entered
from firmware.sip.usage.session import Session

ASKED_MAX = 4  # REFERs of ours at once: each is an operator's


def receive_refer(endpoint: Endpoint, transaction: ServerTransaction, knowledge: AccountKnowledge | None, now_s: float) -> None:
    """RFC 3515 §2.4.2: refuse it, or let the program decide."""
    request = transaction.request
    wish = wish_of(endpoint, request)
    try:
        named = target_dialog(request)
    except RemoteProtocolError as error:
        wish, named = make_response(request, error.status), None
    if isinstance(wish, Response):
        transaction.respond(wish.with_header("To", str(wish.to.with_tag(endpoint.ids.tag()))), now_s)
        return
    session: Session | None = None
    if named is not None:
        owner = endpoint.dialogs.get((named.call_id, named.local_tag, named.remote_tag))
        session = owner if isinstance(owner, Session) and not owner.is_over else None
    if named is not None and session is None:
        # RFC 4538 §4: a dialog that is none of ours authorizes nothing.
        transaction.respond(make_response(request, 481, to_tag=endpoint.ids.tag()), now_s)
    elif not _may(endpoint, transaction, knowledge, session):
        transaction.respond(make_response(request, 403, to_tag=endpoint.ids.tag()), now_s)
    else:
        StandingRefer(endpoint, transaction, knowledge, wish, session).begin(now_s)


def _may(endpoint: Endpoint, transaction: ServerTransaction, knowledge: AccountKnowledge | None, session: Session | None) -> bool:
    """As within a call; where any peer of a call may, this must be one, or know its dialog."""
    if endpoint.settings.refer is not ReferPolicy.CALL:
        return may_steer(endpoint, knowledge, transaction.source)
    legs = [leg for leg in endpoint.calls.values() if isinstance(leg, Session)]
    return session is not None or any(transaction.source.host in (leg.dialog.target.host, leg.dialog.next_hop.host) for leg in legs)


class StandingRefer:
    """A REFER that came in without a call, and the dialog of its reports."""

    def __init__(
        self,
        endpoint: Endpoint,
        transaction: ServerTransaction,
        knowledge: AccountKnowledge | None,
        wish: Wish,
        session: Session | None,
    ) -> None:
        self.endpoint = endpoint
        self.knowledge = knowledge
        self.dialog = as_callee(transaction.request, endpoint.ids.tag(), transaction.source, is_proven=transaction.is_proven)
        self.has_said_bye = False
        self._transaction = transaction
        self._session = session
        self._wish = wish
        self._referral = Referral(self, transaction, wish, is_first=True)
        endpoint.dialogs[self.dialog.id] = self

    def begin(self, now_s: float) -> None:
        """Ask the program."""
        referral, wish, request = self._referral, self._wish, self._transaction.request
        asked: TransferRequested | ReferRequested | DismissalRequested
        if self._session is not None:
            asked = asked_of(self._session, referral, wish, request)
        elif wish.is_dismissal:
            asked = DismissalRequested(transfer=referral.key, target=referral.target)
        else:
            account = None if self.knowledge is None else self.knowledge.account.name
            asked = ReferRequested(transfer=referral.key, target=referral.target, referrer=request.from_, account=account)
        referral.begin(asked, now_s)

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number."""
        self.dialog = self.dialog.numbered()
        return self.dialog

    def request_headers(self, hop: Hop) -> Headers:
        """Headers of a NOTIFY and of the response."""
        return session_headers(self.endpoint, hop, self.knowledge, is_secure=self.dialog.is_secure)

    def referral_ended(self, now_s: float) -> None:
        """Nothing is reported any more."""
        if self.endpoint.dialogs.get(self.dialog.id) is self:
            del self.endpoint.dialogs[self.dialog.id]

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """Only the subscription that the REFER made lives here: it may be refreshed or ended, and nothing else."""
        request = transaction.request
        self.dialog, refused = entered(self.endpoint, self.dialog, request)
        if refused is not None:
            transaction.respond(refused, now_s)
        elif request.method == "SUBSCRIBE":
            self._renew(transaction, now_s)
        else:
            transaction.respond(make_response(request, 405, headers=(("Allow", "SUBSCRIBE"),)), now_s)

    def _renew(self, transaction: ServerTransaction, now_s: float) -> None:
        try:
            package = event(transaction.request)
        except RemoteProtocolError as error:
            transaction.respond(make_response(transaction.request, error.status), now_s)
            return
        if package is not None and self._referral.is_named(package):
            self._referral.renew(transaction, now_s)
        else:
            transaction.respond(make_response(transaction.request, 481), now_s)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """Nothing here is acknowledged."""


class OutgoingRefer:
    """One REFER of ours outside a call. `ended` is called once, when nothing will follow any more."""

    def __init__(
        self, endpoint: Endpoint, command: Refer, knowledge: AccountKnowledge | None, ended: Callable[[OutgoingRefer], None]
    ) -> None:
        uri = request_uri(command.target, knowledge)
        if uri is None:
            raise LocalProtocolError(f"{command.target} is no address to ask")
        self._endpoint = endpoint
        self._command = command
        self._knowledge = knowledge
        self._ended = ended
        self._uri = uri
        self._dialog: Dialog | None = None
        self._cseq = 0
        self._is_done = False
        self.attempt = (endpoint.ids.call_id(), endpoint.ids.tag())
        self._request = ClientRequest(endpoint, self, knowledge)

    def begin(self, now_s: float) -> None:
        """Send it."""
        self._request.begin(first_hop(self._uri, self._knowledge), now_s)

    def compose(self, hop: Hop) -> Request:
        """RFC 3515 §2.4.1: exactly one Refer-To; RFC 3892 §2.2: who asks."""
        self._cseq += 1
        own = own_address(self._endpoint, hop, self._knowledge)
        headers = (
            ("Max-Forwards", "70"),
            *preloaded_route(self._knowledge),
            ("From", str(own.with_tag(self.attempt[1]))),
            ("To", f"<{self._uri}>"),
            ("Call-ID", self.attempt[0]),
            ("CSeq", f"{self._cseq} REFER"),
            *session_headers(self._endpoint, hop, self._knowledge, is_secure=self._uri.is_secure),
            ("Refer-To", f"<{self._command.refer_to}>"),
            ("Referred-By", f"<{own.uri}>"),
        )
        return Request("REFER", self._uri, headers)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The answer: 2xx says that the wish was heard; reports tell the rest."""
        if self._is_done:
            return
        if response.status >= 300:
            self._tell(response.status, response.reason, is_done=True)
            self._leave()
            return
        is_silent = refer_sub(response) is False
        if not is_silent and self._dialog is None:
            self._bind(as_caller(request, response))
        self._endpoint.timers.set(self, "silent", now_s + FOLLOW_S_MAX)
        self._tell(response.status, response.reason, is_done=is_silent)
        if is_silent:
            self._leave()

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer."""
        if not self._is_done:
            self._tell(status, text, is_done=True)
            self._leave()

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A report; the first may come before the 2xx (RFC 3515 §2.4.4)."""
        request = transaction.request
        refused = self._refusal(request)
        if refused is not None:
            transaction.respond(refused, now_s)
            return
        if self._dialog is None:
            self._bind(as_callee(request, request.to_tag or "")._replace(local_cseq=self._cseq, is_caller=True))
        transaction.respond(make_response(request, 200), now_s)
        state = subscription_state(request)
        status, text, is_done = report_of(request.body, state)
        self._tell(status, text, is_done=is_done)
        if state is not None and state.is_terminated:
            self._leave()
        elif is_done:
            # The outcome is known, and the subscription goes on until a NOTIFY ends it (RFC 3515 §2.4.5): that one is awaited, for a while.
            self._endpoint.timers.set(self, "silent", now_s + TRANSACTION_LIFE_S)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """Nothing here is acknowledged."""

    def handle_timer(self, name: str, now_s: float) -> None:
        """No final report, or no end of the subscription, ever came."""
        assert name == "silent", name
        self._tell(408, "no report on the call", is_done=True)
        self._leave()

    def _refusal(self, request: Request) -> Response | None:
        """The response that refuses a request in this dialog; None for a report, which the dialog has then heard."""
        if request.method != "NOTIFY":
            return make_response(request, 405, headers=(("Allow", "NOTIFY"),))
        try:
            package = event(request)
        except RemoteProtocolError:
            package = None
        if package is None or package.package != PACKAGE:
            return make_response(request, 489)
        if self._dialog is None:
            return None
        if self._dialog.remote.tag != request.from_.tag:
            # RFC 6665 §4.4.1: of several that answer one request we follow the first.
            return make_response(request, 481)
        self._dialog, refused = entered(self._endpoint, self._dialog, request)
        return refused

    def _bind(self, dialog: Dialog) -> None:
        self._dialog = dialog
        self._endpoint.dialogs[dialog.id] = self

    def _tell(self, status: int, text: str, *, is_done: bool) -> None:
        if not self._is_done:
            self._is_done = is_done
            self._endpoint.emit(ReferProgress(key=self._command.key, status=status, text=text, is_done=is_done))

    def _leave(self) -> None:
        self._endpoint.timers.clear(self, "silent")
        if self._dialog is not None:
            self._endpoint.dialogs.pop(self._dialog.id, None)
        self._ended(self)
