"""The acoustic self-test through a running door's own audio thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firmware.app.acoustics.in_service import DisturbedError, measure
from firmware.app.acoustics.panel import kept_figures
from firmware.app.sound import SoundSystem
from firmware.door.events import Sound
from firmware.errors import MediaError
from firmware.media.recorder import Recorder
from hw.api import SoundCard
from hw.settings import SoundSettings
from hw.simulated_sound import SimulatedSound
from tests.app.test_acoustics import LoopCard, settings_in


def system(card: SoundCard) -> SoundSystem:
    return SoundSystem(lambda: card, lambda _event: None, silent_after_s=30.0)


async def nobody(limit_s: float) -> object | None:
    await asyncio.Event().wait()
    return None


def test_the_loop_is_measured_without_a_call_and_kept_for_the_doctor(tmp_path: Path) -> None:
    card = LoopCard()
    sound = system(card)
    found = asyncio.run(measure(sound, settings_in(tmp_path), nobody))
    sound.close()
    assert found.delay_ms == pytest.approx(60, abs=1)
    assert found.loss_db == pytest.approx(6.0, abs=0.5)
    assert kept_figures(settings_in(tmp_path)) == found
    assert not card.is_open


class Paced(LoopCard):
    """Its periods pass when the test lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.reads = threading.Semaphore(50)

    def read(self) -> bytes:
        if not self.free.is_set():
            self.reads.acquire(timeout=0.02)
        return super().read()


def measured_beside(card: Paced, folder: Path, others: Callable[[SoundSystem], Awaitable[object]]) -> SoundSystem:
    sound = system(card)

    async def come(_limit_s: float) -> object | None:
        return await others(sound)

    with pytest.raises(DisturbedError):
        asyncio.run(measure(sound, settings_in(folder), come))
    card.free.set()
    return sound


def test_a_press_ends_it_and_its_sound(tmp_path: Path) -> None:
    async def press(_sound: SoundSystem) -> object:
        return "pressed"

    card = Paced()
    measured_beside(card, tmp_path, press).close()
    assert not card.is_open
    assert kept_figures(settings_in(tmp_path)) is None


def test_what_others_play_and_record_goes_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "message.wav")

    async def take(sound: SoundSystem) -> object:
        sound.record(recorder, alone=True)
        sound.play(Sound.RINGBACK)
        return "pressed"

    card = Paced()
    sound = measured_beside(card, tmp_path, take)
    assert sound.running
    with pytest.raises(MediaError):
        recorder.wait(0)  # it still records
    sound.play(Sound.SILENCE)
    sound.record(None)
    sound.close()
    recorder.wait(20)


def test_a_silent_panel_says_that_nothing_came_back(tmp_path: Path) -> None:
    sound = system(SimulatedSound(SoundSettings(), sleep=None))
    found = asyncio.run(measure(sound, settings_in(tmp_path), nobody))
    sound.close()
    assert found.delay_ms is None
