"""Extended reports through the binding: two pumps tell each other how they hear (RFC 3611)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware.media.binding import StreamSettings
from tests.native.test_pump import PERIOD_NS, SILENCE, WALL_NS, Party, talk


class Telling(Party):
    """A party whose peer takes extended reports."""

    def settings(self, peer: Party) -> StreamSettings:
        return super().settings(peer)._replace(extended_reports=True)


@pytest.fixture
def parties() -> Iterator[tuple[Telling, Telling]]:
    near, far = Telling("127.0.0.1", 1), Telling("127.0.0.1", 2)
    near.start(far)
    far.start(near)
    yield near, far
    for s in near.sockets + far.sockets:
        s.close()


def test_each_side_learns_how_the_other_hears_it(parties: tuple[Telling, Telling]) -> None:
    near, far = parties
    far.pump.judge(far.slot, r_factor=87.4, mos_listening=4.21, mos_conversation=4.05, echo_return_loss_db=31.6)
    talk(near, far, 1, 500)
    here, there = near.pump.voip(near.slot)
    assert (here.loss_percent, here.burst_ms, here.r_factor, here.mos_listening) == (0.0, 0, None, None)
    assert here.gap_ms >= 9000
    assert here.ssrc == far.settings(near).ssrc
    assert there is not None
    assert (there.r_factor, there.mos_listening, there.mos_conversation, there.echo_return_loss_db) == (87, 4.2, 4.0, 32)
    assert there.loss_percent == 0.0


def test_a_burst_is_told_as_one(parties: tuple[Telling, Telling]) -> None:
    near, far = parties
    talk(near, far, 1, 200)
    for k in range(200, 205):  # five packets of one burst that nobody receives
        near.period(k)
    for _ in range(5):
        far.sockets[0].recv(2000)
    talk(near, far, 205, 900)
    here, _ = far.pump.voip(far.slot)
    assert here.burst_ms == 100
    assert here.burst_loss_percent > 99
    assert here.gap_loss_percent == 0.0
    _, there = near.pump.voip(near.slot)
    assert there is not None
    assert there.burst_ms == 100


def test_nothing_is_told_to_who_did_not_ask(parties: tuple[Telling, Telling]) -> None:
    near, far = parties
    near.pump.update_stream(near.slot, Party.settings(near, far), PERIOD_NS)
    for k in range(1, 500):
        near.pump.period(k * PERIOD_NS, WALL_NS + k * PERIOD_NS, SILENCE)
        far.pump.period(k * PERIOD_NS, WALL_NS + k * PERIOD_NS, SILENCE)
    assert far.pump.voip(far.slot)[1] is None
    assert near.pump.voip(near.slot)[1] is not None
