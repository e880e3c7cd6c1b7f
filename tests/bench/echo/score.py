"""What a canceller is worth: echo attenuation over time, time to converge, and what it does to the visitor while both speak.

A session of 40 s: the far side alone, both, the visitor alone, the far side again. Only frames count in which the far side's echo can be
heard. Nothing here knows which canceller it judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.bench.echo.rooms import Floats, Recording

Samples = npt.NDArray[np.int16]

BOTH_S: Final = (12, 20)
NEAR_S: Final = (20, 26)
SESSION_S: Final = 40
CONVERGED_DB: Final = 20.0
HEARD_SHARE: Final = 1e-3  # of the loudest frame's power: 30 dB below it an echo is not heard beside the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Attenuations in dB, more is better. `near_loss_db`: level of the visitor's own voice while both speak, 0 is unharmed.

    `converged_s` None: never within the first 12 s.
    """

    converged_s: float | None
    first_db: float  # 0 to 3 s: the caller's first words
    settled_db: float  # 3 to 12 s
    after_both_db: float  # 26 to 32 s
    late_db: float  # 32 to 40 s
    near_loss_db: float
    delay_ms: float


def session(far: Floats, near: Floats, rate_hz: int) -> tuple[Floats, Floats]:
    """Speech of both, repeated as needed, laid out as the session wants it; the far side's peaks at 0.6 of full scale."""
    count = SESSION_S * rate_hz
    spoken = np.resize(far, count).copy()
    spoken[NEAR_S[0] * rate_hz : NEAR_S[1] * rate_hz] = 0
    visitor = np.zeros(count)
    visitor[BOTH_S[0] * rate_hz : NEAR_S[1] * rate_hz] = np.resize(near, (NEAR_S[1] - BOTH_S[0]) * rate_hz)
    return spoken * 0.6 / np.max(np.abs(spoken)), visitor


def figures(recording: Recording, out: Samples, rate_hz: int) -> Figures:
    """Judge `out`, as long as the recording's microphone."""
    lag = delay_of(recording.near, out, rate_hz)

    def attenuation(begin_s: int, end_s: int) -> float:
        return attenuation_db(recording, out[lag:], begin_s * rate_hz, end_s * rate_hz, rate_hz)

    both = slice(BOTH_S[0] * rate_hz, BOTH_S[1] * rate_hz)
    visitor, heard = in_band(recording.near[both], rate_hz), in_band(out[lag:][both], rate_hz)
    projected = float(visitor @ heard) / float(visitor @ visitor)
    return Figures(
        converged_s=_converged_s(recording, out[lag:], rate_hz),
        first_db=attenuation(0, 3),
        settled_db=attenuation(3, 12),
        after_both_db=attenuation(26, 32),
        late_db=attenuation(32, SESSION_S),
        near_loss_db=20 * float(np.log10(max(1e-3, projected))),
        delay_ms=lag * 1000 / rate_hz,
    )


def attenuation_db(recording: Recording, out: Samples, begin: int, end: int, rate_hz: int) -> float:
    """Power of the microphone over that of the result, in frames with audible echo between two samples."""
    frame = rate_hz // 50
    count = (min(end, len(out)) - begin) // frame

    def frames(samples: Samples) -> Floats:
        part = samples[begin : begin + count * frame].astype(np.float64)
        return np.asarray(np.mean(part.reshape(count, frame) ** 2, axis=1))

    echo = frames(recording.echo)
    audible = echo > echo.max() * HEARD_SHARE
    return 10 * float(np.log10((frames(recording.microphone)[audible].sum() + 1) / (frames(out)[audible].sum() + 1)))


def _converged_s(recording: Recording, out: Samples, rate_hz: int) -> float | None:
    """End of the first 400 ms, of audible echo, that come out CONVERGED_DB quieter than they went in."""
    step = rate_hz // 5
    for begin in range(0, BOTH_S[0] * rate_hz - 2 * step, step):
        if np.mean(recording.echo[begin : begin + 2 * step].astype(np.float64) ** 2) < 1e4:
            continue
        if attenuation_db(recording, out, begin, begin + 2 * step, rate_hz) > CONVERGED_DB:
            return (begin + 2 * step) / rate_hz
    return None


def in_band(samples: Samples, rate_hz: int) -> Floats:
    """300 to 3400 Hz: what a telephone passes on. Cancellers take away the hum below, and nobody misses it."""
    spectrum = np.fft.rfft(samples.astype(np.float64))
    hz = np.arange(len(spectrum)) * rate_hz / len(samples)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(samples)))


def delay_of(near: Samples, out: Samples, rate_hz: int) -> int:
    """Samples by which the visitor comes late, up to 60 ms, where he speaks alone."""
    begin, end = (NEAR_S[0] + 1) * rate_hz, (NEAR_S[1] - 1) * rate_hz
    visitor, heard = in_band(near[begin:end], rate_hz), in_band(out[begin : end + rate_hz // 10], rate_hz)
    scores = [float(visitor @ heard[lag : lag + len(visitor)]) for lag in range(rate_hz * 60 // 1000)]
    return int(np.argmax(scores))
