"""Codecs as session descriptions name them: payload types, rtpmap and fmtp (RFC 3551 §6, RFC 8866 §6.6 and §6.15, RFC 4733 §2.4)."""

from __future__ import annotations

from typing import Final, NamedTuple

from firmware.sdp.description import Attribute, MediaDescription

PAYLOAD_TYPE_MAX: Final = 127  # seven bits of the RTP header (RFC 3550 §5.1)
DYNAMIC_FIRST: Final = 96  # 96-127 are assigned by the session description (RFC 3551 §3)
DTMF_EVENTS: Final = frozenset(range(16))  # 0-9 * # A-D (RFC 4733 §3.2)
EVENT_MAX: Final = 255  # one octet (RFC 4733 §2.3.1)


class Codec(NamedTuple):
    """One encoding under one payload type.

    `clock_rate_hz` is the RTP clock (8000 for G.722, RFC 3551 §4.5.2); `fmtp` its parameters, '' when there are none.
    """

    name: str
    payload_type: int
    clock_rate_hz: int = 8000
    channels: int = 1
    fmtp: str = ""

    @property
    def is_telephone_event(self) -> bool:
        """Whether these are digits, not sound (RFC 4733)."""
        return self.name.lower() == "telephone-event"

    @property
    def is_sound(self) -> bool:
        """Whether this carries speech by itself; comfort noise, copies and telephone events only accompany it."""
        return self.name.lower() not in ("telephone-event", "cn", "red")

    @property
    def is_noise(self) -> bool:
        """Whether this stands for silence (RFC 3389)."""
        return self.name.lower() == "cn"

    @property
    def is_redundancy(self) -> bool:
        """Whether this wraps other formats together with copies of what went before (RFC 2198)."""
        return self.name.lower() == "red"

    def same_encoding(self, other: Codec) -> bool:
        """Whether both mean the same encoding; encoding names ignore case, payload types may differ by side (RFC 3264 §6.1)."""
        return self.name.lower() == other.name.lower() and self.clock_rate_hz == other.clock_rate_hz and self.channels == other.channels

    def with_payload_type(self, payload_type: int) -> Codec:
        """The same encoding under another number."""
        return self._replace(payload_type=payload_type)

    def events(self) -> frozenset[int]:
        """The telephone events that the receiver understands; none listed means 0-15 (RFC 4733 §2.4.1). Nonsense in the list is skipped."""
        return parse_events(self.fmtp) if self.fmtp.strip() else DTMF_EVENTS

    def rtpmap(self) -> str:
        """The value of the rtpmap attribute (RFC 8866 §6.6)."""
        channels = f"/{self.channels}" if self.channels != 1 else ""
        return f"{self.payload_type} {self.name}/{self.clock_rate_hz}{channels}"

    def attributes(self) -> tuple[Attribute, ...]:
        """The rtpmap attribute, and fmtp when there are parameters; rtpmap is written for static types too (RFC 3264 §5.1)."""
        rtpmap: tuple[Attribute, ...] = (("rtpmap", self.rtpmap()),)
        return (*rtpmap, ("fmtp", f"{self.payload_type} {self.fmtp}")) if self.fmtp else rtpmap


PCMU: Final = Codec(name="PCMU", payload_type=0)
PCMA: Final = Codec(name="PCMA", payload_type=8)
TELEPHONE_EVENT: Final = Codec(name="telephone-event", payload_type=101, fmtp="0-15")


def fitting_ptime_ms(codec: Codec, wanted_ms: int) -> int:
    """The longest packet up to `wanted_ms`, a multiple of 10 from 10 to 60, that the codec can fill.

    Opus has no frame of 30 or 50 ms (RFC 6716 §2.1.4), and 50 ms of L16 at 16 kHz exceed a datagram.
    """
    if codec.name.lower() == "opus":
        return max(length_ms for length_ms in (10, 20, 40, 60) if length_ms <= wanted_ms)
    return min(wanted_ms, 40) if codec.name == "L16" and codec.clock_rate_hz > 8000 else wanted_ms


# Static payload types: number -> (encoding, clock rate, channels), the audio half of RFC 3551 table 4.
STATIC_AUDIO: Final[dict[int, tuple[str, int, int]]] = {
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    5: ("DVI4", 8000, 1),
    6: ("DVI4", 16000, 1),
    7: ("LPC", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    10: ("L16", 44100, 2),
    11: ("L16", 44100, 1),
    12: ("QCELP", 8000, 1),
    13: ("CN", 8000, 1),
    14: ("MPA", 90000, 1),
    15: ("G728", 8000, 1),
    16: ("DVI4", 11025, 1),
    17: ("DVI4", 22050, 1),
    18: ("G729", 8000, 1),
}


def codecs_of(media: MediaDescription) -> tuple[Codec, ...]:
    """The codecs of an RTP m= line in its order of preference.

    Formats that nobody can know are left out: neither rtpmap nor static number, or out of range.
    """
    maps = _by_payload_type(media.attribute_values("rtpmap"))
    parameters = _by_payload_type(media.attribute_values("fmtp"))
    found: dict[int, Codec] = {}
    for text in media.formats:
        payload_type = _payload_type(text)
        if payload_type is None or payload_type in found:
            continue
        encoding = _encoding(maps.get(payload_type, "")) or STATIC_AUDIO.get(payload_type)
        if encoding is not None:
            name, clock_rate_hz, channels = encoding
            found[payload_type] = Codec(
                name=name,
                clock_rate_hz=clock_rate_hz,
                channels=channels,
                payload_type=payload_type,
                fmtp=parameters.get(payload_type, ""),
            )
    return tuple(found.values())


def parse_events(text: str) -> frozenset[int]:
    """The numbers of an events list such as `0-15,32-35,66` (RFC 4733 §2.4.1); parts that are no numbers or out of range are skipped."""
    numbers: set[int] = set()
    for part in text.removeprefix("events=").split(","):
        first, dash, last = part.strip().partition("-")
        low = _small_number(first.strip(), EVENT_MAX)
        high = _small_number(last.strip(), EVENT_MAX) if dash else low
        if low is not None and high is not None:
            numbers.update(range(low, high + 1))
    return frozenset(numbers)


def _by_payload_type(values: tuple[str, ...]) -> dict[int, str]:
    """Values like `101 telephone-event/8000` by their leading number; the first of a repeated number wins."""
    found: dict[int, str] = {}
    for value in values:
        number, _, rest = value.strip().partition(" ")
        payload_type = _payload_type(number)
        if payload_type is not None:
            found.setdefault(payload_type, rest.strip())
    return found


def _encoding(text: str) -> tuple[str, int, int] | None:
    parts = text.split("/")
    clock_rate_hz = _small_number(parts[1].strip(), 384_000) if len(parts) in (2, 3) else None
    channels = _small_number(parts[2].strip(), 255) if len(parts) == 3 else 1
    if not parts[0] or not clock_rate_hz or not channels:
        return None
    return (parts[0], clock_rate_hz, channels)


def _payload_type(text: str) -> int | None:
    return _small_number(text, PAYLOAD_TYPE_MAX)


def _small_number(text: str, most: int) -> int | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) > most:
        return None
    return int(text)
