"""They ask: one REFER that came in, the call that it causes, and the reports on it (RFC 3515 §2.4.2, §2.4.4, §2.4.6; RFC 4488, RFC 3420).

    undecided --accept--> 202, NOTIFY 100 --progress--> NOTIFY … --final, unsubscribed, or a NOTIFY that is refused--> over
        | --refuse, nobody decides--> 603, over

Its reports are a subscription, which its sender may refresh and end as any other (RFC 6665 §4.1.2.2, §4.1.2.3).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from firmware.sip.body import sipfrag
from firmware.sip.event_package import Event, SubscriptionState
from firmware.sip.events import AcceptTransfer, DismissalRequested, Hop, Invite, ReferRequested, TransferRequested
from firmware.sip.header_lines import Headers
from firmware.sip.message import make_response
from firmware.sip.names import TransferKey
from firmware.sip.refer_to import OPTION_TAG_NO_REFER_SUB, refer_sub, referred_by
from firmware.sip.replaces import Join, Replaces
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.uri import Uri
from firmware.sip.usage.dialog import Dialog
from firmware.sip.usage.dialog_request import DialogRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.referrer import FOLLOW_S_MAX

PACKAGE = "refer"
DECIDE_S_MAX = 10.0  # a request that is no INVITE must be answered before its sender gives up after 32 s (RFC 3261 timer F)


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
        self._told = (100, "Trying")  # what was reported last
        self._is_unwanted = False  # whether the other side has ended the subscription
        self.key = TransferKey(self._endpoint.next_serial())

    def begin(self, asked: TransferRequested | ReferRequested | DismissalRequested, now_s: float) -> None:
        """Ask the program."""
        self._endpoint.transfers[self.key] = self
        self._endpoint.timers.set(self, "undecided", now_s + DECIDE_S_MAX)
        self._endpoint.emit(asked)

    def is_named(self, package: Event) -> bool:
        """Whether a SUBSCRIBE is about the reports of this one; there are none before it is accepted."""
        return (
            self._is_decided and package.package == PACKAGE and package.id in (self._event.id, str(self._transaction.request.cseq.number))
        )

    def renew(self, transaction: ServerTransaction, now_s: float) -> None:
        """Its subscription is refreshed, or ended by `Expires: 0`. RFC 6665 §4.2.1.2: either way the state is told at once."""
        request = transaction.request
        self._is_unwanted = self._is_unwanted or request.expires == 0
        self.session.dialog = self.session.dialog.refreshed(request)
        granted_s = 0 if self._is_unwanted else int(FOLLOW_S_MAX)
        headers = (*self.session.request_headers(transaction.source), ("Expires", str(granted_s)))
        transaction.respond(make_response(request, 200, headers=headers), now_s)
        self._report(*(self._next or self._told), now_s)

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
        is_last = status >= 200 or self._is_unwanted
        self.is_concluding = status >= 200
        if self._sending is not None:
            self._next = (status, text)
            return
        self._told = (status, text)
        # RFC 6665 §4.1.3: a subscription that its subscriber has ended is over by "timeout".
        why = "noresource" if status >= 200 else "timeout"
        state = SubscriptionState("terminated", why) if is_last else SubscriptionState("active", None, int(FOLLOW_S_MAX))
        body = sipfrag.encode(status, "".join([char for char in text if char.isprintable()])[:100])

        def headers(hop: Hop) -> Headers:
            reported = (
                ("Event", str(self._event)),
                ("Subscription-State", str(state)),
                ("Content-Type", f"{sipfrag.CONTENT_TYPE};version=2.0"),
            )
            return (*self.session.request_headers(hop), *reported)

        def done(answer: int, text: str, now_s: float) -> None:
            self._reported(answer, now_s, is_last=is_last)

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
