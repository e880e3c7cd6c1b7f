"""What is played where: the scenes of the table, and for each seed as many others, in rooms and with voices that nothing was tuned on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.bench.audio.speech import FOLDER, RATE_HZ, VOICES, read_wav
from tests.bench.echo import rooms
from tests.bench.echo.rooms import Floats, Place, Scene
from tests.bench.echo.score import session

TABLE: Final = 0  # the seed of the documented table
BEAT_S: Final = 0.5


def scenes(seed: int) -> tuple[Scene, ...]:
    """Eleven that a panel meets every day, then those of bad luck. A seed other than TABLE varies every room and delay."""
    gate, porch, stairs, hollow = (varied(place, seed) for place in rooms.PLACES)
    delay_ms = 45.0 if seed == TABLE else float(np.random.default_rng(seed).uniform(25, 90))
    at_gate, at_porch, in_stairs, in_hollow = (
        Scene(name=place.name, place=place, delay_ms=delay_ms, seed=7 + seed) for place in (gate, porch, stairs, hollow)
    )
    return (
        at_gate,
        at_porch,
        in_stairs,
        in_hollow,
        replace(at_porch, name="porch, echo 10 dB over the visitor, bent", echo_over_near_db=10, bend=0.8),
        replace(at_porch, name="porch, street 18 dB below the visitor", noise_db=-45),
        replace(at_porch, name="porch, echo 20 dB below the visitor", echo_over_near_db=-20),
        replace(at_porch, name="porch, clocks 100 ppm apart", drift_ppm=100),
        replace(in_hollow, name="hollow case, clocks 50 ppm apart", drift_ppm=-50),
        replace(at_porch, name="porch, door leaf moves at 30 s", moved_at_s=30),
        replace(at_porch, name="porch, delay jumps 20 ms at 30 s", jumped_at_s=30),
        replace(at_porch, name="porch, delay of 250 ms", delay_ms=250),
        replace(at_porch, name="porch, door leaf moves while both speak", moved_at_s=16),
        replace(at_porch, name="porch, street 3 dB below the visitor", noise_db=-30),
        replace(at_porch, name="porch, microphone clips", echo_over_near_db=24),
        replace(at_porch, name="porch, music from the far side", music=True),
    )


def voices(seed: int) -> tuple[str, str]:
    """Of the far side and of the visitor."""
    if seed == TABLE:
        return "en_US_f_Allison", "es_MX_f_Allison"
    far, near = np.random.default_rng(seed).choice(len(VOICES), 2, replace=False)
    return VOICES[far], VOICES[near]


def spoken(scene: Scene, seed: int) -> tuple[Floats, Floats]:
    """What both sides say in a session: RATE_HZ, full scale 1."""
    far, near = (read_wav(FOLDER / name / "demo-congrats.wav").astype(np.float64) / 32768 for name in voices(seed))
    return session(music(seed) if scene.music else far, near, RATE_HZ)


def varied(place: Place, seed: int) -> Place:
    """A room of the same kind."""
    if seed == TABLE:
        return place
    rng = np.random.default_rng((seed, place.seed))
    return Place(
        name=place.name,
        plate_hz=tuple(hz * rng.uniform(0.8, 1.25) for hz in place.plate_hz),
        plate_gain=place.plate_gain * rng.uniform(0.7, 1.3),
        reflections=tuple((metres * rng.uniform(0.7, 1.4), gain * rng.uniform(0.7, 1.3)) for metres, gain in place.reflections),
        tail_s=place.tail_s * rng.uniform(0.8, 1.3),
        tail_gain=place.tail_gain * rng.uniform(0.7, 1.3),
        seed=place.seed + 1000 * seed,
    )


def music(seed: int) -> npt.NDArray[np.float64]:
    """Sixteen seconds of chords of plucked strings over a beat: tones that last, which speech has not."""
    rng = np.random.default_rng((seed, 99))
    beat = int(BEAT_S * RATE_HZ)
    time_s = np.arange(4 * beat) / RATE_HZ
    out = np.zeros(36 * beat)
    for number, root_hz in enumerate(rng.choice((196.0, 220.0, 261.6, 293.7), 8)):
        for interval in (1.0, 1.25, 1.5, 2.0):
            for harmonic in range(1, 6):
                part = np.sin(2 * np.pi * root_hz * interval * harmonic * time_s + rng.uniform(0, 6)) / harmonic
                out[4 * number * beat :][: len(part)] += part * np.exp(-time_s * harmonic / 2)
    knock = rng.standard_normal(beat // 4) * np.exp(-np.arange(beat // 4) / (0.02 * RATE_HZ))
    for at in range(0, 32 * beat, beat):
        out[at : at + len(knock)] += 2 * knock
    return out[: 32 * beat]
