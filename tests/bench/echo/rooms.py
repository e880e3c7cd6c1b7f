"""Simulated panels: loudspeaker, room and microphone as the echo canceller meets them, in virtual time and from a seed.

A panel's speaker and microphone share one plate. What the far side says leaves the loudspeaker bent (the cone and its amplifier clip
softly, a small magnet adds even harmonics), reaches the microphone straight through the plate, over the air and off the surroundings, and
is sampled by a card whose output may run on another crystal than its input. Everything is float at `rate_hz`, full scale 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SOUND_M_S: Final = 343.0
SINC_REACH: Final = 16  # samples each side when sound is moved by a part of a sample: 70 dB


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a panel hangs. `reflections`: metres of detour and gain of each; reverberation falls by 60 dB in `tail_s`."""

    name: str
    plate_hz: tuple[float, ...]  # resonances of the case, excited by the loudspeaker
    plate_gain: float
    reflections: tuple[tuple[float, float], ...]
    tail_s: float
    tail_gain: float
    seed: int


OPEN_AIR: Final = Place(
    name="garden gate",
    plate_hz=(620.0, 1450.0),
    plate_gain=0.25,
    reflections=((2.6, 0.08), (5.1, 0.03)),
    tail_s=0.08,
    tail_gain=0.002,
    seed=1,
)
PORCH: Final = Place(
    name="porch",
    plate_hz=(480.0, 1170.0, 2300.0),
    plate_gain=0.35,
    reflections=((0.9, 0.25), (1.7, 0.18), (2.6, 0.12), (3.9, 0.1)),
    tail_s=0.25,
    tail_gain=0.02,
    seed=2,
)
STAIRCASE: Final = Place(
    name="staircase",
    plate_hz=(530.0, 990.0),
    plate_gain=0.3,
    reflections=((1.4, 0.22), (2.9, 0.2), (4.4, 0.15), (7.2, 0.12)),
    tail_s=0.8,
    tail_gain=0.03,
    seed=3,
)
HOLLOW_CASE: Final = Place(
    name="hollow case",
    plate_hz=(310.0, 640.0, 1280.0),
    plate_gain=0.9,
    reflections=((1.1, 0.2), (2.2, 0.1)),
    tail_s=0.15,
    tail_gain=0.01,
    seed=4,
)
PLACES: Final = (OPEN_AIR, PORCH, STAIRCASE, HOLLOW_CASE)


