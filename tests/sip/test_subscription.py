"""Subscriptions of ours: RFC 6665 §4.1, §4.4."""

from __future__ import annotations

import pytest

from firmware.errors import LocalProtocolError
from firmware.sip.agent import AgentSettings
from firmware.sip.message import Request
from firmware.sip.notices import Notified, Subscribe, SubscriptionChanged, Unsubscribe
from firmware.sip.usage.desk import SUBSCRIPTIONS_MAX
from tests.sip.wire import BOB, OURS, PEER, Wire

COMMAND = Subscribe(key="s", target=BOB, package="presence", accept=("application/pidf+xml",), expires_s=600)


def subscribing() -> tuple[Wire, Request]:
    wire = Wire(AgentSettings())
    wire.command(COMMAND)
    return wire, wire.request("SUBSCRIBE")


def notify(wire: Wire, first: Request, state: str, *, tag: str = "peer", cseq: int = 1, body: bytes = b"", event: str = "presence") -> None:
    """A NOTIFY for the subscription that `first` asked for."""
    text = (
        f"NOTIFY sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKn{tag}{cseq};rport\r\nMax-Forwards: 70\r\n"
        f"From: {first.to};tag={tag}\r\nTo: {first.from_}\r\nCall-ID: {first.call_id}\r\nCSeq: {cseq} NOTIFY\r\n"
        f"Contact: <sip:bob@{PEER}>\r\nEvent: {event}\r\nSubscription-State: {state}\r\n"
        + ("Content-Type: application/pidf+xml\r\n" if body else "")
        + f"Content-Length: {len(body)}\r\n\r\n"
    )
    wire.receive(text.encode() + body)


def subscribed() -> tuple[Wire, Request]:
    wire, first = subscribing()
    wire.reply(200, first, Expires="600")
    notify(wire, first, "active;expires=600", body=b"<presence/>")
    wire.take()
    return wire, first


def states(wire: Wire) -> list[str]:
    return [event.state for event in wire.told(SubscriptionChanged)]


def test_the_subscribe_names_package_types_and_time() -> None:
    _, first = subscribing()
    assert (first.get("Event"), first.get("Accept"), first.expires) == ("presence", "application/pidf+xml", 600)
    assert first.contacts
    assert first.to.tag is None


def test_the_notify_and_not_the_2xx_makes_it_active_and_brings_the_news() -> None:
    wire, first = subscribing()
    wire.reply(200, first, Expires="600")
    assert states(wire) == []
    notify(wire, first, "active;expires=600", body=b"<presence/>")
    assert wire.response().status == 200
    assert states(wire) == ["active"]
    assert wire.told(Notified) == [Notified(key="s", package="presence", content_type="application/pidf+xml", body=b"<presence/>")]


def test_a_notify_before_the_2xx_is_taken_just_the_same() -> None:
    wire, first = subscribing()
    notify(wire, first, "active;expires=600")
    wire.reply(200, first, Expires="600")
    assert states(wire) == ["active"]
    wire.take()
    wire.advance(450.1)
    assert wire.take() == ["SUBSCRIBE"]


def test_a_refresh_goes_inside_the_dialog_with_the_next_number() -> None:
    wire, first = subscribed()
    wire.advance(451)
    refresh = wire.request("SUBSCRIBE")
    assert (refresh.call_id, refresh.to.tag, refresh.cseq.number) == (first.call_id, "peer", first.cseq.number + 1)


def test_the_notifier_may_shorten_the_time() -> None:
    wire, first = subscribing()
    wire.reply(200, first, Expires="600")
    notify(wire, first, "active;expires=100")
    wire.take()
    wire.advance(75.1)
    assert wire.take() == ["SUBSCRIBE"]


def test_too_brief_is_asked_for_again_with_the_least_time() -> None:
    wire, first = subscribing()
    wire.reply(423, first, Min_Expires="1800")
    assert wire.request("SUBSCRIBE").expires == 1800


