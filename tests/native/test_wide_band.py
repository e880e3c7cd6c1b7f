"""Codecs with a library of their own, through the binding: loaded when asked for, and heard again on the other side."""

from __future__ import annotations

import math
import subprocess
import sys
from array import array

import pytest

from firmware.media.binding import WIDE_HZ, EventKind, MediaCodec, Pump, ToneListener
from firmware.media.codec_libraries import load_codec, load_tones
from firmware.media.core_values import EncoderSettings, StreamSettings
from tests.native.speech import speech
from tests.native.test_pump import PERIOD, PERIOD_NS, Party, parties

__all__ = ["parties"]  # the fixture

ALONE = """
import sys
from firmware.media.binding import MediaCodec
from firmware.media.playout import Playout
try:
    Playout(((96, MediaCodec.OPUS),), rate_hz=16000)
except ValueError:
    maps = open("/proc/self/maps").read()
    assert "libopus" not in maps and "libspandsp" not in maps
    from firmware.media.codec_libraries import load_codec, load_tones
    load_codec(MediaCodec.PCMA)
    load_codec(MediaCodec.OPUS)
    load_codec(MediaCodec.OPUS)
    Playout(((96, MediaCodec.OPUS),), rate_hz=16000)
    maps = open("/proc/self/maps").read()
    assert "libopus" in maps and "libspandsp" not in maps
    sys.exit(7)
"""


def test_a_library_is_loaded_with_the_first_use_and_not_before() -> None:
    assert subprocess.run([sys.executable, "-c", ALONE], check=False).returncode == 7


def test_tones_are_found_by_a_listener_alone() -> None:
    load_tones()
    listener = ToneListener(rate_hz=WIDE_HZ)
    tones = [round(4000 * (math.sin(2 * math.pi * 770 * i / WIDE_HZ) + math.sin(2 * math.pi * 1336 * i / WIDE_HZ))) for i in range(1600)]
    sound = array("h", [0] * 1600 + tones + [0] * 1600).tobytes()
    events = [event for at in range(0, len(sound), 640) for event in listener.hear(sound[at : at + 640], at)]
    assert [(event.kind, event.digit, event.in_band) for event in events] == [
        (EventKind.DIGIT_BEGIN, "5", True),
        (EventKind.DIGIT_END, "5", True),
    ]
    assert 60 <= events[1].value <= 130


def wide(settings: StreamSettings, codec: MediaCodec) -> StreamSettings:
    receive = ((96, codec), *settings.receive)
    return settings._replace(receive=receive, send_payload_type=96, send_codec=codec, encoder=EncoderSettings(fec=True))


@pytest.mark.parametrize("codec", [MediaCodec.G722, MediaCodec.OPUS])
def test_speech_arrives_through_every_codec_and_an_update_does_not_disturb_it(parties: tuple[Party, Party], codec: MediaCodec) -> None:
    near, far = parties
    load_codec(codec)
    for party in parties:
        party.pump = Pump(rate_hz=8000, period_samples=PERIOD, seed=1)
    for party, peer in ((near, far), (far, near)):
        party.slot = party.pump.start_stream(wide(party.settings(peer), codec), 0)
    said = speech()
    for k in range(1, 300):
        near.period(k, said[(k - 1) * PERIOD : k * PERIOD].tobytes())
        far.period(k)
        if k == 150:  # a session refresh: nothing has changed
            far.pump.update_stream(far.slot, wide(far.settings(near), codec), k * PERIOD_NS)
    heard = array("h", bytes(far.heard))
    power = sum(v * v for v in said[: 250 * PERIOD]) / 250
    assert 0.5 < sum(v * v for v in heard) / 299 / power < 1.5
    stats = far.stats()
    assert (stats.rate_hz, stats.packets_received, stats.packets_invalid, stats.samples_concealed) == (WIDE_HZ, 299, 0, 0)
    assert EventKind.FIRST_AUDIO in far.kinds()


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60])
@pytest.mark.parametrize("codec", [MediaCodec.PCMU, MediaCodec.G722, MediaCodec.OPUS])
def test_packets_of_every_length_go_both_ways(parties: tuple[Party, Party], codec: MediaCodec, ptime_ms: int) -> None:
    near, far = parties
    load_codec(codec)
    lengths = {near: ptime_ms, far: 20}  # each side may send its own (RFC 3264 §5.1)
    if codec is MediaCodec.OPUS and ptime_ms in (30, 50):
        with pytest.raises(ValueError, match="stream"):  # RFC 6716 §2.1.4: no frame is so long; the description says another
            near.pump.update_stream(near.slot, wide(near.settings(far), codec)._replace(ptime_ms=ptime_ms), 0)
        return
    for party, peer in ((near, far), (far, near)):
        party.pump.update_stream(party.slot, wide(party.settings(peer), codec)._replace(ptime_ms=lengths[party]), 0)
    said = speech()
    for k in range(1, 300):
        piece = said[(k - 1) * PERIOD : k * PERIOD].tobytes()
        near.period(k, piece)
        far.period(k, piece)
    for hearing, sending in ((far, near), (near, far)):
        stats = hearing.stats()
        assert abs(stats.packets_received - 299 * 20 // lengths[sending]) <= 1
        assert (stats.packets_lost, stats.packets_invalid, stats.samples_concealed) == (0, 0, 0)
        power = sum(v * v for v in said[: 250 * PERIOD]) / 250
        assert 0.4 < sum(v * v for v in array("h", bytes(hearing.heard))) / 299 / power < 1.6
