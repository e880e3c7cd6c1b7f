"""Headers of events and subscriptions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.event_package import Event, SubscriptionState, event, subscription_state
from firmware.sip.headers import canonical
from firmware.sip.message import Request
from firmware.sip.uri import Uri
from tests.sip.strategies import tokens


def notify(*headers: tuple[str, str]) -> Request:
    return Request("NOTIFY", Uri("sip", host="example.com"), tuple([(canonical(name), value) for name, value in headers]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("dialog", Event("dialog")),
        ("presence.winfo", Event("presence.winfo")),
        ("refer;id=93809824", Event("refer", (("id", "93809824"),))),
        ('dialog;sla;call-id="a@b"', Event("dialog", (("sla", None), ("call-id", '"a@b"')))),
    ],
)
def test_an_event_is_read_and_written(text: str, value: Event) -> None:
    assert Event.parse(text) == value
    assert str(value) == text


def test_an_event_matches_by_package_and_id_alone() -> None:
    assert Event.parse("Dialog;id=1").matches(Event.parse("dialog ; id=1;sla"))
    assert not Event.parse("dialog;id=1").matches(Event.parse("dialog"))
    assert not Event.parse("dialog").matches(Event.parse("presence"))
    assert Event.parse('dialog;call-id="a@b"').param("call-id") == "a@b"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("active;expires=599", SubscriptionState("active", None, 599)),
        ("pending", SubscriptionState("pending")),
        ("terminated;reason=timeout", SubscriptionState("terminated", "timeout")),
        ("terminated;reason=probation;retry-after=0", SubscriptionState("terminated", "probation", None, 0)),
    ],
)
def test_a_subscription_state_is_read_and_written(text: str, value: SubscriptionState) -> None:
    assert SubscriptionState.parse(text) == value
    assert str(value) == text
    assert value.is_terminated == text.startswith("terminated")


def test_a_subscription_state_is_read_in_any_case_and_with_nonsense_beside_it() -> None:
    assert SubscriptionState.parse("Active ; Expires = 10;x") == SubscriptionState("active", None, 10)
    assert SubscriptionState.parse("active;expires=soon") == SubscriptionState("active")


@given(st.sampled_from(["active", "pending", "terminated"]), st.none() | tokens, st.none() | st.integers(0, 2**32 - 1))
def test_subscription_states_survive_writing(state: str, reason: str | None, expires_s: int | None) -> None:
    value = SubscriptionState(state, reason.lower() if reason else None, expires_s)
    assert SubscriptionState.parse(str(value)) == value


@pytest.mark.parametrize("text", ["", "two words", ";id=1", "dialog;id="])
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Event.parse(text)
    with pytest.raises(RemoteProtocolError):
        SubscriptionState.parse(text)


def test_headers_of_a_notify_are_read() -> None:
    message = notify(("o", "dialog"), ("Subscription-State", "active;expires=5"))
    assert event(message) == Event("dialog")
    assert subscription_state(message) == SubscriptionState("active", None, 5)


def test_a_message_without_them_has_none_and_two_events_are_refused() -> None:
    assert (event(notify()), subscription_state(notify())) == (None, None)
    assert subscription_state(notify(("Subscription-State", "@"))) is None
    with pytest.raises(RemoteProtocolError):
        event(notify(("Event", "dialog"), ("Event", "presence")))
