"""What the core is told of an agreed session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from firmware.errors import MediaError
from firmware.ids import SeededIds
from firmware.media.core_values import EncoderSettings, MediaCodec
from firmware.media.session import MediaPort, open_port
from firmware.media.stream import BufferLimits, StreamIdentity, encoder_settings, stream_settings
from firmware.sdp.codec import PCMA, Codec
from firmware.sdp.codec_list import OPUS
from firmware.sdp.direction import Direction
from tests.media.samples import session
from tests.ports import TRIED


@contextlib.contextmanager
def opened() -> Iterator[MediaPort]:
    port = open_port("127.0.0.1", TRIED)
    try:
        yield port
    finally:
        port.close()


def test_a_session_becomes_stream_settings() -> None:
    identity = StreamIdentity.new(SeededIds(1))
    agreed = session(remote_port=41_000)._replace(receive_codecs=(Codec(name="pcma", payload_type=8), session().codec))
    with opened() as port:
        told = stream_settings(port, agreed, identity, BufferLimits(delay_min_ms=40, delay_max_ms=200, latch_ms=0))
        assert (told.rtp_fd, told.rtcp_fd) == (port.rtp_fd, port.rtcp_fd)
    assert told.remote_rtp == ("127.0.0.1", 41_000)
    assert told.remote_rtcp == ("127.0.0.1", 41_001)
    assert told.receive == ((8, MediaCodec.PCMA), (0, MediaCodec.PCMU))
    assert (told.send_payload_type, told.send_codec) == (0, MediaCodec.PCMU)
    assert (told.digit_send_type, told.digit_receive) == (101, ((101, 8000),))
    assert (told.sends, told.receives, told.ptime_ms) == (True, True, 20)
    assert (told.delay_min_ms, told.delay_max_ms, told.latch_ms) == (40, 200, 0)
    assert (told.ssrc, told.cname) == (identity.ssrc, identity.cname)


@pytest.mark.parametrize(
    ("direction", "sends", "receives"),
    [
        (Direction.SENDRECV, True, True),
        (Direction.SENDONLY, True, False),
        (Direction.RECVONLY, False, True),
        (Direction.INACTIVE, False, False),
    ],
)
def test_directions_are_told_as_they_are(direction: Direction, sends: bool, receives: bool) -> None:
    with opened() as port:
        told = stream_settings(port, session(direction=direction), StreamIdentity.new(SeededIds(1)), BufferLimits())
    assert (told.sends, told.receives) == (sends, receives)


def test_an_old_style_hold_leaves_nobody_to_send_to() -> None:
    # RFC 3264 §8.4: c=0.0.0.0, neither RTP nor RTCP is sent
    with opened() as port:
        told = stream_settings(port, session(host="0.0.0.0"), StreamIdentity.new(SeededIds(1)), BufferLimits())
    assert (told.remote_rtp, told.remote_rtcp, told.sends) == (None, None, False)


def test_a_codec_that_the_core_does_not_speak_is_refused() -> None:
    with opened() as port, pytest.raises(MediaError, match="G729"):
        stream_settings(port, session()._replace(codec=PCMA._replace(name="G729")), StreamIdentity.new(SeededIds(1)), BufferLimits())


def test_tones_are_listened_for_only_when_digits_have_no_better_way() -> None:
    plain, wanted = BufferLimits(), BufferLimits(tone_digits=True)
    identity = StreamIdentity.new(SeededIds(1))
    with opened() as port:
        assert not stream_settings(port, session()._replace(dtmf_agreed=False), identity, plain).hears_tones
        assert not stream_settings(port, session(), identity, wanted).hears_tones
        assert stream_settings(port, session()._replace(dtmf_agreed=False), identity, wanted).hears_tones


def test_copies_and_comfort_noise_are_told_as_agreed() -> None:
    agreed = session()._replace(red_send_payload_type=121, red_receive_payload_types=(99, 121), comfort_noise=True)
    with opened() as port:
        told = stream_settings(port, agreed, StreamIdentity.new(SeededIds(1)), BufferLimits())
    assert (told.red_send_type, told.red_receive_types, told.sends_noise) == (121, (99, 121), True)


def test_the_receiver_of_opus_says_how_it_is_encoded() -> None:
    wish = OPUS._replace(fmtp="maxplaybackrate=8000;maxaveragebitrate=16000;useinbandfec=1;usedtx=1")
    assert encoder_settings(wish) == EncoderSettings(bitrate=16_000, fec=True, narrow=True)
    assert encoder_settings(wish, pauses=True).dtx
    assert encoder_settings(PCMA._replace(fmtp="useinbandfec=1")) == EncoderSettings()


def test_an_identity_names_nobody_and_starts_low() -> None:
    ids = SeededIds(7)
    one, other = StreamIdentity.new(ids), StreamIdentity.new(ids)
    assert one != other
    assert 0 <= one.first_sequence < 2**15  # RFC 3711 §3.3.1
    assert len(one.cname) == 16
    assert "@" not in one.cname
