"""Keeps a speaker whose clock differs from the microphone's in step with it, a sample at a time.

The microphone is the clock of the audio thread. A speaker that plays a little faster would run dry and click every few minutes, a slower
one fall behind until a piece of sound is dropped; and either way the echo's delay would drift under the canceller. So the fill of the
speaker's buffer is watched, and now and then a period is played a sample longer or shorter: 0.6 % at most, which nobody hears.
"""

from __future__ import annotations

from array import array
from typing import Final

FILL_MAX: Final = 48_000  # a second at the highest rate: no limit
LEARN_PERIODS: Final = 100  # two seconds, in which the card finds its step; their mean is what is held from then on
SMOOTH: Final = 1 / 50  # a second: longer than the unrest of any card's own steps
PATIENCE_PERIODS: Final = 200  # a deviation is made good within so many; a drift of 100 ppm then stands 0.4 ms off
MOST_A_STEP: Final = 480  # for each so many samples that may be held, one may be left out of a period: 3 of 960 at 48 kHz


class Pace:
    """Fed with the buffer's fill before each write; tells how many samples longer (> 0) or shorter (< 0) that write is to be."""

    def __init__(self, most: int = FILL_MAX) -> None:
        """What is held is `most` samples at most."""
        self.corrected = 0  # samples added less samples left out, since the beginning
        self._most = most
        self._step_max = max(1, most // MOST_A_STEP)
        self._begin(float(most))

    def _begin(self, bound: float) -> None:
        self._bound = bound
        self._periods = 0
        self._target = 0.0
        self._mean = 0.0
        self._due = 0.0

    def restart(self, most: int) -> None:
        """The buffer ran dry and was filled anew, by chance with more than it held before: that much is held again.

        By as much as `most` has grown, more is.
        """
        learned = self._periods > LEARN_PERIODS
        held = self._target + most - self._most if learned else most
        self._most = most
        self._begin(min(held, most))

    def lower(self, samples: int, least: int) -> None:
        """From now on so many samples fewer are to wait, but no fewer than `least`: they are left out one by one."""
        self._most -= samples
        self._bound -= samples
        self._target = max(self._target - samples, min(self._target, least))

    def correction(self, fill: int) -> int:
        """`fill`: samples that wait in the speaker's buffer, just before one period is written."""
        self._periods += 1
        if self._periods <= LEARN_PERIODS:
            self._mean += (fill - self._mean) / self._periods
            self._target = min(self._mean, self._bound)
            return 0
        self._mean += (fill - self._mean) * SMOOTH
        self._due += (self._target - self._mean) / PATIENCE_PERIODS
        if abs(self._due) < 1:
            return 0
        step = max(-self._step_max, min(self._step_max, int(self._due)))
        self._due = max(-1.0, min(1.0, self._due - step))
        self.corrected += step
        return step


def stretched(period: bytes, by: int) -> bytes:
    """A period of 16-bit mono that lasts `by` samples longer; its ends stay where they are, what lies between is interpolated."""
    samples = array("h", period)
    count = len(samples)
    scale = (count - 1) / (count + by - 1)
    out = array("h", samples[:1])
    for i in range(1, count + by - 1):
        whole, part = divmod(i * scale, 1.0)
        at = int(whole)
        out.append(round(samples[at] + part * (samples[at + 1] - samples[at])))
    out.append(samples[-1])
    return out.tobytes()
