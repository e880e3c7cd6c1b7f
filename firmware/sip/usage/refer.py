"""REFER inside a call, both ways, and the NOTIFY that reports on it (RFC 3515, RFC 3892, RFC 4488, RFC 3420; call flows: RFC 5589).

    they ask:  REFER --TransferRequested--> program --AcceptTransfer--> 202, a new call, NOTIFY for each step of it
    we ask:    Transfer --REFER--> 202 --NOTIFY--> TransferProgress … until one is final

The subscription that a REFER makes lives in the call's dialog beside the call and may outlive it (RFC 5057 §4.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from firmware.errors import RemoteProtocolError
from firmware.sip.body import sipfrag
from firmware.sip.event_package import Event, SubscriptionState, event, subscription_state
from firmware.sip.events import (
    AcceptTransfer,
    AttendedTransfer,
    DismissalRequested,
    Hop,
    Invite,
    ReferRequested,
    Transfer,
    TransferProgress,
    TransferRequested,
)
from firmware.sip.header_lines import Headers
from firmware.sip.headers import NameAddr
from firmware.sip.message import Request, Response, make_response
from firmware.sip.names import TransferKey
from firmware.sip.refer_to import METHOD_DEFAULT, OPTION_TAG_NO_REFER_SUB, method_of, refer_sub, refer_to, referred_by
from firmware.sip.replaces import Join, Replaces, join_in, replaces_in
from firmware.sip.settings import ReferPolicy
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.uri import Uri
from firmware.sip.usage.dialog import Dialog
from firmware.sip.usage.dialog_request import DialogRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.referrer import FOLLOW_S_MAX, Asked

if TYPE_CHECKING:
    from firmware.sip.usage.session import Session

PACKAGE = "refer"
TRANSFERS_MAX = 8  # wishes of all calls at once; a door's calls are transferred by people, one at a time
ASKED_MAX = 2  # open REFERs of ours in one call
DECIDE_S_MAX = 10.0  # a request that is no INVITE must be answered before its sender gives up after 32 s (RFC 3261 timer F)


def may_steer(endpoint: Endpoint, knowledge: AccountKnowledge | None, source: Hop) -> bool:
    """Whether who sends this may transfer or replace a call of that account. Whoever may can have us call at our owner's cost."""
    match endpoint.settings.refer:
        case ReferPolicy.NEVER:
            return False
        case ReferPolicy.ACCOUNT:
            return knowledge is not None and source.host in knowledge.hosts
        case ReferPolicy.CALL:
            return True


class Wish(NamedTuple):
    """What a REFER asks for: the call to be placed, and the one that it shall replace or join; or (`is_dismissal`) one to be ended."""

    target: Uri
    replaces: Replaces | None
    join: Join | None
    is_dismissal: bool = False

    @property
    def takes_over(self) -> bool:
        """Whether the new call shall replace or join one at the target."""
        return self.replaces is not None or self.join is not None


def wish_of(endpoint: Endpoint, request: Request) -> Wish | Response:
    """What the REFER asks for, or the response that refuses it (RFC 3515 §2.4.2)."""
    try:
        target = refer_to(request)
        wish = Wish(target.uri, replaces_in(target.uri), join_in(target.uri))
    except RemoteProtocolError as error:
        return make_response(request, error.status)
    if method_of(target) == "BYE" and endpoint.focus:
        # RFC 4579 §5.11: whom a focus shall hang up on.
        return wish._replace(is_dismissal=True)
    if method_of(target) != METHOD_DEFAULT or target.uri.scheme not in ("sip", "sips", "tel"):
        # §2.4.2: what the agent will not do is declined; ours places calls, ends those of its conference, and nothing else.
        return make_response(request, 603)
    if len(endpoint.transfers) >= TRANSFERS_MAX:
        return make_response(request, 503, headers=(("Retry-After", "10"),))
    return wish


