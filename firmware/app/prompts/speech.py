"""Words as samples, by espeak-ng: a program of its own, started for each sentence, of which a door without it knows nothing."""

from __future__ import annotations

import io
import subprocess
import wave
from array import array
from typing import Final

from firmware.errors import MediaError

RATE_HZ: Final = 8000
PEAK: Final = 13000  # 8 dB below full scale: as loud as a person in the call
QUIET: Final = 200  # samples below this before and after the words are cut away
LIMIT_S: Final = 20.0  # a small board speaks a long sentence in two


def spoken(text: str, voice: str) -> bytes:
    """The words at RATE_HZ, 16-bit native-endian mono, without silence around them. Raises MediaError."""
    from hw.wav import resample

    try:
        said = subprocess.run(  # noqa: S603 (the text is one argument, behind the mark that ends options)
            ["espeak-ng", "-v", voice, "-s", "150", "--stdout", "--", text],  # noqa: S607 (the one on PATH)
            capture_output=True,
            check=True,
            timeout=LIMIT_S,
        ).stdout
        with wave.open(io.BytesIO(said)) as file:
            rate_hz = file.getframerate()
    except FileNotFoundError:
        raise MediaError("espeak-ng is not installed: apt-get install espeak-ng") from None
    except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
        raise MediaError(f"espeak-ng did not speak with the voice {voice}: {error}") from error
    # Written to a pipe, its header knows no length: take what is there.
    samples = array("h", said[44 : len(said) - len(said) % 2])
    words = resample(samples, rate_hz, RATE_HZ)
    loud = [at for at, value in enumerate(words) if abs(value) > QUIET]
    if not loud:
        return b""
    cut = words[loud[0] : loud[-1] + 1]
    strongest = max(abs(value) for value in cut)
    return array("h", (value * PEAK // strongest for value in cut)).tobytes()
