"""The ALSA driver on a real, paced device: a private PulseAudio. No time is asserted but that sound takes its own; sound and healing are.

A busy machine keeps the daemon from playing now and then: then some of the sound is lost, or the card for a moment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self, cast

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
import json, select, sys, time
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
def run_until_told(*value):
    while not select.select([sys.stdin], [], [], 0)[0]: run(5, *value)
{script}
sound.close()
"""


class Station:
    """The driver in a process whose ALSA sees only the private PulseAudio. It ends with its block."""

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:  # which closes its pipes and waits
            self._process.kill()

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


class Recording:
    """What the speaker plays, while its block lasts."""

    def __init__(self, pulse: Pulse, folder: Path) -> None:
        self._file = folder / "speaker.raw"
        self._recorder = pulse.record_speaker(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._recorder.terminate()
        self._recorder.wait(LIMIT_S)

    def samples(self) -> list[int]:
        octets = self._file.read_bytes()
        return memoryview(octets[: len(octets) // 2 * 2]).cast("h").tolist()

    def wait_for(self, value: int, times: int) -> None:
        end_s = time.monotonic() + LIMIT_S
        while self.samples().count(value) < times:
            assert time.monotonic() < end_s, f"{value} was played {self.samples().count(value)} times"
            time.sleep(0.05)


def test_sound_goes_out_and_comes_in_bit_by_bit(pulse: Pulse, tmp_path: Path) -> None:
    script = """
say(rate=fmt.rate_hz, samples=fmt.period_samples)
for _ in range(2000):
    if any(run(1)[0]): break
say(heard=max(array("h", b"".join(run(60, 1234)))))
run_until_told(1234)
"""
    with Recording(pulse, tmp_path) as recording, Station(pulse, script) as station:
        assert station.hear() == {"rate": 16_000, "samples": 320}
        with pulse.play_to_microphone((4321).to_bytes(2, "little") * 16_000 * 20) as player:
            assert station.hear() == {"heard": 4321}
            player.terminate()
        recording.wait_for(1234, 30 * 320)
        station.go_on()
        station.end()
    assert set(recording.samples()) == {0, 1234}


def test_another_rate_is_opened_as_asked(pulse: Pulse) -> None:
    with Station(pulse, "run(5); say(rate=fmt.rate_hz, samples=fmt.period_samples)", rate_hz=44_100) as station:
        assert station.hear() == {"rate": 44_100, "samples": 882}
        station.end()


def test_a_card_that_is_pulled_in_mid_stream_comes_back_by_itself(pulse: Pulse) -> None:
    script = """
run(10); say(); sys.stdin.readline()
while not events or events[-1].working: run(1)
say(working=events[-1].working, silent=not any(run(5)[-1])); sys.stdin.readline()
for _ in range(2000):
    if events[-1].working: break
    run(1)
run(10); say(told=[event.working for event in events], reopens=sound.counters().reopens)
"""
    with Station(pulse, script) as station:
        station.hear()
        pulse.stop()
        station.go_on()
        assert station.hear() == {"working": False, "silent": True}
        pulse.start()
        station.go_on()
        healed = station.hear()
        station.end()
    assert isinstance(healed["told"], list)
    assert healed["told"][0] is False
    assert healed["told"][-1] is True
    assert cast("int", healed["reopens"]) >= 1


def test_a_card_without_a_microphone_plays_on_at_the_speakers_own_pace(pulse: Pulse, tmp_path: Path) -> None:
    script = """
begun_s = time.monotonic()
silent = not any(b"".join(run(60, 1234)))
say(silent=silent, took_s=time.monotonic() - begun_s, told=[event.detail for event in events])
run_until_told(1234)
"""
    with Recording(pulse, tmp_path) as recording, Station(pulse, script, device="door_deaf") as station:
        heard = station.hear()
        recording.wait_for(1234, 30 * 320)
        station.go_on()
        station.end()
    assert heard["silent"]
    assert "has no microphone" in str(heard["told"])
    assert cast("float", heard["took_s"]) > 30 * 0.02, "paced by nothing, all would have been written at once"


def test_a_card_without_a_speaker_goes_on_listening(pulse: Pulse) -> None:
    script = """
for _ in range(2000):
    if any(run(1)[0]): break
say(heard=max(array("h", b"".join(run(5)))), told=[event.detail for event in events])
"""
    with pulse.play_to_microphone((4321).to_bytes(2, "little") * 16_000 * 20) as player:
        with Station(pulse, script, device="door_dumb") as station:
            heard = station.hear()
            station.end()
        player.terminate()
    assert heard["heard"] == 4321
    assert "has no speaker" in str(heard["told"])


def test_a_microphone_that_goes_in_mid_call_and_comes_back_leaves_the_speaker_playing(pulse: Pulse, tmp_path: Path) -> None:
    script = """
run(10); say(); sys.stdin.readline()
while not any("has no microphone" in event.detail for event in events): run(1, 1234)
say(); sys.stdin.readline()
for _ in range(2000):
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
        with Station(pulse, script, device='door_deaf", capture_device="far') as station:
            station.hear()
            other.stop()
            station.go_on()
            station.hear()
            other.start()
            station.go_on()
            told = station.hear()["told"]
            station.end()
    finally:
        other.stop()
    assert isinstance(told, list)
    assert told[-1] == "sound card door_deaf works again"
