"""An agreed session as the core wants it, and what a stream keeps through every re-INVITE."""

from __future__ import annotations

from typing import Final, NamedTuple

from firmware.errors import MediaError
from firmware.ids import IdSource
from firmware.kind import kind
from firmware.media.codec_libraries import load_codec, load_tones
from firmware.media.core_values import EncoderSettings, MediaCodec, StreamSettings
from firmware.media.session import MediaPort
from firmware.sdp.codec import Codec
from firmware.sdp.media_session import MediaSession
from firmware.sdp.opus import OpusParameters

CODECS: Final = {
    ("PCMU", 8000): MediaCodec.PCMU,
    ("PCMA", 8000): MediaCodec.PCMA,
    ("L16", 8000): MediaCodec.L16_NARROW,
    ("L16", 16_000): MediaCodec.L16,
    ("G722", 8000): MediaCodec.G722,
    ("OPUS", 48_000): MediaCodec.OPUS,
}
NARROW_MAX_HZ: Final = 8000  # a receiver that plays no more has no use for wide band


@kind
class StreamIdentity(NamedTuple):
    """What a stream keeps through every re-INVITE: random numbers (RFC 3550 §5.1), and a name that names nobody (RFC 7022)."""

    ssrc: int
    first_timestamp: int
    first_sequence: int
    cname: str

    @staticmethod
    def new(ids: IdSource) -> StreamIdentity:
        """A fresh identity; the sequence begins in the lower half so that an early wrap cannot confuse a simple peer (RFC 3711 §3.3.1)."""
        return StreamIdentity(ssrc=ids.uint32(), first_timestamp=ids.uint32(), first_sequence=ids.uint32() & 0x7FFF, cname=ids.nonce()[:16])


@kind
class BufferLimits(NamedTuple):
    """What the jitter buffer may choose between, and how long symmetric RTP may move the remote address.

    `tone_digits`: listen for digits in the sound itself when no telephone-events are agreed. `pauses`: send nothing while nobody speaks.
    """

    delay_min_ms: int = 20
    delay_max_ms: int = 400  # beyond it a conversation fails anyway (ITU-T G.114)
    tone_digits: bool = False
    pauses: bool = False
    latch_ms: int = 5000  # a NAT binding or a PBX's late media path shows within seconds; later moves are attacks


BUFFER_DEFAULT: Final = BufferLimits()


def stream_settings(port: MediaPort, session: MediaSession, identity: StreamIdentity, limits: BufferLimits) -> StreamSettings:
    """An agreed session as the core wants it. Raises MediaError for a codec that the core does not speak and nobody should have offered."""
    silent = session.remote_is_null
    return StreamSettings(
        rtp_fd=port.rtp_fd,
        rtcp_fd=port.rtp_fd if session.rtcp_mux else port.rtcp_fd,
        relay_fd=port.relay_fd,
        remote_rtp=None if silent else (session.remote_host, session.remote_rtp_port),
        remote_rtcp=None if silent else (session.remote_rtcp_host, session.remote_rtcp_port),
        receive=tuple((codec.payload_type, core_codec(codec)) for codec in session.receive_codecs),
        send_payload_type=session.codec.payload_type,
        send_codec=core_codec(session.codec),
        encoder=encoder_settings(session.codec, pauses=limits.pauses),
        digit_receive=tuple((event.payload_type, event.clock_rate_hz) for event in session.dtmf_receive),
        digit_send_type=session.dtmf_send_payload_type,
        red_receive_types=session.red_receive_payload_types,
        red_send_type=session.red_send_payload_type,
        sends_noise=session.comfort_noise,
        hears_tones=limits.tone_digits and not session.dtmf_agreed,
        sends=session.direction.sends and not silent,
        receives=session.direction.receives,
        ptime_ms=session.ptime_ms,
        ssrc=identity.ssrc,
        first_timestamp=identity.first_timestamp,
        first_sequence=identity.first_sequence,
        cname=identity.cname,
        extended_reports=session.rtcp_xr,
        shares_way=session.video is not None and session.video.shares_way,
        latch_ms=limits.latch_ms,
        delay_min_ms=limits.delay_min_ms,
        delay_max_ms=limits.delay_max_ms,
    )


def core_codec(codec: Codec) -> MediaCodec:
    """The core's own name of a negotiated codec. Raises MediaError when it has none."""
    known = CODECS.get((codec.name.upper(), codec.clock_rate_hz))
    if known is None:
        raise MediaError(f"the media core does not speak {codec.name} at {codec.clock_rate_hz} Hz")
    return known


def load_codecs(session: MediaSession, limits: BufferLimits) -> None:
    """Make sure, before the audio thread begins, that the core can speak what was agreed. Raises MediaError when it cannot."""
    for codec in (session.codec, *session.receive_codecs):
        load_codec(core_codec(codec))
    if limits.tone_digits and not session.dtmf_agreed:
        load_tones()


def encoder_settings(codec: Codec, *, pauses: bool = False) -> EncoderSettings:
    """What the receiver's parameters ask of the encoder (RFC 7587 §6.1). `pauses`: we may send nothing while nobody speaks."""
    if core_codec(codec) is not MediaCodec.OPUS:
        return EncoderSettings()
    wants = OpusParameters.parse(codec.fmtp)
    return EncoderSettings(
        bitrate=wants.bitrate_max,
        fec=wants.wants_fec,
        dtx=wants.wants_dtx and pauses,
        constant_bitrate=wants.constant_bitrate,
        narrow=wants.playback_rate_hz <= NARROW_MAX_HZ,
    )
