"""How the camera's picture reaches the other side: by a port, keys and checks of its own, or by the sound's way (RFC 9143)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from firmware.sdp.bundle import is_only_bundled, may_share, mid_of
from firmware.sdp.description import Attribute, MediaDescription, SessionDescription
from firmware.sdp.ice import IceSession
from firmware.sdp.ice_line import agreed_ice, ice_of
from firmware.sdp.protection import (
    DTLS_PROFILES,
    PLAIN_PROFILES,
    SDES_PROFILES,
    Agreed,
    Method,
    Protection,
    SharedKeys,
    read_reply,
    reply_to,
)
from firmware.sdp.remote_address import usable_connection
from firmware.sdp.video_session import LocalVideo

if TYPE_CHECKING:
    from firmware.sdp.media_session import LocalMedia, MediaSession

PROFILES: Final = (*PLAIN_PROFILES, *SDES_PROFILES, *DTLS_PROFILES)


class VideoWay(NamedTuple):
    """How the picture reaches the other side: at which port of ours, what our line says of it, and what is agreed."""

    port: int
    attributes: tuple[Attribute, ...]
    mux: bool
    agreed: Agreed | None
    ice: IceSession | None = None
    is_shared: bool = False

    @property
    def is_found(self) -> bool:
        """By checks, whatever address the description states."""
        return self.ice is not None or self.is_shared


def shared_way(theirs: SessionDescription, places: tuple[int, int], sound: MediaSession, local: LocalMedia) -> VideoWay | None:
    """That of the sound, where both lines are in one group (RFC 9143); its handshake protects both (§9)."""
    line, media = (theirs.media[place] for place in places)
    profiles = PLAIN_PROFILES if sound.protection is None else (*PLAIN_PROFILES, *DTLS_PROFILES)
    is_refused = media.port == 0 and not is_only_bundled(media)
    if is_refused or sound.ice is None or isinstance(sound.protection, SharedKeys) or not may_share(theirs, line, media):
        return None
    if media.protocol.upper() not in profiles:
        return None
    # §7.1.3: keys and candidates stand in the tagged line; §9.3: that reports share the port, in each.
    attributes = (*mux_attribute(wanted=True), ("mid", mid_of(media)))
    return VideoWay(local.stated[1], attributes, mux=True, agreed=sound.protection, is_shared=True)


def own_way(
    offer: SessionDescription, media: MediaDescription, local: LocalMedia, video: LocalVideo, sound: MediaSession
) -> VideoWay | None:
    """Of an answer, at the picture's own port."""
    reply = reply_to(offer, media, protection_of(local, video))
    if reply is None or not _usable(offer, media, local) or _is_weaker(reply.agreed, sound):
        return None
    mux = local.rtcp_mux and media.attribute("rtcp-mux") is not None
    ice = agreed_ice(local, video.base, offer, media, is_offerer=False) if mux and sound.ice is not None else None
    if _is_unasked(ice, sound):
        return None
    attributes = (*reply.attributes, *mux_attribute(mux), *(ice_of(local, video.base) if ice is not None else ()))
    return VideoWay(stated_port(local, video), attributes, mux, reply.agreed, ice)


def answered_way(
    ours: MediaDescription, answer: SessionDescription, theirs: MediaDescription, local: LocalMedia, video: LocalVideo, sound: MediaSession
) -> VideoWay | None:
    """Of our offer, at the picture's own port."""
    try:
        agreed = read_reply(ours, answer, theirs, protection_of(local, video))
    except ValueError:
        return None
    mux = ours.attribute("rtcp-mux") is not None and theirs.attribute("rtcp-mux") is not None
    does_ice = mux and sound.ice is not None and ours.attribute("ice-ufrag") is not None
    ice = agreed_ice(local, video.base, answer, theirs, is_offerer=True) if does_ice else None
    if not _usable(answer, theirs, local) or _is_weaker(agreed, sound) or _is_unasked(ice, sound):
        return None
    return VideoWay(ours.port, (), mux, agreed, ice)


def _usable(description: SessionDescription, media: MediaDescription, local: LocalMedia) -> bool:
    if media.port == 0 or media.protocol.upper() not in PROFILES:
        return False
    return usable_connection(description, media, is_ipv6_wanted=":" in local.host) is not None


def stated_port(local: LocalMedia, video: LocalVideo) -> int:
    """As the sound's is stated: outside where that is, unless a translator shows the two under different addresses."""
    host, port = video.base.stated(local.host, mapped=local.states_mapped)
    return port if host == local.stated[0] else video.rtp_port


def protection_of(local: LocalMedia, video: LocalVideo) -> Protection:
    """How the picture may be encrypted: as the sound, with keys of its own. The certificate is the same (RFC 5763 §5)."""
    return local.protection._replace(keys=video.keys if Method.SDES in local.protection.methods else ())


def _is_weaker(agreed: object | None, sound: MediaSession) -> bool:
    return agreed is None and sound.protection is not None


def _is_unasked(ice: IceSession | None, sound: MediaSession) -> bool:
    """RFC 7675 §5.1: beside sound that goes where a check has asked, no picture goes anywhere else."""
    return ice is None and sound.ice is not None


def mux_attribute(wanted: bool) -> tuple[Attribute, ...]:
    return (("rtcp-mux", None),) if wanted else ()
