"""A sound card through ALSA: the one file that knows pyalsaaudio.

`open_duplex` opens microphone and speaker at one rate, or the one that is there (`hw.duplex`); `set_up` sets their volumes. What
to do when the card goes is decided in `hw.sound`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from hw.api import Half, HardwareError, SoundFormat
from hw.capture import Capture
from hw.cards import meant
from hw.duplex import Duplex, Openers
from hw.mixer import MICROPHONE, SPEAKER, Volume, adjust
from hw.playback import WAITING_PERIODS_MAX, Playback
from hw.reserve import MORE_MS_MAX
from hw.settings import SoundSettings

RATES_HZ = (8_000, 16_000, 32_000, 44_100, 48_000)  # those the media core converts between
CAPTURE_PERIODS = 3
UNASKED = HardwareError("microphone: it gave no sound the last time")

T = TypeVar("T")


class Library(Protocol):
    """What is used of `alsaaudio.PCM`."""

    def info(self) -> dict[str, int]: ...
    def read(self) -> tuple[int, bytes]: ...
    def write(self, data: bytes) -> int: ...
    def avail(self) -> int: ...
    def polldescriptors(self) -> list[tuple[int, int]]: ...
    def polldescriptors_revents(self, descriptors: list[tuple[int, int]]) -> int: ...
    def close(self) -> None: ...


class AlsaPcm:
    """Implements `hw.pcm.Pcm`: the library's device with the errors of this package."""

    def __init__(self, device: Library, half: Half) -> None:
        import alsaaudio

        self._device = device
        self._half = half
        self._error: type[Exception] = alsaaudio.ALSAAudioError
        self.info = device.info

    def read(self) -> tuple[int, bytes]:
        try:
            return self._device.read()
        except self._error as error:
            raise self._lost(error) from error

    def write(self, data: bytes) -> int:
        try:
            return self._device.write(data)
        except self._error as error:
            raise self._lost(error) from error

    def avail(self) -> int:
        try:
            return self._device.avail()
        except self._error as error:
            raise self._lost(error) from error

    def polldescriptors(self) -> list[tuple[int, int]]:
        try:
            return self._device.polldescriptors()
        except self._error as error:
            raise self._lost(error) from error

    def polldescriptors_revents(self, descriptors: list[tuple[int, int]]) -> int:
        try:
            return self._device.polldescriptors_revents(descriptors)
        except self._error as error:
            raise self._lost(error) from error

    def close(self) -> None:
        with contextlib.suppress(self._error):
            self._device.close()

    @contextlib.contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """The device begins to run; one that fails at once is closed."""
        try:
            yield
        except HardwareError:
            self.close()
            raise

    def _lost(self, error: Exception) -> HardwareError:
        return HardwareError(f"{self._half.name.lower()}: {error}")


def open_duplex(settings: SoundSettings, *, rate_hz: int | None = None, speaker_leads: bool = False) -> Duplex:
    """Open the card at exactly `rate_hz`, or at the supported rate that suits `settings.rate_hz` best; one half when the other lacks.

    `speaker_leads`: the speaker alone, if it can be had; whoever calls then lets the microphone join (`Duplex.mend`).
    Raises HardwareError when neither half is there, or when both are and do not run at one rate.
    """
    card = _Card(settings)
    rates_hz = _by_fitness(settings.rate_hz) if rate_hz is None else (rate_hz,)
    # Some cards have no 16-bit mono or stereo at all (many I2S microphones): ALSA's plug layer converts the form of samples for them.
    for is_plugged in (False, True):
        for each_hz in rates_hz:
            duplex = card.opened(each_hz, is_plugged=is_plugged, speaker_leads=speaker_leads)
            if duplex is not None:
                return duplex
    offered = ", ".join(f"{each} Hz" for each in rates_hz)
    raise HardwareError(f"sound card {settings.device}: microphone and speaker do not run together at any of {offered}, 16 bit")


