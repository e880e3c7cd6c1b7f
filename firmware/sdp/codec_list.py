"""What we offer, from the names in the configuration: sound in order of preference, then what accompanies it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT, Codec

# Wide band and error correction, mono. What the rtpmap says is fixed whatever is sent (RFC 7587 §7); the rest is what our core plays and
# records (§6.1).
OPUS: Final = Codec(
    name="opus", payload_type=96, clock_rate_hz=48_000, channels=2, fmtp="maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1"
)
G722: Final = Codec(name="G722", payload_type=9)
L16: Final = Codec(name="L16", payload_type=97, clock_rate_hz=16_000)
L16_NARROW: Final = Codec(name="L16", payload_type=98)
SOUND: Final[dict[str, tuple[Codec, ...]]] = {
    "opus": (OPUS,),
    "G722": (G722,),
    "L16": (L16, L16_NARROW),
    "PCMA": (PCMA,),
    "PCMU": (PCMU,),
}
EVENT_TYPES: Final = {8000: TELEPHONE_EVENT.payload_type, 48_000: 102, 16_000: 103}
RED_TYPES: Final = {8000: 99, 48_000: 100, 16_000: 104}
COMFORT_NOISE: Final = Codec(name="CN", payload_type=13)


def codec_list(names: Sequence[str], *, redundancy: bool = False, comfort_noise: bool = False) -> tuple[Codec, ...]:
    """The codecs of these names, and telephone events at each of their clocks (RFC 4733 §2.1, RFC 7587 §7: 48000 beside Opus).

    With `redundancy` also RFC 2198 at each clock, with `comfort_noise` RFC 3389 beside the codecs that have a clock of 8000 and no silence
    of their own; Opus is then asked to pause as well.
    """
    sound = [_pausing(codec) if comfort_noise else codec for name in names for codec in SOUND[name]]
    clocks = dict.fromkeys(codec.clock_rate_hz for codec in sound)
    events = (TELEPHONE_EVENT._replace(clock_rate_hz=clock, payload_type=EVENT_TYPES[clock]) for clock in clocks)
    noise = (COMFORT_NOISE,) if comfort_noise and COMFORT_NOISE.clock_rate_hz in clocks else ()
    copies = (Codec(name="red", payload_type=RED_TYPES[clock], clock_rate_hz=clock) for clock in clocks) if redundancy else ()
    return (*sound, *noise, *copies, *events)


def _pausing(codec: Codec) -> Codec:
    return codec._replace(fmtp=f"{codec.fmtp};usedtx=1") if codec.same_encoding(OPUS) else codec
