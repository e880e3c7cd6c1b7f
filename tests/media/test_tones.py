"""Tones as patterns, prompts from files."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

import pytest

from firmware.errors import MediaError
from firmware.media.tones import CALL_RATE_HZ, FOREVER, PROMPT_S_MAX, RINGBACK, TONES, load_prompt


def wav(path: Path, samples: array[int], *, rate_hz: int = 8000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path


def test_every_tone_is_short_enough_to_be_a_signal_and_only_ringback_goes_on() -> None:
    assert [tone.name for tone in TONES.values() if tone.repeats == FOREVER] == ["ringback"]
    for tone in TONES.values():
        assert 0 < sum(step.duration_ms for step in tone.steps) <= 5000
        assert all(300 <= step.low_hz <= 3400 or step.low_hz == 0 for step in tone.steps), "G.711 carries no other tone"


def test_ringback_sounds_one_second_in_five() -> None:
    # ITU-T E.180 §5: a ringing tone of 0.67 to 1.5 s in a period of up to 6 s
    assert [step.duration_ms for step in RINGBACK.steps] == [1000, 4000]


def test_a_prompt_at_the_call_rate_is_taken_as_it_is(tmp_path: Path) -> None:
    samples = array("h", range(-500, 500))
    prompt = load_prompt(wav(tmp_path / "welcome.wav", samples), repeats=2)
    assert (prompt.name, prompt.repeats) == ("welcome", 2)
    assert array("h", prompt.samples) == samples


def test_a_prompt_at_a_higher_rate_or_in_stereo_is_brought_down(tmp_path: Path) -> None:
    stereo = array("h", [100, 300] * (2 * 160))
    prompt = load_prompt(wav(tmp_path / "hello.wav", stereo, rate_hz=16_000, channels=2))
    assert array("h", prompt.samples) == array("h", [200] * 160)


@pytest.mark.parametrize(("rate_hz", "channels", "width"), [(44_100, 1, 2), (8000, 1, 1), (8000, 3, 2)])
def test_a_format_that_we_do_not_take_names_the_remedy(tmp_path: Path, rate_hz: int, channels: int, width: int) -> None:
    path = wav(tmp_path / "odd.wav", array("h", [0] * 480), rate_hz=rate_hz, channels=channels, width=width)
    with pytest.raises(MediaError, match="sox"):
        load_prompt(path)


def test_an_empty_prompt_and_one_too_long_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        load_prompt(wav(tmp_path / "empty.wav", array("h")))
    with pytest.raises(MediaError, match="longer than 30 s"):
        load_prompt(wav(tmp_path / "long.wav", array("h", bytes(2 * CALL_RATE_HZ * (int(PROMPT_S_MAX) + 1)))))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav file at all, but long enough to hold a header " * 4])
def test_a_file_that_is_no_wav_is_an_error_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.wav"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"noise\.wav"):
        load_prompt(path)


def test_a_missing_prompt_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.wav"):
        load_prompt(tmp_path / "gone.wav")
