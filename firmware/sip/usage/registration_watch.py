"""The registrar's own word on our binding: a subscription to `reg` that notices at once when it dropped us (RFC 3680).

Without it we learn that a binding is gone when a refresh is due, or when the registrar itself goes away.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.sip.body import reginfo
from firmware.sip.body.reginfo import ContactEntry, RegInfo
from firmware.sip.notices import Subscribe
from firmware.sip.uri import Uri
from firmware.sip.usage.desk import Desk
from firmware.sip.usage.endpoint import AccountKnowledge

QUIET_S = 5.0  # after which we believe the registrar again: a NOTIFY of the state before our last REGISTER must not set off another
PREFIX = "reg:"  # of the keys of these subscriptions


class BoundAccount(Protocol):
    """The registration that is watched."""

    @property
    def bound_contact(self) -> Uri | None:
        """What the registrar should hold, None while we are not registered."""
        ...

    def registrar_lost(self, now_s: float) -> None:
        """Register again at once."""
        ...


class RegistrationWatch:
    """The watch over one account's binding."""

    def __init__(self, desk: Desk, knowledge: AccountKnowledge, registration: BoundAccount) -> None:
        self._desk = desk
        self._knowledge = knowledge
        self._registration = registration
        self._key = PREFIX + knowledge.account.name
        self._known: RegInfo | None = None
        self._quiet_until_s = 0.0

    def bound(self, now_s: float) -> None:
        """We have just been registered: begin to watch, unless we do already."""
        self._quiet_until_s = now_s + QUIET_S
        if not self._desk.has_subscription(self._key):
            self._known = None
            account = self._knowledge.account
            accept = (reginfo.CONTENT_TYPE,)
            wish = Subscribe(key=self._key, target=account.aor, package=reginfo.EVENT, account=account.name, accept=accept)
            with suppress(LocalProtocolError):  # the program holds every subscription that there may be: then without the watch
                self._desk.subscribe(wish, self._knowledge, self, now_s)

    def subscription_changed(self, state: str, reason: str, retry_in_s: float | None, now_s: float) -> None:
        """It was refused for good: tried again with the next registration."""
        self._known = None if state != "active" else self._known
        if state == "terminated":
            self._desk.forget_subscription(self._key)

    def notified(self, content_type: str, body: bytes, now_s: float) -> None:
        """The state of all bindings of the address."""
        try:
            self._known = reginfo.merge(self._known, reginfo.decode(body))
        except RemoteProtocolError:
            return  # what cannot be read says nothing
        contact = self._registration.bound_contact
        if self._known is None or contact is None or now_s < self._quiet_until_s:
            return
        if _is_gone(self._known, contact):
            # RFC 3680 §4.7: the registrar ended our binding by itself: an administrator, a restart, a limit of devices.
            self._quiet_until_s = now_s + QUIET_S
            self._registration.registrar_lost(now_s)


def _is_gone(known: RegInfo, contact: Uri) -> bool:
    """Whether the registrar says that our binding has ended, or lists its bindings without it."""
    entries = [entry for registration in known.registrations for entry in registration.contacts]
    own = [entry for entry in entries if _names(entry, contact)]
    return all(entry.state == "terminated" for entry in own)


def _names(entry: ContactEntry, contact: Uri) -> bool:
    try:
        return Uri.parse(entry.uri).equivalent(contact)
    except RemoteProtocolError:
        return False
