"""firmware/net/pace.py: when many messages come, they are read some at a time; a call is never made to wait."""

from __future__ import annotations

import pytest

from firmware.net.pace import CALM_BURST, CALM_PER_S, GATHER_S, Pace


def waits(per_s: float, seconds: float, pace: Pace, begin_s: float = 100.0) -> list[float]:
    """What it says after each of so many messages a second, read one by one."""
    return [pace.wait_s(1, begin_s + number / per_s) for number in range(int(per_s * seconds))]


@pytest.mark.parametrize("per_s", [1.0, 50.0, 0.95 * CALM_PER_S])
def test_calm_traffic_is_read_as_it_comes(per_s: float) -> None:
    assert set(waits(per_s, 20.0, Pace())) == {0.0}


def test_everything_that_a_call_makes_its_phones_say_at_once_is_read_at_once() -> None:
    pace = Pace()
    assert [pace.wait_s(1, 100.0) for _ in range(int(CALM_BURST))] == [0.0] * int(CALM_BURST)


def test_a_flood_is_read_some_at_a_time() -> None:
    said = waits(2 * CALM_PER_S, 2.0, Pace())
    assert said[0] == 0.0
    assert said[-1] == GATHER_S


def test_calm_is_noticed_soon_however_long_the_flood_was() -> None:
    pace = Pace()
    waits(5000.0, 10.0, pace)
    assert pace.wait_s(1, 110.0) == GATHER_S
    assert pace.wait_s(1, 110.0 + CALM_BURST / CALM_PER_S + 0.02) == 0.0


def test_whoever_repeats_a_request_has_waited_longer_than_we_let_it_lie() -> None:
    assert GATHER_S < 0.5 / 10  # T1 (RFC 3261 §17.1.1.1)