def impulse_response(place: Place, rate_hz: int) -> Floats:
    """From the loudspeaker to the microphone of the same plate, 12 cm apart; unit energy."""
    rng = np.random.default_rng(place.seed)
    length = int(rate_hz * max(0.1, place.tail_s))
    time_s = np.arange(length) / rate_hz
    response = np.zeros(length)
    response[round(0.12 / SOUND_M_S * rate_hz)] = 1.0
    for metres, gain in place.reflections:
        response[round(metres / SOUND_M_S * rate_hz)] += gain * rng.choice((-1.0, 1.0))
    for hz in place.plate_hz:
        response += place.plate_gain * np.exp(-time_s * hz / 6) * np.sin(2 * np.pi * hz * time_s) * (8000 / rate_hz)
    start = int(0.005 * rate_hz)
    tail = rng.standard_normal(length - start) * place.tail_gain * 10 ** (-3 * time_s[: length - start] / place.tail_s)
    response[start:] += tail * np.sqrt(16000 / rate_hz)
    return np.asarray(response / np.sqrt(np.sum(response**2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One recording. Levels are RMS of active speech in dB below full scale.

    `echo_over_near_db`: how much louder the echo is than the visitor.

    `bend` 0 is a perfect loudspeaker, 1 one that is driven to its limit. `moved_at_s`: then the door leaf opens and the path changes.
    `jumped_at_s`: then the card repairs an underrun and the delay grows by `jump_ms`.
    `music`: the far side plays it instead of speaking, as a phone on hold does.
    """

    name: str
    place: Place
    echo_over_near_db: float = 3.0
    bend: float = 0.3
    noise_db: float = -65.0
    drift_ppm: float = 0.0
    delay_ms: float = 45.0
    moved_at_s: float | None = None
    jumped_at_s: float | None = None
    jump_ms: float = 20.0
    music: bool = False
    seed: int = 7


NEAR_DB: Final = -27.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What the program gets (`far`, `microphone`, int16) and what only the judge knows (`near` and `echo`, int16)."""

    far: npt.NDArray[np.int16]
    microphone: npt.NDArray[np.int16]
    near: npt.NDArray[np.int16]
    echo: npt.NDArray[np.int16]


def record(scene: Scene, far: Floats, near: Floats, rate_hz: int) -> Recording:
    """Play `far` into the scene while the visitor says `near` (equal lengths)."""
    played = loudspeaker(far, scene.bend)
    if scene.drift_ppm:
        played = at_speed(played, 1 + scene.drift_ppm * 1e-6)[: len(far)]
        played = np.pad(played, (0, len(far) - len(played)))
    echo = _through_room(scene, played, rate_hz)
    echo *= 10 ** ((NEAR_DB + scene.echo_over_near_db) / 20) / max(_active_rms(echo, rate_hz), 1e-9)
    near = near * 10 ** (NEAR_DB / 20) / max(_active_rms(near, rate_hz), 1e-9) if near.any() else near
    rng = np.random.default_rng(scene.seed)
    noise = street_noise(len(far), rng) * 10 ** (scene.noise_db / 20)
    return Recording(far=to_int16(far), microphone=to_int16(echo + near + noise), near=to_int16(near), echo=to_int16(echo))


def _through_room(scene: Scene, played: Floats, rate_hz: int) -> Floats:
    echo = convolve(played, impulse_response(scene.place, rate_hz))
    if scene.moved_at_s is not None:
        other = impulse_response(_moved(scene.place), rate_hz)
        at = int(scene.moved_at_s * rate_hz)
        echo = np.concatenate([echo[:at], convolve(played, other)[at:]])
    shift = int(scene.delay_ms * rate_hz / 1000)
    echo = np.concatenate([np.zeros(shift), echo])
    if scene.jumped_at_s is not None:
        at = int(scene.jumped_at_s * rate_hz)
        echo = np.concatenate([echo[:at], np.zeros(int(scene.jump_ms * rate_hz / 1000)), echo[at:]])
    return echo[: len(played)]


def _moved(place: Place) -> Place:
    return Place(
        name=place.name,
        plate_hz=place.plate_hz,
        plate_gain=place.plate_gain * 0.8,
        reflections=tuple((metres * 1.3 + 0.2, gain * 1.2) for metres, gain in place.reflections),
        tail_s=place.tail_s,
        tail_gain=place.tail_gain,
        seed=place.seed + 100,
    )


def loudspeaker(played: Floats, bend: float) -> Floats:
    """Without memory: soft clipping at the excursion limit, an even harmonic from the asymmetric magnet. 0.3: about 3 % at speech peaks."""
    if bend <= 0:
        return played
    drive = 3.0 * bend
    return np.asarray(np.tanh(drive * played + 0.25 * bend * drive * played**2) / drive)


def street_noise(samples: int, rng: np.random.Generator) -> Floats:
    """Traffic: noise that falls by 3 dB an octave above 60 Hz of 16 kHz; unit RMS."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    bins = np.arange(len(spectrum))
    spectrum *= 1 / np.sqrt(np.maximum(bins, max(1.0, len(spectrum) * 60 / 8000)))
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def at_speed(samples: Floats, speed: float) -> Floats:
    """The same sound played by a clock that runs `speed` times as fast: windowed-sinc interpolation."""
    positions = np.arange(int(len(samples) / speed)) * speed
    whole = positions.astype(np.int64)
    part = positions - whole
    padded = np.pad(samples, SINC_REACH)
    out = np.zeros(len(positions))
    for k in range(1 - SINC_REACH, SINC_REACH + 1):
        distance = k - part
        weight = np.sinc(distance) * (0.5 + 0.5 * np.cos(np.pi * distance / SINC_REACH))
        out += weight * padded[whole + k + SINC_REACH]
    return out


def convolve(samples: Floats, response: Floats) -> Floats:
    """Through an impulse response, as long as the input."""
    size = 1 << (len(samples) + len(response) - 1).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)])


def _active_rms(samples: Floats, rate_hz: int) -> float:
    """RMS of the 20 ms frames within 25 dB of the loudest."""
    frame = rate_hz // 50
    power = np.mean(samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    active = power[power > power.max() * 10**-2.5]
    return float(np.sqrt(np.mean(active))) if len(active) else 0.0


def to_int16(samples: Floats) -> npt.NDArray[np.int16]:
    return np.asarray(np.clip(np.round(samples * 32768), -32768, 32767), dtype=np.int16)
