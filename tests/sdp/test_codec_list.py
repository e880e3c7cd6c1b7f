"""firmware/sdp/codec_list.py and opus.py: what we offer, and what a receiver of Opus asks for."""

from __future__ import annotations

import pytest

from firmware.sdp.codec import DYNAMIC_FIRST, PAYLOAD_TYPE_MAX, STATIC_AUDIO
from firmware.sdp.codec_list import COMFORT_NOISE, SOUND, codec_list
from firmware.sdp.opus import OpusParameters


def test_wide_band_is_offered_as_the_registrations_want_it() -> None:
    lines = [line for codec in codec_list(("opus", "G722", "PCMA")) for line in codec.attributes()]
    assert lines == [
        ("rtpmap", "96 opus/48000/2"),  # RFC 7587 §7: always 48000 and 2
        ("fmtp", "96 maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1"),
        ("rtpmap", "9 G722/8000"),  # RFC 3551 §4.5.2: the clock stays 8000 by an old error
        ("rtpmap", "8 PCMA/8000"),
        ("rtpmap", "102 telephone-event/48000"),  # RFC 4733 §2.1: one for each clock
        ("fmtp", "102 0-15"),
        ("rtpmap", "101 telephone-event/8000"),
        ("fmtp", "101 0-15"),
    ]


def test_copies_and_comfort_noise_stand_behind_the_sound_that_they_accompany() -> None:
    """RFC 2198, RFC 3389."""
    codecs = codec_list(("opus", "PCMA"), redundancy=True, comfort_noise=True)
    assert [(codec.name, codec.payload_type, codec.clock_rate_hz) for codec in codecs] == [
        ("opus", 96, 48_000),
        ("PCMA", 8, 8000),
        ("CN", 13, 8000),
        ("red", 100, 48_000),
        ("red", 99, 8000),
        ("telephone-event", 102, 48_000),
        ("telephone-event", 101, 8000),
    ]
    assert codecs[0].fmtp.endswith(";usedtx=1")
    assert COMFORT_NOISE not in codec_list(("opus",), comfort_noise=True)  # Opus pauses by itself


def test_no_number_is_used_twice_and_each_is_dynamic_or_its_own() -> None:
    codecs = codec_list(tuple(SOUND), redundancy=True, comfort_noise=True)
    assert len({codec.payload_type for codec in codecs}) == len(codecs)
    for codec in codecs:
        static = STATIC_AUDIO.get(codec.payload_type)
        assert static == (codec.name, codec.clock_rate_hz, codec.channels) or DYNAMIC_FIRST <= codec.payload_type <= PAYLOAD_TYPE_MAX


@pytest.mark.parametrize(
    ("fmtp", "wants"),
    [
        ("", OpusParameters()),
        ("useinbandfec=1; usedtx=1", OpusParameters(wants_fec=True, wants_dtx=True)),
        ("maxplaybackrate=8000;maxaveragebitrate=20000;cbr=1", OpusParameters(8000, 20_000, constant_bitrate=True)),
        ("UseInbandFEC=1;stereo=1;unknown;;=3", OpusParameters(wants_fec=True)),
        ("maxplaybackrate=0;maxaveragebitrate=-1;useinbandfec=yes", OpusParameters()),
        ("maxplaybackrate=99999999999999;maxaveragebitrate=²", OpusParameters()),
    ],
)
def test_parameters_of_opus_are_read_and_nonsense_is_passed_over(fmtp: str, wants: OpusParameters) -> None:
    assert OpusParameters.parse(fmtp) == wants
