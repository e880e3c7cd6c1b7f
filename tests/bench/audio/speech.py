"""What is said in the benchmark: real recorded speech of five voices in five languages, from Debian's asterisk-core-sounds packages.

Everything is 16-bit mono at 8 kHz. `stream` is what goes into the encoder, `clips` says which part of it is which voice.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

RATE_HZ: Final = 8000
FOLDER: Final = Path("/usr/share/asterisk/sounds")
VOICES: Final = ("en_US_f_Allison", "it_IT_m_Carlo", "fr_CA_f_June", "ru_RU_f_IvrvoiceRU", "es_MX_f_Allison")
TEXT: Final = "demo-congrats"  # fluent sentences of half a minute in every language
CLIP_S: Final = 14.0  # ITU-T P.862 is meant for 8 to 30 s
PAUSE_S: Final = 0.5  # so that a clip's end is heard before the next one begins, whatever the delay


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One voice's part of the stream, in samples."""

    voice: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """All that is said, end to end."""

    stream: Samples
    clips: tuple[Clip, ...]


def read_wav(path: Path) -> Samples:
    """A mono 16-bit file at RATE_HZ."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ), path
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)


def write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def script(text: str = TEXT, clip_s: float = CLIP_S, voices: tuple[str, ...] = VOICES) -> Script:
    """Every voice says `text` for up to `clip_s`, one after the other. FileNotFoundError when the packages are not installed."""
    parts: list[Samples] = [np.zeros(int(PAUSE_S * RATE_HZ), dtype=np.int16)]
    clips: list[Clip] = []
    at = len(parts[0])
    for voice in voices:
        said = read_wav(FOLDER / voice / f"{text}.wav")[: int(clip_s * RATE_HZ)]
        clips.append(Clip(voice=voice, start=at, stop=at + len(said)))
        parts += [said, np.zeros(int(PAUSE_S * RATE_HZ), dtype=np.int16)]
        at += len(parts[-1]) + len(said)
    return Script(stream=np.concatenate(parts), clips=tuple(clips))
