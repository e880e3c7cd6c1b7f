"""Offer and answer about one audio stream (RFC 3264): what we propose, what we reply, and what both have then agreed.

A camera adds a second line, of which `firmware.sdp.video` knows; without one nobody loads it, and an offered picture is refused.

What goes in and comes out are the values of `firmware.sdp.media_session`. Pure functions over descriptions: who keeps a dialog keeps our
last description too and passes it as `previous`: the version number, the order of m= lines and the payload numbers of a session follow
from it (RFC 3264 §8).
"""

from __future__ import annotations

from typing import Final

from firmware.errors import RemoteProtocolError
from firmware.sdp.address import is_ipv4, is_ipv6, is_null
from firmware.sdp.bundle import group_attribute, group_of, grouped, identified, mid_of
from firmware.sdp.codec import Codec, codecs_of
from firmware.sdp.codec_choice import heard_after_answer, heard_after_offer, in_both, pick, renumbered
from firmware.sdp.description import Attribute, Connection, MediaDescription, Origin, SessionDescription
from firmware.sdp.direction import Direction, stated_direction
from firmware.sdp.ice_line import agreed_ice, ice_kind, ice_of, ice_reply, offers_ice
from firmware.sdp.media_session import LocalMedia, MediaSession, NoCommonMedia, agreed_session
from firmware.sdp.protection import (
    DTLS_PROFILES,
    PLAIN_PROFILES,
    SDES_PROFILES,
    Encryption,
    offered_attributes,
    offered_profile,
    read_reply,
    reply_to,
)
from firmware.sdp.remote_address import usable_connection

PROFILES: Final = (*PLAIN_PROFILES, *SDES_PROFILES, *DTLS_PROFILES)
XR_VOIP: Final = "voip-metrics"
FIRST_VERSION: Final = 1
USERNAME: Final = "door"  # of o=: RFC 8866 §5.2 allows "-" as well, but some peers expect letters there


def make_offer(
    local: LocalMedia, *, direction: Direction = Direction.SENDRECV, previous: SessionDescription | None = None
) -> SessionDescription:
    """Our offer. `previous` is our last description in this dialog, offer or answer; None in a new dialog.

    A repeated offer equals `previous`, version included; a changed one raises the version by one and keeps every m= line in place
    (RFC 3264 §8). Raises NoCommonMedia when encryption is mandatory and the signalling allows none of our methods.
    """
    profile = offered_profile(local.protection)
    if profile is None:
        raise NoCommonMedia("the call must be encrypted, and keys may not be sent over signalling that is not")
    if previous is None:
        ours = _offered_line(local, profile, local.codecs, direction, ice=offers_ice(local))
        lines = (ours, *_offered_picture(local, direction))
        return _describe(local, grouped(lines) if offers_ice(local) else lines, previous=None)
    return _describe(local, _further_lines(local, profile, direction, previous), previous=previous)


def repeat_offer(in_force: SessionDescription, previous: SessionDescription) -> SessionDescription:
    """What is in force once more, as an offer that changes nothing. It is `previous`, unless an offer came between that was refused:
    then it differs from what was sent last, and the version says so (RFC 3264 §8)."""
    return _edition(in_force, previous)


def _further_lines(local: LocalMedia, profile: str, direction: Direction, previous: SessionDescription) -> tuple[MediaDescription, ...]:
    place = active_line(previous)
    lines = [_kept_picture(local, media, direction) or _refused(media) for media in previous.media]
    if place is None:
        # RFC 3264 §8.1: a new stream goes below the existing ones, or takes the slot of a disabled one.
        lines.append(_offered_line(local, profile, local.codecs, direction, ice=offers_ice(local)))
    else:
        kept = previous.media[place]
        # RFC 8839 §4.4.1: where ICE runs, every further offer says so.
        goes_on = kept.attribute("ice-ufrag") is not None
        line = _offered_line(local, kept.protocol, renumbered(local.codecs, codecs_of(kept)), direction, ice=goes_on)
        lines[place] = identified(line, mid_of(kept))
    return tuple(lines)


def make_answer(
    offer: SessionDescription,
    local: LocalMedia,
    *,
    direction: Direction = Direction.SENDRECV,
    previous: SessionDescription | None = None,
) -> tuple[SessionDescription, MediaSession]:
    """Our answer to `offer` and what it agrees on. `direction` is what we wish; `previous` is our last description in this dialog.

    The first usable audio line is taken, every other one refused in place with port 0 (RFC 3264 §6).
    Raises NoCommonMedia when no line can be used: the request deserves 488.
    """
    for place, media in enumerate(offer.media):
        if _usable(offer, media, local) is None:
            continue
        common = in_both(codecs_of(media), local.codecs)
        picked = pick(common, local.codecs)
        reply = reply_to(offer, media, local.protection)
        if reply is None or not picked:
            continue
        mux = local.rtcp_mux and media.attribute("rtcp-mux") is not None
        ice = agreed_ice(local, local.base, offer, media, is_offerer=False) if mux else None
        ours = direction.met_by(stated_direction(offer, media, may_be_null=ice is not None))
        lines = [_refused(other) for other in offer.media]
        xr = local.rtcp_xr and _takes_xr(offer, media)
        line = _audio_line(
            local, media.protocol, picked, ours, (*reply.attributes, *_mux(mux), *_xr(xr), *ice_reply(local, local.base, offer, media, ice))
        )
        lines[place] = identified(line, mid_of(media) if ice is not None and group_of(offer, media) else "")
        session = agreed_session(offer, media, local, send=picked, receive=heard_after_answer(common, picked), direction=ours)
        session = _multiplexed(session._replace(protection=reply.agreed, rtcp_xr=xr, ice=ice), mux)
        if local.video is not None:
            lines, session = _with_picture(offer, place, local, lines, session, direction)
        return _describe(local, tuple(lines), previous=previous, times=offer.times), session
    raise NoCommonMedia(_why_none(offer, local))


