"""What of a voice came through: each loud tenth of a second of what was said is searched in what was heard, by its waveform.

Loudness alone does not do: two voices rise and fall alike often enough, and so does sound of which a card has lost two thirds.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from firmware.demo.evidence import RATE_HZ
from hw.wav import read_mono

PIECE: Final = RATE_HZ // 10
LOUD: Final = 0.7  # of the whole voice's effective value: pieces that are quieter are pauses and breath
THE_SAME: Final = 0.8  # normalised correlation: the same sound through G.711 and two converters is above 0.9, another voice below 0.7
QUIET: Final = 100.0  # effective value (of 32768) below which nothing is heard, however like it may be

Samples = npt.NDArray[np.float64]


def share_found(said: Samples, heard: Samples) -> float:
    """Of the loud pieces of `said` those that are found in `heard`, wherever they lie; 0 to 1. Both at RATE_HZ."""
    loud = LOUD * float(np.sqrt(np.mean(said**2)))
    pieces = [piece for at in range(0, len(said) - PIECE + 1, PIECE) if np.sqrt(np.mean((piece := said[at : at + PIECE]) ** 2)) >= loud]
    assert pieces, "nothing was said"
    if len(heard) < PIECE:
        return 0.0
    size = 1 << (len(heard) + PIECE).bit_length()
    spectrum = np.fft.rfft(heard, size)
    energy = np.convolve(heard**2, np.ones(PIECE), "valid")
    floor = np.sqrt(np.maximum(energy, QUIET**2 * PIECE))
    return sum(likeness(piece, spectrum, size, floor) >= THE_SAME for piece in pieces) / len(pieces)


def likeness(piece: Samples, spectrum: npt.NDArray[np.complex128], size: int, energy: Samples) -> float:
    """The normalised correlation of `piece` at its likeliest place; either sign, since a card may turn it."""
    products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, size)), size)[: len(energy)]
    return float(np.max(np.abs(products) / energy) / np.sqrt(np.sum(piece**2)))


def voice(recording: Path) -> Samples:
    """A recording of one who speaks."""
    return np.asarray(read_mono(recording, RATE_HZ, seconds_max=60), dtype=np.float64)


def at_speaker(raw: Path, rate_hz: int) -> Samples:
    """What a sound card played (s16le, mono), every so many samples one."""
    return np.frombuffer(raw.read_bytes()[: raw.stat().st_size & ~1], dtype="<i2")[:: rate_hz // RATE_HZ].astype(np.float64)


def at_phone(recording: Path) -> Samples:
    """The right channel of a phone's recording: what came in."""
    with wave.open(str(recording)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")[1::2].astype(np.float64)
