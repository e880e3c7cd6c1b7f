"""The ALSA driver on a real, paced device: a private PulseAudio. Times are never asserted; sound and healing are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.hw.pulse import LIMIT_S, Pulse

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("pulseaudio") is None, reason="pulseaudio is not installed")


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    pulse = Pulse(tmp_path)
    pulse.start()
    yield pulse
    pulse.stop()


# ALSA reads its configuration once a process: each user of the device is a process of its own. Lines go out, a line comes in to go on.
STATION = """
import json, sys
from array import array
from hw.alsa import open_duplex
from hw.settings import SoundSettings
from hw.sound import HealingSound
events = []
sound = HealingSound(SoundSettings(device="{device}", rate_hz={rate_hz}), open_duplex)
sound.attach(events.append)
fmt = sound.open()
def say(**words): print(json.dumps(words), flush=True)
def run(periods, value=0):
    heard = []
    for _ in range(periods):
        heard.append(sound.read())
        assert len(heard[-1]) == fmt.period_bytes
        sound.write(array("h", [value] * fmt.period_samples).tobytes())
    return heard
{script}
sound.close()
"""


class Station:
    """The driver in a process whose ALSA sees only the private PulseAudio."""

    def __init__(self, pulse: Pulse, script: str, *, rate_hz: int = 16_000, device: str = "door") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", STATION.format(script=script, rate_hz=rate_hz, device=device)],
            cwd=ROOT,
            env={**os.environ, **pulse.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self._process.communicate(timeout=LIMIT_S)[1])
        return cast("dict[str, object]", json.loads(line))

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        _, errors = self._process.communicate(timeout=LIMIT_S)
        assert self._process.returncode == 0, errors


def test_sound_goes_out_and_comes_in_bit_by_bit(pulse: Pulse, tmp_path: Path) -> None:
    recording = tmp_path / "speaker.raw"
    recorder = pulse.record_speaker(recording)
    script = """
say(rate=fmt.rate_hz, samples=fmt.period_samples)
for _ in range(500):
    if any(run(1)[0]): break
say(heard=max(array("h", b"".join(run(60, 1234)))))
"""
    station = Station(pulse, script)
    try:
        assert station.hear() == {"rate": 16_000, "samples": 320}
        player = pulse.play_to_microphone((4321).to_bytes(2, "little") * 16_000 * 3)
        assert station.hear() == {"heard": 4321}
        station.end()
        player.terminate()
        player.wait(LIMIT_S)
    finally:
        recorder.terminate()
        recorder.wait(LIMIT_S)
    samples = memoryview(recording.read_bytes()).cast("h").tolist()
    assert set(samples) == {0, 1234}
    # What was written is there without a gap, but for what the daemon still held at the end.
    assert samples.count(1234) >= 30 * 320


def test_another_rate_is_opened_as_asked(pulse: Pulse) -> None:
    station = Station(pulse, "run(5); say(rate=fmt.rate_hz, samples=fmt.period_samples)", rate_hz=44_100)
    assert station.hear() == {"rate": 44_100, "samples": 882}
    station.end()


def test_a_card_that_is_pulled_in_mid_stream_comes_back_by_itself(pulse: Pulse) -> None:
    script = """
run(10); say(faults=[]); sys.stdin.readline()
while not events: run(1)
say(faults=[event.working for event in events], silent=not any(run(5)[-1])); sys.stdin.readline()
for _ in range(500):
    if len(events) == 2: break
    run(1)
run(10); say(faults=[event.working for event in events], reopens=sound.counters().reopens)
"""
    station = Station(pulse, script)
    assert station.hear() == {"faults": []}
    pulse.stop()
    station.go_on()
    assert station.hear() == {"faults": [False], "silent": True}
    pulse.start()
    station.go_on()
    assert station.hear() == {"faults": [False, True], "reopens": 1}
    station.end()


def test_a_card_without_a_microphone_plays_on_at_the_speakers_own_pace(pulse: Pulse, tmp_path: Path) -> None:
    recording = tmp_path / "speaker.raw"
    recorder = pulse.record_speaker(recording)
    script = "silent = not any(b''.join(run(60, 1234))); say(silent=silent, told=[event.detail for event in events])"
    station = Station(pulse, script, device="door_deaf")
    try:
        heard = station.hear()
        station.end()
    finally:
        recorder.terminate()
        recorder.wait(LIMIT_S)
    assert heard["silent"]
    assert "has no microphone" in str(heard["told"])
    samples = memoryview(recording.read_bytes()).cast("h").tolist()
    # Paced by nothing, all would be written at once and most of it fall out of the buffer; a busy machine loses some all the same.
    assert samples.count(1234) >= 30 * 320


def test_a_card_without_a_speaker_goes_on_listening(pulse: Pulse) -> None:
    script = """
for _ in range(500):
    if any(run(1)[0]): break
say(heard=max(array("h", b"".join(run(5)))), told=[event.detail for event in events])
"""
    station = Station(pulse, script, device="door_dumb")
    player = pulse.play_to_microphone((4321).to_bytes(2, "little") * 16_000 * 20)
    try:
        heard = station.hear()
        station.end()
    finally:
        player.terminate()
        player.wait(LIMIT_S)
    assert heard["heard"] == 4321
    assert "has no speaker" in str(heard["told"])


def test_a_microphone_that_goes_in_mid_call_and_comes_back_leaves_the_speaker_playing(pulse: Pulse, tmp_path: Path) -> None:
    script = """
run(10); say(); sys.stdin.readline()
while not events: run(1, 1234)
say(told=events[-1].detail); sys.stdin.readline()
for _ in range(1000):
    if events[-1].working: break
    run(1, 1234)
run(10, 1234); say(told=[event.detail for event in events])
"""
    (tmp_path / "other").mkdir()
    other = Pulse(tmp_path / "other")
    with pulse.alsa_config.open("a") as config:
        config.write(f'pcm.far {{ type pulse server "{other.environment["PULSE_SERVER"]}" device mic.monitor }}\n')
    other.start()
    try:
        station = Station(pulse, script, device='door_deaf", capture_device="far')
        station.hear()
        other.stop()
        station.go_on()
        assert "has no microphone" in str(station.hear()["told"])
        other.start()
        station.go_on()
        told = station.hear()["told"]
        assert isinstance(told, list)
        assert "has no microphone" in told[0]
        assert told[-1] == "sound card door_deaf works again"
        station.end()
    finally:
        other.stop()