def read_answer(offer: SessionDescription, answer: SessionDescription, local: LocalMedia) -> MediaSession:
    """What our `offer` and the other side's `answer` agree on.

    Raises NoCommonMedia when the stream was refused or nothing in it can be used, RemoteProtocolError when the answer does not
    fit the offer.
    """
    place = active_line(offer)
    if place is None or place >= len(answer.media):
        # RFC 3264 §6: for each m= line in the offer there is a corresponding one in the answer.
        raise RemoteProtocolError(f"the answer has {len(answer.media)} m= lines, the offer {len(offer.media)}")
    ours, theirs = offer.media[place], answer.media[place]
    if _usable(answer, theirs, local) is None:
        raise NoCommonMedia("the other side refused the audio stream, or answered with an address that we cannot use")
    offered = codecs_of(ours)
    send = in_both(codecs_of(theirs), offered)
    if not any(codec.is_sound for codec in send):
        raise NoCommonMedia("the answer names none of the codecs that we offered")
    mux = ours.attribute("rtcp-mux") is not None and theirs.attribute("rtcp-mux") is not None
    ice = agreed_ice(local, local.base, answer, theirs, is_offerer=True) if mux and ours.attribute("ice-ufrag") is not None else None
    direction = stated_direction(offer, ours).met_by(stated_direction(answer, theirs, may_be_null=ice is not None))
    try:
        agreed = read_reply(ours, answer, theirs, local.protection)
    except ValueError as error:
        raise NoCommonMedia(str(error)) from None
    session = agreed_session(answer, theirs, local, send=send, receive=heard_after_offer(offered, send), direction=direction)
    session = _multiplexed(session._replace(protection=agreed, rtcp_xr=local.rtcp_xr and _takes_xr(answer, theirs), ice=ice), mux)
    return session if local.video is None else _answered_picture(offer, answer, local, session)


def active_line(description: SessionDescription) -> int | None:
    """The index of our audio line in a description that we made, None when every line is refused."""
    return next((i for i, media in enumerate(description.media) if media.kind == "audio" and media.port != 0), None)


def _offered_picture(local: LocalMedia, direction: Direction) -> tuple[MediaDescription, ...]:
    """The camera's line of a first offer."""
    if local.video is None:
        return ()
    from firmware.sdp.video import offered_video

    line = offered_video(local, local.video, direction)
    return () if line is None else (line,)


def _kept_picture(local: LocalMedia, media: MediaDescription, direction: Direction) -> MediaDescription | None:
    """The camera's line of a further offer, None for a line of another kind. What was refused stays so."""
    if local.video is None or media.kind.lower() != "video" or media.port == 0:
        return None
    from firmware.sdp.video import repeated_video

    return repeated_video(media, local, local.video, direction)


def _with_picture(
    offer: SessionDescription, sound: int, local: LocalMedia, lines: list[MediaDescription], session: MediaSession, wish: Direction
) -> tuple[list[MediaDescription], MediaSession]:
    """An answer's `lines` with the first picture that the camera can send; every other one stays refused. `sound` is the place of that."""
    from firmware.sdp.video import answered_video, why_no_video

    for place in range(len(offer.media)):
        taken = answered_video(offer, (sound, place), local, session, wish)
        if taken is not None:
            return [*lines[:place], taken[0], *lines[place + 1 :]], session._replace(video=taken[1])
    if any(media.kind.lower() == "video" for media in offer.media):
        session = session._replace(no_picture=why_no_video(offer, local))
    return lines, session


def _answered_picture(offer: SessionDescription, answer: SessionDescription, local: LocalMedia, session: MediaSession) -> MediaSession:
    """RFC 3264 §6: the answer's line in the place of ours. An answer that has none there refuses the picture, not the call."""
    from firmware.sdp.video import read_video, why_no_video

    place = next((place for place, media in enumerate(offer.media) if media.kind == "video" and media.port != 0), None)
    sound = active_line(offer)
    if place is None or sound is None:
        return session
    video = read_video(offer, answer, (sound, place), local, session) if place < len(answer.media) else None
    return session._replace(video=video, no_picture="" if video is not None else why_no_video(answer, local))


