"""The acoustic self-test against loops whose delay, loss, noise and distortion are known."""

from __future__ import annotations

import json
import random
from array import array
from pathlib import Path

import pytest

from firmware.app.acoustics.loop import LoopFigures, complaints, figures, in_words, measuring_sound
from firmware.app.acoustics.panel import FIGURES_FILE, bar, cards, kept_figures, loop, meter, tone
from firmware.app.doctor.machine import acoustics
from firmware.config.schema import Journal, Settings
from hw.api import SoundCounters, SoundFormat

RATE_HZ = 8000


class LoopCard:
    """A card whose microphone hears its own speaker, 60 ms later and 6 dB quieter, over a little noise."""

    DELAY = 480

    def __init__(self) -> None:
        self.played = array("h", bytes(2 * self.DELAY))
        self.heard = 0
        self.is_open = False
        self._chance = random.Random(3)

    def open(self) -> SoundFormat:
        self.is_open = True
        return SoundFormat(rate_hz=RATE_HZ, period_samples=160)

    def read(self) -> bytes:
        part = self.played[self.heard : self.heard + 160]
        part.extend([0] * (160 - len(part)))
        self.heard += 160
        return array("h", (value // 2 + self._chance.randrange(-20, 21) for value in part)).tobytes()

    def write(self, period: bytes) -> None:
        self.played.frombytes(period)

    def close(self) -> None:
        self.is_open = False

    def counters(self) -> SoundCounters:
        return SoundCounters(overruns=0, underruns=0, short_writes=0, reopens=0)


def returned(*, delay: int, gain: float, bend: float = 0.0, noise: int = 10) -> array[int]:
    chance = random.Random(1)
    sound = measuring_sound(RATE_HZ)
    values = array("h")
    for at in range(len(sound)):
        x = sound[at - delay] / 32768 if at >= delay else 0.0
        x = gain * (x + bend * x * x)
        values.append(max(-32768, min(32767, round(32768 * x) + chance.randrange(-noise, noise + 1))))
    return values


def settings_in(folder: Path) -> Settings:
    return Settings(journal=Journal(path=str(folder / "journal.db")))


def test_a_clean_loop_shows_its_delay_and_its_loss() -> None:
    found = figures(returned(delay=400, gain=0.25), RATE_HZ)
    assert found.delay_ms == pytest.approx(50.0, abs=0.2)
    assert found.delay_spread_ms < 0.2
    assert found.loss_db == pytest.approx(12.0, abs=0.5)
    assert found.noise_db == pytest.approx(-75.0, abs=2)
    assert found.distortion_percent < 1
    assert not found.clipped
    assert complaints(found) == []


def test_a_bent_loudspeaker_is_told_by_its_distortion() -> None:
    found = figures(returned(delay=400, gain=0.5, bend=1.0), RATE_HZ)
    # x + x^2 at 0.35 of full scale has a second harmonic of 0.35 / 2
    assert found.distortion_percent == pytest.approx(17.5, abs=1)
    assert any("distorts" in each for each in complaints(found))


def test_a_loop_that_is_too_loud_clips() -> None:
    found = figures(returned(delay=400, gain=3.0), RATE_HZ)
    assert found.clipped
    assert any("beyond its scale" in each for each in complaints(found))


def test_nothing_comes_back_through_a_dead_loudspeaker() -> None:
    found = figures(returned(delay=0, gain=0.0, noise=200), RATE_HZ)
    assert found.delay_ms is None
    assert "no chirp came back" in in_words(found)[1]
    assert len(complaints(found)) == 1


def test_the_test_runs_on_a_card_and_leaves_its_figures_for_the_doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card, settings = LoopCard(), settings_in(tmp_path)
    assert list(acoustics(settings)) == []
    assert loop(settings, card) == 0
    assert not card.is_open
    kept = kept_figures(settings)
    assert kept is not None
    assert kept.delay_ms == pytest.approx(60, abs=0.2)
    assert kept.loss_db == pytest.approx(6.0, abs=0.5)
    assert "echo-path loss" in capsys.readouterr().out
    (finding,) = acoustics(settings)
    assert finding.text.startswith("delay 60 ms, echo-path loss 6 dB")


def test_complaints_of_the_last_test_are_the_doctors_warnings(tmp_path: Path) -> None:
    found = LoopFigures(200.0, 9.0, -10.0, -50.0, 20.0, clipped=True)
    (tmp_path / FIGURES_FILE).write_text(json.dumps({"at": 1, **found._asdict()}))
    findings = list(acoustics(settings_in(tmp_path)))
    assert len(findings) == len(complaints(found)) == 5
    assert all(finding.remedy for finding in findings)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"delay_ms": 1}'])
def test_a_damaged_file_of_figures_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FIGURES_FILE).write_text(text)
    assert kept_figures(settings_in(tmp_path)) is None


def test_meter_and_tone_run_for_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    card = LoopCard()
    assert tone(card, 0.5) == 0
    assert max(card.played) == pytest.approx(0.35 * 32767, abs=2)
    assert meter(card, 1.0) == 0
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_cards_are_listed_with_the_name_that_the_configuration_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw.alsa.cards", lambda: [("Device", "USB PnP", "C-Media USB PnP at usb-1")])
    assert list(cards()) == ['hw:CARD=Device  C-Media USB PnP at usb-1: device = "USB PnP"']
    monkeypatch.setattr("hw.alsa.cards", list)
    assert "no sound card is here" in next(cards())


def test_the_bar_fills_with_the_level() -> None:
    assert bar(array("h", [0] * 10)).count("#") == 0
    assert bar(array("h", [32767, -32767] * 5)).count("#") == 60
    assert bar(array("h", [1000, -1000] * 5)).endswith("-30.3 dB, peak  -30.3")
