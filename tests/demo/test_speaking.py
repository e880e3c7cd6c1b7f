"""The microphone with somebody in front of it, the recordings, and the server's configuration."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from firmware.demo.kamailio import KamailioServer
from firmware.demo.speaking import GOODBYE, RESIDENT, SPEECH, VISITOR, SpeakingMicrophone, seconds_of


def test_silence_then_the_words_then_silence_again() -> None:
    microphone = SpeakingMicrophone(8000)
    microphone.open(8000)
    assert microphone.read(160) == bytes(320)
    microphone.say(GOODBYE)
    with wave.open(str(GOODBYE)) as file:
        words = file.readframes(file.getnframes())
    heard = b"".join(microphone.read(160) for _ in range(60))
    assert heard == words.ljust(60 * 320, b"\0")


def test_a_new_sentence_cuts_the_old_one_off() -> None:
    microphone = SpeakingMicrophone(8000)
    microphone.say(VISITOR)
    microphone.read(800)
    microphone.say(GOODBYE)
    with wave.open(str(GOODBYE)) as file:
        assert microphone.read(800) == file.readframes(800)


@pytest.mark.parametrize("recording", [VISITOR, RESIDENT, GOODBYE])
def test_the_recordings_are_small_telephone_speech(recording: Path) -> None:
    with wave.open(str(recording)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
    assert recording.stat().st_size < 150_000
    assert 0.5 < seconds_of(recording) < 8.0


def test_licence_and_source_lie_beside_the_recordings() -> None:
    text = (SPEECH / "README.md").read_text()
    assert "by-sa/3.0" in text
    assert "Allison Smith" in text
    for recording in SPEECH.glob("*.wav"):
        assert f"`{recording.name}`" in text


def test_the_servers_configuration_names_its_address_and_accounts_and_nothing_on_the_disk() -> None:
    server = KamailioServer({"door": "s1", "resident": "s2"}, host="127.0.0.9", port=5999, algorithm="SHA-256")
    text = server.configuration()
    assert "listen=udp:127.0.0.9:5999" in text
    assert "listen=tcp:127.0.0.9:5999" in text
    assert '$sht(secrets=>door) = "s1";' in text
    assert '$sht(secrets=>resident) = "s2";' in text
    assert 'modparam("auth", "algorithm", "SHA-256")' in text
    assert 'db_mode", 0' in text


def test_a_secret_that_would_break_the_configuration_is_refused() -> None:
    with pytest.raises(AssertionError):
        KamailioServer({"door": 'a";exit;'})
