"""Recordings of calls: begun and ended with them, told to both sides, never more than the bounds allow."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Literal

import pytest

from firmware.app.recordings import Recordings, prune, safe
from firmware.app.sound import SoundSystem
from firmware.config.schema import Recording
from firmware.door import events as door
from firmware.media.recorder import Recorder
from hw.settings import SoundSettings
from hw.simulated_sound import SimulatedSound

NOW_S = 1_800_000_000.0
ANSWERED = door.Answered(call=door.CallName("p1.1"), party="anna")
ENDED = door.CallEnded(call=door.CallName("p1.1"), party="anna", reason=door.EndReason.TALK_LIMIT, talked_s=3.0)


class Desk(SoundSystem):
    """Remembers what it was asked for; opens nothing."""

    def __init__(self) -> None:
        super().__init__(lambda: SimulatedSound(SoundSettings()), lambda _event: None, silent_after_s=30.0)
        self.asked: list[str] = []

    def record(self, recorder: Recorder | None, *, alone: bool = False) -> None:
        assert not alone
        self.asked.append("end" if recorder is None else recorder.path.name)
        if recorder is not None:
            recorder.finish()
            recorder.wait(60)

    def announce_recording(self, call: str, *, words: bool) -> None:
        self.asked.append(f"tell {call} {'in words' if words else 'by a beep'}")


def recordings(
    folder: Path, announce: Literal["words", "beep", "nothing"] = "words", format: Literal["wav", "opus"] = "wav"
) -> tuple[Recordings, Desk]:
    desk = Desk()
    settings = Recording(calls="always", path=str(folder / "kept"), announce=announce, format=format)
    return Recordings(settings, desk, clock=lambda: NOW_S), desk


def test_an_answered_call_is_recorded_to_its_end_and_told(tmp_path: Path) -> None:
    kept, desk = recordings(tmp_path)
    kept.on_event(ANSWERED)
    kept.on_event(door.Answered(call=door.CallName("p1.2"), party="bob"))  # a third party joins: the recording goes on
    kept.on_event(object())
    kept.on_event(ENDED._replace(call=door.CallName("p1.2")))
    kept.on_event(ENDED)
    (path,) = (tmp_path / "kept").iterdir()
    assert path.name.endswith("-p1.1.wav")
    assert desk.asked == [path.name, "tell p1.1 in words", "end"]


@pytest.mark.parametrize(("announce", "told"), [("beep", ["tell p1.1 by a beep"]), ("nothing", [])])
def test_the_announcement_is_a_choice(tmp_path: Path, announce: Literal["beep", "nothing"], told: list[str]) -> None:
    kept, desk = recordings(tmp_path, announce=announce)
    kept.on_event(ANSWERED)
    assert desk.asked[1:] == told


def test_a_folder_that_cannot_be_written_is_told_and_the_call_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    kept, desk = recordings(tmp_path)
    with caplog.at_level(logging.ERROR):
        kept.on_event(ANSWERED)
        kept.on_event(ENDED)
    assert "call p1.1 is not recorded" in caplog.text
    assert desk.asked == []


def files(folder: Path, ages_days: list[int], octets: int = 1000) -> None:
    for number, age in enumerate(ages_days):
        path = folder / f"{number}.wav"
        path.write_bytes(bytes(octets))
        os.utime(path, (NOW_S - age * 86_400, NOW_S - age * 86_400))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_old_recordings_go(tmp_path: Path) -> None:
    files(tmp_path, [40, 31, 29, 0])
    prune(tmp_path, Recording(keep_days=30), NOW_S)
    assert names(tmp_path) == {"2.wav", "3.wav"}


def test_the_oldest_go_when_there_are_too_many_or_they_take_too_much(tmp_path: Path) -> None:
    files(tmp_path, [5, 4, 3, 2, 1])
    prune(tmp_path, Recording(files_max=3), NOW_S)
    assert names(tmp_path) == {"3.wav", "4.wav"}, "one more must fit"
    files(tmp_path, [5, 4, 3], octets=8_000_000)
    prune(tmp_path, Recording(megabytes_max=25, minutes_max=5), NOW_S)
    assert names(tmp_path) == {"2.wav", "3.wav", "4.wav"}, "five minutes take 9.6 MB"


def test_another_format_has_another_name_and_takes_a_tenth(tmp_path: Path) -> None:
    kept, desk = recordings(tmp_path, format="opus")
    kept.on_event(ANSWERED)
    assert desk.asked[0].endswith(".opus")
    files(tmp_path, [5, 4, 3], octets=8_000_000)
    prune(tmp_path, Recording(megabytes_max=26, minutes_max=5, format="opus"), NOW_S)
    assert {"0.wav", "1.wav", "2.wav"} <= names(tmp_path), "five minutes take 1.8 MB"
    prune(tmp_path, Recording(megabytes_max=25, minutes_max=5, format="opus"), NOW_S)
    assert "0.wav" not in names(tmp_path), "what was kept in the other format counts"


def test_a_calls_name_makes_a_files_name() -> None:
    assert safe("sip:anna/../x@y") == "sip_anna_.._x_y"
