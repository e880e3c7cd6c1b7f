"""A subscription at us: SUBSCRIBE received, NOTIFY sent (RFC 6665 §4.2).

`NotifierPackage` is what an event package adds; `Watcher` is one subscriber's dialog. One NOTIFY runs at a time, and none sooner than
the package's gap after the last: what changes meanwhile goes into the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware.errors import RemoteProtocolError
from firmware.sip.event_package import ENDS_SUBSCRIPTION, Event, SubscriptionState, event
from firmware.sip.headers import NameAddr
from firmware.sip.message import Request, make_response
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.addressing import common_headers, contact
from firmware.sip.usage.dialog import Dialog, as_callee
from firmware.sip.usage.dialog_request import DialogRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.server_request import entered

EXPIRES_DEFAULT_S = 3600  # RFC 4235 §3.4, RFC 3856 §6.4
EXPIRES_MAX_S = 3600  # a watcher that went away without a word is forgotten within the hour
FAILURES_MAX = 3  # NOTIFY requests refused in a row, for reasons that pass
RETRY_S = 5.0  # after one, unless the refusal asks for more patience …
RETRY_MAX_S = 300.0  # … and for no more than that: a lamp that is wrong for five minutes is no lamp
EXPIRES_MIN_S = 60  # more often nobody needs to ask, and 32 watchers must not keep the board awake


class NotifierPackage(Protocol):
    """One event package as its notifier."""

    name: str
    content_type: str
    gap_s: float  # least time between two NOTIFY requests of one subscription

    @property
    def serial(self) -> int:
        """Rises with each change of the state."""
        ...

    def document(self, entity: str, version: int, since: int | None) -> bytes:
        """The state as a body: all of it when `since` is None, else at least what has changed after that serial."""
        ...


class Watcher:
    """One subscriber. `ended` is called once, when nothing is left to send."""

    def __init__(
        self,
        endpoint: Endpoint,
        transaction: ServerTransaction,
        package: NotifierPackage,
        wanted: Event,
        knowledge: AccountKnowledge | None,
        ended: Callable[[Watcher], None],
    ) -> None:
        self.endpoint = endpoint
        self.knowledge = knowledge
        self.package = package
        self.dialog = as_callee(transaction.request, endpoint.ids.tag(), transaction.source, is_proven=transaction.is_proven)
        self._event = wanted
        self._hop = transaction.source
        self._entity = str(transaction.request.uri.without_headers()._replace(params=()))
        self._ended = ended
        self._version = -1  # RFC 4235 §4.1: the first document bears 0
        self._sent_serial: int | None = None
        self._expires_at_s = 0.0
        self._running: DialogRequest | None = None
        self._next_at_s = 0.0  # before that, news wait
        self._reason = ""
        self._is_told = False
        self._failures = 0  # in a row
        endpoint.dialogs[self.dialog.id] = self

    @property
    def who(self) -> NameAddr:
        """The subscriber."""
        return self.dialog.remote

    @property
    def is_over(self) -> bool:
        """Whether the subscription has ended; its last NOTIFY may still run."""
        return bool(self._reason)

    # --- SUBSCRIBE

    def accept(self, transaction: ServerTransaction, expires_s: int, now_s: float) -> None:
        """Answer 200 and tell the whole state at once (§4.2.1.2, §4.2.1.4). `expires_s` 0: that is all (§4.4.3)."""
        headers = (
            *[(name, value) for name, value in transaction.request.headers if name == "Record-Route"],
            ("Contact", contact(self.endpoint, transaction.source, self.knowledge, is_secure=self.dialog.is_secure)),
            ("Expires", str(expires_s)),
            *common_headers(self.endpoint),
        )
        tag = self.dialog.local.tag if transaction.request.to_tag is None else None
        transaction.respond(make_response(transaction.request, 200, to_tag=tag, headers=headers), now_s)
        self._expires_at_s = now_s + expires_s
        self._sent_serial = None
        if expires_s == 0:
            self.terminate("timeout", now_s)
            return
        self.endpoint.timers.set(self, "expired", self._expires_at_s)
        self._notify(now_s)

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A refresh, or the end; anything else does not belong here."""
        request = transaction.request
        if self.is_over:
            transaction.respond(make_response(request, 481), now_s)
            return
        self.dialog, refused = entered(self.endpoint, self.dialog, request)
        if refused is not None:
            transaction.respond(refused, now_s)
        elif request.method != "SUBSCRIBE":
            transaction.respond(make_response(request, 405, headers=(("Allow", "SUBSCRIBE"),)), now_s)
        elif not self._is_meant(request):
            # RFC 6665 §4.5.1: no second subscription lives in this dialog; there is none of that name here.
            transaction.respond(make_response(request, 481), now_s)
        else:
            wanted_s = granted_s(request)
            if wanted_s is None:
                transaction.respond(make_response(request, 423, headers=(("Min-Expires", str(EXPIRES_MIN_S)),)), now_s)
                return
            self.dialog = self.dialog.refreshed(request)
            self.accept(transaction, wanted_s, now_s)

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """Nothing here is acknowledged."""

    def _is_meant(self, request: Request) -> bool:
        try:
            given = event(request)
        except RemoteProtocolError:
            return False
        return given is not None and given.matches(self._event)

    # --- NOTIFY

    def changed(self, now_s: float) -> None:
        """The package's state has changed."""
        if self.is_over or self._is_notifying:
            return
        if now_s < self._next_at_s:
            self.endpoint.timers.set(self, "news", self._next_at_s)
        else:
            self._notify(now_s)

    def terminate(self, reason: str, now_s: float) -> None:
        """Send the last NOTIFY (§4.2.2)."""
        if self.is_over:
            return
        self._reason = reason
        self.endpoint.timers.clear(self, "expired")
        self._notify(now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The next NOTIFY may go, or the subscription was not refreshed in time (§4.2.2: reason timeout)."""
        if name == "expired":
            self.terminate("timeout", now_s)
            return
        self.changed(now_s)

    def next_dialog(self) -> Dialog:
        """The dialog with a fresh sequence number."""
        self.dialog = self.dialog.numbered()
        return self.dialog

    @property
    def _is_notifying(self) -> bool:
        return self._running is not None and not self._running.is_done

    def _notify(self, now_s: float) -> None:
        if self._is_notifying:
            return  # `_done` looks again
        self.endpoint.timers.clear(self, "news")
        self._version += 1
        left_s = max(0, round(self._expires_at_s - now_s))
        state = SubscriptionState("terminated", self._reason) if self.is_over else SubscriptionState("active", None, left_s)
        body = self.package.document(self._entity, self._version, self._sent_serial)
        self._sent_serial = self.package.serial
        self._is_told = self.is_over
        headers = (
            ("Contact", contact(self.endpoint, self._hop, self.knowledge, is_secure=self.dialog.is_secure)),
            ("Event", str(self._event)),
            ("Subscription-State", str(state)),
            *common_headers(self.endpoint),
            *([("Content-Type", self.package.content_type)] if body else []),
        )
        self._running = DialogRequest(self, "NOTIFY", headers, body, self._done)
        self._running.begin(now_s)

    def _done(self, status: int, text: str, now_s: float) -> None:
        self.dialog = self.dialog._replace(is_proven=True)  # whoever answers got it; without an answer nothing more is sent
        response = None if self._running is None else self._running.response
        self._failures = 0 if status < 300 else self._failures + 1
        if self._is_told or response is None or status in ENDS_SUBSCRIPTION or self._failures > FAILURES_MAX:
            # §4.2.2: a NOTIFY that nobody answers, or that is refused in a way that ends the subscription.
            self._over()
        elif self.is_over:
            self._notify(now_s)
        elif status >= 300:
            # §4.2.2: after any other refusal it goes on. What of the state has arrived is not known: all of it is told next.
            self._sent_serial = None
            self._next_at_s = now_s + max(RETRY_S, min(float(response.retry_after or 0), RETRY_MAX_S))
            self.changed(now_s)
        else:
            # RFC 6665 makes NOTIFY a target refresh request (RFC 3261 §12.2.1.2).
            self.dialog = self.dialog.refreshed(response)
            self._next_at_s = now_s + self.package.gap_s
            if self._sent_serial != self.package.serial:
                self.changed(now_s)

    def _over(self) -> None:
        self._reason = self._reason or "noresource"
        for name in ("expired", "news"):
            self.endpoint.timers.clear(self, name)
        if self.endpoint.dialogs.pop(self.dialog.id, None) is not None:
            self._ended(self)


def granted_s(request: Request) -> int | None:
    """How long the subscription may last (§4.2.1.1); None: it asks for too little, and hears 423."""
    wanted_s = EXPIRES_DEFAULT_S if request.expires is None else request.expires
    # §4.2.1.1: only a time between zero and one hour may be called too brief.
    return None if 0 < wanted_s < EXPIRES_MIN_S else min(wanted_s, EXPIRES_MAX_S)
