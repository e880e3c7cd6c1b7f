"""A sound card through ALSA: the one file that knows pyalsaaudio.

`open_duplex` opens microphone and speaker at one rate. Both run without blocking: the microphone is waited for with a time limit, because
a card that dies without a word would otherwise hold the audio thread for the kernel's ten seconds; the speaker takes what it has room
for. What to do when the card goes is decided in `hw.sound`.

Delay: the speaker's buffer is primed with two periods of silence. Just before a write it holds one period, just after it two: what is
written is heard 20 ms later at periods of 20 ms. One more period of room takes up the unrest of the audio thread, and what `hw.reserve`
lets wait where one period is too little; a card that needs more than that is opened with more room the next time. Different clocks in
and out: `hw.pace`.
"""

from __future__ import annotations

import math
import select
from typing import Protocol

from hw.api import HardwareError, SoundFormat
from hw.pace import Pace, stretched
from hw.reserve import Reserve
from hw.settings import SoundSettings

RATES_HZ = (8_000, 16_000, 32_000, 44_100, 48_000)  # those the media core converts between
PRIMED_PERIODS = 2
BUFFER_PERIODS = 3
STALL_MS = 500  # a card that gives no sound for so long is gone; PulseAudio on a busy machine pauses for 100 ms
SAMPLE_BYTES = 2


class Pcm(Protocol):
    """What is used of `alsaaudio.PCM`. A negative count is an overrun or underrun from which the library has recovered the stream."""

    def info(self) -> dict[str, int]: ...
    def read(self) -> tuple[int, bytes]: ...
    def write(self, data: bytes) -> int: ...
    def avail(self) -> int: ...
    def polldescriptors(self) -> list[tuple[int, int]]: ...
    def polldescriptors_revents(self, descriptors: list[tuple[int, int]]) -> int: ...
    def close(self) -> None: ...