def test_a_second_notifier_behind_a_fork_hears_481() -> None:
    wire, first = subscribed()
    notify(wire, first, "active", tag="other")
    assert wire.take() == ["481 NOTIFY"]
    assert states(wire) == ["active"]


def test_a_notify_of_another_package_is_489_and_changes_nothing() -> None:
    wire, first = subscribed()
    notify(wire, first, "terminated;reason=rejected", cseq=2, event="dialog")
    assert wire.take() == ["489 NOTIFY"]
    assert states(wire) == ["active"]


def test_a_notify_out_of_order_is_500() -> None:
    wire, first = subscribed()
    notify(wire, first, "active", cseq=5)
    notify(wire, first, "terminated;reason=rejected", cseq=4)
    assert wire.take() == ["200 NOTIFY", "500 NOTIFY"]


def test_a_notify_without_its_state_is_400() -> None:
    wire, first = subscribed()
    wire.within("NOTIFY", Request("SUBSCRIBE", first.uri, (*first.without("To").headers, ("To", f"{first.to};tag=peer"))), cseq=9,
                headers="Event: presence\r\n", we_called=True)  # fmt: skip
    assert wire.take() == ["400 NOTIFY"]


@pytest.mark.parametrize(
    ("reason", "after_s"),
    [("deactivated", 0.0), ("timeout", 0.0), ("probation;retry-after=40", 40.0), ("giveup;retry-after=90", 90.0), ("unheard-of", 5.0)],
)
def test_what_ended_for_a_passing_reason_is_asked_for_again(reason: str, after_s: float) -> None:
    wire, first = subscribed()
    notify(wire, first, f"terminated;reason={reason}", cseq=2)
    assert states(wire)[-1] == "waiting"
    assert wire.take() == ["200 NOTIFY"]
    if after_s > 10:
        wire.advance(after_s - 1)
        assert wire.take() == []
    wire.advance(after_s)
    again = wire.request("SUBSCRIBE")
    assert again.to.tag is None
    assert again.call_id != first.call_id


@pytest.mark.parametrize("reason", ["rejected", "noresource", "invariant"])
def test_what_ended_for_good_is_not(reason: str) -> None:
    wire, first = subscribed()
    notify(wire, first, f"terminated;reason={reason}", cseq=2)
    assert states(wire)[-1] == "terminated"
    wire.take()
    wire.settle()
    assert wire.take() == []
    assert wire.agent.is_idle


def test_deactivated_again_and_again_is_not_a_loop_without_delay() -> None:
    wire, first = subscribed()
    notify(wire, first, "terminated;reason=deactivated", cseq=2)
    wire.advance(0)
    again = wire.request("SUBSCRIBE")
    wire.reply(200, again)
    notify(wire, again, "terminated;reason=deactivated")
    wire.take()
    wire.advance(1)
    assert wire.take() == []


@pytest.mark.parametrize("lives", [("terminated;reason=giveup;retry-after=0",), ("active", "terminated;reason=deactivated")])
def test_a_notifier_that_shows_no_patience_is_asked_ever_slower(lives: tuple[str, ...]) -> None:
    wire, asked = subscribing()
    gaps_s = []
    for _ in range(4):
        wire.reply(200, asked)
        for cseq, state in enumerate(lives, 1):
            notify(wire, asked, state, cseq=cseq)
        (*_, ended) = wire.told(SubscriptionChanged)
        assert ended.retry_in_s is not None
        gaps_s.append(ended.retry_in_s)
        wire.take()
        wire.advance(ended.retry_in_s + 0.1)
        asked = wire.request("SUBSCRIBE")
    assert all(gap_s >= least_s for gap_s, least_s in zip(gaps_s[1:], (3.75, 3.75, 3.75), strict=True)), gaps_s


