"""Offer and answer about the picture of the camera: H.264, which a door sends and never receives (RFC 3264, RFC 6184 §8.2.2).

The picture is an extra. A line that cannot be agreed on is refused with port 0, and the call goes on with its sound; nothing here raises.
It is never less protected than the sound beside it, with keys of its own in the description (RFC 4568) or by a handshake of its own
(RFC 5763). Where the sound's way is found by checks (ICE), so is the picture's: with checks of its own, or it takes the sound's way
(RFC 9143), handshake included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from firmware.sdp.bundle import at_port, identified, may_share, mid_of
from firmware.sdp.codec import codecs_of
from firmware.sdp.description import Attribute, MediaDescription, SessionDescription
from firmware.sdp.direction import Direction, stated_direction
from firmware.sdp.h264 import BASELINE, CLOCK_RATE_HZ, CONSTRAINED, ENCODING, H264Format, Picture, parse_h264
from firmware.sdp.ice_line import ice_of, offers_ice
from firmware.sdp.protection import Handshake, SharedKeys, offered_attributes, offered_profile
from firmware.sdp.remote_address import reports_to
from firmware.sdp.video_session import LocalVideo, VideoSession
from firmware.sdp.video_way import VideoWay, answered_way, mux_attribute, own_way, protection_of, shared_way, stated_port

if TYPE_CHECKING:
    from firmware.sdp.media_session import LocalMedia, MediaSession

# RFC 6184 §8.2.2: each packetization mode is a format of its own. Fragments (mode 1) first, since a key frame exceeds a datagram.
PAYLOAD_TYPES: Final = {1: 105, 0: 106}
FEEDBACK: Final = ("nack pli", "ccm fir")  # RFC 4585 §4.2, RFC 5104 §7.1: what of it we heed
OVERHEAD_KBPS: Final = 30  # IP, UDP and RTP headers, and reports, of a hundred packets a second, which b=AS counts and b=TIAS does not
LEAST_KBPS: Final = 32  # a stream of less is no picture: who asks for less gets none


class _Choice(NamedTuple):
    """A payload type of the other side's that fits the camera."""

    payload_type: int
    format: H264Format


def offered_video(local: LocalMedia, video: LocalVideo, wish: Direction) -> MediaDescription | None:
    """The line of a first offer; None when the picture could not be protected as the sound is. `wish` is that of the sound."""
    protection = protection_of(local, video)
    profile = offered_profile(protection)
    if profile is None:
        return None
    level = video.picture.level()
    attributes: list[Attribute] = []
    for mode, payload_type in PAYLOAD_TYPES.items():
        # §8.2.2: for what is sent only, profile and level say what the stream is; there is no other direction to differ from.
        offered = H264Format(packetization_mode=mode, profile=BASELINE, constraints=CONSTRAINED, level=level)
        attributes += _format(payload_type, offered)
    attributes += [("rtcp-fb", f"* {kind_of}") for kind_of in FEEDBACK]
    attributes += [(_direction(video, wish).value, None), *offered_attributes(protection, profile), *mux_attribute(local.rtcp_mux)]
    return MediaDescription(
        kind="video",
        port=stated_port(local, video),
        protocol=profile,
        formats=tuple(str(payload_type) for payload_type in PAYLOAD_TYPES.values()),
        bandwidths=_bandwidths(video.picture.bitrate_kbps),
        attributes=(*attributes, *(ice_of(local, video.base) if offers_ice(local) else ())),
    )


def repeated_video(kept: MediaDescription, local: LocalMedia, video: LocalVideo, wish: Direction) -> MediaDescription:
    """The line of a further offer: what it was, in the direction that is wished now (RFC 3264 §8)."""
    directions, anew = {direction.value for direction in Direction}, {"ice-ufrag", "ice-pwd", "candidate", "mid"}
    attributes = [(_direction(video, wish).value, None) if name in directions else (name, value) for name, value in kept.attributes]
    attributes = [(name, value) for name, value in attributes if name not in anew]
    if kept.attribute("ice-ufrag") is not None:
        attributes += ice_of(local, video.base)
    line = identified(kept._replace(attributes=tuple(attributes)), mid_of(kept))
    return at_port(line, local.stated[1]) if video.shares_way else line


