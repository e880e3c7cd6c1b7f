"""Speech-like test signal: voiced syllables with moving pitch and formant-like harmonics, hissed consonants, pauses. Deterministic."""

from __future__ import annotations

import math
import random
from array import array
from functools import cache

RATE_HZ = 8000


def _syllable(chance: random.Random, samples: int) -> list[float]:
    pitch_hz, glide = chance.uniform(95, 210), chance.uniform(-0.15, 0.15)
    strengths = [chance.uniform(0.2, 1.0) / k for k in range(1, 9)]
    phase, out = 0.0, []
    for i in range(samples):
        phase += 2 * math.pi * pitch_hz * (1 + glide * i / samples) / RATE_HZ
        envelope = math.sin(math.pi * i / samples) ** 0.5
        out.append(envelope * sum(a * math.sin(k * phase) for k, a in enumerate(strengths, 1)))
    return out


@cache
def _speech(seconds: int) -> tuple[int, ...]:
    chance, out = random.Random(20), list[float]()
    while len(out) < seconds * RATE_HZ:
        out += [chance.gauss(0, 0.08) for _ in range(chance.randrange(200, 500))]
        out += _syllable(chance, chance.randrange(900, 2200))
        out += [0.0] * chance.choice([0, 0, 0, 1500])
    return tuple(max(-32768, min(32767, round(5000 * v))) for v in out[: seconds * RATE_HZ])


def speech(seconds: int = 8) -> array[int]:
    """`seconds` of signal at 8 kHz."""
    return array("h", _speech(seconds))
