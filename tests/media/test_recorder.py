"""Recordings: both sides, in order, bounded, and never in the audio thread's way."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

import pytest

from firmware.errors import MediaError
from firmware.media.recorder import Recorder, interleaved


def period(value: int) -> bytes:
    return array("h", [value] * 160).tobytes()


def written(recorder: Recorder) -> tuple[wave._wave_params, array[int]]:
    recorder.finish()
    recorder.wait(60.0)
    with wave.open(str(recorder.path)) as file:
        return file.getparams(), array("h", file.readframes(file.getnframes()))


def test_both_sides_of_three_seconds_are_on_the_disk_in_order(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for number in range(150):
        recorder.put(period(number), period(-number))
    parameters, samples = written(recorder)
    assert (parameters.nchannels, parameters.sampwidth, parameters.framerate, parameters.nframes) == (2, 2, 8000, 24_000)
    assert samples[0::2] == array("h", (number for number in range(150) for _ in range(160)))
    assert samples[1::2] == array("h", (-number for number in range(150) for _ in range(160)))
    assert recorder.dropped_bytes == 0


def test_the_time_of_the_first_period_is_known(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    before = recorder.started_ns
    recorder.put(period(1), period(1))
    first = recorder.started_ns
    recorder.put(period(1), period(1))
    written(recorder)
    assert before is None
    assert first is not None
    assert recorder.started_ns == first


def test_a_recording_ends_at_its_limit(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", duration_s_max=1.0)
    for _ in range(200):
        recorder.put(period(1), period(2))
    parameters, _ = written(recorder)
    assert 8000 <= parameters.nframes <= 8000 + 4000  # the limit is kept to one block of half a second
    assert recorder.dropped_bytes == 2 * (200 * 160 - parameters.nframes)


def test_an_unused_recording_is_an_empty_file(tmp_path: Path) -> None:
    parameters, samples = written(Recorder(tmp_path / "call.wav"))
    assert parameters.nframes == 0
    assert len(samples) == 0


def test_what_comes_after_the_end_is_ignored(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    recorder.put(period(1), period(1))
    recorder.finish()
    recorder.put(period(2), period(2))
    recorder.finish()
    parameters, _ = written(recorder)
    assert parameters.nframes == 160


def test_a_file_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no-such-folder"):
        Recorder(tmp_path / "no-such-folder" / "call.wav")


def test_a_disk_that_fills_up_is_told_at_the_end() -> None:
    recorder = Recorder(Path("/dev/full"))
    for _ in range(500):
        recorder.put(period(1), period(1))
    recorder.finish()
    with pytest.raises(MediaError, match="incomplete"):
        recorder.wait(60.0)


def test_a_recording_that_nobody_finished_is_told_when_waited_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    with pytest.raises(MediaError, match="was not finished"):
        recorder.wait(0.0)
    written(recorder)


def test_left_and_right_alternate() -> None:
    assert array("h", interleaved(array("h", [1, 2]).tobytes(), array("h", [-1, -2]).tobytes())) == array("h", [1, -1, 2, -2])
