"""What the panel's speaker plays for each of the door's sound words: a file of the house's own, else a tone, with spoken words after it.

Files are read when they are first wanted and kept: there are not more of them than words. A file that cannot be read is told once and
replaced by the tone, for a visitor who hears nothing goes away.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Sequence
from math import pi, sin
from pathlib import Path
from typing import Final

from firmware.app import prompts
from firmware.config.schema import OwnSound
from firmware.door.events import Sound
from firmware.errors import MediaError
from firmware.media import tones
from firmware.media.tones import CALL_RATE_HZ, Prompt, Tone

LOG: Final = logging.getLogger(__name__)
NOTHING: Final[tuple[tones.Sound, ...]] = ()
TONES: Final = {
    Sound.RINGBACK: tones.RINGBACK,
    Sound.BEEP: tones.BEEP,
    Sound.ERROR: tones.ERROR,
    Sound.OPENED: tones.DOOR_OPEN,
    Sound.ENDED: tones.BUSY,
    Sound.CHIME: tones.CHIME,
    Sound.NOBODY: tones.BUSY,
    Sound.WRONG: tones.ERROR,
    Sound.UNKNOWN: tones.ERROR,
}
WORDS: Final = {
    Sound.RINGBACK: "ringing",
    Sound.OPENED: "opened",
    Sound.NOBODY: "nobody",
    Sound.SPEAK: "speak",
    Sound.WRONG: "wrong",
    Sound.UNKNOWN: "unknown",
}
AFTER_RINGBACK_MS: Final = 1200  # in the pause of its first cadence
AFTER_TONE_MS: Final = 150
BEFORE_BEEP_MS: Final = 300
BEEP_MS: Final = 300
INVITATION: Final = "invitation"  # the name under which its end is told
LOUDEST: Final = 32_767


class PanelSounds:
    """By the configuration's [[sound]] tables and its language (`off` or that of a folder of prompts)."""

    def __init__(self, own: Sequence[OwnSound] = (), language: str = "off", *, takes_messages: bool = False) -> None:
        self._own = {Sound(each.event): each for each in own}
        self._language = language
        self._takes_messages = takes_messages
        self._known: dict[Sound, tuple[tones.Sound, ...]] = {}

    def of(self, sound: Sound) -> tuple[tones.Sound, ...]:
        """What to play at once: at most one tone and one prompt. Empty: nothing, only what plays is to end."""
        if sound not in self._known:
            self._known[sound] = self._made(sound)
        return self._known[sound]

    def _made(self, sound: Sound) -> tuple[tones.Sound, ...]:
        if sound is Sound.NOBODY and self._takes_messages:
            return (self._invitation(),)
        return self._played(sound)

    def _invitation(self) -> Prompt:
        """The words that ask for a message, or a file in their place, and the tone after which to speak."""
        words = spoken("message", "en" if self._language == "off" else self._language)
        own = self._own.get(Sound.NOBODY)
        if own is not None and own.file is not None:
            words = next((each for each in self._played(Sound.NOBODY) if isinstance(each, Prompt)), words)
        elif own is not None:
            words = louder(words, own.volume_db)
        return Prompt(INVITATION, words.samples + bytes(2 * (BEFORE_BEEP_MS * CALL_RATE_HZ // 1000)) + _beep())

    def _played(self, sound: Sound) -> tuple[tones.Sound, ...]:
        own = self._own.get(sound)
        volume_db = 0 if own is None else own.volume_db
        if own is not None and own.file is not None:
            try:
                repeats = tones.FOREVER if sound is Sound.RINGBACK else 1
                return (louder(tones.load_prompt(Path(own.file), repeats=repeats), volume_db),)
            except MediaError as error:
                LOG.warning("the sound %s stays a tone: %s", sound.value, error)
        tone = TONES.get(sound)
        made: tuple[tones.Sound, ...] = NOTHING if tone is None else (quieter(tone, -volume_db),)
        name = WORDS.get(sound)
        if self._language != "off" and name is not None:
            made += (louder(delayed(spoken(name, self._language), _pause_ms(sound, tone)), volume_db),)
        return made


def spoken(name: str, language: str) -> Prompt:
    """One of the program's own prompts. Raises MediaError for one that is not there."""
    return tones.load_prompt(Path(prompts.__file__).parent / language / f"{name}.wav")


def _beep() -> bytes:
    return array("h", (round(6000 * sin(2 * pi * 1000 * i / CALL_RATE_HZ)) for i in range(BEEP_MS * CALL_RATE_HZ // 1000))).tobytes()


def _pause_ms(sound: Sound, tone: Tone | None) -> int:
    if sound is Sound.RINGBACK:
        return AFTER_RINGBACK_MS
    return 0 if tone is None else AFTER_TONE_MS + tone.repeats * sum(step.duration_ms for step in tone.steps)


def quieter(tone: Tone, by_db: int) -> Tone:
    """The tone with every step `by_db` quieter, negative: louder, within what a step can be."""
    steps = tuple(step._replace(attenuation_db=max(0, min(60, step.attenuation_db + by_db))) for step in tone.steps)
    return tone._replace(steps=steps)


def louder(prompt: Prompt, by_db: int) -> Prompt:
    """The prompt `by_db` louder, its peaks cut at full scale."""
    if by_db == 0:
        return prompt
    factor = 10 ** (by_db / 20)
    samples = array("h", prompt.samples)
    return prompt._replace(samples=array("h", (max(-LOUDEST, min(LOUDEST, round(value * factor))) for value in samples)).tobytes())


def delayed(prompt: Prompt, by_ms: int) -> Prompt:
    """The prompt after a pause."""
    return prompt._replace(samples=bytes(2 * (by_ms * CALL_RATE_HZ // 1000)) + prompt.samples)