class Duplex:
    """An open card: microphone and speaker at the same rate, mono outwards, one or two channels inwards.

    Every method but `close` raises HardwareError when the card is gone.
    """

    def __init__(self, capture: Pcm, playback: Pcm, fmt: SoundFormat, *, reserve_ms: float = 0.0) -> None:
        """`reserve_ms`: how much more than one period is to wait in the speaker from the beginning (`hw.reserve`)."""
        self.format = fmt
        self.overruns = self.underruns = self.short_writes = 0
        self._capture = capture
        self._playback = playback
        self._capture_channels = capture.info()["channels"]
        self._playback_channels = playback.info()["channels"]
        self._captured = b""
        self._unplayed = b""
        self._buffer_samples = playback.info()["buffer_size"]
        self._reserve = Reserve(
            rate_hz=fmt.rate_hz,
            period_samples=fmt.period_samples,
            room_samples=self._buffer_samples - PRIMED_PERIODS * fmt.period_samples,
            begin_ms=reserve_ms,
        )
        self._pace = Pace(self._waiting_most())
        self._poll = select.poll()
        for fd, events in capture.polldescriptors():
            self._poll.register(fd, events)
        self._prime(PRIMED_PERIODS)
        self._gather()  # the first read starts the microphone

    @property
    def reserve_ms(self) -> float:
        """How much more than one period waits in the speaker when the next is written."""
        return self._reserve.ms

    def read(self) -> bytes:
        """One period from the microphone; waits for it."""
        wanted = self.format.period_bytes * self._capture_channels
        while len(self._captured) < wanted:
            ready = self._poll.poll(STALL_MS)
            if not ready:
                raise HardwareError(f"the microphone has given no sound for {STALL_MS} ms")
            self._events(ready)
            self._gather()
        data, self._captured = self._captured[:wanted], self._captured[wanted:]
        return data if self._capture_channels == 1 else _left(data)

    def write(self, period: bytes) -> None:
        """One period to the speaker. What finds no room is written with the next period."""
        correction = self._pace.correction(self._fill())
        if correction:
            period = stretched(period, correction)
        data = self._unplayed + (period if self._playback_channels == 1 else _both(period))
        written = self._put(data)
        if written < 0:
            self.underruns += 1
            self._unplayed = b""
            self._reserve.underrun()
            self._pace.restart(self._waiting_most())
            # One period of silence, the reserve and this one: the fill of the steady state.
            self._prime(PRIMED_PERIODS - 1)
            written = max(0, self._put(data))
        rest = data[written * SAMPLE_BYTES * self._playback_channels :]
        if rest:
            self.short_writes += 1
        self._pace.lower(self._reserve.written())
        # A speaker far slower than the microphone, beyond what the pace makes good: the older sound gives way.
        self._unplayed = rest[-self.format.period_bytes * self._playback_channels :]

    def close(self) -> None:
        """Close both devices; a device that is gone has nothing left to close."""
        import alsaaudio

        for pcm in (self._capture, self._playback):
            try:
                pcm.close()
            except alsaaudio.ALSAAudioError:
                continue

    def _gather(self) -> None:
        import alsaaudio

        try:
            count, data = self._capture.read()
            if count < 0:
                self.overruns += 1
                self._captured = b""
                count, data = self._capture.read()  # starts the recovered stream again
        except alsaaudio.ALSAAudioError as error:
            raise HardwareError(f"microphone: {error}") from error
        if count > 0:
            self._captured += data

    def _events(self, ready: list[tuple[int, int]]) -> None:
        import alsaaudio

        try:
            events = self._capture.polldescriptors_revents(ready)
        except alsaaudio.ALSAAudioError as error:
            raise HardwareError(f"microphone: {error}") from error
        # An overrun is signalled as an error too; the read that follows tells them apart.
        if events & (select.POLLHUP | select.POLLNVAL):
            raise HardwareError("microphone: the device is gone")

    def _waiting_most(self) -> int:
        """Samples that may wait for good before one period is written: one period, half a one for a card of coarse steps, the reserve."""
        return self.format.period_samples * 3 // 2 + self._reserve.samples

    def _fill(self) -> int:
        """Samples that wait to be played."""
        import alsaaudio

        try:
            room = self._playback.avail()
        except alsaaudio.ALSAAudioError:
            room = self._buffer_samples  # an underrun, which the write that follows repairs
        return max(0, self._buffer_samples - max(0, room))

    def _prime(self, periods: int) -> None:
        silence = periods * self.format.period_samples + self._reserve.samples
        self._put(bytes(silence * SAMPLE_BYTES * self._playback_channels))

    def _put(self, data: bytes) -> int:
        import alsaaudio

        try:
            return self._playback.write(data)
        except alsaaudio.ALSAAudioError as error:
            raise HardwareError(f"speaker: {error}") from error


def open_duplex(settings: SoundSettings, *, rate_hz: int | None = None) -> Duplex:
    """Open the card at exactly `rate_hz`, or at the supported rate that suits `settings.rate_hz` best. Raises HardwareError."""
    playback = _find(settings.device)
    capture = playback if settings.capture_device is None else _find(settings.capture_device)
    rates_hz = _by_fitness(settings.rate_hz) if rate_hz is None else (rate_hz,)
    # Some cards have no 16-bit mono or stereo at all (many I2S microphones): ALSA's plug layer converts the form of samples for them.
    for capture_name, playback_name in ((capture, playback), (_plugged(capture), _plugged(playback))):
        for each_hz in rates_hz:
            duplex = _open_at(capture_name, playback_name, each_hz, settings)
            if duplex is not None:
                return duplex
    offered = ", ".join(f"{each} Hz" for each in rates_hz)
    raise HardwareError(f"sound card {settings.device}: microphone and speaker do not run together at any of {offered}, 16 bit")


def cards() -> list[tuple[str, str, str]]:
    """Every sound card that is there: its identifier, its short name and its long one."""
    import alsaaudio

    return [(each, *alsaaudio.card_name(index)) for index, each in zip(alsaaudio.card_indexes(), alsaaudio.cards(), strict=False)]