def _describe(
    local: LocalMedia,
    media: tuple[MediaDescription, ...],
    *,
    previous: SessionDescription | None,
    times: tuple[tuple[str, str], ...] = (("t", "0 0"),),
) -> SessionDescription:
    assert is_ipv4(local.host) or is_ipv6(local.host), "whoever asks for a description has put a numeric address in"
    assert not is_null(local.host), "a wildcard is no address that anyone could send to"
    family = "IP6" if ":" in local.host else "IP4"
    stated, _ = local.stated
    first = Origin(username=USERNAME, session_id=local.session_id, version=FIRST_VERSION, family=family, host=local.host)
    description = SessionDescription(
        # RFC 3264 §8: the o= line stays what it was, version aside, though the address may have changed meanwhile: it is a name.
        origin=first if previous is None else previous.origin,
        connection=Connection(family="IP6" if ":" in stated else "IP4", host=stated),
        # RFC 3264 §6: the t= line of an answer equals that of the offer.
        times=times,
        attributes=(*group_attribute(media), *ice_kind(local)) if any(line.attribute("ice-ufrag") is not None for line in media) else (),
        media=media,
    )
    return description if previous is None else _edition(description, previous)


def _edition(description: SessionDescription, previous: SessionDescription) -> SessionDescription:
    """RFC 3264 §8: if anything differs from what we sent last, the version in the o= line is incremented by one."""
    if description._replace(origin=previous.origin) == previous:
        return previous
    return description._replace(origin=previous.origin._replace(version=previous.origin.version + 1))


def _offered_line(local: LocalMedia, profile: str, codecs: tuple[Codec, ...], direction: Direction, *, ice: bool) -> MediaDescription:
    more = (*offered_attributes(local.protection, profile), *_mux(local.rtcp_mux), *_xr(local.rtcp_xr))
    return _audio_line(local, profile, codecs, direction, (*more, *ice_of(local, local.base)) if ice else more)


def _mux(wanted: bool) -> tuple[Attribute, ...]:
    return (("rtcp-mux", None),) if wanted else ()


def _xr(wanted: bool) -> tuple[Attribute, ...]:
    return (("rtcp-xr", XR_VOIP),) if wanted else ()


def _takes_xr(description: SessionDescription, media: MediaDescription) -> bool:
    """RFC 3611 §5.1: the formats that a side takes, of the line or of the whole session."""
    stated = media.attribute("rtcp-xr") or description.attribute("rtcp-xr") or ""
    return XR_VOIP in stated.lower().split()


def _multiplexed(session: MediaSession, mux: bool) -> MediaSession:
    """RFC 5761 §5.1.1: agreed by both, RTCP goes where RTP goes."""
    if not mux:
        return session
    return session._replace(rtcp_mux=True, remote_rtcp_host=session.remote_host, remote_rtcp_port=session.remote_rtp_port)


def _why_none(offer: SessionDescription, local: LocalMedia) -> str:
    """One sentence for the journal: what kept every line of the offer from being used."""
    lines = [media for media in offer.media if _usable(offer, media, local) is not None]
    if not any(codec.is_sound for media in lines for codec in in_both(codecs_of(media), local.codecs)):
        return "no m= line of the offer has a codec, a transport and an address that we can use"
    if local.protection.encryption is Encryption.OFF:
        return "the other side wants the call encrypted, and encryption is switched off here"
    if any(media.protocol.upper() in PLAIN_PROFILES for media in lines):
        return "the call must be encrypted, and the other side offers no keys that we take"
    return "the other side wants the call encrypted in a way that we do not take over this signalling"


def _audio_line(
    local: LocalMedia, protocol: str, codecs: tuple[Codec, ...], direction: Direction, more: tuple[Attribute, ...]
) -> MediaDescription:
    attributes: list[Attribute] = []
    for codec in codecs:
        attributes += _wrapping(codec, codecs).attributes()
    attributes += [("ptime", str(local.ptime_ms)), (direction.value, None), *more]
    return MediaDescription(
        kind="audio",
        port=local.stated[1],
        protocol=protocol,
        formats=tuple(str(codec.payload_type) for codec in codecs),
        attributes=tuple(attributes),
    )


def _wrapping(codec: Codec, codecs: tuple[Codec, ...]) -> Codec:
    """RFC 2198 §5: the parameter of `red` names the formats in it, primary and copy: the sound of its clock, under its number here."""
    if not codec.is_redundancy:
        return codec
    inner = next((sound.payload_type for sound in codecs if sound.is_sound and sound.clock_rate_hz == codec.clock_rate_hz), None)
    return codec if inner is None else codec._replace(fmtp=f"{inner}/{inner}")


def _refused(media: MediaDescription) -> MediaDescription:
    """RFC 3264 §6: the port number is zero; a format must stay for the grammar, and the rest of the line's section means nothing."""
    return MediaDescription(kind=media.kind, port=0, protocol=media.protocol, formats=media.formats or ("0",))


def _usable(description: SessionDescription, media: MediaDescription, local: LocalMedia) -> Connection | None:
    """The address of an m= line that we could use as one side of a stream, else None."""
    if media.kind.lower() != "audio" or media.port == 0 or media.protocol.upper() not in PROFILES:
        return None
    return usable_connection(description, media, is_ipv6_wanted=":" in local.host)
