"""REFER inside a call, both ways (RFC 3515, RFC 3892; call flows: RFC 5589): what may be asked, and which of several is meant.

    they ask:  REFER --TransferRequested--> program --AcceptTransfer--> 202, a new call, NOTIFY for each step of it
    we ask:    Transfer --REFER--> 202 --NOTIFY--> TransferProgress … until one is final

What becomes of one is for `referral` (they ask) and `referrer` (we ask). The subscription that a REFER makes lives in the call's dialog
beside the call and may outlive it (RFC 5057 §4.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.errors import RemoteProtocolError
from firmware.sip.event_package import event, subscription_state
from firmware.sip.events import (
    AttendedTransfer,
    DismissalRequested,
    Hop,
    Transfer,
    TransferProgress,
    TransferRequested,
)
from firmware.sip.headers import NameAddr
from firmware.sip.message import Request, Response, make_response
from firmware.sip.refer_to import METHOD_DEFAULT, method_of, refer_to, referred_by
from firmware.sip.replaces import Replaces, join_in, replaces_in
from firmware.sip.settings import ReferPolicy
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.referral import PACKAGE, Referral, Wish
from firmware.sip.usage.referrer import Asked

if TYPE_CHECKING:
    from firmware.sip.usage.session import Session

TRANSFERS_MAX = 8  # wishes of all calls at once; a door's calls are transferred by people, one at a time
ASKED_MAX = 2  # open REFERs of ours in one call, and as many whose outcome is known and whose subscription has not been ended


def may_steer(endpoint: Endpoint, knowledge: AccountKnowledge | None, source: Hop) -> bool:
    """Whether who sends this may transfer or replace a call of that account. Whoever may can have us call at our owner's cost."""
    match endpoint.settings.refer:
        case ReferPolicy.NEVER:
            return False
        case ReferPolicy.ACCOUNT:
            return knowledge is not None and source.host in knowledge.hosts
        case ReferPolicy.CALL:
            return True


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

    def receive_subscribe(self, transaction: ServerTransaction, now_s: float) -> None:
        """RFC 3515 §2.4.4: the subscription that a REFER made is refreshed or ended like any other; another does not exist here: 481."""
        request = transaction.request
        try:
            package = event(request)
        except RemoteProtocolError as error:
            transaction.respond(make_response(request, error.status), now_s)
            return
        named = [referral for referral in self._referrals if package is not None and referral.is_named(package)]
        if named:
            named[0].renew(transaction, now_s)
        else:
            transaction.respond(make_response(request, 481), now_s)

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
        waiting = [asked for asked in self._asked if not asked.is_done]
        self._asked = [*[asked for asked in self._asked if asked.is_done and asked.is_subscribed][-ASKED_MAX:], *waiting]
        if self._session.is_over or len(waiting) >= ASKED_MAX:
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
        named = [asked for asked in self._asked if asked.is_named(package)]
        asked = min(named, key=lambda each: each.is_done, default=None)  # one that waits before one that only goes on
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
        return any(referral.is_concluding for referral in self._referrals)

    @property
    def _referrals(self) -> list[Referral]:
        return [referral for referral in self._session.endpoint.transfers.values() if referral.session is self._session]

    def close(self, now_s: float, *, by_peer: bool) -> None:
        """The call has ended: nothing is told about it any more, but the last report of whoever hung up after a transfer."""
        for asked in self._asked:
            asked.session_ended(now_s, by_peer=by_peer)
        for referral in self._referrals:
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
