"""What the demo saw, as plain values: times in milliseconds since the press. Report and printed timeline show nothing else."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from firmware.demo.openh264 import Frame
from firmware.media.quality import QualityRecord

RATE_HZ: Final = 8000  # of every recording here

DOOR: Final = "door"
PHONE: Final = "phone"
PBX: Final = "pbx"


class Step(NamedTuple):
    """One station on the way from the press to the end. `at_ms` None: it never came, the demo failed."""

    name: str
    at_ms: float | None
    detail: str = ""


class Message(NamedTuple):
    """One SIP message on the wire, as it was; `source` and `target` are DOOR, PHONE or PBX."""

    at_ms: float
    source: str
    target: str
    text: str

    @property
    def label(self) -> str:
        """The method, or the status and its reason."""
        first = self.text.partition("\r\n")[0]
        return first.removeprefix("SIP/2.0 ") if first.startswith("SIP/2.0 ") else first.partition(" ")[0]


class Span(NamedTuple):
    """Something that was on for a while: lamp, relay, digits."""

    track: str
    label: str
    from_ms: float
    to_ms: float


class Voice(NamedTuple):
    """One direction of speech: what one side's microphone said and what the other side's speaker played, on one time axis.

    `similarity` is the mean correlation of the spoken parts (1: identical), `delay_ms` from microphone to speaker; None: not found again.
    """

    speaker: str
    listener: str
    said: array[int]
    said_from_ms: float
    heard: array[int]
    heard_from_ms: float
    similarity: float
    delay_ms: float | None


class Shown(NamedTuple):
    """A frame of the door's camera on the phone's screen, decoded from what came over the network."""

    at_ms: float
    frame: Frame


class Picture(NamedTuple):
    """What was seen. `ring`: the JPEG that the door kept of the press, b'' for none. `no_frames`: why none were decoded, '' when some were.

    Packets, packets missed, whole pictures and decoded ones are counted by the phone over the whole call.
    """

    ring: bytes = b""
    shown: tuple[Shown, ...] = ()
    packets: int = 0
    lost: int = 0
    pictures: int = 0
    decoded: int = 0
    no_frames: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One run of the demo."""

    at: datetime
    through: str  # what stood between door and phone: '' for nothing, else its name and version
    steps: tuple[Step, ...]
    messages: tuple[Message, ...]
    spans: tuple[Span, ...]
    voices: tuple[Voice, ...]
    picture: Picture
    quality: dict[str, QualityRecord]  # by DOOR, PHONE
    recordings: dict[str, bytes]  # WAV files, by DOOR, PHONE
    versions: tuple[tuple[str, str], ...]
    processor_s: float  # of the door's process, from its start to the end of the call
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything that should happen happened."""
        return not self.problems

    def at_ms(self, step: str) -> float | None:
        """When a step happened, by name."""
        return next((each.at_ms for each in self.steps if each.name == step), None)
