"""A description without what its reader knows anyway, for a message that would not fit a datagram otherwise.

    a=rtpmap:8 PCMA/8000          what a static payload type means (RFC 3551 §6); to state it is recommended (RFC 3264 §5.1), not required
    a=fmtp:101 0-15               the events of a receiver that lists none (RFC 4733 §2.4.1)
    …;packetization-mode=0        the mode of a receiver that names none (RFC 6184 §8.1)
    a=sendrecv                    the direction of a stream that states none (RFC 8866 §6.7)
    a=ptime:20                    how long packets of sound are where nobody wishes otherwise (RFC 3551 §4.2)

One thing more goes, which binds nobody: …;sprop-maxcapturerate=16000, "a hint" (RFC 7587 §6.1) of what is heard anyway.
"""

from __future__ import annotations

import re
from typing import Final

from firmware.sdp.codec import STATIC_AUDIO, codecs_of
from firmware.sdp.description import Attribute, MediaDescription, SessionDescription

FIRST_MODE: Final = ";packetization-mode=0"
HINT: Final = re.compile(r";sprop-maxcapturerate=\d+")
DEFAULTS: Final[tuple[Attribute, ...]] = (("sendrecv", None), ("ptime", "20"))


def brief(description: SessionDescription) -> SessionDescription:
    """The same, said in fewer octets."""
    has_direction = any(value is None and name in ("sendonly", "recvonly", "inactive") for name, value in description.attributes)
    defaults = DEFAULTS[1:] if has_direction else DEFAULTS
    return description._replace(media=tuple(_shortened(media, defaults) for media in description.media))


def _shortened(media: MediaDescription, defaults: tuple[Attribute, ...]) -> MediaDescription:
    known = {f"{codec.payload_type} {codec.fmtp}" for codec in codecs_of(media) if codec.is_telephone_event and codec.fmtp == "0-15"}
    known |= {codec.rtpmap() for codec in codecs_of(media) if _is_static(media, codec.payload_type, codec.rtpmap())}
    return media._replace(
        attributes=tuple(
            _parameters_left_out(attribute) for attribute in media.attributes if attribute[1] not in known and attribute not in defaults
        )
    )


def _is_static(media: MediaDescription, payload_type: int, rtpmap: str) -> bool:
    """Whether a reader without the line would understand the same by that number. Whoever has a line for it has it with one channel."""
    standard = STATIC_AUDIO.get(payload_type)
    return media.kind == "audio" and standard is not None and rtpmap == f"{payload_type} {standard[0]}/{standard[1]}" and standard[2] == 1


def _parameters_left_out(attribute: Attribute) -> Attribute:
    name, value = attribute
    return (name, HINT.sub("", value.removesuffix(FIRST_MODE))) if name == "fmtp" and value is not None else attribute
