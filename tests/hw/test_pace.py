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


def test_nothing_is_corrected_while_the_fill_is_learned_nor_after_a_restart() -> None:
    pace = Pace()
    assert not any(pace.correction(fill) for fill in range(LEARN_PERIODS))
    for _ in range(1000):
        pace.correction(1000)
    assert pace.corrected < 0
    pace.restart()
    assert not any(pace.correction(5000) for _ in range(LEARN_PERIODS + 500))


@pytest.mark.parametrize("by", [-1, 1])
def test_a_period_becomes_longer_or_shorter_and_stays_the_same_sound(by: int) -> None:
    wave = array("h", (round(10_000 * math.sin(i / 8)) for i in range(PERIOD)))
    longer = array("h", stretched(wave.tobytes(), by))
    assert len(longer) == PERIOD + by
    assert longer[0] == wave[0]
    assert longer[-1] == wave[-1]
    assert max(abs(value - 10_000 * math.sin(i * (PERIOD - 1) / (PERIOD + by - 1) / 8)) for i, value in enumerate(longer)) < 30
