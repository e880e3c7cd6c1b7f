"""A sound card that heals: the call goes on when the card is pulled, and speaks again when it is back.

While the card is gone, `read` keeps the audio clock by the monotonic clock and returns silence, and once a second the card is looked
for again by its name. That happens on the audio thread itself: pyalsaaudio holds the interpreter lock while it opens a device, so a
thread of its own would spare nobody the wait, and who has lost his microphone and speaker does not hear it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from hw.api import DeviceFault, HardwareError, Sink, SoundCounters, SoundFormat
from hw.settings import SoundSettings

SEARCH_NS = 1_000_000_000
LATE_PERIODS_MAX = 8  # after a longer pause (a slow search, a stopped process) silence starts afresh instead of catching up in a burst


class Duplex(Protocol):
    """An open card as `hw.alsa` makes it: methods raise HardwareError when it is gone."""

    format: SoundFormat
    overruns: int
    underruns: int
    short_writes: int

    @property
    def reserve_ms(self) -> float: ...
    def read(self) -> bytes: ...
    def write(self, period: bytes) -> None: ...
    def close(self) -> None: ...


class OpenDuplex(Protocol):
    """Opens the card, at exactly `rate_hz` when given. Raises HardwareError."""

    def __call__(self, settings: SoundSettings, *, rate_hz: int | None = None) -> Duplex: ...


class _Gone:
    """The card was lost; `next_ns` is the end of the present period of silence, `search_ns` when to look for the card."""

    def __init__(self, now_ns: int) -> None:
        self.next_ns = now_ns
        self.search_ns = now_ns + SEARCH_NS


class HealingSound:
    """Implements `hw.api.SoundCard` over any card that can be opened again."""

    def __init__(
        self,
        settings: SoundSettings,
        open_duplex: OpenDuplex,
        *,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._open_duplex = open_duplex
        self._now_ns = now_ns
        self._sleep = sleep
        self._sink: Sink | None = None
        self._format: SoundFormat | None = None
        self._card: Duplex | _Gone | None = None
        self._reopens = self._overruns = self._underruns = self._short_writes = 0
        self._reserve_ms = settings.reserve_ms  # what the last call needed, the next one begins with

    def attach(self, sink: Sink) -> None:
        """Name who hears of faults."""
        self._sink = sink

    def open(self) -> SoundFormat:
        if self._format is None or self._card is None:
            self._reopens = self._overruns = self._underruns = self._short_writes = 0
            self._card = self._open_duplex(self._wanted())
            self._format = self._card.format
        return self._format

    def read(self) -> bytes:
        fmt = self._format
        assert fmt is not None, "read before open"
        match self._card:
            case _Gone() as gone:
                return self._silence(gone, fmt)
            case None:
                raise AssertionError("read after close")
            case card:
                try:
                    return card.read()
                except HardwareError as error:
                    return self._silence(self._lose(card, error), fmt)

    def write(self, period: bytes) -> None:
        assert self._format is not None
        assert len(period) == self._format.period_bytes, f"a period is {self._format.period_bytes} bytes"
        card = self._card
        assert card is not None, "write after close"
        if isinstance(card, _Gone):
            return
        try:
            card.write(period)
        except HardwareError as error:
            self._lose(card, error)

    def close(self) -> None:
        card, self._card = self._card, None
        if card is not None and not isinstance(card, _Gone):
            self._shut(card)

    def counters(self) -> SoundCounters:
        card = self._card
        live = card if card is not None and not isinstance(card, _Gone) else None
        return SoundCounters(
            overruns=self._overruns + (live.overruns if live else 0),
            underruns=self._underruns + (live.underruns if live else 0),
            short_writes=self._short_writes + (live.short_writes if live else 0),
            reopens=self._reopens,
            reserve_ms=live.reserve_ms if live else 0.0,
        )

    def _wanted(self) -> SoundSettings:
        return self._settings._replace(reserve_ms=self._reserve_ms)

    def _lose(self, card: Duplex, error: HardwareError) -> _Gone:
        self._shut(card)
        gone = _Gone(self._now_ns())
        self._card = gone
        self._tell(working=False, detail=f"sound card {self._settings.device} was lost: {error}")
        return gone

    def _shut(self, card: Duplex) -> None:
        self._overruns += card.overruns
        self._underruns += card.underruns
        self._short_writes += card.short_writes
        self._reserve_ms = card.reserve_ms
        card.close()

    def _silence(self, gone: _Gone, fmt: SoundFormat) -> bytes:
        """One period of silence that ends in time, and a look for the card when it is due."""
        period_ns = fmt.period_samples * 1_000_000_000 // fmt.rate_hz
        gone.next_ns += period_ns
        remaining_ns = gone.next_ns - self._now_ns()
        if remaining_ns > 0:
            self._sleep(remaining_ns / 1e9)
        elif -remaining_ns > LATE_PERIODS_MAX * period_ns:
            gone.next_ns -= remaining_ns
        if self._now_ns() >= gone.search_ns:
            self._search(gone, fmt)
        return bytes(fmt.period_bytes)

    def _search(self, gone: _Gone, fmt: SoundFormat) -> None:
        try:
            # At the rate of before: the caller's converters are set up for it.
            self._card = self._open_duplex(self._wanted(), rate_hz=fmt.rate_hz)
        except HardwareError:
            gone.search_ns = self._now_ns() + SEARCH_NS
            return
        self._reopens += 1
        self._tell(working=True, detail=f"sound card {self._settings.device} works again")

    def _tell(self, *, working: bool, detail: str) -> None:
        if self._sink is not None:
            self._sink(DeviceFault(device="sound", working=working, detail=detail, at_ns=self._now_ns()))
