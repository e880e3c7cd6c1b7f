"""What a simulated microphone hears: silence, a tone, or a recording of any rate and width. Standard library only, loaded when used."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Protocol

from hw.api import HardwareError

if TYPE_CHECKING:
    from pathlib import Path

RECORDING_S_MAX = 600  # held in memory, at 48 kHz under 60 MB


class Microphone(Protocol):
    """Where a simulated microphone gets its sound."""

    def open(self, rate_hz: int) -> None:
        """Begin; called each time the card is opened. Raises HardwareError when there is nothing to play."""
        ...

    def read(self, samples: int) -> bytes:
        """The next `samples`, signed 16-bit native-endian mono."""
        ...


class Silence:
    """A quiet street."""

    def open(self, rate_hz: int) -> None:
        """Silence sounds the same at any rate."""

    def read(self, samples: int) -> bytes:
        return bytes(2 * samples)


class Tone:
    """A sine of whole hertz. `level` is its peak, 0 to 1 of full scale."""

    def __init__(self, frequency_hz: int, level: float = 0.25) -> None:
        assert frequency_hz > 0
        assert 0.0 <= level <= 1.0
        self._frequency_hz = frequency_hz
        self._level = level
        self._loop = _Loop(array("h", [0]), endless=True)

    def open(self, rate_hz: int) -> None:
        from math import pi, sin

        # A whole number of hertz repeats after one second at the latest.
        step = 2 * pi * self._frequency_hz / rate_hz
        second = array("h", (round(32767 * self._level * sin(step * n)) for n in range(rate_hz)))
        self._loop = _Loop(second, endless=True)

    def read(self, samples: int) -> bytes:
        return self._loop.read(samples)


class Recording:
    """A WAV file (8 to 32 bit PCM, any rate, any channels), from its beginning each time the card is opened.

    Silence follows its end unless it is `endless`.
    """

    def __init__(self, path: Path, *, endless: bool = True) -> None:
        self._path = path
        self._endless = endless
        self._rate_hz = 0
        self._loop = _Loop(array("h", [0]), endless=endless)

    def open(self, rate_hz: int) -> None:
        if rate_hz != self._rate_hz:
            from hw.wav import read_mono

            samples = read_mono(self._path, rate_hz, seconds_max=RECORDING_S_MAX)
            if not samples:
                raise HardwareError(f"{self._path}: a microphone needs a recording with at least one sample")
            self._loop = _Loop(samples, endless=self._endless)
            self._rate_hz = rate_hz
        self._loop.rewind()

    def read(self, samples: int) -> bytes:
        return self._loop.read(samples)


class _Loop:
    """Samples that are read period by period: one slice and one copy each."""

    def __init__(self, samples: array[int], *, endless: bool) -> None:
        self._octets = memoryview(samples).cast("B")
        self._endless = endless
        self._at = 0

    def rewind(self) -> None:
        self._at = 0

    def read(self, samples: int) -> bytes:
        wanted = 2 * samples
        piece = bytes(self._octets[self._at : self._at + wanted])
        self._at += len(piece)
        while len(piece) < wanted:
            if not self._endless:
                return piece + bytes(wanted - len(piece))
            more = self._octets[: wanted - len(piece)]
            piece += more
            self._at = len(more)
        return piece
