"""A sound card in memory: a microphone that plays silence, a tone or a recording, a speaker that remembers what it was given.

Paced by the monotonic clock with absolute deadlines (one sleep a period, no drift), or not at all when the caller owns the time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from hw.api import DeviceFault, Half, HardwareError, Sink, SoundCounters, SoundFormat
from hw.microphone import Microphone, Silence
from hw.settings import SoundSettings

if TYPE_CHECKING:
    import wave
    from pathlib import Path

HEARD_S_MAX = 2  # what the speaker remembers; at 16 kHz about 64 kB. Longer: give it a WAV file
LATE_PERIODS_MAX = 8  # a reader further behind than this has slept or been stopped: what it missed is lost, as on a real card
SPEAKER_WAV_S_MAX = 3600  # a forgotten simulation must not fill the disk


class SimulatedSound:
    """Implements `hw.api.SoundCard`."""

    def __init__(
        self,
        settings: SoundSettings,
        *,
        microphone: Microphone | None = None,
        speaker_wav: Path | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] | None = time.sleep,
    ) -> None:
        self._format = SoundFormat(rate_hz=settings.rate_hz, period_samples=settings.rate_hz * settings.period_ms // 1000)
        self._period_bytes = self._format.period_bytes
        self._period_ns = settings.period_ms * 1_000_000
        self._settings = settings
        self._microphone: Microphone = microphone or Silence()
        self._speaker_wav = speaker_wav
        self._now_ns = now_ns
        self._sleep = sleep
        self._sink: Sink | None = None
        self._opened = False
        self._there = frozenset(Half)
        self._noticed = frozenset(Half)
        self._next_ns = 0
        self._wav: wave.Wave_write | None = None
        self._heard: deque[bytes] = deque(maxlen=HEARD_S_MAX * 1000 // settings.period_ms)
        self._short_writes_due = 0
        self._overruns = self._short_writes = self._reopens = 0

    def attach(self, sink: Sink) -> None:
        """Name who hears of faults."""
        self._sink = sink

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`: the microphone listens."""
        return self._opened

    def open(self) -> SoundFormat:
        if not self._there:
            raise HardwareError(f"sound card {self._settings.device} (simulated): not plugged in")
        if not self._opened:
            self._microphone.open(self._format.rate_hz)
            self._open_wav()
            self._next_ns = self._now_ns() + self._period_ns
            self._opened = True
        return self._format

    def read(self) -> bytes:
        assert self._opened, "read before open"
        self._pace()
        if self._noticed != self._there:
            self._notice()
        if Half.MICROPHONE not in self._there:
            return bytes(self._format.period_bytes)
        return self._microphone.read(self._format.period_samples)

    def write(self, period: bytes) -> None:
        assert self._opened, "write before open"
        assert len(period) == self._period_bytes, f"a period is {self._period_bytes} bytes"
        if Half.SPEAKER not in self._there:
            return
        if self._short_writes_due:
            self._short_writes_due -= 1
            self._short_writes += 1
        self._heard.append(period)
        if self._wav is not None and self._wav.tell() < SPEAKER_WAV_S_MAX * self._format.rate_hz:
            self._wav.writeframesraw(period)

    def close(self) -> None:
        self._opened = False
        if self._wav is not None:
            self._wav.close()
            self._wav = None

    def counters(self) -> SoundCounters:
        return SoundCounters(overruns=self._overruns, underruns=0, short_writes=self._short_writes, reopens=self._reopens)

    def heard(self) -> bytes:
        """What the speaker was given last, up to `HEARD_S_MAX`."""
        return b"".join(self._heard)

    def unplug(self, *halves: Half) -> None:
        """Pull the card, or one half of it. A stream that is open goes on, with silence in that direction."""
        self._there -= frozenset(halves or Half)

    def plug_in(self) -> None:
        """All of it."""
        self._there = frozenset(Half)

    def shorten_writes(self, count: int) -> None:
        """The next `count` writes are accepted in two parts; nothing is lost, they are counted."""
        self._short_writes_due = count

    def _pace(self) -> None:
        if self._sleep is None:
            return
        late_ns = self._now_ns() - self._next_ns
        if late_ns < 0:
            self._sleep(-late_ns / 1e9)
        elif late_ns > LATE_PERIODS_MAX * self._period_ns:
            self._overruns += 1
            self._next_ns += late_ns
        self._next_ns += self._period_ns

    def _notice(self) -> None:
        self._reopens += not self._noticed
        self._noticed = self._there
        missing = [half.value for half in Half if half not in self._there]
        what = "works again" if not missing else missing[0] if self._there else "was unplugged"
        detail = f"sound card {self._settings.device} (simulated) {what}"
        if self._sink is not None:
            self._sink(DeviceFault(device="sound", working=not missing, detail=detail, at_ns=self._now_ns()))

    def _open_wav(self) -> None:
        if self._speaker_wav is None:
            return
        import wave  # lazily: only who records pays for it

        # The file lives as long as the card is open, which no `with` can span.
        self._wav = wave.open(str(self._speaker_wav), "wb")  # noqa: SIM115 (closed in close())
        self._wav.setnchannels(1)
        self._wav.setsampwidth(2)
        self._wav.setframerate(self._format.rate_hz)
