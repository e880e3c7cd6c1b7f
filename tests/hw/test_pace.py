"""Two clocks in one card: the speaker's buffer keeps its fill, and no sound is torn."""

from __future__ import annotations

import math
from array import array

import pytest

from hw.pace import LEARN_PERIODS, Pace, stretched

PERIOD = 320


@pytest.mark.parametrize("ppm", [0, 50, -50, 100, -100, 300, -300])
@pytest.mark.parametrize("step", [1, 160, 320], ids=lambda step: f"fill-in-steps-of-{step}")
def test_a_speaker_with_another_clock_keeps_its_fill_for_an_hour(ppm: int, step: int) -> None:
    pace, fill, fills = Pace(), 400.0, []
    for number in range(180_000):
        fill += PERIOD + pace.correction(int(fill // step * step)) - PERIOD * (1 + ppm / 1e6)
        if number > 5000:
            fills.append(fill)
    # What a coarse card tells moves only when it passes a step of its own: it is held within one.
    assert max(fills) - 400 < 64 + step
    assert 400 - min(fills) < 64 + step
    assert pace.corrected == pytest.approx(180_000 * PERIOD * ppm / 1e6, abs=64 + step)


def test_nothing_is_corrected_while_the_fill_is_learned() -> None:
    pace = Pace()
    assert not any(pace.correction(fill) for fill in range(LEARN_PERIODS))
    for _ in range(1000):
        pace.correction(1000)
    assert pace.corrected < 0


def run_seconds(pace: Pace, fill: int, seconds: float, period_s: float = 0.02) -> int:
    """The fill after so long, with speaker and microphone on one clock."""
    for _ in range(round(seconds / period_s)):
        fill += pace.correction(fill)
    return fill


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
def test_what_an_underrun_left_too_much_is_gone_within_seconds(rate_hz: int) -> None:
    ms, period = rate_hz // 1000, rate_hz // 50
    pace = Pace(period * 3 // 2)
    assert run_seconds(pace, 13 * ms, 5.0) == 13 * ms
    pace.restart(period * 3 // 2 + period // 2)  # a reserve of half a period
    assert run_seconds(pace, 40 * ms, 12.0) < 25 * ms


def test_an_underrun_before_anything_was_learned_holds_no_more_than_it_may() -> None:
    pace = Pace(240)
    run_seconds(pace, 100, 1.0)
    pace.restart(320)
    assert 310 < run_seconds(pace, 480, 30.0) < 330


def test_two_underruns_and_a_reserve_taken_back_hold_what_was_held_first() -> None:
    pace = Pace(240)
    run_seconds(pace, 100, 5.0)
    pace.restart(320)
    pace.lower(80, 0)
    run_seconds(pace, 180, 30.0)
    pace.restart(240)
    assert 90 < run_seconds(pace, 240, 30.0) < 110


def test_what_is_taken_back_leaves_what_has_to_wait() -> None:
    """A card that keeps much for itself has little in its buffer, however much was asked for to fill it."""
    pace = Pace(2400)
    run_seconds(pace, 400, 5.0)
    pace.lower(600, 320)
    assert 310 < run_seconds(pace, 400, 30.0) < 330
    pace.lower(600, 400)
    assert 310 < run_seconds(pace, 320, 30.0) < 330


@pytest.mark.parametrize("by", [-1, 1])
def test_a_period_becomes_longer_or_shorter_and_stays_the_same_sound(by: int) -> None:
    wave = array("h", (round(10_000 * math.sin(i / 8)) for i in range(PERIOD)))
    longer = array("h", stretched(wave.tobytes(), by))
    assert len(longer) == PERIOD + by
    assert longer[0] == wave[0]
    assert longer[-1] == wave[-1]
    assert max(abs(value - 10_000 * math.sin(i * (PERIOD - 1) / (PERIOD + by - 1) / 8)) for i, value in enumerate(longer)) < 30