def answered_video(
    offer: SessionDescription, places: tuple[int, int], local: LocalMedia, sound: MediaSession, wish: Direction
) -> tuple[MediaDescription, VideoSession] | None:
    """Our line and what it agrees on; None when theirs has to be refused. `places` are those of the sound's line and of this one, `sound`
    what is agreed for the former, `wish` its direction as we want it."""
    video, media = local.video, offer.media[places[1]]
    if video is None or media.kind.lower() != "video":
        return None
    way = shared_way(offer, places, sound, local) or own_way(offer, media, local, video, sound)
    choice = _choose(media, video)
    if choice is None or way is None:
        return None
    stated = stated_direction(offer, media, may_be_null=way.is_found)
    ours = _direction(video, wish if sound.direction.sends else Direction.INACTIVE).met_by(stated)
    bitrate_kbps = _bitrate(media, choice.format, video.picture)
    if bitrate_kbps < LEAST_KBPS:
        return None
    attributes = [*_format(choice.payload_type, _answered(choice.format, video.picture)), *_feedback(media, choice.payload_type)]
    line = MediaDescription(
        kind="video",
        port=way.port,
        protocol=media.protocol,
        formats=(str(choice.payload_type),),
        bandwidths=_bandwidths(bitrate_kbps),
        attributes=(*attributes, (ours.value, None), *way.attributes),
    )
    return line, _session(offer, media, video, choice, way, sound, sends=ours.sends)


def read_video(
    offer: SessionDescription, answer: SessionDescription, places: tuple[int, int], local: LocalMedia, sound: MediaSession
) -> VideoSession | None:
    """What their answer makes of our line; None when they refuse it, or agree to what we may not send. `places` as in `answered_video`."""
    video, ours, theirs = local.video, offer.media[places[1]], answer.media[places[1]]
    if video is None or theirs.kind.lower() != "video":
        return None
    way = shared_way(answer, places, sound, local) if may_share(offer, *(offer.media[place] for place in places)) else None
    if way is None and not video.shares_way:
        way = answered_way(ours, answer, theirs, local, video, sound)
    choice = _choose(theirs, video)
    if choice is None or way is None or _bitrate(theirs, choice.format, video.picture) < LEAST_KBPS:
        return None
    direction = stated_direction(offer, ours).met_by(stated_direction(answer, theirs, may_be_null=way.is_found))
    return _session(answer, theirs, video, choice, way, sound, sends=direction.sends and sound.direction.sends)


def why_no_video(description: SessionDescription, local: LocalMedia) -> str:
    """One sentence for the log: why the other side's description, which has a video line, leads to no picture."""
    lines = [media for media in description.media if media.kind.lower() == "video" and media.port != 0]
    if not lines:
        return "the other side does not want to see"
    formats = [each for media in lines for each in _formats(media)]
    if not formats:
        return "the other side shows no H.264 that a Constrained Baseline stream fits into"
    assert local.video is not None, "asked for a camera"
    picture = local.video.picture
    if not any(each.format.bears(picture) for each in formats):
        most = max(str(each.format.level) for each in formats)
        return f"the other side takes H.264 up to level {most}, and {picture.width}x{picture.height} at {picture.fps} frames needs more"
    return "the picture could not be protected or addressed as the sound is"


def _direction(video: LocalVideo, wish: Direction) -> Direction:
    """A door has no screen. A wish that stops a direction of the sound is a hold (RFC 3264 §8.4), and stops the picture."""
    ours = Direction.RECVONLY if video.is_screen else Direction.SENDONLY
    return ours if wish is Direction.SENDRECV else Direction.INACTIVE