def _by_fitness(wanted_hz: int) -> tuple[int, ...]:
    """Rates in order of preference: the wanted one, higher ones that are its multiple (cheap to convert), higher ones, lower ones."""
    return tuple(sorted(RATES_HZ, key=lambda hz: (hz < wanted_hz, bool(hz % wanted_hz), hz if hz > wanted_hz else -hz)))


def _find(device: str) -> str:
    """The ALSA device of a card whose identifier or name contains `device`; otherwise `device` itself.

    Raises HardwareError for a card that is named and not there.
    """
    import alsaaudio

    cards = dict(zip(alsaaudio.card_indexes(), alsaaudio.cards(), strict=False))
    if "CARD=" in device:
        # Asking for a card that is not there makes libasound complain on the error stream, each second while it is unplugged.
        identifier = device.partition("CARD=")[2].partition(",")[0]
        if identifier not in cards.values() and identifier not in map(str, cards):
            raise HardwareError(f"sound card {device}: no card {identifier} is plugged in")
        return device
    if ":" in device or device == "default":
        return device
    for index, identifier in cards.items():
        if device.casefold() in " ".join((identifier, *alsaaudio.card_name(index))).casefold():
            return f"hw:CARD={identifier}"
    return device


def _plugged(name: str) -> str:
    return f"plug{name}" if name.startswith("hw:") else name


def _open_at(capture_name: str, playback_name: str, rate_hz: int, settings: SoundSettings) -> Duplex | None:
    """Both devices at this rate, or None when one of them cannot."""
    import alsaaudio

    fmt = SoundFormat(rate_hz=rate_hz, period_samples=rate_hz * settings.period_ms // 1000)
    capture = _open_pcm(alsaaudio.PCM_CAPTURE, capture_name, fmt, BUFFER_PERIODS)
    if capture is None:
        return None
    try:
        periods = BUFFER_PERIODS + math.ceil(settings.reserve_ms / settings.period_ms)
        playback = _open_pcm(alsaaudio.PCM_PLAYBACK, playback_name, fmt, periods)
    except HardwareError:
        capture.close()
        raise
    if playback is None:
        capture.close()
        return None
    try:
        return Duplex(capture, playback, fmt, reserve_ms=settings.reserve_ms)
    except HardwareError:
        capture.close()
        playback.close()
        raise


def _open_pcm(kind: int, name: str, fmt: SoundFormat, periods: int) -> Pcm | None:
    """A device in this format, or None when it settles for another one. Raises HardwareError when it cannot be opened."""
    import alsaaudio

    try:
        pcm: Pcm = alsaaudio.PCM(
            type=kind,
            mode=alsaaudio.PCM_NONBLOCK,
            device=name,
            rate=fmt.rate_hz,
            channels=1,
            format=alsaaudio.PCM_FORMAT_S16_LE,
            periodsize=fmt.period_samples,
            periods=periods,
        )
    except alsaaudio.ALSAAudioError as error:
        which = "microphone" if kind == alsaaudio.PCM_CAPTURE else "speaker"
        raise HardwareError(f"{which} {name} cannot be opened: {error}") from error
    info = pcm.info()
    if info["rate"] == fmt.rate_hz and info["format"] == alsaaudio.PCM_FORMAT_S16_LE and info["channels"] in (1, 2):
        return pcm
    pcm.close()
    return None


def _left(stereo: bytes) -> bytes:
    """The left channel; panel microphones are mono and wired there or to both."""
    return memoryview(stereo).cast("h")[::2].tobytes()


def _both(mono: bytes) -> bytes:
    """The same on both channels."""
    stereo = bytearray(2 * len(mono))
    out, samples = memoryview(stereo).cast("h"), memoryview(mono).cast("h")
    out[::2] = samples
    out[1::2] = samples
    return bytes(stereo)
