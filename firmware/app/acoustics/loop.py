"""The loop from loudspeaker to microphone as a measurement: sound to play, and the figures of what came back. Pure.

A silence shows the noise of the room, short chirps the delay and the loss of the path, a steady tone the distortion. All in plain Python:
the test is run by hand, and its few seconds of sound are looked through in a few seconds, on a board too.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from operator import mul
from typing import Final, NamedTuple

SILENCE_S: Final = 0.6  # the noise of the room; also time for the card to settle
CHIRPS: Final = 4
CHIRP_S: Final = 0.064  # long enough to rise 20 dB over a street's noise after correlation
CHIRP_EVERY_S: Final = 0.7
DELAY_S_MAX: Final = 0.5  # a sound server and two generous buffers
CHIRP_HZ: Final = (400.0, 3400.0)
TONE_HZ: Final = 1000.0
TONE_S: Final = 0.8
TONE_PART_S: Final = 0.2  # looked at, well within the tone wherever the delay puts it
HARMONICS: Final = (2, 3, 4, 5)
LEVEL: Final = 0.35  # of full scale: as loud as a caller
FULL_SCALE: Final = 32768.0
CLIPPED: Final = 32700
FOUND_RATIO: Final = 4.0  # the correlation's peak over its usual size: chance stays below


class LoopFigures(NamedTuple):
    """What the test found. `delay_ms` None: no chirp came back, and nothing but the noise is known.

    `delay_spread_ms`: between the earliest and the latest of the chirps; it grows with dropped periods. `loss_db`: from what was played to
    what was recorded, negative when the microphone hears more than was played. `noise_db`: RMS, below full scale. `distortion_percent`:
    harmonics of a 1 kHz tone. `clipped`: the microphone's input was driven beyond its scale.
    """

    delay_ms: float | None
    delay_spread_ms: float
    loss_db: float
    noise_db: float
    distortion_percent: float
    clipped: bool


def measuring_sound(rate_hz: int) -> array[int]:
    """What to play, signed 16 bit mono; record as long, from the same moment on."""
    total = int((SILENCE_S + CHIRPS * CHIRP_EVERY_S + TONE_S + DELAY_S_MAX) * rate_hz)
    sound = array("h", bytes(2 * total))
    for at in chirp_starts(rate_hz):
        sound[at : at + int(CHIRP_S * rate_hz)] = chirp(rate_hz)
    at = _tone_start(rate_hz)
    for i in range(int(TONE_S * rate_hz)):
        sound[at + i] = round(LEVEL * 32767 * math.sin(2 * math.pi * TONE_HZ * i / rate_hz))
    return sound


def chirp(rate_hz: int) -> array[int]:
    """A sweep with soft ends: its correlation with itself is a single short peak."""
    count = int(CHIRP_S * rate_hz)
    low, high = CHIRP_HZ
    values = array("h")
    for i in range(count):
        time_s = i / rate_hz
        phase = 2 * math.pi * (low * time_s + (high - low) * time_s * time_s / (2 * CHIRP_S))
        values.append(round(LEVEL * 32767 * math.sin(phase) * math.sin(math.pi * i / count) ** 0.5))
    return values


def chirp_starts(rate_hz: int) -> list[int]:
    """The sample at which each chirp is played."""
    return [int((SILENCE_S + number * CHIRP_EVERY_S) * rate_hz) for number in range(CHIRPS)]


def _tone_start(rate_hz: int) -> int:
    return int((SILENCE_S + CHIRPS * CHIRP_EVERY_S) * rate_hz)


def figures(recorded: Sequence[int], rate_hz: int) -> LoopFigures:
    """Judge what the microphone heard while `measuring_sound` was played."""
    played = chirp(rate_hz)
    quiet = recorded[int(0.1 * rate_hz) : int(SILENCE_S * rate_hz)]
    noise = _mean_square(quiet)
    found = [place for start in chirp_starts(rate_hz) if (place := _place(recorded, start, played, rate_hz)) is not None]
    clipped = any(abs(value) >= CLIPPED for value in recorded)
    noise_db = _decibels(noise, FULL_SCALE**2)
    if len(found) < CHIRPS // 2:
        return LoopFigures(None, 0.0, 0.0, noise_db, 0.0, clipped)
    delays = sorted(delay for delay, _ in found)
    median = delays[len(delays) // 2]
    heard = sum(max(power - noise, 1e-3) for _, power in found) / len(found)
    return LoopFigures(
        delay_ms=1000 * median / rate_hz,
        delay_spread_ms=1000 * (delays[-1] - delays[0]) / rate_hz,
        loss_db=_decibels(_mean_square(played), heard),
        noise_db=noise_db,
        distortion_percent=_distortion(recorded, _tone_start(rate_hz) + median, rate_hz),
        clipped=clipped,
    )


def _place(recorded: Sequence[int], start: int, played: array[int], rate_hz: int) -> tuple[int, float] | None:
    """How many samples after `start` the chirp came, and its mean power there; None when it did not."""
    count = len(played)
    lags = range(min(int(DELAY_S_MAX * rate_hz), len(recorded) - start - count))
    sizes = [abs(sum(map(mul, played, recorded[start + lag : start + lag + count]))) for lag in lags]
    if not sizes:
        return None
    best = max(range(len(sizes)), key=sizes.__getitem__)
    usual = math.sqrt(sum(size * size for size in sizes) / len(sizes))
    if sizes[best] < FOUND_RATIO * max(usual, 1.0):
        return None
    return best, _mean_square(recorded[start + best : start + best + count])


def _distortion(recorded: Sequence[int], start: int, rate_hz: int) -> float:
    """Harmonics over the fundamental, in percent of amplitude, in the middle of the tone."""
    begin = start + int((TONE_S - TONE_PART_S) / 2 * rate_hz)
    part = recorded[begin : begin + int(TONE_PART_S * rate_hz)]
    fundamental = _strength(part, TONE_HZ, rate_hz)
    harmonics = math.sqrt(sum(_strength(part, n * TONE_HZ, rate_hz) ** 2 for n in HARMONICS if n * TONE_HZ < 0.45 * rate_hz))
    return 100 * harmonics / fundamental if fundamental > 0 else 0.0


def _strength(part: Sequence[int], hz: float, rate_hz: int) -> float:
    angle = 2 * math.pi * hz / rate_hz
    return math.hypot(sum(v * math.cos(angle * i) for i, v in enumerate(part)), sum(v * math.sin(angle * i) for i, v in enumerate(part)))


def _mean_square(samples: Sequence[int]) -> float:
    return sum(map(mul, samples, samples)) / len(samples) if samples else 0.0


def _decibels(power: float, reference: float) -> float:
    return 10 * math.log10(max(power, 1e-9) / max(reference, 1e-9))


def in_words(found: LoopFigures) -> list[str]:
    """The figures as plain lines, what is wrong with them, and the remedy."""
    lines = [f"noise of the room   {found.noise_db:6.1f} dB below full scale"]
    if found.delay_ms is None:
        return [*lines, "no chirp came back: is the loudspeaker connected and the microphone up? See `microphone_volume` of [audio]"]
    lines += [
        f"delay               {found.delay_ms:6.1f} ms from playing to recording, ± {found.delay_spread_ms / 2:.1f} ms",
        f"echo-path loss      {found.loss_db:6.1f} dB",
        f"distortion          {found.distortion_percent:6.1f} %",
    ]
    return lines + [f"warning: {each}" for each in complaints(found)]


def complaints(found: LoopFigures) -> list[str]:
    """What would be heard in a call, with the remedy."""
    wrong = []
    if found.delay_ms is None:
        wrong.append("the loudspeaker is not heard by the microphone: check both, and the volumes of [audio]")
        return wrong
    if found.clipped:
        wrong.append("the microphone is driven beyond its scale: lower `microphone_volume` of [audio]")
    if found.loss_db < -6:
        wrong.append("the echo is much louder than what is played: lower `speaker_volume` or `microphone_volume` of [audio]")
    if found.distortion_percent > 10:
        wrong.append("the loudspeaker distorts, which no canceller can take away: lower `speaker_volume` of [audio]")
    if found.delay_ms > 150:
        wrong.append("the delay is long: play to the card itself (hw:CARD=…) rather than through a sound server")
    if found.delay_spread_ms > 5:
        wrong.append("the delay moves: the card drops periods; look at `portero doctor` for real time, and at the USB cable")
    return wrong
