"""The speaker's half of a sound card: as little sound as possible waits in it, and it never runs dry.

The buffer is primed with two periods of silence. Just before a write it holds one period, just after it two: what is written is heard
20 ms later at periods of 20 ms. One more period may wait, for the unrest of the audio thread, and what `hw.reserve` asks for where one
period is too little; for that the device's buffer has room from the beginning, and else stays empty. Where the microphone is the clock,
`hw.pace` makes good what the speaker's clock differs from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from hw.api import HardwareError, SoundFormat
from hw.pace import Pace, stretched
from hw.pcm import Pcm
from hw.reserve import Reserve

PRIMED_PERIODS = 2
WAITING_PERIODS_MAX = PRIMED_PERIODS + 1  # and the reserve
SAMPLE_BYTES = 2
STALL_MS = 500  # a speaker that has played nothing for so long is gone
NAP_S = 0.002  # between two looks at a card that moves in coarse steps


class Playback:
    """An open speaker of one or two channels. Every method but `close` raises HardwareError when it is gone."""

    def __init__(self, pcm: Pcm, fmt: SoundFormat, *, reserve_ms: float = 0.0, sleep: Callable[[float], None] = time.sleep) -> None:
        """`reserve_ms`: how much more than one period is to wait from the beginning (`hw.reserve`)."""
        self.underruns = self.short_writes = 0
        self._pcm = pcm
        self._format = fmt
        self._sleep = sleep
        self._channels = pcm.info()["channels"]
        self._unplayed = b""
        self._stalled_periods = 0
        self._buffer_samples = pcm.info()["buffer_size"]
        self._reserve = Reserve(
            rate_hz=fmt.rate_hz,
            period_samples=fmt.period_samples,
            room_samples=self._buffer_samples - PRIMED_PERIODS * fmt.period_samples,
            begin_ms=reserve_ms,
        )
        self._pace = Pace(self._waiting_most())
        self._prime(PRIMED_PERIODS)

    @property
    def reserve_ms(self) -> float:
        """How much more than one period waits when the next is written."""
        return self._reserve.ms

    def wait(self) -> None:
        """Until the next period is due: the speaker is the clock."""
        period, rate_hz = self._format.period_samples, self._format.rate_hz
        nap_s, waited_s = 0.0, 0.0
        while (excess := self._fill() - period - self._reserve.samples) > 0:
            if waited_s * rate_hz >= 2 * period and self._fill() + period <= self._buffer_samples:
                return  # one that has run dry without a word, and wants more than this before it goes on
            if waited_s * 1000 >= STALL_MS:
                raise HardwareError(f"speaker: nothing has been played for {STALL_MS} ms")
            # A card that moves in steps of a period may need a moment more than the samples say; never another period.
            nap_s = NAP_S if nap_s else max(NAP_S, excess / rate_hz)
            self._sleep(nap_s)
            waited_s += nap_s

    def write(self, period: bytes, *, follows: bool) -> None:
        """One period, mono. What finds no room is written with the next. `follows`: another clock says when."""
        fill = self._fill()
        if follows and (correction := self._pace.correction(fill)):
            period = stretched(period, correction)
        data = self._unplayed + (period if self._channels == 1 else _both(period))
        written = self._put(data, fill)
        if written < 0:
            self.underruns += 1
            self._unplayed = b""
            self._reserve.underrun()
            # One period of silence, the reserve and this one: the fill of the steady state.
            self._prime(PRIMED_PERIODS - 1)
            self.led_anew()
            written = max(0, self._pcm.write(data))
        self._count_stall(written)
        rest = data[written * SAMPLE_BYTES * self._channels :]
        if rest:
            self.short_writes += 1
        if less := self._reserve.written():
            self._pace.lower(less, self._format.period_samples + self._reserve.samples)
        # A speaker far slower than the microphone, beyond what the pace makes good: the older sound gives way.
        self._unplayed = rest[-self._format.period_bytes * self._channels :]

    def _put(self, data: bytes, fill: int) -> int:
        """Write as much as may wait together with `fill` samples; how many samples that were, negative for an underrun.

        A card that has not moved for as long as it was primed wants more than that before it begins.
        """
        most = WAITING_PERIODS_MAX * self._format.period_samples + self._reserve.samples
        room = (self._buffer_samples if self._stalled_periods >= PRIMED_PERIODS else most) - fill
        return self._pcm.write(data[: room * SAMPLE_BYTES * self._channels]) if room > 0 else 0

    def led_anew(self) -> None:
        """What the buffer held says nothing any more: it was filled anew, or another clock leads."""
        self._pace.restart(self._waiting_most())

    def close(self) -> None:
        """Close the device; one that is gone has nothing left to close."""
        self._pcm.close()

    def _count_stall(self, written: int) -> None:
        self._stalled_periods = 0 if written else self._stalled_periods + 1
        if self._stalled_periods * self._format.period_samples * 1000 >= STALL_MS * self._format.rate_hz:
            raise HardwareError(f"speaker: nothing has been played for {STALL_MS} ms")

    def _waiting_most(self) -> int:
        """Samples that may wait for good before one period is written: one period, half a one for a card of coarse steps, the reserve."""
        return self._format.period_samples * 3 // 2 + self._reserve.samples

    def _fill(self) -> int:
        """Samples that wait to be played; 0 in a card that has run dry, which tells a negative room until it is written to."""
        try:
            room = self._pcm.avail()
        except HardwareError:
            return 0  # if it is worse than that, the write will say so
        return 0 if room < 0 else max(0, self._buffer_samples - room)

    def _prime(self, periods: int) -> None:
        silence = periods * self._format.period_samples + self._reserve.samples
        self._pcm.write(bytes(silence * SAMPLE_BYTES * self._channels))


def _both(mono: bytes) -> bytes:
    """The same on both channels."""
    stereo = bytearray(2 * len(mono))
    out, samples = memoryview(stereo).cast("h"), memoryview(mono).cast("h")
    out[::2] = samples
    out[1::2] = samples
    return bytes(stereo)
