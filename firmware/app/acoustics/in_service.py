"""The acoustic self-test in a running daemon: through its own audio thread, so that a press or a call finds the card as it needs it.

What the microphone hears is measured as a call hears it, but for the echo canceller, which works for streams alone. Sound goes at the
telephone's rate: two milliseconds of the delay are those of the converters.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from array import array
from collections.abc import Awaitable, Callable
from typing import Final

from firmware.app.acoustics.loop import LoopFigures, figures, in_words, measuring_sound
from firmware.app.acoustics.panel import keep
from firmware.app.sound import SoundSystem
from firmware.config.schema import Settings
from firmware.media.tones import CALL_RATE_HZ, Prompt

log: Final = logging.getLogger("portero.acoustics")

NAME: Final = "acoustics"
LIMIT_S: Final = 30.0  # five seconds of sound, and a card that is slow to open


class DisturbedError(Exception):
    """A visitor or a caller came first."""


class Ear:
    """Implements `firmware.media.recorder.Listener`: keeps what the microphone hears until there is enough of it, never more."""

    def __init__(self, samples: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._samples = samples
        self._said = array("h")
        self._complete = False  # belongs to the audio thread
        self.heard: asyncio.Future[array[int]] = self._loop.create_future()

    def put(self, said: bytes, heard: bytes) -> None:
        """One period, on the audio thread."""
        if self._complete:
            return
        self._said.frombytes(said)
        if len(self._said) >= self._samples:
            self._hand_over(self._said)

    def finish(self) -> None:
        """The audio thread listens no longer, or to somebody else."""
        if not self._complete:
            self._hand_over(array("h"))

    def _hand_over(self, said: array[int]) -> None:
        self._complete = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: the daemon ends, and nobody waits any more
            self._loop.call_soon_threadsafe(self._tell, said)

    def _tell(self, said: array[int]) -> None:
        if not self.heard.done():
            self.heard.set_result(said)


async def measure(sound: SoundSystem, settings: Settings, others: Callable[[float], Awaitable[object | None]]) -> LoopFigures:
    """Play, listen, judge, and leave the figures for `portero doctor`.

    `others` returns as soon as somebody else needs the panel, or None after so many seconds. Raises DisturbedError then, MediaError as
    the sound does, TimeoutError when the card gives nothing.
    """
    played = measuring_sound(CALL_RATE_HZ)
    ear = Ear(len(played))
    visit = asyncio.ensure_future(others(LIMIT_S))
    sound.probe(Prompt(NAME, played.tobytes()), ear)
    try:
        await asyncio.wait((ear.heard, visit), timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        visit.cancel()
        sound.end_probe(NAME, ear)
    if not ear.heard.done():
        if visit.done() and not visit.cancelled() and visit.result() is not None:
            raise DisturbedError("somebody pressed or called")
        raise TimeoutError
    recorded = ear.heard.result()
    if len(recorded) < len(played):
        raise DisturbedError("another sound took the panel")
    # A second of arithmetic, ten on a small board: not on the event loop.
    found = await asyncio.to_thread(figures, recorded, CALL_RATE_HZ)
    for line in in_words(found):
        log.info("%s", line)
    try:
        keep(settings, found)
    except OSError as error:
        log.error("the figures were not kept: %s", error)
    return found
