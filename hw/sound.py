"""A sound card that heals: the call goes on when the card is pulled, and speaks again when it is back.

While the card is gone, `read` keeps the audio clock by the monotonic clock and returns silence, and once a second the card is looked
for again by its name. That happens on the audio thread itself: pyalsaaudio holds the interpreter lock while it opens a device, so a
thread of its own would spare nobody the wait, and who has lost his microphone and speaker does not hear it.

While one half lacks (`hw.duplex`), that half is looked for: after a second, and ever more seldom, because the other half is heard and
each search may cost it a click.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from hw.api import DeviceFault, Half, HardwareError, Sink, SoundCounters, SoundFormat
from hw.duplex import Lack
from hw.settings import SoundSettings

SEARCH_NS = 1_000_000_000
SEARCH_NS_MAX = 32_000_000_000  # for a half: many panels have no microphone at all, and never will
LATE_PERIODS_MAX = 8  # after a longer pause (a slow search, a stopped process) silence starts afresh instead of catching up in a burst


class Duplex(Protocol):
    """An open card as `hw.alsa` makes it: methods raise HardwareError when it is gone."""

    format: SoundFormat
    lack: Lack | None

    @property
    def overruns(self) -> int: ...
    @property
    def underruns(self) -> int: ...
    @property
    def short_writes(self) -> int: ...
    @property
    def reserve_ms(self) -> float: ...
    def read(self) -> bytes: ...
    def write(self, period: bytes) -> None: ...
    def mend(self) -> None: ...
    def close(self) -> None: ...


class OpenDuplex(Protocol):
    """Opens the card, at exactly `rate_hz` when given; with `speaker_leads` the speaker first. Raises HardwareError."""

    def __call__(self, settings: SoundSettings, *, rate_hz: int | None = None, speaker_leads: bool = False) -> Duplex: ...


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
        set_up: Callable[[SoundSettings], object] = lambda _settings: None,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._open_duplex = open_duplex
        self._set_up = set_up
        self._is_set_up = False  # its volumes, which a card forgets when it is pulled
        self._now_ns = now_ns
        self._sleep = sleep
        self._sink: Sink | None = None
        self._format: SoundFormat | None = None
        self._card: Duplex | _Gone | None = None
        self._reopens = self._overruns = self._underruns = self._short_writes = 0
        self._reserve_ms = settings.reserve_ms  # what the last call needed, the next one begins with
        self._speaker_leads = False  # the last call ended without a microphone: the next does not wait for it
        self._search_ns = 0  # when to look for the half that lacks …
        self._patience_ns = SEARCH_NS  # … and how long to wait after that
        self._told: Half | bool = False  # what is wrong, as it was told last: one half, or all

    def attach(self, sink: Sink) -> None:
        """Name who hears of faults."""
        self._sink = sink

    def open(self) -> SoundFormat:
        if self._format is None or self._card is None:
            self._reopens = self._overruns = self._underruns = self._short_writes = 0
            try:
                self._hold(self._opened())
            except HardwareError:
                self._told = True  # who opens the card tells it; that it works again is told here
                raise
        assert self._format is not None
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
                if card.lack is not None:
                    self._mend(card)
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
        lack = card.lack
        try:
            card.write(period)
        except HardwareError as error:
            self._lose(card, error)
            return
        if card.lack is lack:  # both halves have been asked since: a card that was pulled is not told half by half
            self._tell_of(lack)

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

    def _opened(self, rate_hz: int | None = None) -> Duplex:
        if not self._is_set_up:
            self._set_up(self._settings)
        card = self._open_duplex(self._wanted(), rate_hz=rate_hz, speaker_leads=self._speaker_leads)
        self._is_set_up = True
        return card

    def _wanted(self) -> SoundSettings:
        return self._settings._replace(reserve_ms=self._reserve_ms)

    def _hold(self, card: Duplex) -> None:
        self._card, self._format = card, card.format
        # A microphone that the last call had lost joins at once, if it is there.
        self._search_ns = self._now_ns() + (0 if self._speaker_leads else SEARCH_NS)
        self._patience_ns = SEARCH_NS

    def _mend(self, card: Duplex) -> None:
        """Look for the half that lacks, when it is due."""
        now_ns = self._now_ns()
        if now_ns >= self._search_ns:
            card.mend()
            self._search_ns = now_ns + self._patience_ns
            self._patience_ns = min(SEARCH_NS_MAX, 2 * self._patience_ns)

    def _lose(self, card: Duplex, error: HardwareError) -> _Gone:
        self._shut(card)
        gone = _Gone(self._now_ns())
        self._card = gone
        self._tell(wrong=True, detail=f"was lost: {error}")
        return gone

    def _shut(self, card: Duplex) -> None:
        self._overruns += card.overruns
        self._underruns += card.underruns
        self._short_writes += card.short_writes
        if card.lack is None or card.lack.half is not Half.SPEAKER:
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
            self._hold(self._opened(fmt.rate_hz))
        except HardwareError:
            gone.search_ns = self._now_ns() + SEARCH_NS
            return
        self._reopens += 1

    def _tell_of(self, lack: Lack | None) -> None:
        self._speaker_leads = lack is not None and lack.half is Half.MICROPHONE
        if lack is None:
            self._tell(wrong=False, detail="works again")
        else:
            self._tell(wrong=lack.half, detail=f"{lack.half.value} ({lack.why})")

    def _tell(self, *, wrong: Half | bool, detail: str) -> None:
        """What is wrong now; once."""
        if wrong == self._told:
            return
        self._is_set_up = False
        self._told = wrong
        if self._sink is not None:
            detail = f"sound card {self._settings.device} {detail}"
            self._sink(DeviceFault(device="sound", working=wrong is False, detail=detail, at_ns=self._now_ns()))
