"""The sound card in memory, under a clock that the test moves."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from hw.api import DeviceFault, Half, HardwareError, HardwareEvent
from hw.microphone import Tone
from hw.settings import SoundSettings
from hw.simulated_sound import HEARD_S_MAX, SimulatedSound

MS = 1_000_000
SETTINGS = SoundSettings(rate_hz=8_000, period_ms=20)
PERIOD = b"\x11\x22" * 160


class Bench:
    """A card and its clock; sleeping moves the clock."""

    def __init__(self, *, paced: bool = True, speaker_wav: Path | None = None) -> None:
        self.now_ns = 0
        self.slept: list[float] = []
        self.events: list[HardwareEvent] = []
        self.sound = SimulatedSound(
            SETTINGS,
            microphone=Tone(1000),
            speaker_wav=speaker_wav,
            now_ns=lambda: self.now_ns,
            sleep=self.sleep if paced else None,
        )
        self.sound.attach(self.events.append)

    def sleep(self, duration_s: float) -> None:
        self.slept.append(duration_s)
        self.now_ns += round(duration_s * 1e9)


def test_the_format_is_what_was_asked_for() -> None:
    fmt = Bench().sound.open()
    assert (fmt.rate_hz, fmt.period_samples, fmt.period_bytes) == (8_000, 160, 320)


def test_reads_end_at_fixed_times_with_one_sleep_each() -> None:
    bench = Bench()
    bench.sound.open()
    for n in range(1, 6):
        assert len(bench.sound.read()) == 320
        assert bench.now_ns == n * 20 * MS
        bench.now_ns += 7 * MS  # the audio thread works; the next read still ends in time
    assert len(bench.slept) == 5


def test_a_reader_that_is_a_little_late_catches_up_and_one_that_slept_does_not() -> None:
    bench = Bench()
    bench.sound.open()
    bench.now_ns = 100 * MS
    for _ in range(5):
        bench.sound.read()
    assert bench.now_ns == 100 * MS
    assert bench.sound.counters().overruns == 0
    bench.now_ns += 10_000 * MS
    bench.sound.read()
    assert bench.sound.counters().overruns == 1
    bench.sound.read()
    assert bench.now_ns == 10_120 * MS


def test_without_pace_nothing_waits() -> None:
    bench = Bench(paced=False)
    bench.sound.open()
    for _ in range(1000):
        bench.sound.read()
    assert bench.now_ns == 0


def test_the_speaker_remembers_and_writes_what_it_was_given(tmp_path: Path) -> None:
    bench = Bench(speaker_wav=tmp_path / "speaker.wav")
    bench.sound.open()
    bench.sound.write(PERIOD)
    bench.sound.write(bytes(320))
    bench.sound.close()
    assert bench.sound.heard() == PERIOD + bytes(320)
    with wave.open(str(tmp_path / "speaker.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8_000)
        assert file.readframes(1000) == PERIOD + bytes(320)


def test_the_speakers_memory_is_bounded() -> None:
    bench = Bench()
    bench.sound.open()
    for _ in range(HEARD_S_MAX * 50 + 10):
        bench.sound.write(PERIOD)
    assert len(bench.sound.heard()) == HEARD_S_MAX * 8_000 * 2


def test_a_pulled_card_is_silent_told_once_and_back_when_plugged_in() -> None:
    bench = Bench()
    bench.sound.open()
    assert any(bench.sound.read())
    bench.sound.unplug()
    assert not any(bench.sound.read() + bench.sound.read())
    bench.sound.write(PERIOD)
    assert bench.sound.heard() == b""
    bench.sound.plug_in()
    assert any(bench.sound.read())
    assert bench.now_ns == 4 * 20 * MS
    assert [event.working for event in bench.events if isinstance(event, DeviceFault)] == [False, True]
    assert bench.sound.counters().reopens == 1


@pytest.mark.parametrize(
    ("half", "heard", "told"),
    [
        (Half.MICROPHONE, PERIOD, "plays, but has no microphone: who speaks at the door is not heard"),
        (Half.SPEAKER, b"", "listens, but has no speaker: nothing is heard at the door"),
    ],
)
def test_a_half_of_the_card_that_is_missing_leaves_the_other_working(half: Half, heard: bytes, told: str) -> None:
    bench = Bench()
    bench.sound.unplug(half)
    bench.sound.open()
    assert any(bench.sound.read()) is (half is Half.SPEAKER)
    bench.sound.write(PERIOD)
    assert bench.sound.heard() == heard
    bench.sound.plug_in()
    assert any(bench.sound.read() + bench.sound.read())
    faults = [(event.working, event.detail) for event in bench.events if isinstance(event, DeviceFault)]
    card = "sound card default (simulated)"
    assert faults == [(False, f"{card} {told}"), (True, f"{card} works again")]


def test_a_card_that_is_not_plugged_in_cannot_be_opened() -> None:
    bench = Bench()
    bench.sound.unplug()
    with pytest.raises(HardwareError, match="not plugged in"):
        bench.sound.open()


def test_short_writes_are_counted_and_lose_nothing() -> None:
    bench = Bench()
    bench.sound.open()
    bench.sound.shorten_writes(2)
    for _ in range(3):
        bench.sound.write(PERIOD)
    assert bench.sound.counters().short_writes == 2
    assert bench.sound.heard() == 3 * PERIOD


def test_the_microphone_listens_between_open_and_close_only() -> None:
    sound = Bench().sound
    listening = [sound.is_open]
    for verb in (sound.open, sound.open, sound.close, sound.close):
        verb()
        listening.append(sound.is_open)
    assert listening == [False, True, True, False, False]
    with pytest.raises(AssertionError):
        sound.read()
    with pytest.raises(AssertionError):
        sound.write(PERIOD)


def test_a_period_of_the_wrong_size_is_our_own_mistake() -> None:
    sound = Bench().sound
    sound.open()
    with pytest.raises(AssertionError, match="320"):
        sound.write(PERIOD[2:])
