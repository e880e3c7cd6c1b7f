"""What a menu says, as samples: the house's own prompts where their words fit, sounds of the document, else words by espeak-ng.

Blocks, and belongs on a thread. Sentences that were spoken once are kept as files, a bounded number of them: a small board needs a second
for each.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import wave
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Final

from firmware.app import prompts
from firmware.app.prompts.speech import spoken
from firmware.app.prompts.texts import TEXTS, VOICES
from firmware.app.voicexml.documents import SOUND_BYTES_MAX, Wanted
from firmware.errors import MediaError
from firmware.media.tones import CALL_RATE_HZ, load_prompt, read_prompt
from firmware.outlets.voicexml.faults import Thrown
from firmware.outlets.voicexml.signals import Silence, Sound, Utterances, Words

log: Final = logging.getLogger("portero.voicexml")

KEPT_MAX: Final = 256  # sentences: 10 MB
SECONDS_MAX: Final = 120.0  # of everything that is said at once
BETWEEN_S: Final = 0.2  # between two pieces
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
OWN: Final = {" ".join(text.split()): (language, name) for name, texts in TEXTS.items() for language, text in texts.items()}

Load = Callable[[Wanted], tuple[str, bytes]]
Speak = Callable[[str, str], bytes]


class Voice:
    """Speaks for every menu of the house. `load` is that of the menu's library."""

    def __init__(self, kept: Path, recordings: Path, language: str, *, speak: Speak = spoken) -> None:
        self._kept = kept
        self._recordings = recordings
        self._language = language
        self._speak = speak
        self._told: set[str] = set()

    def samples(self, utterances: Utterances, load: Load) -> bytes:
        """Everything in order, 16-bit native-endian mono at CALL_RATE_HZ. What cannot be had is told in the log, and left out."""
        most = 2 * round(SECONDS_MAX * CALL_RATE_HZ)
        made = bytearray()
        for each in utterances:
            piece = self._piece(each, load)
            if made and piece and not isinstance(each, Silence):
                made += silence(BETWEEN_S)
            made += piece
            if len(made) >= most:
                break
        return bytes(made[:most])

    def _piece(self, utterance: Words | Sound | Silence, load: Load) -> bytes:
        match utterance:
            case Silence(seconds=seconds):
                return silence(seconds)
            case Words(text=text, language=language):
                return self._words(text, language or self._language)
            case Sound(url=url, otherwise=otherwise):
                try:
                    return self._sound(url, load)
                except (MediaError, Thrown) as error:
                    log.warning("a sound of a menu cannot be had: %s", error)
                    return self.samples(otherwise, load)

    def _sound(self, url: str, load: Load) -> bytes:
        """A sound of the house itself (`prompt:NAME`, `recording:NAME`), or of a file or server."""
        scheme, _, name = url.partition(":")
        if scheme == "prompt" and NAME.fullmatch(name):
            language = self._language if self._language in VOICES else "en"
            return load_prompt(Path(prompts.__file__).parent / language / f"{name}.wav").samples
        if scheme == "recording" and NAME.fullmatch(name):
            return load_prompt(self._recordings / f"{name}.wav").samples
        where, body = load(Wanted(url, bytes_max=SOUND_BYTES_MAX))
        return read_prompt(io.BytesIO(body), where)

    def _words(self, text: str, language: str) -> bytes:
        own = OWN.get(text)
        if own is not None and language.lower().startswith(own[0]):
            return load_prompt(Path(prompts.__file__).parent / own[0] / f"{own[1]}.wav").samples
        tag = language.lower()
        voice = VOICES.get(tag.partition("-")[0]) or (tag if LANGUAGE.fullmatch(tag) else VOICES["en"])
        file = self._kept / f"{hashlib.sha256(f'{voice} {text}'.encode()).hexdigest()[:32]}.wav"
        kept = _kept(file)
        if kept is not None:
            return kept
        try:
            said = self._speak(text, voice)
        except MediaError as error:
            if str(error) not in self._told:
                self._told.add(str(error))
                log.warning("menus cannot say their words: %s", error)
            return b""
        self._keep(file, said)
        return said

    def _keep(self, file: Path, said: bytes) -> None:
        try:
            self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_sound(file, said)
            kept = sorted(self._kept.glob("*.wav"), key=lambda each: each.stat().st_mtime)
            for each in kept[:-KEPT_MAX]:
                each.unlink(missing_ok=True)
        except OSError as error:
            log.info("a sentence is not kept: %s", error)


def _kept(file: Path) -> bytes | None:
    """What was spoken before, None when it was not. The files that nobody has wanted for the longest time go first."""
    try:
        samples = load_prompt(file).samples
        file.touch()
    except (MediaError, OSError):
        return None
    return samples


def silence(seconds: float) -> bytes:
    """So much of it."""
    return bytes(2 * round(seconds * CALL_RATE_HZ))


def write_sound(file: Path, samples: bytes) -> None:
    """A WAV file, there whole or not at all. Raises OSError."""
    from sys import byteorder

    values = array("h", samples)
    if byteorder == "big":
        values.byteswap()
    unfinished = file.with_suffix(".part")
    with wave.open(str(unfinished), "wb") as sound:
        sound.setparams((1, 2, CALL_RATE_HZ, 0, "NONE", ""))
        sound.writeframes(values.tobytes())
    unfinished.replace(file)
