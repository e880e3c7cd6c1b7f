"""What a simulated microphone hears, and the conversion of recordings."""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

import pytest

from hw.api import HardwareError
from hw.microphone import Recording, Silence, Tone
from hw.wav import read_mono, resample


def sine(frequency_hz: int, rate_hz: int, samples: int, peak: float = 8000.0) -> array[int]:
    return array("h", (round(peak * math.sin(2 * math.pi * frequency_hz * n / rate_hz)) for n in range(samples)))


def write_wav(path: Path, frames: bytes, *, rate_hz: int = 8_000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(frames)
    return path


def little(samples: list[int], width: int) -> bytes:
    return b"".join(value.to_bytes(width, "little", signed=True) for value in samples)


def test_silence_is_silent() -> None:
    silence = Silence()
    silence.open(8_000)
    assert silence.read(160) == bytes(320)


def test_a_tone_goes_on_without_a_step_between_periods() -> None:
    tone = Tone(440, level=0.5)
    tone.open(16_000)
    heard = array("h", b"".join(tone.read(320) for _ in range(120)))
    assert heard == array("h", (round(16383.5 * math.sin(2 * math.pi * 440 * (n % 16_000) / 16_000)) for n in range(38_400)))


def test_an_endless_recording_begins_again_and_a_single_one_falls_silent(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", little([1, 2, 3], 2))
    endless, once = Recording(path), Recording(path, endless=False)
    for microphone in (endless, once):
        microphone.open(8_000)
    assert array("h", endless.read(8)).tolist() == [1, 2, 3, 1, 2, 3, 1, 2]
    assert array("h", endless.read(2)).tolist() == [3, 1]
    assert array("h", once.read(5)).tolist() == [1, 2, 3, 0, 0]
    assert array("h", once.read(2)).tolist() == [0, 0]


def test_a_recording_starts_from_its_beginning_each_time_the_card_is_opened(tmp_path: Path) -> None:
    microphone = Recording(write_wav(tmp_path / "a.wav", little([1, 2, 3], 2)))
    microphone.open(8_000)
    microphone.read(2)
    microphone.open(8_000)
    assert array("h", microphone.read(1)).tolist() == [1]


@pytest.mark.parametrize(
    ("frames", "channels", "width"),
    [
        (bytes([0, 128, 255]), 1, 1),
        (little([-32768, 0, 32512], 2), 1, 2),
        (little([-8388608, 255, 8323072], 3), 1, 3),
        (little([-(2**31), 65535, 32512 << 16], 4), 1, 4),
        (little([-32768, -32768, 100, -100, 32512, 32512], 2), 2, 2),
    ],
)
def test_every_pcm_width_and_stereo_become_16_bit_mono(tmp_path: Path, frames: bytes, channels: int, width: int) -> None:
    path = write_wav(tmp_path / "a.wav", frames, channels=channels, width=width)
    assert read_mono(path, 8_000, seconds_max=1).tolist() == [-32768, 0, 32512]


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 16_000), (48_000, 16_000), (44_100, 8_000), (16_000, 44_100)])
def test_a_resampled_tone_is_the_same_tone(from_hz: int, to_hz: int) -> None:
    resampled = resample(sine(1000, from_hz, from_hz // 5), from_hz, to_hz)
    expected = sine(1000, to_hz, to_hz // 5)
    assert len(resampled) == len(expected)
    edge = to_hz // 100
    assert max(abs(a - b) for a, b in list(zip(resampled, expected, strict=True))[edge:-edge]) <= 8


def test_what_the_lower_rate_cannot_carry_is_gone_and_not_folded_down() -> None:
    resampled = resample(sine(11_000, 48_000, 9_600), 48_000, 16_000)
    assert max(map(abs, resampled[100:-100])) <= 8


def test_full_scale_does_not_wrap() -> None:
    loud = array("h", [32767, 32767, -32768, -32768] * 200)
    assert min(resample(loud, 8_000, 16_000)) >= -32768
    quiet = sum(abs(a) for a in resample(loud, 8_000, 16_000)[0::2]) / 800
    assert quiet > 30_000


def test_the_length_is_bounded(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", bytes(2 * 8_000 * 3))
    assert len(read_mono(path, 8_000, seconds_max=2)) == 16_000


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wave file at all, but long enough to look at"])
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(content)
    with pytest.raises(HardwareError, match=r"odd\.wav"):
        Recording(path).open(8_000)


def test_a_missing_or_empty_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"none\.wav"):
        Recording(tmp_path / "none.wav").open(8_000)
    with pytest.raises(HardwareError, match="at least one sample"):
        Recording(write_wav(tmp_path / "empty.wav", b"")).open(8_000)


def test_an_odd_rate_is_refused_instead_of_filling_the_memory() -> None:
    with pytest.raises(HardwareError, match="7999 Hz"):
        resample([0] * 10, 7_999, 8_000)