class _Card:
    """Where the two halves are, and how each is opened."""

    def __init__(self, settings: SoundSettings) -> None:
        self._settings = settings

    def opened(self, rate_hz: int, *, is_plugged: bool, speaker_leads: bool) -> Duplex | None:
        """The card at this rate, None when a half that is there cannot. Raises HardwareError when neither is there."""
        fmt = SoundFormat(rate_hz=rate_hz, period_samples=rate_hz * self._settings.period_ms // 1000)
        microphone: AlsaPcm | HardwareError | None = UNASKED
        if not speaker_leads:
            microphone = _attempt(lambda: self._pcm(Half.MICROPHONE, fmt, is_plugged=is_plugged))
        speaker = _attempt(lambda: self._pcm(Half.SPEAKER, fmt, is_plugged=is_plugged))
        if speaker_leads and isinstance(speaker, HardwareError):
            microphone = _attempt(lambda: self._pcm(Half.MICROPHONE, fmt, is_plugged=is_plugged))
        if microphone is None or speaker is None:
            for pcm in (microphone, speaker):
                if isinstance(pcm, AlsaPcm):
                    pcm.close()
            return None
        # First the speaker: what it is primed with has to last until the microphone has given its first period.
        playback = speaker if isinstance(speaker, HardwareError) else _attempt(lambda: self._playback(speaker, fmt))
        capture = microphone if isinstance(microphone, HardwareError) else _attempt(lambda: _capture(microphone, fmt))
        return Duplex(fmt, capture, playback, self._openers(fmt))

    def _openers(self, fmt: SoundFormat) -> Openers:
        return Openers(
            lambda: _capture(self._again(Half.MICROPHONE, fmt), fmt), lambda: self._playback(self._again(Half.SPEAKER, fmt), fmt)
        )

    def _again(self, half: Half, fmt: SoundFormat) -> AlsaPcm:
        for is_plugged in (False, True):
            pcm = self._pcm(half, fmt, is_plugged=is_plugged)
            if pcm is not None:
                return pcm
        raise HardwareError(f"{half.name.lower()}: it does not run as the other half does")

    def _pcm(self, half: Half, fmt: SoundFormat, *, is_plugged: bool) -> AlsaPcm | None:
        settings = self._settings
        if half is Half.MICROPHONE:
            return _open_pcm(half, settings.capture_device or settings.device, fmt, CAPTURE_PERIODS, is_plugged=is_plugged)
        periods = WAITING_PERIODS_MAX + math.ceil(MORE_MS_MAX / settings.period_ms)
        return _open_pcm(half, settings.device, fmt, periods, is_plugged=is_plugged)

    def _playback(self, pcm: AlsaPcm, fmt: SoundFormat) -> Playback:
        with pcm.closed_on_error():
            return Playback(pcm, fmt, reserve_ms=self._settings.reserve_ms)


def _capture(pcm: AlsaPcm, fmt: SoundFormat) -> Capture:
    with pcm.closed_on_error():
        return Capture(pcm, fmt)


def _attempt(made: Callable[[], T]) -> T | HardwareError:
    """A half, or why it is not there."""
    try:
        return made()
    except HardwareError as error:
        return error


def set_up(settings: SoundSettings) -> tuple[Volume, ...]:
    """Set the card's volumes as the settings say (`hw.mixer`). What each direction that has a control is set to.

    Nothing is raised: a card without a mixer is as loud as it is, and one that is not there is told by who opens it.
    """
    import alsaaudio

    volumes: list[Volume] = []
    for half, direction, device, percent in (
        (Half.SPEAKER, SPEAKER, settings.device, settings.speaker_percent),
        (Half.MICROPHONE, MICROPHONE, settings.capture_device or settings.device, settings.microphone_percent),
    ):
        with contextlib.suppress(HardwareError, alsaaudio.ALSAAudioError):
            mixer = find(device, half).removeprefix("plug").partition(",")[0]  # of the card, whichever of its devices is meant
            controls = {name: alsaaudio.Mixer(control=name, device=mixer) for name in alsaaudio.mixers(device=mixer)}
            volumes += adjust(controls, direction, percent)
    return tuple(volumes)


def cards() -> list[tuple[str, str, str]]:
    """Every sound card that is there: its identifier, its short name and its long one."""
    import alsaaudio

    return [(each, *alsaaudio.card_name(index)) for index, each in zip(alsaaudio.card_indexes(), alsaaudio.cards(), strict=False)]


def _by_fitness(wanted_hz: int) -> tuple[int, ...]:
    """Rates in order of preference: the wanted one, higher ones that are its multiple (cheap to convert), higher ones, lower ones."""
    return tuple(sorted(RATES_HZ, key=lambda hz: (hz < wanted_hz, bool(hz % wanted_hz), hz if hz > wanted_hz else -hz)))


def find(device: str, half: Half) -> str:
    """The ALSA device of a card whose identifier or name contains `device`; otherwise `device` itself. For "default" see `hw.cards`.

    Raises HardwareError for a card that is named and not there.
    """
    import alsaaudio

    if device == "default":
        return meant(half)
    cards = dict(zip(alsaaudio.card_indexes(), alsaaudio.cards(), strict=False))
    if "CARD=" in device:
        # Asking for a card that is not there makes libasound complain on the error stream, each second while it is unplugged.
        identifier = device.partition("CARD=")[2].partition(",")[0]
        if identifier not in cards.values() and identifier not in map(str, cards):
            raise HardwareError(f"sound card {device}: no card {identifier} is plugged in")
        return device
    if ":" in device:
        return device
    for index, identifier in cards.items():
        if device.casefold() in " ".join((identifier, *alsaaudio.card_name(index))).casefold():
            return f"hw:CARD={identifier}"
    return device


def _open_pcm(half: Half, device: str, fmt: SoundFormat, periods: int, *, is_plugged: bool) -> AlsaPcm | None:
    """A device in this format, or None when it settles for another one. Raises HardwareError when it cannot be opened."""
    import alsaaudio

    name = find(device, half)
    if is_plugged and name.startswith("hw:"):
        name = f"plug{name}"
    try:
        found = alsaaudio.PCM(
            type=alsaaudio.PCM_CAPTURE if half is Half.MICROPHONE else alsaaudio.PCM_PLAYBACK,
            mode=alsaaudio.PCM_NONBLOCK,
            device=name,
            rate=fmt.rate_hz,
            channels=1,
            format=alsaaudio.PCM_FORMAT_S16_LE,
            periodsize=fmt.period_samples,
            periods=periods,
        )
    except alsaaudio.ALSAAudioError as error:
        raise HardwareError(f"{half.name.lower()} {name} cannot be opened: {error}") from error
    pcm = AlsaPcm(found, half)
    info = pcm.info()
    if info["rate"] == fmt.rate_hz and info["format"] == alsaaudio.PCM_FORMAT_S16_LE and info["channels"] in (1, 2):
        return pcm
    pcm.close()
    return None
