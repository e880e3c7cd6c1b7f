"""A visitor whom nobody answers leaves a message."""

from __future__ import annotations

import logging
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.app.left_messages import WRITTEN_AFTER_S, MessageTaker
from firmware.app.panel_sounds import INVITATION, PanelSounds
from firmware.app.sound import SoundSystem
from firmware.config.schema import LeftMessages, OwnSound
from firmware.door import events as door
from firmware.media.events import SoundEnded
from firmware.media.recorder import Recorder
from firmware.media.tones import Prompt
from hw.settings import SoundSettings
from hw.simulated_sound import SimulatedSound
from tests.media.step_card import Bench

NOW_S = 1_800_000_000.0
INVITED = SoundEnded(name=INVITATION, at_ns=1)


class Later:
    """Timers that the test fires."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None], Later.Handle]] = []

    class Handle:
        def __init__(self) -> None:
            self.cancelled = False

        def cancel(self) -> None:
            self.cancelled = True

    def __call__(self, delay_s: float, what: Callable[[], None]) -> Handle:
        handle = Later.Handle()
        self.waiting.append((delay_s, what, handle))
        return handle

    def fire(self, delay_s: float) -> None:
        due = [each for each in self.waiting if each[0] == delay_s and not each[2].cancelled]
        self.waiting = [each for each in self.waiting if each not in due]
        for _, what, _ in due:
            what()


class Desk(SoundSystem):
    """Takes the recorder, and finishes it as the audio thread would."""

    def __init__(self) -> None:
        super().__init__(lambda: SimulatedSound(SoundSettings()), lambda _event: None, silent_after_s=30.0)
        self.recorder: Recorder | None = None
        self.began = 0

    def record(self, recorder: Recorder | None, *, alone: bool = False) -> None:
        if recorder is None:
            assert self.recorder is not None
            self.recorder.finish()
            self.recorder.wait(20)
        else:
            assert alone
            self.began += 1
        self.recorder = recorder


class House:
    def __init__(self, folder: Path) -> None:
        self.later, self.desk, self.now_s = Later(), Desk(), NOW_S
        self.told: list[door.Input] = []
        settings = LeftMessages(take=True, path=str(folder / "left"))
        self.taker = MessageTaker(settings, self.desk, self.told.append, self.later, clock=lambda: self.now_s)


def test_a_message_lasts_its_time_and_is_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.taker.on_event(INVITED)
    house.now_s += 30
    house.later.fire(30.0)
    house.later.fire(WRITTEN_AFTER_S)
    (path,) = (tmp_path / "left").iterdir()
    assert house.told == [door.MessageLeft(file=path.name, length_s=30.0)]


@pytest.mark.parametrize(
    "event",
    [door.Pressed(press=door.PressId(2), button=door.ButtonName("bell")), door.Answered(call=door.CallName("in"), party="anna")],
    ids=["press", "call"],
)
def test_the_next_press_or_call_ends_a_message(tmp_path: Path, event: object) -> None:
    house = House(tmp_path)
    house.taker.on_event(INVITED)
    house.now_s += 4
    house.taker.on_event(event)
    house.later.fire(30.0)
    house.later.fire(WRITTEN_AFTER_S)
    assert [told.length_s for told in house.told if isinstance(told, door.MessageLeft)] == [4.0]


def test_other_sounds_and_records_take_no_message(tmp_path: Path) -> None:
    house = House(tmp_path)
    for event in (SoundEnded(name="beep", at_ns=1), door.Pressed(press=door.PressId(1), button=door.ButtonName("bell")), object()):
        house.taker.on_event(event)
    assert house.desk.began == 0
    assert house.told == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "left").write_text("a file")
    house = House(tmp_path)
    with caplog.at_level(logging.ERROR):
        house.taker.on_event(INVITED)
    assert "no message is taken" in caplog.text
    assert house.later.waiting == []


def test_the_invitation_is_words_and_a_beep_under_its_own_name() -> None:
    plain = PanelSounds(takes_messages=True).of(door.Sound.NOBODY)
    (quiet,) = PanelSounds([OwnSound(event="nobody", volume_db=-12)], "it", takes_messages=True).of(door.Sound.NOBODY)
    (invitation,) = plain
    assert isinstance(invitation, Prompt)
    assert isinstance(quiet, Prompt)
    assert invitation.name == quiet.name == INVITATION
    assert invitation.samples[-4800:] == quiet.samples[-4800:], "the beep is for all alike"
    assert max(quiet.samples[:-4800]) <= max(invitation.samples[:-4800])


def test_the_microphone_is_recorded_without_a_call_and_the_card_closes_after(tmp_path: Path) -> None:
    bench = Bench()
    bench.card.microphone = (1000).to_bytes(2, "little") * 160
    recorder = Recorder(tmp_path / "left.wav")
    bench.engine.record(recorder, alone=True)
    bench.card.step(60)
    assert (bench.card.opens, bench.card.closes) == (1, 0)
    bench.engine.record(None)
    bench.card.run_free()
    recorder.wait(20)
    bench.close()
    assert bench.card.closes == 1
    with wave.open(str(tmp_path / "left.wav")) as file:
        assert file.getnframes() >= 59 * 160
        assert file.readframes(file.getnframes())[4000:4002] == (1000).to_bytes(2, "little")
