"""The sounds that are no speech: what a visitor hears of the call's progress, and spoken prompts from WAV files.

Tones are patterns of one or two sines that the C core plays. Frequencies follow ITU-T E.180 Supplement 2 as most of Europe uses it.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import IO, Final, NamedTuple

from firmware.errors import MediaError
from firmware.kind import kind
from firmware.media.core_values import ToneStep

CALL_RATE_HZ: Final = 8000  # of prompts: most calls at a door are narrow, and the core converts for the others
PROMPT_S_MAX: Final = 30.0  # half a megabyte; a longer message is not listened to at a door
FOREVER: Final = 0  # repeats: until it is stopped


@kind
class Tone(NamedTuple):
    """A pattern that plays `repeats` times, FOREVER until stopped."""

    name: str
    steps: tuple[ToneStep, ...]
    repeats: int = 1


@kind
class Prompt(NamedTuple):
    """Recorded sound, 16-bit native-endian mono at CALL_RATE_HZ."""

    name: str
    samples: bytes
    repeats: int = 1


Sound = Tone | Prompt

RINGBACK: Final = Tone("ringback", (ToneStep(425, 0, 1000), ToneStep(0, 0, 4000)), FOREVER)
BUSY: Final = Tone("busy", (ToneStep(425, 0, 480), ToneStep(0, 0, 480)), 4)
ERROR: Final = Tone("error", (ToneStep(425, 0, 200), ToneStep(0, 0, 100), ToneStep(330, 0, 400)))
BEEP: Final = Tone("beep", (ToneStep(1000, 0, 120),))
DOOR_OPEN: Final = Tone("door-open", (ToneStep(660, 0, 120), ToneStep(880, 0, 240)))
CHIME: Final = Tone("chime", (ToneStep(659, 0, 700), ToneStep(523, 0, 1000)), 2)  # E and C, as house bells do
TONES: Final = {tone.name: tone for tone in (RINGBACK, BUSY, ERROR, BEEP, DOOR_OPEN, CHIME)}


def load_prompt(path: Path, *, repeats: int = 1) -> Prompt:
    """A WAV file as a prompt: 16-bit, mono or stereo, 8 kHz or a multiple of it. Raises MediaError that names the remedy."""
    try:
        with path.open("rb") as file:
            return Prompt(path.stem, read_prompt(file, str(path)), repeats)
    except OSError as error:
        raise MediaError(f"cannot read the prompt {path}: {error}") from error


def read_prompt(file: IO[bytes], name: str) -> bytes:
    """The samples of such a file at CALL_RATE_HZ; `name` is what messages call it. Raises MediaError."""
    import wave  # only doors with prompts pay for it

    try:
        with wave.open(file, "rb") as sound:
            channels, width, rate_hz, frames = sound.getparams()[:4]
            if width != 2 or channels not in (1, 2) or rate_hz % CALL_RATE_HZ or not frames:
                raise MediaError(f"{name}: want 16-bit at 8, 16, 24, 32 or 48 kHz; convert it: sox {name} -b 16 -c 1 -r 8000 out.wav")
            if frames > PROMPT_S_MAX * rate_hz:
                raise MediaError(f"{name} is longer than {PROMPT_S_MAX:.0f} s")
            raw = sound.readframes(frames)
    except (EOFError, wave.Error) as error:
        raise MediaError(f"cannot read the prompt {name}: {str(error) or 'the file is cut short'}") from error
    return _at_call_rate(raw, channels * rate_hz // CALL_RATE_HZ)


def _at_call_rate(raw: bytes, step: int) -> bytes:
    """The mean of each `step` samples in a row: mixes stereo down and low-passes enough for speech that becomes G.711."""
    from sys import byteorder

    samples = array("h", raw[: len(raw) // (2 * step) * 2 * step])
    if byteorder == "big":
        samples.byteswap()  # WAV is little-endian
    if step == 1:
        return samples.tobytes()
    sums = [sum(samples[at : at + step]) for at in range(0, len(samples), step)]
    return array("h", (total // step for total in sums)).tobytes()