class ReferHolder(Protocol):
    """Whose dialog a REFER came in, or made: a session, or one for its reports alone."""

    dialog: Dialog
    has_said_bye: bool

    @property
    def endpoint(self) -> Endpoint:
        """The shared services."""
        ...

    @property
    def knowledge(self) -> AccountKnowledge | None:
        """The account that it came over."""
        ...

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number."""
        ...

    def request_headers(self, hop: Hop) -> Headers:
        """Headers of a target refresh request, and of its response."""
        ...

    def referral_ended(self, now_s: float) -> None:
        """Nothing is reported any more."""
        ...


class Transfers:
    """What REFER does in one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._asked: list[Asked] = []
        self._heard = 0

    # --- they ask

    def receive_refer(self, transaction: ServerTransaction, now_s: float) -> None:
        """RFC 3515 §2.4.2: answer it, at once or when the program has decided."""
        session, request = self._session, transaction.request
        endpoint = session.endpoint
        wish = wish_of(endpoint, request)
        if isinstance(wish, Response) and wish.status == 400:
            transaction.respond(wish, now_s)
            return
        if session.is_over or not may_steer(endpoint, session.knowledge, transaction.source):
            transaction.respond(make_response(request, 481 if session.is_over else 403), now_s)
            return
        if isinstance(wish, Response):
            transaction.respond(wish, now_s)
            return
        self._heard += 1
        referral = Referral(session, transaction, wish, is_first=self._heard == 1)
        referral.begin(asked_of(session, referral, wish, request), now_s)

    # --- we ask

    def ask(self, command: Transfer, now_s: float) -> None:
        """Blind transfer (RFC 5589 §6)."""
        self._ask(NameAddr("", command.target), now_s, follow=command.follow)

    def ask_attended(self, command: AttendedTransfer, other: Session | None, now_s: float) -> None:
        """RFC 5589 §7.1: Refer-To is where the target is, with the dialog in its headers that the new call shall replace."""
        dialog = None if other is None or other.is_over or other is self._session else other.dialog
        if dialog is None or not dialog.local.tag or not dialog.remote.tag:
            self._tell(500, "there is no such answered call", is_done=True)
            return
        # RFC 3891 §3: tags are named from the side of whoever will receive the Replaces.
        replaces = Replaces(dialog.call_id, dialog.remote.tag, dialog.local.tag)
        target = dialog.target.without_headers().with_header("Replaces", str(replaces))
        self._ask(NameAddr("", target), now_s, follow=True)

    def _ask(self, target: NameAddr, now_s: float, *, follow: bool) -> None:
        self._asked = [asked for asked in self._asked if not asked.is_done]
        if self._session.is_over or len(self._asked) >= ASKED_MAX:
            self._tell(500, "not now", is_done=True)
            return
        asked = Asked(self._session, target, follow=follow)
        self._asked.append(asked)
        asked.begin(now_s)

    def receive_notify(self, transaction: ServerTransaction, now_s: float) -> None:
        """RFC 3515 §2.4.4: a report on a transfer that we asked for; any other is nobody's (RFC 6665 §4.1.3: 481)."""
        request = transaction.request
        try:
            package = event(request)
        except RemoteProtocolError as error:
            transaction.respond(make_response(request, error.status), now_s)
            return
        if package is None or package.package != PACKAGE:
            transaction.respond(make_response(request, 489, headers=(("Allow-Events", PACKAGE),)), now_s)
            return
        asked = next((asked for asked in self._asked if asked.is_named(package)), None)
        if asked is None:
            transaction.respond(make_response(request, 481), now_s)
            return
        transaction.respond(make_response(request, 200), now_s)
        asked.report(request.body, subscription_state(request), now_s)

    @property
    def is_waiting(self) -> bool:
        """Whether a report on a transfer that we asked for is still to come."""
        return any(not asked.is_done for asked in self._asked)

    @property
    def is_reporting(self) -> bool:
        """Whether the outcome of a transfer that they asked for is known here, and not yet there."""
        return any(transfer.session is self._session and transfer.is_concluding for transfer in self._session.endpoint.transfers.values())

    def close(self, now_s: float, *, by_peer: bool) -> None:
        """The call has ended: nothing is told about it any more, but the last report of whoever hung up after a transfer."""
        for asked in self._asked:
            asked.session_ended(now_s, by_peer=by_peer)
        waiting = [transfer for transfer in self._session.endpoint.transfers.values() if transfer.session is self._session]
        for referral in waiting:
            referral.session_ended(now_s)

    def _tell(self, status: int, text: str, *, is_done: bool) -> None:
        self._session.endpoint.emit(TransferProgress(call=self._session.key, status=status, text=text, is_done=is_done))


def asked_of(session: Session, referral: Referral, wish: Wish, request: Request) -> TransferRequested | DismissalRequested:
    """A wish that belongs to a call, as the program hears of it."""
    if wish.is_dismissal:
        return DismissalRequested(transfer=referral.key, target=referral.target)
    return TransferRequested(
        call=session.key,
        transfer=referral.key,
        target=referral.target,
        referred_by=referred_by(request),
        takes_over=wish.takes_over,
    )


