"""What a menu says becomes samples: prompts of the house, sounds, words by espeak-ng, and what is kept of them."""

from __future__ import annotations

import io
import os
import shutil
import wave
from pathlib import Path

import pytest

from firmware.app.panel_sounds import spoken as prompt_of
from firmware.app.prompts import speech
from firmware.app.voicexml.documents import Wanted
from firmware.app.voicexml.voice import BETWEEN_S, KEPT_MAX, SECONDS_MAX, Voice, silence, write_sound
from firmware.errors import MediaError
from firmware.outlets.voicexml.faults import BAD_FETCH, Thrown
from firmware.outlets.voicexml.signals import Silence, Sound, Words

LOUD = b"\x00\x10" * 4000


class House:
    """A voice whose words are their number, and sounds by their addresses."""

    def __init__(self, folder: Path, language: str = "en") -> None:
        self.spoken: list[tuple[str, str]] = []
        self.sounds: dict[str, bytes] = {}
        self.mute = ""
        self.folder = folder
        self.voice = Voice(folder / "kept", folder, language, speak=self._speak)

    def _speak(self, text: str, tongue: str) -> bytes:
        if self.mute:
            raise MediaError(self.mute)
        self.spoken.append((text, tongue))
        return len(self.spoken).to_bytes(2, "little") * 800

    def load(self, wanted: Wanted) -> tuple[str, bytes]:
        if wanted.url not in self.sounds:
            raise Thrown(BAD_FETCH, f"{wanted.url}: gone")
        return wanted.url, self.sounds[wanted.url]

    def says(self, *utterances: Words | Sound | Silence) -> bytes:
        return self.voice.samples(utterances, self.load)


def wav(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(samples)
    return file.getvalue()


def test_pieces_follow_each_other_with_a_pause(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.sounds["x.wav"] = wav(LOUD)
    made = house.says(Words("One."), Sound("x.wav", ()), Silence(0.5))
    assert made == b"\x01\x00" * 800 + silence(BETWEEN_S) + LOUD + silence(0.5)


def test_what_the_house_has_recorded_is_not_spoken_anew(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert house.says(Words("The door is open.", "en-GB")) == prompt_of("opened", "en").samples
    assert house.says(Sound("prompt:opened", ())) == prompt_of("opened", "en").samples
    assert house.says(Words("The door is open.", "de")) != prompt_of("opened", "en").samples
    assert house.spoken == [("The door is open.", "de")]


@pytest.mark.parametrize(("language", "tongue"), [("", "it"), ("en-US", "en-gb"), ("pt-BR", "pt-br"), ("-x; rm", "en-gb"), ("DE", "de")])
def test_each_language_has_its_voice(tmp_path: Path, language: str, tongue: str) -> None:
    house = House(tmp_path, "it")
    house.says(Words("Ciao", language))
    assert house.spoken == [("Ciao", tongue)]


def test_a_sentence_is_spoken_once_even_over_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path)
    first = house.says(Words("Again."))
    assert House(tmp_path).says(Words("Again.")) == house.says(Words("Again.")) == first
    assert len(house.spoken) == 1
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0, "what was said is nobody else's business"


def test_a_kept_sentence_that_is_broken_is_spoken_anew(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.says(Words("Again."))
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(b"RIFF")
    house.says(Words("Again."))
    assert len(house.spoken) == 2


def test_a_bounded_number_is_kept_those_that_were_wanted_last(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    for number in range(KEPT_MAX):
        write_sound(kept / f"{number}.wav", LOUD[:2])
        os.utime(kept / f"{number}.wav", (number, number))
    House(tmp_path).says(Words("One more."))
    assert len(list(kept.iterdir())) == KEPT_MAX
    assert not (kept / "0.wav").exists()


def test_a_folder_that_cannot_be_written_costs_the_keeping_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "kept").write_text("a file")
    with caplog.at_level("INFO"):
        assert House(tmp_path).says(Words("Hello.")) == b"\x01\x00" * 800
    assert "a sentence is not kept" in caplog.text


def test_without_espeak_it_is_told_once_and_sounds_still_play(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(tmp_path)
    house.mute = "espeak-ng is not installed"
    house.sounds["x.wav"] = wav(LOUD)
    assert house.says(Words("One."), Sound("x.wav", ()), Words("Two.")) == LOUD
    assert caplog.text.count("espeak-ng is not installed") == 1


@pytest.mark.parametrize("body", [None, b"no sound", wav(b""), wav(LOUD)[:20]], ids=["gone", "other bytes", "empty", "cut"])
def test_a_sound_that_cannot_be_had_is_replaced_by_what_stands_in_it(
    tmp_path: Path, body: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path)
    if body is not None:
        house.sounds["x.wav"] = body
    assert house.says(Sound("x.wav", (Words("Words instead."),))) == b"\x01\x00" * 800
    assert "x.wav" in caplog.text


def test_recordings_play_by_their_names_and_reach_no_other_file(tmp_path: Path) -> None:
    house = House(tmp_path / "in")
    house.folder.mkdir()
    write_sound(house.folder / "note.wav", LOUD)
    write_sound(tmp_path / "secret.wav", LOUD)
    assert house.says(Sound("recording:note", ())) == LOUD
    for url in ("recording:../secret", "prompt:../en/opened", "recording:", "recording:nothing"):
        assert house.says(Sound(url, ())) == b""


def test_what_is_said_at_once_is_bounded(tmp_path: Path) -> None:
    assert len(House(tmp_path).says(*[Silence(10.0)] * 20)) == SECONDS_MAX * 16000


def test_espeak_speaks(tmp_path: Path) -> None:
    said = speech.spoken("Press one.", "en-gb")
    assert 0.3 < len(said) / 16000 < 3
    assert speech.spoken(" ", "en-gb") == b""


def test_a_voice_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "espeak-ng").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "espeak-ng").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MediaError, match="did not speak with the voice xx"):
        speech.spoken("Press one.", "xx")


def test_a_text_is_no_option_of_espeak(tmp_path: Path) -> None:
    assert len(speech.spoken("--version", "en-gb")) > 8000


def test_a_machine_without_espeak_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("espeak-ng") is None
    with pytest.raises(MediaError, match="apt-get install espeak-ng"):
        speech.spoken("Press one.", "en-gb")
