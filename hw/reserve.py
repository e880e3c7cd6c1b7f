"""How much sound waits in the speaker while the next period is on its way: as little as the machine bears.

One period always waits. Whenever the speaker has run dry, half a period more does from then on, and twice as much as the last time when
it runs dry again at once: some cards take a tenth of a second into a store of their own before they play any of it. When that has been
enough for a while, a part is taken back, unheard (`hw.pace`). A machine that runs dry again soon after is given twice as long before the
next try, so that a bad quarter of an hour costs a few clicks and not one a minute.
"""

from __future__ import annotations

from typing import Final

MORE_MS_MAX: Final = 200.0  # beyond the one period: a conversation suffers from delay, but from torn words more
CALM_S: Final = 60.0  # without an underrun, before less is tried
CALM_S_MAX: Final = 1800.0
AT_ONCE_S: Final = 0.5  # an underrun so soon after another says that a little more is not enough
SOON_S: Final = 300.0  # an underrun so soon after less was tried is the answer to it


class Reserve:
    """Told of each period that is written and of each underrun; `samples` is what waits beyond one period."""

    def __init__(self, *, rate_hz: int, period_samples: int, room_samples: int, begin_ms: float = 0.0) -> None:
        """`room_samples`: what the device's buffer has room for beyond two periods. `begin_ms`: what was needed last time."""
        self._rate_hz = rate_hz
        self._period_samples = period_samples
        self._step = period_samples // 2
        most = min(int(MORE_MS_MAX * rate_hz / 1000), max(0, room_samples))
        self._most = most // self._step * self._step
        self.samples = min(self._most, round(begin_ms * rate_hz / 1000 / self._step) * self._step)
        self._calm_s = CALM_S
        self._more = self._step
        self._since_underrun_s = AT_ONCE_S
        self._since_less_s = SOON_S
        self._calm_for_s = 0.0  # since either of them

    @property
    def ms(self) -> float:
        """What waits beyond one period, in milliseconds."""
        return 1000 * self.samples / self._rate_hz

    def underrun(self) -> None:
        """The speaker ran dry: more from now on."""
        if self._since_less_s < SOON_S:
            self._calm_s = min(CALM_S_MAX, 2 * self._calm_s)
        self._more = 2 * self._more if self._since_underrun_s < AT_ONCE_S else self._step
        self._calm_for_s, self._since_underrun_s, self._since_less_s = 0.0, 0.0, SOON_S
        self.samples = min(self._most, self.samples + self._more)

    def written(self) -> int:
        """One period was written. How many samples fewer may wait from now on: 0, but now and then half a period, or a quarter of all."""
        period_s = self._period_samples / self._rate_hz
        self._calm_for_s += period_s
        self._since_underrun_s += period_s
        self._since_less_s += period_s
        if not self.samples or self._calm_for_s < self._calm_s:
            return 0
        self._calm_for_s = self._since_less_s = 0.0
        less = max(self._step, self.samples // 4 // self._step * self._step)
        self.samples -= less
        return less
