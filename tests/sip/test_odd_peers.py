"""Whatever a peer does, in whatever order: numbers rise, editions differ, nothing is left, and nobody is left without an outcome."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from firmware.sdp.description import parse
from firmware.sip.body import dialog_info
from firmware.sip.message import Message, Request
from firmware.sip.notices import SubscriptionChanged, WatcherChanged
from tests.sip.odd_peer import OddPeer, before_the_answer, called, in_a_call, subscribed, watched

SCRIPTS = [in_a_call, before_the_answer, called, subscribed, watched]
SEEDS = range(60)  # of each script: a second in all; thousands more ran when this was written


def first_copies(peer: OddPeer) -> list[Message]:
    """Each message that we sent, without its repetitions."""
    return list(dict.fromkeys(peer.wire.sent))


def requests(peer: OddPeer, *methods: str) -> list[Request]:
    return [message for message in first_copies(peer) if isinstance(message, Request) and message.method in methods]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_numbers_of_a_dialog_rise(script: Callable[[int], OddPeer], seed: int) -> None:
    """RFC 3261 §12.2.1.1: CSeq rises with each request. One that turned out too large for UDP leaves a gap: "not an error" (§12.2.2)."""
    peer = script(seed)
    numbers: dict[tuple[str, str | None, str | None], list[int]] = {}
    for message in first_copies(peer):
        if isinstance(message, Request) and message.method not in ("ACK", "CANCEL") and message.to.tag:
            numbers.setdefault((message.call_id, message.from_.tag, message.to.tag), []).append(message.cseq.number)
    for found in numbers.values():
        assert found == sorted(set(found))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("script", [in_a_call, before_the_answer])
def test_a_description_that_differs_has_the_next_version_and_no_fewer_lines(script: Callable[[int], OddPeer], seed: int) -> None:
    """RFC 3264 §8: the version rises by one if and only if the description differs; lines stay in their places for ever."""
    bodies = [message.body for message in first_copies(script(seed)) if message.content_type == "application/sdp"]
    editions = {parse(body).origin.version: body for body in bodies}
    assert set(bodies) == set(editions.values())  # one body an edition
    descriptions = [parse(body) for body in dict.fromkeys(bodies)]
    assert [each.origin.version for each in descriptions] == list(range(1, len(descriptions) + 1))
    kinds = [[line.kind for line in each.media] for each in descriptions]
    assert all(after[: len(before)] == before for before, after in pairwise(kinds))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_subscription_ends_once_and_is_not_asked_for_all_the_time(seed: int) -> None:
    peer = subscribed(seed)
    assert [event.state for event in peer.wire.told(SubscriptionChanged)].count("terminated") == 1
    assert len(requests(peer, "SUBSCRIBE")) < 400  # in more than half an hour


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lamp_hears_editions_without_a_gap_and_goes_out_once(seed: int) -> None:
    """RFC 4235 §4.3: a version that does not follow makes the watcher ask anew."""
    peer = watched(seed)
    versions = [dialog_info.decode(notice.body).version for notice in requests(peer, "NOTIFY")]
    assert versions == list(range(len(versions)))
    assert [event.is_watching for event in peer.wire.told(WatcherChanged)] == [True, False]
