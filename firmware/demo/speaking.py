"""A microphone with somebody in front of it who speaks when asked to, and the recordings that the demo's two people say."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hw.wav import read_mono

SPEECH: Final = Path(__file__).with_name("speech")
VISITOR: Final = SPEECH / "visitor.wav"
RESIDENT: Final = SPEECH / "resident.wav"
GOODBYE: Final = SPEECH / "goodbye.wav"
RECORDING_S_MAX: Final = 60


class SpeakingMicrophone:
    """Implements `hw.microphone.Microphone`: silence, and from the moment of `say` a recording. `read` belongs to the audio thread."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._words = b""
        self._at = 0
        self._next: bytes | None = None  # handed over to the audio thread, which alone touches the two above

    def open(self, rate_hz: int) -> None:
        assert rate_hz == self._rate_hz, "the demo's card has the rate that it was built with"

    def say(self, recording: Path) -> None:
        """Begin with the next period; what is being said is cut off. Raises HardwareError when the file cannot be read."""
        self._next = read_mono(recording, self._rate_hz, seconds_max=RECORDING_S_MAX).tobytes()

    def read(self, samples: int) -> bytes:
        if self._next is not None:
            self._words, self._at, self._next = self._next, 0, None
        wanted = 2 * samples
        piece = self._words[self._at : self._at + wanted]
        self._at += len(piece)
        return piece if len(piece) == wanted else piece + bytes(wanted - len(piece))


def seconds_of(recording: Path) -> float:
    """How long a recording lasts."""
    return len(read_mono(recording, 8000, seconds_max=RECORDING_S_MAX)) / 8000
