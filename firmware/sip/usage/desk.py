"""What happens without a call: messages, subscriptions in both roles, publications, orders of the registrar.

    command ─┬─ message            request outside a dialog ─┬─ MESSAGE    message
             ├─ subscription                                 ├─ SUBSCRIBE  notifier (dialog, presence)
             └─ publication                                  └─ NOTIFY     subscription, or unsolicited: check-sync, message-summary …

The agent makes it when it is first needed, and it imports each part when that is first needed: most doors need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, assert_never

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.sip.event_package import Event, event
from firmware.sip.events import AccountName, Effect, Invite, Refer
from firmware.sip.grammar import is_token
from firmware.sip.message import Request, make_response
from firmware.sip.notices import (
    CallOrdered,
    MailboxTold,
    NoticeCommand,
    Notified,
    Publish,
    ResyncRequested,
    SendMessage,
    SetPresence,
    Subscribe,
    SubscriptionChanged,
    TellQuality,
    Unpublish,
    Unsubscribe,
    WatcherChanged,
)
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.conference_state import ConferenceState
from firmware.sip.usage.dialog_state import DialogState
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.listing import is_listed
from firmware.sip.usage.presence_state import PresenceState
from firmware.sip.usage.quality_state import QualityState

if TYPE_CHECKING:
    from firmware.sip.usage.notifier import NotifierPackage, Watcher
    from firmware.sip.usage.publication import Publication
    from firmware.sip.usage.refer_outside import OutgoingRefer
    from firmware.sip.usage.session import Session
    from firmware.sip.usage.subscription import Attempt, Subscription, SubscriptionUser

SUBSCRIPTIONS_MAX = 16  # of ours: one an account, and a few that an operator asks for
PUBLICATIONS_MAX = 16  # of ours: presence for each account, and quality reports on their way
WATCHERS_MAX = 32  # phones with a lamp for this door; each costs a NOTIFY a call
PACKAGES = ("dialog", "presence", "conference", "vq-rtcpxr")  # of which we are a notifier
MAILBOX = "message-summary"  # PBXs tell it unasked
CALL_ORDERS = ("talk", "hold")
RESYNC = "check-sync"
TRANSFER = "refer"


class AccountKeeper(Protocol):
    """Who keeps the accounts registered."""

    def resync(self, account: AccountName, now_s: float) -> None:
        """Register it again."""
        ...


class Desk:
    """All of it, for one agent."""

    def __init__(self, endpoint: Endpoint, keeper: AccountKeeper) -> None:
        self._endpoint = endpoint
        self._keeper = keeper
        self._dialog_state = DialogState()
        self._lamps_serial = 0  # of the calls that the watchers have been told of
        self._presence_state = PresenceState()
        self._conference_state = ConferenceState(endpoint)
        self._quality_state = QualityState()
        packages: tuple[NotifierPackage, ...] = (
            self._dialog_state,
            self._presence_state,
            self._conference_state,
            self._quality_state,
        )
        self._packages = {package.name: package for package in packages}
        self._subscriptions: dict[str, Subscription] = {}
        self._attempts: dict[Attempt, Subscription] = {}
        self._refers: dict[Attempt, OutgoingRefer] = {}
        self._publications: dict[str, Publication] = {}
        self._watchers: list[Watcher] = []

    def census(self) -> dict[str, int]:
        """How many of each thing are kept."""
        return {
            "subscriptions": len(self._subscriptions),
            "attempts": len(self._attempts),
            "refers": len(self._refers),
            "publications": len(self._publications),
            "watchers": len(self._watchers),
        }

    # --- what the program wants

    def command(self, command: NoticeCommand | Refer, knowledge: AccountKnowledge | None, now_s: float) -> None:
        """Take one wish. Raises LocalProtocolError for one that cannot be carried out."""
        match command:
            case SendMessage():
                from firmware.sip.usage.message import OutgoingMessage

                OutgoingMessage(self._endpoint, command, knowledge).begin(now_s)
            case Subscribe():
                self.subscribe(command, knowledge, ProgramsSubscription(self._endpoint, self, command), now_s)
            case Unsubscribe(key=key):
                if key not in self._subscriptions:
                    raise LocalProtocolError(f"no subscription {key!r}")
                self._subscriptions[key].end(now_s)
            case Publish():
                self._publish(command, knowledge, now_s)
            case Unpublish(key=key):
                if key not in self._publications:
                    raise LocalProtocolError(f"no publication {key!r}")
                self._publications.pop(key).withdraw(now_s)
            case TellQuality(body=body):
                self._quality_state.set(body)
                self._tell_watchers(self._quality_state, now_s)
            case Refer():
                self._refer(command, knowledge, now_s)
            case SetPresence(is_open=is_open, note=note):
                if self._presence_state.set(is_open=is_open, note=note):
                    self._tell_watchers(self._presence_state, now_s)
            case _:
                assert_never(command)

    def subscribe(self, command: Subscribe, knowledge: AccountKnowledge | None, user: SubscriptionUser, now_s: float) -> None:
        """Begin a subscription whose news `user` takes."""
        from firmware.sip.usage.subscription import Subscription

        if command.key in self._subscriptions:
            raise LocalProtocolError(f"subscription key {command.key!r} is in use")
        if len(self._subscriptions) >= SUBSCRIPTIONS_MAX:
            raise LocalProtocolError(f"there are {SUBSCRIPTIONS_MAX} subscriptions already")
        if not is_token(command.package.partition(";")[0]):
            raise LocalProtocolError(f"{command.package!r} is no event package")
        subscription = Subscription(self._endpoint, command, knowledge, user, self._attempts)
        self._subscriptions[command.key] = subscription
        subscription.begin(now_s)

    def forget_subscription(self, key: str) -> None:
        """It has ended for good."""
        self._subscriptions.pop(key, None)

    def has_subscription(self, key: str) -> bool:
        """Whether a subscription of that key lives."""
        return key in self._subscriptions

    def _publish(self, command: Publish, knowledge: AccountKnowledge | None, now_s: float) -> None:
        from firmware.sip.usage.publication import Publication

        known = self._publications.get(command.key)
        if known is None:
            self._publications = {key: each for key, each in self._publications.items() if not each.is_over}
            if len(self._publications) >= PUBLICATIONS_MAX:
                raise LocalProtocolError(f"there are {PUBLICATIONS_MAX} publications already")
            known = Publication(self._endpoint, command, knowledge)
            self._publications[command.key] = known
        known.publish(command, now_s)

    def _refer(self, command: Refer, knowledge: AccountKnowledge | None, now_s: float) -> None:
        from firmware.sip.usage.refer_outside import ASKED_MAX, OutgoingRefer

        if len(self._refers) >= ASKED_MAX:
            raise LocalProtocolError(f"{ASKED_MAX} others are asked already")
        asked = OutgoingRefer(self._endpoint, command, knowledge, self._refer_ended)
        self._refers[asked.attempt] = asked
        asked.begin(now_s)

    def _refer_ended(self, refer: OutgoingRefer) -> None:
        self._refers.pop(refer.attempt, None)

    # --- what happens in calls

    def placed(self, command: Invite) -> None:
        """We place a call."""
        self._dialog_state.placed(command)

    def heard(self, effects: tuple[Effect, ...], now_s: float) -> None:
        """What the program is about to be told: calls among it light lamps."""
        if self._conference_state.heard(effects):
            self._tell_watchers(self._conference_state, now_s)
        for effect in effects:
            self._dialog_state.heard(effect)
        if self._dialog_state.serial != self._lamps_serial:
            self._lamps_serial = self._dialog_state.serial
            self._tell_watchers(self._dialog_state, now_s)
            if self._presence_state.set_on_the_phone(self._dialog_state.in_call):
                self._tell_watchers(self._presence_state, now_s)

    def conferred(self, now_s: float) -> None:
        """Who takes part in the conference has changed."""
        self._conference_state.changed()
        self._tell_watchers(self._conference_state, now_s)

    def _tell_watchers(self, package: NotifierPackage, now_s: float) -> None:
        for watcher in tuple(self._watchers):
            if watcher.package is package:
                watcher.changed(now_s)

    # --- what the network wants, outside of calls

    def adopt(self, transaction: ServerTransaction, now_s: float) -> bool:
        """Take a NOTIFY that begins a dialog of a subscription or REFER of ours; it may come before the 2xx (RFC 6665 §4.4.1)."""
        asker = self.asker(transaction.request)
        if asker is not None:
            asker.receive_request(transaction, now_s)
        return asker is not None

    def asker(self, request: Request) -> Subscription | OutgoingRefer | None:
        """Whose first NOTIFY that is, None when nobody waits for it."""
        attempt = (request.call_id, request.to_tag or "")
        return (self._attempts.get(attempt) or self._refers.get(attempt)) if request.method == "NOTIFY" else None

    def receive_request(self, transaction: ServerTransaction, knowledge: AccountKnowledge | None, now_s: float) -> None:
        """MESSAGE, SUBSCRIBE, REFER or NOTIFY outside a dialog, from somebody who may reach us at all."""
        match transaction.request.method:
            case "REFER":
                from firmware.sip.usage.refer_outside import receive_refer

                receive_refer(self._endpoint, transaction, knowledge, now_s)
            case "MESSAGE":
                self._receive_message(transaction, knowledge, now_s)
            case "SUBSCRIBE":
                self._receive_subscribe(transaction, knowledge, now_s)
            case method:
                assert method == "NOTIFY", method
                self._receive_unsolicited(transaction, knowledge, now_s)

    def receive_within(self, transaction: ServerTransaction, call: Session, now_s: float) -> bool:
        """The same methods inside a call; False when the call itself must take it: out of order, or of a transfer."""
        request, knowledge = transaction.request, call.knowledge
        if knowledge is not None and transaction.source.host not in knowledge.hosts:
            knowledge = None  # the other phone, past the account's server: nobody whom we know
        given = _event_of(request)
        if call.dialog.is_stale(request.cseq.number) or (given is not None and given.package == TRANSFER):
            return False
        call.dialog = call.dialog.heard(request.cseq.number)
        if request.method != "NOTIFY" or given is None or given.package not in CALL_ORDERS:
            self.receive_request(transaction, knowledge, now_s)
        elif knowledge is None:
            self._refuse(transaction, 403, now_s)  # only the registrar gives orders
        else:
            self._refuse(transaction, 200, now_s)
            self._endpoint.emit(CallOrdered(call=call.key, order=given.package))
        return True

    def _refuse(self, transaction: ServerTransaction, status: int, now_s: float, *headers: tuple[str, str]) -> None:
        tag = None if transaction.request.to_tag else self._endpoint.ids.tag()
        transaction.respond(make_response(transaction.request, status, to_tag=tag, headers=headers), now_s)

    def _receive_message(self, transaction: ServerTransaction, knowledge: AccountKnowledge | None, now_s: float) -> None:
        from firmware.sip.usage.message import receive_message

        sender = transaction.request.from_.uri
        if not (transaction.is_authenticated or knowledge is not None or is_listed(sender, self._endpoint.settings.gate.writers)):
            self._refuse(transaction, 403, now_s)
            return
        receive_message(self._endpoint, transaction, knowledge, now_s, is_authenticated=transaction.is_authenticated)

    # --- NOTIFY that nobody asked for

    def _receive_unsolicited(self, transaction: ServerTransaction, knowledge: AccountKnowledge | None, now_s: float) -> None:
        request = transaction.request
        given = _event_of(request)
        if given is not None and given.package == MAILBOX:
            # RFC 6665 §4.1.3 would have 481; PBXs (Asterisk) tell their mailboxes unasked, and mind a refusal.
            self._refuse(transaction, 200, now_s)
            if knowledge is not None and request.body:
                told = MailboxTold(account=knowledge.account.name, content_type=request.content_type or "", body=request.body)
                self._endpoint.emit(told)
        elif given is None or given.package != RESYNC:
            # RFC 6665 §4.1.3, §8.3.2: a package that we do not know; Allow-Events says which we do.
            self._refuse(transaction, 489, now_s, ("Allow-Events", ", ".join(PACKAGES)))
        elif knowledge is None:
            self._refuse(transaction, 403, now_s)  # only the registrar gives orders
        else:
            self._refuse(transaction, 200, now_s)
            reboot = (given.param("reboot") or "").lower() == "true"
            self._endpoint.emit(ResyncRequested(account=knowledge.account.name, reboot=reboot))
            self._keeper.resync(knowledge.account.name, now_s)

    # --- SUBSCRIBE

    def _receive_subscribe(self, transaction: ServerTransaction, knowledge: AccountKnowledge | None, now_s: float) -> None:
        from firmware.sip.usage.notifier import EXPIRES_MIN_S, Watcher, granted_s

        request = transaction.request
        given = None if request.to_tag else _event_of(request)  # RFC 6665 §4.5.1: a subscription has a dialog of its own, no call's
        package = None if given is None else self._packages.get(given.package)
        wanted_s = granted_s(request)
        if given is None or package is None:
            # §4.2.1.1: a package that we are no notifier of is 489 with those that we are.
            self._refuse(transaction, 489, now_s, ("Allow-Events", ", ".join(PACKAGES)))
        elif not self._may_watch(package, transaction):
            # RFC 4235 §3.6: who may see our calls is the owner's decision.
            self._refuse(transaction, 403, now_s)
        elif not request.contacts or not request.contacts[0].uri.is_sip:
            # §4.2.1.1: SUBSCRIBE makes a dialog, so it must say where to.
            self._refuse(transaction, 400, now_s)
        elif not _accepts(request, package.content_type):
            self._refuse(transaction, 406, now_s)
        elif wanted_s is None:
            self._refuse(transaction, 423, now_s, ("Min-Expires", str(EXPIRES_MIN_S)))
        elif len(self._watchers) >= WATCHERS_MAX:
            # §4.2.1.1: no room for the state.
            self._refuse(transaction, 503, now_s, ("Retry-After", "300"))
        else:
            watcher = Watcher(self._endpoint, transaction, package, given, knowledge, self._watcher_ended)
            self._watchers.append(watcher)
            self._endpoint.emit(WatcherChanged(package=package.name, watcher=watcher.who, is_watching=True))
            watcher.accept(transaction, wanted_s, now_s)

    def _may_watch(self, package: NotifierPackage, transaction: ServerTransaction) -> bool:
        subscriber = transaction.request.from_.uri
        if package is self._conference_state and self._conference_state.is_member(subscriber, transaction.source):
            return True
        return is_listed(subscriber, self._endpoint.settings.gate.watchers)

    def _watcher_ended(self, watcher: Watcher) -> None:
        self._watchers.remove(watcher)
        self._endpoint.emit(WatcherChanged(package=watcher.package.name, watcher=watcher.who, is_watching=False))


class ProgramsSubscription:
    """A subscription that the program asked for: its news become events."""

    def __init__(self, endpoint: Endpoint, desk: Desk, command: Subscribe) -> None:
        self._endpoint = endpoint
        self._desk = desk
        self._command = command

    def subscription_changed(self, state: str, reason: str, retry_in_s: float | None, now_s: float) -> None:
        """It stands otherwise than before."""
        if state == "terminated":
            self._desk.forget_subscription(self._command.key)
        self._endpoint.emit(SubscriptionChanged(key=self._command.key, state=state, reason=reason, retry_in_s=retry_in_s))

    def notified(self, content_type: str, body: bytes, now_s: float) -> None:
        """News."""
        self._endpoint.emit(Notified(key=self._command.key, package=self._command.package, content_type=content_type, body=body))


def _event_of(request: Request) -> Event | None:
    try:
        return event(request)
    except RemoteProtocolError:
        return None


def _accepts(request: Request, content_type: str) -> bool:
    """RFC 6665 §4.2.1.1: without Accept the package's own type is taken; else it, or a wildcard, must be named."""
    named = [value.partition(";")[0].strip().lower() for value in request.get_all("Accept")]
    return not named or any(kind in (content_type, "application/*", "*/*") for kind in named)