class Referral:
    """One REFER that came in: undecided, then followed until its call is answered or over."""

    def __init__(self, session: ReferHolder, transaction: ServerTransaction, wish: Wish, *, is_first: bool) -> None:
        self.session = session
        self._endpoint = session.endpoint
        self._transaction = transaction
        request, target = transaction.request, wish.target
        self.target = target.without_headers()._replace(params=tuple([pair for pair in target.params if pair[0].lower() != "method"]))
        self._wish = wish
        self._wants_reports = refer_sub(request) is not False
        # RFC 3515 §2.4.6: the reports of a second REFER in a dialog bear the number of its CSeq.
        self._event = Event(PACKAGE, () if is_first else (("id", str(request.cseq.number)),))
        self._is_decided = False
        self.is_concluding = False  # the outcome is known, and its report not yet answered
        self._sending: DialogRequest | None = None
        self._next: tuple[int, str] | None = None  # what to report when the report on its way is done; newer replaces older
        self.key = TransferKey(self._endpoint.next_serial())

    def begin(self, asked: TransferRequested | ReferRequested | DismissalRequested, now_s: float) -> None:
        """Ask the program."""
        self._endpoint.transfers[self.key] = self
        self._endpoint.timers.set(self, "undecided", now_s + DECIDE_S_MAX)
        self._endpoint.emit(asked)

    def obey(self, now_s: float) -> None:
        """The program has ended the call that it was asked to end: 202 goes out, and the only report."""
        if self._is_decided:
            return
        self._decide(202, self._accepted_headers(), now_s)
        if self._wants_reports:
            self._report(200, "OK", now_s)
        else:
            self._end(now_s)

    def _accepted_headers(self) -> Headers:
        # RFC 4488 §4: without reports the response says so.
        headers = () if self._wants_reports else (("Refer-Sub", "false"), ("Supported", OPTION_TAG_NO_REFER_SUB))
        return (*self.session.request_headers(self._transaction.source), *headers)

    def accept(self, command: AcceptTransfer, now_s: float) -> Invite | None:
        """The program obeys: the call to be placed, None when the wish is out of date. 202 goes out, and the first report."""
        if self._is_decided:
            return None
        # RFC 3515 §2.4.4: a report is wanted at once.
        self._decide(202, self._accepted_headers(), now_s)
        if self._wants_reports:
            self._report(100, "Trying", now_s)
        else:
            self._end(now_s)
        account = None if self.session.knowledge is None else self.session.knowledge.account.name
        return Invite(
            call=command.call,
            target=self.target,
            account=account,
            media=command.media,
            replaces=self._wish.replaces,
            join=self._wish.join,
            # RFC 3892 §2.1: Referred-By of the REFER goes into the request that it causes.
            referred_by=referred_by(self._transaction.request),
        )

    def refuse(self, status: int, now_s: float) -> None:
        """The program does not want to, or did not say."""
        if not self._is_decided:
            self._decide(status, (), now_s)
            self._end(now_s)

    def session_ended(self, now_s: float) -> None:
        """The call in which the wish came is over. A transfer that is under way goes on: that is how blind ones end (RFC 5589 §6)."""
        # RFC 3261 §15.1.2: what is still pending in a dialog that ends is answered 487.
        self.refuse(487, now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """Nobody decided."""
        assert name == "undecided", name
        self.refuse(603, now_s)

    # --- how the new call goes

    def call_progressed(self, status: int, text: str, now_s: float) -> None:
        """It rings, or so."""
        self._report(status, text, now_s)

    def call_answered(self, now_s: float) -> None:
        """The target has answered: the transfer is complete."""
        self._report(200, "OK", now_s)

    def call_failed(self, status: int, text: str, now_s: float) -> None:
        """It did not."""
        self._report(status if status >= 300 else 503, text, now_s)

    def _report(self, status: int, text: str, now_s: float) -> None:
        if self._endpoint.transfers.get(self.key) is not self:
            return
        if self.session.has_said_bye:
            self._end(now_s)  # nothing new follows our own BYE in its dialog (RFC 3261 §12.2.2: its number would make a repeated BYE stale)
            return
        self.is_concluding = status >= 200
        if self._sending is not None:
            self._next = (status, text)
            return
        state = SubscriptionState("terminated", "noresource") if status >= 200 else SubscriptionState("active", None, int(FOLLOW_S_MAX))
        body = sipfrag.encode(status, "".join([char for char in text if char.isprintable()])[:100])

        def headers(hop: Hop) -> Headers:
            reported = (
                ("Event", str(self._event)),
                ("Subscription-State", str(state)),
                ("Content-Type", f"{sipfrag.CONTENT_TYPE};version=2.0"),
            )
            return (*self.session.request_headers(hop), *reported)

        def done(answer: int, text: str, now_s: float) -> None:
            self._reported(answer, now_s, is_last=status >= 200)

        self._sending = DialogRequest(self.session, "NOTIFY", headers, body, done)
        self._sending.begin(now_s)

    def _reported(self, answer: int, now_s: float, *, is_last: bool) -> None:
        self._sending = None
        waiting, self._next = self._next, None
        if is_last or answer >= 300:
            # RFC 6665 §4.2.2: a NOTIFY that fails ends the subscription.
            self._end(now_s)
        elif waiting is not None:
            self._report(*waiting, now_s)

    def _decide(self, status: int, headers: Headers, now_s: float) -> None:
        self._is_decided = True
        self._endpoint.timers.clear(self, "undecided")
        request = self._transaction.request
        to_tag = self.session.dialog.local.tag if request.to_tag is None else None
        self._transaction.respond(make_response(request, status, to_tag=to_tag, headers=headers), now_s)

    def _end(self, now_s: float) -> None:
        self._endpoint.transfers.pop(self.key, None)
        self.session.referral_ended(now_s)
