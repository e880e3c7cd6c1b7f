"""How good is what was heard, and how late was it? PESQ and PLCMOS a clip, and the delay over time by finding what was said again.

Nothing here asks the product: the same ruler is laid on our playout in virtual time, on the running program and on its peers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tests.bench.audio.speech import RATE_HZ, Clip, Samples, Script

Floats = npt.NDArray[np.float64]

WINDOW: Final = 1600  # 200 ms: long against a pitch period, so that a vowel is found at one place only
HOP: Final = 400
SEARCH: Final = 6400  # 800 ms
ACTIVE_RMS: Final = 250.0
FOUND: Final = 0.9  # correlation from which a window counts as found; stretched and concealed ones stay below
# Samples left out at a clip's beginning, each with a rater of its own. PLCMOS moves by up to 0.2 when the very same sound begins one sample
# later, so that a single score says more about the delay than about the sound; the mean of these is steady to about 0.02.
PLCMOS_STARTS: Final = (0, 7, 19, 33, 50, 59, 74, 101)


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayLine:
    """Delay in milliseconds at instants of the receiver's clock."""

    at_s: Floats
    delay_ms: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """By voice, in the script's order. PLCMOS is empty when it was not asked for."""

    pesq: dict[str, float]
    plcmos: dict[str, float]


def delay_line(said: Samples, heard: Samples, *, rate: float = 1.0) -> DelayLine:
    """Where each window of `heard` stands in `said`; both begin at the same instant. Sample j of `said` was sent at j / RATE_HZ / rate."""
    source, sink = said.astype(np.float64), heard.astype(np.float64)
    squares = np.concatenate([[0.0], np.cumsum(source * source)])
    at_s, delays = [], []
    for start in range(0, len(sink) - WINDOW, HOP):
        window = sink[start : start + WINDOW]
        power = float(window @ window)
        if power < WINDOW * ACTIVE_RMS**2:
            continue
        now_sent = int(start * rate)
        first, last = max(0, now_sent - SEARCH), min(len(source), now_sent + WINDOW)
        if last - first < WINDOW:
            continue
        part = source[first:last]
        size = 1 << (len(part) + WINDOW - 1).bit_length()
        products = np.fft.irfft(np.fft.rfft(part, size) * np.conj(np.fft.rfft(window, size)), size)[: len(part) - WINDOW + 1]
        energy = squares[first + WINDOW : last + 1] - squares[first : last - WINDOW + 1]
        likeness = products / np.sqrt(np.maximum(energy, 1.0) * power)
        best = int(np.argmax(likeness))
        if likeness[best] >= FOUND:
            at_s.append(start / RATE_HZ)
            delays.append((start - (first + best) / rate) * 1000 / RATE_HZ)
    return DelayLine(at_s=np.array(at_s), delay_ms=np.array(delays))


def recovery_s(line: DelayLine, gap_end_s: float, tolerance_ms: float = 10.0) -> float | None:
    """Seconds from the end of a gap until the delay is back, for good, within `tolerance_ms` of what it was before. None: never."""
    before = float(np.median(line.delay_ms[line.at_s < gap_end_s - 1]))
    after = line.at_s > gap_end_s
    away = line.at_s[after & (line.delay_ms > before + tolerance_ms)]
    if not len(away):
        return 0.0
    return None if away[-1] >= line.at_s[-1] - 0.5 else float(away[-1] - gap_end_s)


def part_of(clip: Clip, heard: Samples, line: DelayLine, rate: float) -> Samples:
    """What was heard of a clip, from its beginning to its end, shifted by the delay there. A slow sender takes longer to say the same: to
    the end of its own time, or its last syllable would be missed."""
    start, stop = (round(at / rate) for at in (clip.start, clip.stop))
    inside = (line.at_s >= start / RATE_HZ) & (line.at_s < stop / RATE_HZ + 1)
    shift = int(np.median(line.delay_ms[inside]) * RATE_HZ / 1000) if inside.any() else 0
    return heard[start + shift : stop + shift]


class Judge:
    """PESQ (ITU-T P.862, narrow band, mapped by P.862.1) and PLCMOS v2. The listening models are loaded once."""

    def __init__(self) -> None:
        # Here, since delay_line must work, and be tested, without the extra `audio`.
        from pesq import pesq
        from speechmos.plcmos import PLCMOS

        self._pesq: Any = pesq
        self._plcmos: Any = PLCMOS(embed_rounds=1)

    def quality(self, script: Script, heard: Samples, line: DelayLine, *, with_plcmos: bool, rate: float = 1.0) -> Quality:
        """Each clip against what was heard of it. `rate`: the sender's clock against ours."""
        pesq: dict[str, float] = {}
        plcmos: dict[str, float] = {}
        for clip in script.clips:
            said = script.stream[clip.start : clip.stop]
            part = part_of(clip, heard, line, rate)
            if len(part) < len(said) // 2:
                continue
            pesq[clip.voice] = float(self._pesq(RATE_HZ, said, part, "nb"))
            if with_plcmos:
                plcmos[clip.voice] = self._naturalness(part)
        return Quality(pesq=pesq, plcmos=plcmos)

    def _naturalness(self, part: Samples) -> float:
        np.random.seed(4)  # raters are drawn from the global generator: the same for every clip
        length = len(part) - max(PLCMOS_STARTS)
        scores = [float(self._plcmos(doubled(part[start : start + length]))["plcmos"]) for start in PLCMOS_STARTS]
        return float(np.mean(scores))


def doubled(samples: Samples) -> npt.NDArray[np.float64]:
    """The same sound at twice the rate, -1 to 1: PLCMOS listens at 16 kHz."""
    spectrum = np.fft.rfft(samples.astype(np.float64) / 32768)
    wide = np.zeros(len(samples) + 1, dtype=np.complex128)
    wide[: len(spectrum)] = spectrum
    return np.clip(np.fft.irfft(wide, 2 * len(samples)) * 2, -1, 1)
