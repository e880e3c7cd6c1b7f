"""A WAV file as mono samples at the rate that is needed, with a band-limited resampler in plain Python.

It converts a ten-second recording in well under a second, once, before the stream starts; resampling in a call is the media core's work.
"""

from __future__ import annotations

import math
import sys
import wave
from array import array
from collections.abc import Sequence
from operator import mul
from pathlib import Path

from hw.api import HardwareError

HALF_TAPS = 12  # zero crossings each side of the low-pass: about 60 dB of stop band, enough that speech shows no images
PHASES_MAX = 1000  # 44.1 to 48 kHz has 160; the ratio of any two rates in use has fewer than this


def read_mono(path: Path, rate_hz: int, *, seconds_max: int) -> array[int]:
    """The file's samples, signed 16 bit, channels averaged, at `rate_hz`. Raises HardwareError when it cannot be read."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, own_rate_hz = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(seconds_max * own_rate_hz)
    except (OSError, wave.Error, EOFError) as error:
        raise HardwareError(f"{path} is not a PCM WAV file: {error}") from error
    mono = _mixed(_decoded(data, width), channels)
    return mono if own_rate_hz == rate_hz else resample(mono, own_rate_hz, rate_hz)


def _decoded(data: bytes, width: int) -> array[int]:
    """Little-endian PCM of 1 to 4 bytes as 16 bits: the two upper bytes of each sample, whatever the machine's own order is."""
    if width == 1:
        return array("h", ((value - 128) << 8 for value in data))
    whole = len(data) - len(data) % width  # a file that was cut off may end within a sample
    samples = array("h")
    if width == 2:
        samples.frombytes(memoryview(data)[:whole])
    else:
        upper = bytearray(2 * (whole // width))
        upper[0::2], upper[1::2] = data[width - 2 : whole : width], data[width - 1 : whole : width]
        samples.frombytes(upper)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _mixed(samples: array[int], channels: int) -> array[int]:
    if channels == 1:
        return samples
    return array("h", (sum(frame) // channels for frame in zip(*(samples[n::channels] for n in range(channels)), strict=False)))


def resample(samples: Sequence[int], from_hz: int, to_hz: int) -> array[int]:
    """The same sound at another rate: a windowed-sinc low-pass at half the lower rate, one set of taps for each phase between samples.

    All is held in arrays: a list of whole numbers takes twenty times as much.
    """
    divisor = math.gcd(from_hz, to_hz)
    up, down = to_hz // divisor, from_hz // divisor
    if up > PHASES_MAX:
        raise HardwareError(f"a recording at {from_hz} Hz cannot be played at {to_hz} Hz: convert it to a common rate first")
    reach = math.ceil(HALF_TAPS * max(1.0, from_hz / to_hz))
    phases = [_taps(phase / up, reach, min(1.0, to_hz / from_hz)) for phase in range(up)]
    padded = array("h", bytes(2 * reach)) + array("h", samples) + array("h", bytes(2 * (reach + 1)))
    out = array("h", bytes(2 * (len(samples) * up // down)))
    for n in range(len(out)):
        whole, phase = divmod(n * down, up)
        value = round(sum(map(mul, phases[phase], padded[whole + 1 : whole + 1 + 2 * reach])))
        out[n] = max(-32768, min(32767, value))
    return out


def _taps(fraction: float, reach: int, cutoff: float) -> list[float]:
    """Weights of the `reach` samples each side of a point that lies `fraction` of a sample past one of them; they add up to one."""
    weights = []
    for k in range(1 - reach, reach + 1):
        distance = k - fraction
        angle = math.pi * distance * cutoff
        sinc = math.sin(angle) / angle if angle else 1.0
        weights.append(sinc * (0.5 + 0.5 * math.cos(math.pi * distance / reach)))
    total = sum(weights)
    return [weight / total for weight in weights]
