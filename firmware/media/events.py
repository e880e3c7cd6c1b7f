"""What the audio thread tells the program: the closed union MediaEvent.

Times are `time.monotonic_ns()` readings. A sink is called on the audio thread and returns at once: it hands over to the event loop.
Named tuples, not dataclasses: the program knows these types from its start on, and they are defined in a fifth of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from firmware.kind import kind

if TYPE_CHECKING:
    from firmware.media.quality import QualityRecord


@kind
class FirstAudio(NamedTuple):
    """The first received packet of the stream has been decoded to the speaker; `at_ns` is that moment."""

    call: str
    at_ns: int


@kind
class DigitHeard(NamedTuple):
    """One press of a key of the other side's phone, reported once, at its end: by RFC 4733, or `in_band`, as tones in the sound."""

    call: str
    digit: str
    duration_ms: int
    at_ns: int
    in_band: bool = False


@kind
class StreamSilent(NamedTuple):
    """The other side is lost: for `for_s` no packet came, though the session says that it sends, nor a report that it hears us.

    Sent once a silence (RFC 3550 §6.4.1: extended highest sequence number received).
    """

    call: str
    for_s: float
    at_ns: int


@kind
class SoundEnded(NamedTuple):
    """A prompt or tone that does not repeat has been played to its end."""

    name: str
    at_ns: int


@kind
class SoundFault(NamedTuple):
    """The sound card could not be opened (or can be again); calls go on in silence, digits still arrive. `detail` is one plain sentence."""

    working: bool
    detail: str
    at_ns: int


@kind
class StreamEncrypted(NamedTuple):
    """The handshake of `call` is done: its sound flows, encrypted by `cipher` (RFC 5764)."""

    call: str
    cipher: str
    at_ns: int


@kind
class KeyingFailed(NamedTuple):
    """The stream of `call` has no keys and will get none: it stays mute, and its call is of no use. `detail` is one plain sentence."""

    call: str
    detail: str
    at_ns: int


@kind
class ConsentLost(NamedTuple):
    """The other side of `call` has not shown for half a minute that it wants our sound, which goes nowhere any more (RFC 7675)."""

    call: str
    at_ns: int


@kind
class StreamFault(NamedTuple):
    """The stream of `call` could not begin, change or take digits; `detail` is one plain sentence."""

    call: str
    detail: str
    at_ns: int


@kind
class QualityMeasured(NamedTuple):
    """The figures of a stream so far: in answer to `Engine.measure`, and once, `final`, when the stream has stopped."""

    quality: QualityRecord
    final: bool
    at_ns: int


MediaEvent = (
    FirstAudio
    | DigitHeard
    | StreamSilent
    | StreamEncrypted
    | KeyingFailed
    | ConsentLost
    | SoundEnded
    | SoundFault
    | StreamFault
    | QualityMeasured
)
MediaSink = Callable[[MediaEvent], None]