@pytest.mark.parametrize("status", [403, 404, 489, 603])
def test_a_refusal_ends_it(status: int) -> None:
    wire, first = subscribing()
    wire.reply(status, first)
    (event,) = wire.told(SubscriptionChanged)
    assert (event.state, event.reason[:3]) == ("terminated", str(status))
    wire.settle()
    assert wire.agent.is_idle


def test_a_lost_dialog_is_begun_anew() -> None:
    wire, first = subscribed()
    wire.advance(451)
    wire.reply(481, wire.request("SUBSCRIBE"))
    assert states(wire)[-1] == "waiting"
    wire.advance(5)
    assert wire.request("SUBSCRIBE").call_id != first.call_id


def test_a_refresh_that_fails_leaves_it_alive_until_it_expires() -> None:
    wire, first = subscribed()
    wire.advance(451)
    wire.reply(500, wire.request("SUBSCRIBE"))
    notify(wire, first, "active", cseq=2, body=b"<presence/>")
    assert len(wire.told(Notified)) == 2
    assert "waiting" not in states(wire)


def test_a_server_that_never_notifies_is_asked_again() -> None:
    wire, first = subscribing()
    wire.reply(200, first, Expires="600")
    wire.advance(33)
    assert states(wire) == ["waiting"]
    wire.advance(6)
    assert wire.request("SUBSCRIBE").call_id != first.call_id


def test_an_unreachable_server_is_asked_ever_more_slowly() -> None:
    wire, _ = subscribing()
    for _ in range(12):
        wire.fail()
        wire.advance(wire.told(SubscriptionChanged)[-1].retry_in_s or 0.0)
    gaps = [event.retry_in_s or 0.0 for event in wire.told(SubscriptionChanged)]
    assert gaps[0] <= 5
    assert 225 <= gaps[-1] <= 300


def test_unsubscribing_asks_for_no_time_and_is_over_with_the_last_notify() -> None:
    wire, first = subscribed()
    wire.command(Unsubscribe(key="s"))
    end = wire.request("SUBSCRIBE")
    assert end.expires == 0
    wire.reply(200, end)
    notify(wire, first, "terminated;reason=timeout", cseq=2)
    assert states(wire)[-1] == "terminated"
    wire.settle()
    assert wire.agent.is_idle


def test_news_that_cross_the_end_do_not_confirm_it() -> None:
    """RFC 6665 §4.1.2.3: the last NOTIFY does; when it never comes, timer N ends the wait."""
    wire, first = subscribed()
    wire.command(Unsubscribe(key="s"))
    notify(wire, first, "active;expires=600", cseq=2, body=b"<presence/>")
    wire.reply(200, wire.request("SUBSCRIBE"), Expires="0")
    assert states(wire) == ["active"]
    wire.advance(33)
    assert states(wire) == ["active", "terminated"]
    assert wire.agent.is_idle


def test_unsubscribing_from_a_dead_server_is_over_too() -> None:
    wire, _ = subscribed()
    wire.command(Unsubscribe(key="s"))
    wire.settle()
    assert states(wire)[-1] == "terminated"
    assert wire.agent.is_idle


def test_a_notify_that_belongs_to_no_subscription_is_481() -> None:
    wire, first = subscribed()
    wire.command(Unsubscribe(key="s"))
    wire.settle()
    wire.take()
    notify(wire, first, "active", cseq=9)
    assert wire.take() == ["481 NOTIFY"]


def test_keys_and_numbers_are_bounded() -> None:
    wire, _ = subscribing()
    with pytest.raises(LocalProtocolError, match="in use"):
        wire.command(COMMAND)
    with pytest.raises(LocalProtocolError, match="no subscription"):
        wire.command(Unsubscribe(key="other"))
    for number in range(SUBSCRIPTIONS_MAX - 1):
        wire.command(COMMAND._replace(key=f"s{number}"))
    with pytest.raises(LocalProtocolError, match="already"):
        wire.command(COMMAND._replace(key="one more"))
    with pytest.raises(LocalProtocolError, match="event package"):
        Wire().command(COMMAND._replace(package="not a package"))
