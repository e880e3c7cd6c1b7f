"""Which sound is played for which word of the door."""

from __future__ import annotations

import logging
import wave
from array import array
from pathlib import Path

import pytest

from firmware.app.panel_sounds import TONES, WORDS, PanelSounds, louder
from firmware.app.prompts.texts import TEXTS, VOICES
from firmware.config.schema import OwnSound
from firmware.door.events import Sound
from firmware.media import tones
from firmware.media.tones import FOREVER, Prompt, Tone

LANGUAGES = ("en", "de", "es", "fr", "it")


def own_file(folder: Path) -> Path:
    path = folder / "own.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(array("h", [1000] * 800).tobytes())
    return path


def test_without_words_each_sound_is_its_tone_and_an_answer_only_ends_the_ringback() -> None:
    sounds = PanelSounds()
    assert {sound: sounds.of(sound) for sound in TONES} == {sound: (tone,) for sound, tone in TONES.items()}
    assert sounds.of(Sound.SPEAK) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_follow_the_tone_in_every_language(language: str) -> None:
    sounds = PanelSounds(language=language)
    for sound in WORDS:
        *tone, words = sounds.of(sound)
        assert tone == ([TONES[sound]] if sound in TONES else [])
        assert isinstance(words, Prompt)
        assert len(words.samples) > 8000, sound
    opened = sounds.of(Sound.OPENED)[1]
    assert isinstance(opened, Prompt)
    assert not any(opened.samples[: 2 * 360 * 8]), "the words begin after the tone of 360 ms"


def test_every_text_has_a_file_in_every_language() -> None:
    assert set(VOICES) == set(LANGUAGES)
    assert all(set(texts) == set(LANGUAGES) for texts in TEXTS.values())
    assert set(WORDS.values()) <= set(TEXTS)


def test_a_file_of_ones_own_takes_the_place_of_tone_and_words(tmp_path: Path) -> None:
    path = str(own_file(tmp_path))
    sounds = PanelSounds([OwnSound(event="opened", file=path, volume_db=-6), OwnSound(event="ringback", file=path)], "en")
    (opened,) = sounds.of(Sound.OPENED)
    assert isinstance(opened, Prompt)
    assert set(array("h", opened.samples)) == {501}
    (ringback,) = sounds.of(Sound.RINGBACK)
    assert ringback.repeats == FOREVER


def test_volume_without_a_file_moves_tone_and_words() -> None:
    plain, quiet = PanelSounds(language="de").of(Sound.WRONG), PanelSounds([OwnSound(event="wrong", volume_db=-12)], "de").of(Sound.WRONG)
    assert isinstance(quiet[0], Tone)
    assert [step.attenuation_db for step in quiet[0].steps] == [step.attenuation_db + 12 for step in tones.ERROR.steps]
    assert isinstance(plain[1], Prompt)
    assert isinstance(quiet[1], Prompt)
    assert max(array("h", quiet[1].samples)) < max(array("h", plain[1].samples)) / 3


def test_a_file_that_cannot_be_read_is_told_and_stays_a_tone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert PanelSounds([OwnSound(event="beep", file="/nowhere.wav")]).of(Sound.BEEP) == (tones.BEEP,)
    assert "the sound beep stays a tone" in caplog.text


def test_too_loud_is_cut_and_does_not_wrap() -> None:
    assert set(array("h", louder(Prompt("loud", array("h", [30000, -30000]).tobytes()), 12).samples)) == {32767, -32767}
