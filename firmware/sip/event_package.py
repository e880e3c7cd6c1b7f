"""Event, Subscription-State and Allow-Events: which package a subscription is for, and how it stands (RFC 6665 §8.2)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.grammar import Parameters
from firmware.sip.header_values import first, sole
from firmware.sip.headers import DELTA_SECONDS_MAX

# Responses to a SUBSCRIBE that refreshes (§4.1.2.2) or to a NOTIFY (§4.2.2) that end the subscription; after any other it goes on.
ENDS_SUBSCRIPTION = frozenset((404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604))


@kind
class Event(NamedTuple):
    """Event: the package in lower case, templates included (`dialog`, `presence.winfo`), and its parameters."""

    package: str
    params: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Event:
        """Read the value. Raises RemoteProtocolError."""
        package, semicolon, params = text.partition(";")
        return cls(_package(package), grammar.parameters(semicolon + params))

    def __str__(self) -> str:
        assert grammar.is_token(self.package), self
        return f"{self.package}{grammar.joined(self.params)}"

    def param(self, name: str) -> str | None:
        """The value of a parameter, '' for one without value, None when absent."""
        return grammar.find(self.params, name)

    @property
    def id(self) -> str | None:
        """The id that tells subscriptions of one dialog apart, None when absent."""
        return self.param("id")

    def matches(self, other: Event) -> bool:
        """Whether both name one subscription: package and id agree, other parameters do not count (§8.2.1)."""
        # RFC 3265 let package names differ in case; devices of that age still do, so `parse` settles it.
        return self.package == other.package and self.id == other.id


@kind
class SubscriptionState(NamedTuple):
    """Subscription-State: `state` is active, pending, terminated or an extension, in lower case; times in seconds, None when not given."""

    state: str
    reason: str | None = None
    expires_s: int | None = None
    retry_after_s: int | None = None

    @classmethod
    def parse(cls, text: str) -> SubscriptionState:
        """Read the value; parameters that make no sense are passed over. Raises RemoteProtocolError."""
        state, semicolon, rest = text.partition(";")
        state = state.strip(grammar.WHITESPACE).lower()
        if not grammar.is_token(state):
            raise RemoteProtocolError(f"not a Subscription-State: {text[:80]!r}")
        params = grammar.parameters(semicolon + rest)
        reason = (grammar.find(params, "reason") or "").lower()
        return cls(state, reason if grammar.is_token(reason) else None, _seconds_in(params, "expires"), _seconds_in(params, "retry-after"))

    def __str__(self) -> str:
        assert grammar.is_token(self.state), self
        assert self.reason is None or grammar.is_token(self.reason), self
        pairs = (("reason", self.reason), ("expires", self.expires_s), ("retry-after", self.retry_after_s))
        return self.state + "".join([f";{name}={value}" for name, value in pairs if value is not None])

    @property
    def is_terminated(self) -> bool:
        """Whether the subscription has ended: this word alone ends it (§4.1.3), an extension does not."""
        return self.state == "terminated"


def event(message: HeaderFields) -> Event | None:
    """The Event of a message, None when absent. Raises RemoteProtocolError when malformed or repeated."""
    return sole(message, "Event", Event.parse)


def subscription_state(message: HeaderFields) -> SubscriptionState | None:
    """The Subscription-State of a NOTIFY, None when absent or malformed."""
    return first(message, "Subscription-State", SubscriptionState.parse)


def _package(text: str) -> str:
    package = text.strip(grammar.WHITESPACE).lower()
    if not grammar.is_token(package):
        raise RemoteProtocolError(f"not an event package: {text[:80]!r}")
    return package


def _seconds_in(params: Parameters, name: str) -> int | None:
    value = grammar.find(params, name)
    if not value or value.strip(grammar.DIGITS) or len(value) > grammar.NUMBER_DIGITS_MAX:
        return None
    return min(int(value), DELTA_SECONDS_MAX)
