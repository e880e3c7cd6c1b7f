"""Did the speech arrive? What was said is searched in what was heard, second by second, and the likeness measured.

Correlation is normalised, so volume does not matter: 1 is the same sound, above 0.9 is the same speech through G.711, two different
recordings stay below 0.3. Each spoken stretch may have its own delay, since a jitter buffer stretches time.
"""

from __future__ import annotations

from array import array
from math import sqrt
from operator import mul
from typing import Final, NamedTuple

from firmware.demo.evidence import RATE_HZ

BLOCK: Final = 80  # 10 ms: the grain of loudness in which a stretch is searched first
STRETCH: Final = RATE_HZ // 2  # half a second: long against a syllable, short against drift
SEARCH_BLOCKS: Final = 60  # delays up to 600 ms: more would be no conversation
DRIFT_BLOCKS: Final = 8  # how far one stretch may lie from the whole: 80 ms, several adaptations of a jitter buffer
QUIET: Final = 200  # mean loudness (of 32768) below which a stretch counts as a pause


class Likeness(NamedTuple):
    """How much of the speech was found: mean correlation, mean delay in samples, and over how many stretches."""

    similarity: float
    delay_samples: float | None
    stretches: int


def find_again(said: array[int], heard: array[int]) -> Likeness:
    """Search each spoken stretch of `said` in `heard`, which begins at the same instant; both at RATE_HZ."""
    said_loud, heard_loud = loudness(said), loudness(heard)
    heard_loud += [0.0] * (len(said_loud) + SEARCH_BLOCKS - len(heard_loud))
    overall = _likeliest(said_loud, heard_loud, range(SEARCH_BLOCKS))
    found: list[tuple[float, int]] = []
    for start in range(0, len(said) - STRETCH + 1, STRETCH):
        first = start // BLOCK
        stretch_loud = said_loud[first : first + STRETCH // BLOCK]
        if sum(stretch_loud) < QUIET * len(stretch_loud):
            continue
        near = range(max(0, overall - DRIFT_BLOCKS), overall + DRIFT_BLOCKS + 1)
        coarse = _likeliest(stretch_loud, heard_loud[first:], near)
        found.append(_refined(said[start : start + STRETCH], heard, start, coarse * BLOCK))
    if not found:
        return Likeness(0.0, None, 0)
    similarity = sum(likeness for likeness, _ in found) / len(found)
    clear = [lag for likeness, lag in found if likeness > 0.5]
    return Likeness(similarity, sum(clear) / len(clear) if clear else None, len(found))


def loudness(samples: array[int]) -> list[float]:
    """Mean absolute value of each block."""
    return [sum(map(abs, samples[at : at + BLOCK])) / BLOCK for at in range(0, len(samples) - BLOCK + 1, BLOCK)]


def correlation(one: list[float] | array[int], other: list[float] | array[int]) -> float:
    """Normalised correlation of two stretches of equal length around their means; 0 when one is constant or cut short."""
    count = len(one)
    if len(other) != count or not count:
        return 0.0
    mean_one, mean_other = sum(one) / count, sum(other) / count
    power_one = sum(map(mul, one, one)) - count * mean_one * mean_one
    power_other = sum(map(mul, other, other)) - count * mean_other * mean_other
    if power_one <= 0 or power_other <= 0:
        return 0.0
    return float((sum(map(mul, one, other)) - count * mean_one * mean_other) / sqrt(power_one * power_other))


def _refined(stretch: array[int], heard: array[int], start: int, around: int) -> tuple[float, int]:
    """The best likeness within two loudness blocks of the coarse delay: searched with the stretch's loudest part, measured on all of it."""
    length = STRETCH // 8
    offset = max(range(0, STRETCH, length), key=lambda at: sum(map(abs, stretch[at : at + length])))
    part = stretch[offset : offset + length]
    first = start + offset
    lags = range(max(0, around - 2 * BLOCK), around + 2 * BLOCK)
    lag = max((correlation(part, heard[first + near : first + near + length]), near) for near in lags)[1]
    return correlation(stretch, heard[start + lag : start + lag + STRETCH]), lag


def _likeliest(one: list[float], other: list[float], lags: range) -> int:
    return max(lags, key=lambda lag: correlation(one, other[lag : lag + len(one)]))
