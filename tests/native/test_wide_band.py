"""Codecs with a library of their own, through the binding: loaded when asked for, and heard again on the other side."""

from __future__ import annotations

import subprocess
import sys
from array import array

import pytest

from firmware.media.binding import WIDE_HZ, EventKind, MediaCodec, Pump
from firmware.media.codec_libraries import load_codec
from firmware.media.core_values import EncoderSettings, StreamSettings
from tests.native.speech import speech
from tests.native.test_pump import PERIOD, PERIOD_NS, Party, parties

__all__ = ["parties"]  # the fixture

ALONE = """
import sys
from firmware.media.binding import MediaCodec, Playout
try:
    Playout(((96, MediaCodec.OPUS),), rate_hz=16000)
except ValueError:
    maps = open("/proc/self/maps").read()
    assert "libopus" not in maps and "libspandsp" not in maps
    from firmware.media.codec_libraries import load_codec
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
