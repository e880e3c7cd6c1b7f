"""A subscription of ours: SUBSCRIBE, refresh, and the NOTIFY requests that answer it (RFC 6665 §4.1, §4.4).

Asking --2xx--> Unconfirmed --NOTIFY--> Bound --refresh due--> Bound, SUBSCRIBE running
   \\____ NOTIFY before the 2xx _________/ |
Bound --terminated, 481, too old--> Waiting --retry due--> Asking        any --end--> Ending --> Over
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from firmware.errors import RemoteProtocolError
from firmware.sip.event_package import ENDS_SUBSCRIPTION, Event, SubscriptionState, event, subscription_state
from firmware.sip.events import Hop
from firmware.sip.message import Request, Response, make_response
from firmware.sip.notices import Subscribe
from firmware.sip.timers import TRANSACTION_LIFE_S
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.addressing import common_headers, contact, first_hop, own_address, preloaded_route, request_uri
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.dialog import Dialog, as_callee
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.server_request import entered

REFRESH_FRACTION = 0.75  # of the granted time
EXPIRES_MAX_S = 86_400  # nobody needs to be asked less often than daily
ADJUSTMENTS_MAX = 4  # 423 in a row
RETRY_S = 5.0  # before the first renewal where the other side names no time; doubles with each that fails …
RETRY_MAX_S = 300.0  # … up to this: what is watched is seldom worth more
AT_ONCE_GAP_S = 60.0  # who asks to be asked at once again so soon is asked like anybody else
RETRY_AFTER_MAX_S = 3600.0  # who asks for more patience than an hour is asked hourly
ENDING_MAX_S = TRANSACTION_LIFE_S  # how long the NOTIFY that confirms an end is waited for (timer N, §4.1.2)

# What the reason of a terminated subscription says about trying again (§4.1.3): at once, later, never. Unknown ones: later.
_AT_ONCE = frozenset(("deactivated", "timeout"))
_NEVER = frozenset(("rejected", "noresource", "invariant"))


class SubscriptionUser(Protocol):
    """Who wants to know."""

    def subscription_changed(self, state: str, reason: str, retry_in_s: float | None, now_s: float) -> None:
        """It stands otherwise than before; `state` as in SubscriptionChanged."""
        ...

    def notified(self, content_type: str, body: bytes, now_s: float) -> None:
        """News."""
        ...


class Phase(Enum):
    """Where the subscription stands."""

    ASKING = "the first SUBSCRIBE runs, or its NOTIFY is waited for"
    BOUND = "a NOTIFY has come"
    WAITING = "it ended, and will be asked for again"
    ENDING = "we end it"
    OVER = "ended for good"


Attempt = tuple[str, str]  # what tells the NOTIFY requests of one attempt: its Call-ID and our tag (§4.4.1)


class Subscription:
    """One subscription, renewed until `end` or until the other side ends it for good. `attempts` finds it by Attempt."""

    def __init__(
        self,
        endpoint: Endpoint,
        command: Subscribe,
        knowledge: AccountKnowledge | None,
        user: SubscriptionUser,
        attempts: dict[Attempt, Subscription],
    ) -> None:
        self._endpoint = endpoint
        self._command = command
        self._knowledge = knowledge
        self._user = user
        self._attempts = attempts
        self._event = Event.parse(command.package)
        self._uri = request_uri(command.target, knowledge) or command.target
        self._request = ClientRequest(endpoint, self, knowledge)
        self._phase = Phase.OVER
        self._attempt: Attempt = ("", "")
        self._dialog: Dialog | None = None
        self._cseq = 0
        self._expires_s = command.expires_s
        self._adjustments = 0
        self._failures = 0
        self._valid_until_s = 0.0
        self._asked_at_once_s = -AT_ONCE_GAP_S

    @property
    def is_over(self) -> bool:
        """Whether nothing will follow any more."""
        return self._phase is Phase.OVER

    def begin(self, now_s: float) -> None:
        """Ask for it, the first time or anew."""
        self._leave_dialog()
        self._phase = Phase.ASKING
        self._cseq = 0
        self._attempt = (self._endpoint.ids.call_id(), self._endpoint.ids.tag())
        self._attempts[self._attempt] = self
        self._send(now_s)

    def end(self, now_s: float) -> None:
        """Unsubscribe (§4.1.2.3). The user is told when the other side has confirmed it, or when it is too late for that."""
        if self._phase is Phase.BOUND and self._dialog is not None:
            self._phase = Phase.ENDING
            self._endpoint.timers.clear(self, "refresh")
            self._endpoint.timers.set(self, "unconfirmed", now_s + ENDING_MAX_S)
            self._send(now_s)
        elif self._phase in (Phase.ASKING, Phase.WAITING):
            self._over("", now_s)

    # --- SUBSCRIBE

    def compose(self, hop: Hop) -> Request:
        """§4.1.2: outside a dialog the first time, inside it for each refresh and for the end, which asks for no time at all."""
        expires_s = 0 if self._phase is Phase.ENDING else self._expires_s
        headers = (
            ("Contact", contact(self._endpoint, hop, self._knowledge, is_secure=self._uri.is_secure)),
            ("Event", str(self._event)),
            ("Expires", str(expires_s)),
            *([("Accept", ", ".join(self._command.accept))] if self._command.accept else []),
            *common_headers(self._endpoint),
        )
        if self._dialog is not None:
            self._dialog = self._dialog.numbered()
            return self._dialog.compose("SUBSCRIBE", headers)
        self._cseq += 1
        own = (
            ("Max-Forwards", "70"),
            *preloaded_route(self._knowledge),
            ("From", str(own_address(self._endpoint, hop, self._knowledge).with_tag(self._attempt[1]))),
            ("To", f"<{self._uri}>"),
            ("Call-ID", self._attempt[0]),
            ("CSeq", f"{self._cseq} SUBSCRIBE"),
        )
        return Request("SUBSCRIBE", self._uri, (*own, *headers))

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The answer. 2xx says only that the request was understood: a NOTIFY tells how the subscription stands (§4.1.2.1)."""
        status = response.status
        if self._phase is Phase.ENDING:
            if status >= 300:
                self._over("", now_s)
            return
        if status < 300:
            self._accepted(response, now_s)
        elif status == 423 and response.min_expires is not None and self._expires_s < response.min_expires <= EXPIRES_MAX_S:
            # §4.1.2.1: too brief: ask again for the least that is granted.
            self._adjustments += 1
            if self._adjustments > ADJUSTMENTS_MAX:
                self._over(f"{status} {response.reason}", now_s)
                return
            self._expires_s = response.min_expires
            self._send(now_s)
        elif self._phase is Phase.BOUND and status not in ENDS_SUBSCRIPTION:
            self._refresh_failed(f"{status} {response.reason}", self._backoff_s(response.retry_after), now_s)
        elif self._phase is Phase.BOUND or 500 <= status < 600 or status in (408, 481):
            self._lost(f"{status} {response.reason}", self._backoff_s(response.retry_after), now_s)
        else:
            # Refused for good: 403, 404, 489 and their like will be no other tomorrow.
            self._over(f"{status} {response.reason}", now_s)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer."""
        if self._phase is Phase.ENDING:
            self._over("", now_s)
        elif self._phase is Phase.BOUND:
            self._refresh_failed(text, self._backoff_s(), now_s)
        else:
            self._lost(text, self._backoff_s(), now_s)

    def _accepted(self, response: Response, now_s: float) -> None:
        if self._dialog is not None:
            # RFC 6665 makes SUBSCRIBE a target refresh request (RFC 3261 §12.2.1.2).
            self._dialog = self._dialog.refreshed(response)
        self._adjustments = 0
        granted_s = self._expires_s if response.expires is None else response.expires
        self._granted(min(granted_s, self._expires_s), now_s)
        if self._phase is Phase.ASKING:
            # §4.1.2.4: a notifier answers with NOTIFY at once; timer N (64*T1) ends the wait for it.
            self._endpoint.timers.set(self, "unconfirmed", now_s + TRANSACTION_LIFE_S)

    def _refresh_failed(self, text: str, retry_s: float, now_s: float) -> None:
        left_s = self._valid_until_s - now_s
        if left_s <= 1.0:
            self._lost(text, retry_s, now_s)
        else:
            # §4.1.2.2: the subscription is good until it expires; there is time to try again.
            self._endpoint.timers.set(self, "refresh", now_s + min(retry_s, left_s))

    # --- NOTIFY

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A request inside the dialog of the subscription, or the NOTIFY that makes the dialog."""
        request = transaction.request
        if request.method != "NOTIFY":
            transaction.respond(make_response(request, 405, headers=(("Allow", "NOTIFY"),)), now_s)
            return
        try:
            given = event(request)
        except RemoteProtocolError:
            given = None
        state = subscription_state(request)
        if given is None or not given.matches(self._event):
            # §4.1.3: an event that does not match is no news of this subscription.
            transaction.respond(make_response(request, 489), now_s)
        elif state is None:
            # §4.1.3: NOTIFY must bear Subscription-State.
            transaction.respond(make_response(request, 400, "Subscription-State is missing"), now_s)
        elif self._is_stranger(request):
            # §4.4.1: of several notifiers behind one SUBSCRIBE we keep the first; 481 ends the subscription of each other.
            transaction.respond(make_response(request, 481), now_s)
        else:
            refused: Response | None = None
            if self._dialog is not None:
                self._dialog, refused = entered(self._endpoint, self._dialog, request)
            if refused is None:
                self._take(transaction, state, now_s)
            else:
                transaction.respond(refused, now_s)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """Nothing here is acknowledged."""

    def _is_stranger(self, request: Request) -> bool:
        return self._phase is Phase.OVER or (self._dialog is not None and self._dialog.remote.tag != request.from_.tag)

    def _take(self, transaction: ServerTransaction, state: SubscriptionState, now_s: float) -> None:
        request = transaction.request
        transaction.respond(make_response(request, 200), now_s)
        if self._dialog is None:
            # §4.4.1: the dialog is made by the NOTIFY, which may come before the 2xx.
            self._dialog = as_callee(request, request.to_tag or "")._replace(local_cseq=self._cseq, is_caller=True)
            self._endpoint.dialogs[self._dialog.id] = self
        else:
            self._dialog = self._dialog.refreshed(request)
        if self._phase is not Phase.ENDING:
            self._endpoint.timers.clear(self, "unconfirmed")  # news that crossed our end do not confirm it
        if request.body and self._phase is not Phase.ENDING:
            self._user.notified(request.content_type or "", request.body, now_s)
        if state.is_terminated:
            self._terminated(state, now_s)
        elif self._phase in (Phase.ASKING, Phase.BOUND):
            self._failures = 0
            self._phase = Phase.BOUND
            if state.expires_s is not None:
                self._granted(state.expires_s, now_s)
            elif self._valid_until_s <= now_s:
                self._granted(self._expires_s, now_s)  # the NOTIFY came before the 2xx and names no time: what we asked for
            self._user.subscription_changed("pending" if state.state == "pending" else "active", "", None, now_s)

    def _terminated(self, state: SubscriptionState, now_s: float) -> None:
        reason = state.reason or ""
        if self._phase is Phase.ENDING or reason in _NEVER:
            self._over(reason, now_s)
            return
        if reason in _AT_ONCE and self._failures == 0 and now_s >= self._asked_at_once_s + AT_ONCE_GAP_S:
            retry_s, self._asked_at_once_s = 0.0, now_s
            self._failures += 1
        else:
            # §4.1.3: with probation, giveup or an unknown reason the notifier may say when to come back; sooner than we would is too soon.
            retry_s = self._backoff_s(state.retry_after_s)
        self._lost(reason or "the other side ended it", retry_s, now_s)

    # --- time

    def handle_timer(self, name: str, now_s: float) -> None:
        """Refresh, renewal, or the end of patience."""
        if name == "refresh":
            self._send(now_s)
        elif name == "retry":
            self.begin(now_s)
        elif self._phase is Phase.ENDING:
            self._over("", now_s)
        else:
            self._lost("no NOTIFY came", self._backoff_s(), now_s)

    def _granted(self, granted_s: int, now_s: float) -> None:
        granted_s = min(granted_s, EXPIRES_MAX_S)
        self._valid_until_s = now_s + granted_s
        self._endpoint.timers.set(self, "refresh", now_s + max(1.0, granted_s * REFRESH_FRACTION))

    def _backoff_s(self, asked_s: int | None = None) -> float:
        """5, 10, 20 … 300 s, each shortened by up to a quarter by chance; no less than the other side asks for (RFC 3261 §20.33)."""
        gap_s = min(RETRY_S * 2.0 ** min(self._failures, 10), RETRY_MAX_S)
        self._failures += 1
        return max(gap_s * (1 - 0.25 * self._endpoint.ids.fraction()), min(float(asked_s or 0), RETRY_AFTER_MAX_S))

    # --- the end

    def _send(self, now_s: float) -> None:
        self._request.abandon()
        self._request = ClientRequest(self._endpoint, self, self._knowledge)
        dialog = self._dialog
        self._request.begin(first_hop(self._uri, self._knowledge) if dialog is None else dialog.next_hop, now_s)

    def _lost(self, reason: str, retry_s: float, now_s: float) -> None:
        self._leave_dialog()
        self._phase = Phase.WAITING
        self._endpoint.timers.set(self, "retry", now_s + retry_s)
        self._user.subscription_changed("waiting", reason, retry_s, now_s)

    def _over(self, reason: str, now_s: float) -> None:
        self._leave_dialog()
        self._phase = Phase.OVER
        self._user.subscription_changed("terminated", reason, None, now_s)

    def _leave_dialog(self) -> None:
        self._request.abandon()
        for name in ("refresh", "retry", "unconfirmed"):
            self._endpoint.timers.clear(self, name)
        self._attempts.pop(self._attempt, None)
        if self._dialog is not None:
            self._endpoint.dialogs.pop(self._dialog.id, None)
            self._dialog = None
        self._valid_until_s = 0.0
