"""Several lines over one way (RFC 9143): which lines of a description are in a group, and what ours says of it.

The way is always that of the sound: its port, its checks of connectivity, its handshake. So a picture shares it where the sound's line is
the tagged one, the first of the group that is not refused (§7.3.1), and where ICE runs, as it does with everybody who bundles.

Deviation: packets bear no identification of their line (§15). Payload types of one group differ (§10.1.2), and tell as well.
"""

from __future__ import annotations

from typing import Final

from firmware.sdp.description import Attribute, MediaDescription, SessionDescription

SEMANTICS: Final = "BUNDLE"
MID_MAX: Final = 32  # browsers count from 0; what is longer is none
TRANSPORT: Final = frozenset(
    {"ice-ufrag", "ice-pwd", "candidate", "fingerprint", "setup", "crypto", "rtcp"}
)  # RFC 8859 §5: of the tagged line


def mid_of(media: MediaDescription) -> str:
    """The line's identification (RFC 5888 §4), '' without a usable one."""
    mid = (media.attribute("mid") or "").strip()
    return mid if len(mid) <= MID_MAX and " " not in mid else ""


def group_of(description: SessionDescription, media: MediaDescription) -> tuple[str, ...]:
    """The identifications of the group that `media` is in, () when it is in none. §7.1.1: a line is in one at most."""
    mid = mid_of(media)
    for name, value in description.attributes:
        semantics, *mids = (value or "").split() or [""]
        if mid and name == "group" and semantics.upper() == SEMANTICS and mid in mids:
            return tuple(mids)
    return ()


def may_share(description: SessionDescription, sound: MediaDescription, picture: MediaDescription) -> bool:
    """Whether `picture` may go the way of `sound`, which is the tagged line then."""
    mids, mid = group_of(description, sound), mid_of(picture)
    return bool(mid) and mid in mids and mids.index(mid_of(sound)) < mids.index(mid)


def is_only_bundled(media: MediaDescription) -> bool:
    """§6: port 0 does not refuse such a line; it has no other way."""
    return media.port == 0 and media.attribute("bundle-only") is not None


def identified(media: MediaDescription, mid: str) -> MediaDescription:
    """Our line with that identification; as it is with none."""
    return media._replace(attributes=(*media.attributes, ("mid", mid))) if mid else media


def grouped(media: tuple[MediaDescription, ...]) -> tuple[MediaDescription, ...]:
    """The lines of a first offer, each with a way of its own as well (§7.2.1); without a group where there is one, or keys are named in
    them: what shares a way shares its keys, and those of a description are for one line (RFC 4568 §6.1)."""
    if len(media) < 2 or any(each.attribute("crypto") is not None for each in media):
        return media
    return tuple(identified(each, str(place)) for place, each in enumerate(media))


def group_attribute(media: tuple[MediaDescription, ...]) -> tuple[Attribute, ...]:
    """The group of our description: every line that bears an identification is in it (§7.2, §7.3)."""
    mids = [mid for each in media if each.port != 0 and (mid := mid_of(each))]
    return (("group", " ".join((SEMANTICS, *mids))),) if mids else ()


def at_port(media: MediaDescription, port: int) -> MediaDescription:
    """A line of a further offer that shares the sound's way since the last answer: at its `port` (§7.5), and all else is said there."""
    attributes = tuple((name, value) for name, value in media.attributes if name not in TRANSPORT)
    return media._replace(port=port, attributes=attributes)