def _choose(media: MediaDescription, video: LocalVideo) -> _Choice | None:
    """Of the formats that the camera's stream fits, the one that splits large frames, and of these the first.

    To a screen they say what will come (RFC 6184 §8.2.2), and its answer the most that it can show.
    """
    fitting = [each for each in _formats(media) if video.is_screen or each.format.bears(video.picture)]
    return max(fitting, key=lambda each: (each.format.packetization_mode, each.format.profile == BASELINE), default=None)


def _formats(media: MediaDescription) -> list[_Choice]:
    out: list[_Choice] = []
    for codec in codecs_of(media):
        if codec.name.upper() != ENCODING or codec.clock_rate_hz != CLOCK_RATE_HZ:
            continue
        stated = parse_h264(codec.fmtp)
        # Mode 2 is for streams whose frames are sent out of their order (§5.4); nobody who talks asks for it.
        if stated is not None and stated.packetization_mode in PAYLOAD_TYPES and stated.takes_baseline:
            out.append(_Choice(codec.payload_type, stated))
    return out


def _answered(theirs: H264Format, picture: Picture) -> H264Format:
    """§8.2.2: profile and mode as offered; the level may be another one, and says what the stream is."""
    level = picture.level() if theirs.level is None else min(picture.level(), theirs.level, key=lambda each: each.idc)
    return theirs._replace(level=level)


def _format(payload_type: int, stated: H264Format) -> list[Attribute]:
    return [("rtpmap", f"{payload_type} {ENCODING}/{CLOCK_RATE_HZ}"), ("fmtp", f"{payload_type} {stated.fmtp()}")]


def _feedback(media: MediaDescription, payload_type: int) -> list[Attribute]:
    """RFC 4585 §4.2: the answer repeats of the offer's feedback what it will heed."""
    asked = {" ".join(value.split()).lower() for value in media.attribute_values("rtcp-fb")}
    return [("rtcp-fb", f"{of} {what}") for of in ("*", str(payload_type)) for what in FEEDBACK if f"{of} {what}" in asked]


def _bandwidths(kbps: int) -> tuple[str, ...]:
    """With the headers (RFC 8866 §5.8). TIAS (RFC 3890), which leaves them out, would say the same again; it is read, and not written."""
    return (f"AS:{kbps + OVERHEAD_KBPS}",)


def _bitrate(media: MediaDescription, stated: H264Format, picture: Picture) -> int:
    """What the receiver bears, at most what the camera is set to: by its b= lines and its level."""
    most = [picture.bitrate_kbps]
    if stated.level is not None:
        most.append(stated.level.kilobits)
    for line in media.bandwidths:
        name, _, number = line.partition(":")
        if number.isascii() and number.isdecimal() and len(number) <= 12:
            if name.upper() == "AS":
                most.append(int(number) - OVERHEAD_KBPS)
            elif name.upper() == "TIAS":
                most.append(int(number) // 1000)
    return min(most)


def _session(
    remote: SessionDescription,
    media: MediaDescription,
    video: LocalVideo,
    choice: _Choice,
    way: VideoWay,
    sound: MediaSession,
    *,
    sends: bool,
) -> VideoSession:
    connection = remote.connection_of(media)
    rtp = (connection.host, media.port) if connection is not None else (sound.remote_host, sound.remote_rtp_port)
    rtcp = rtp if way.mux else reports_to(media, rtp[0])
    return VideoSession(
        local_port=video.rtp_port,
        remote_host=rtp[0],
        remote_rtp_port=rtp[1],
        remote_rtcp_host=rtcp[0],
        remote_rtcp_port=rtcp[1],
        payload_type=choice.payload_type,
        packetization_mode=choice.format.packetization_mode,
        bitrate_kbps=_bitrate(media, choice.format, video.picture),
        sends=sends,
        keys=way.agreed if isinstance(way.agreed, SharedKeys) else None,
        handshake=way.agreed if isinstance(way.agreed, Handshake) else None,
        ice=way.ice,
        shares_way=way.is_shared,
    )
