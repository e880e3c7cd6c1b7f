"""What a caller says for later (`<record>`): one file a name, replaced by the next, in a folder that holds a bounded number of them."""

from __future__ import annotations

import asyncio
import wave
from array import array
from contextlib import suppress
from pathlib import Path
from sys import byteorder
from typing import TYPE_CHECKING, Final

from firmware.app.beside import beside
from firmware.app.voicexml.voice import NAME, write_sound
from firmware.errors import MediaError
from firmware.outlets.voicexml.faults import NO_INPUT, Thrown
from firmware.outlets.voicexml.signals import Done

if TYPE_CHECKING:
    from firmware.app.sound import SoundSystem
    from firmware.media.recorder import Recorder

FILES_MAX: Final = 16
WRITTEN_S_MAX: Final = 5.0
SHORTEST_S: Final = 0.5  # less is a click


async def keep(sound: SoundSystem, folder_name: str, name: str, seconds_max: float, enough: asyncio.Event) -> Done:
    """Record until the time is over, or `enough`; `recording:NAME` plays it. Raises MediaError, and Thrown when nothing was said."""
    from firmware.media.recorder import Recorder

    name = name if NAME.fullmatch(name) else "unnamed"
    folder = Path(folder_name)
    _make_room(folder, name)
    both = folder / f"{name}.both"
    recorder = Recorder(both, duration_s_max=seconds_max)
    sound.record(recorder)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), seconds_max)
    finally:
        sound.record(None)
    seconds = await beside("recording", lambda: _written(recorder, folder / f"{name}.wav"))
    if seconds < SHORTEST_S:
        raise Thrown(NO_INPUT, "nothing was said")
    return Done(f"recording:{name}", (("duration", round(seconds * 1000)),))


def _make_room(folder: Path, name: str) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = [each for each in folder.glob("*.wav") if each.stem != name]
    except OSError as error:
        raise MediaError(f"nothing can be kept in {folder}: {error.strerror}") from error
    if len(others) >= FILES_MAX:
        raise MediaError(f"{folder} holds {FILES_MAX} recordings already")


def _written(recorder: Recorder, file: Path) -> float:
    """Of both sides what the caller said; its length in seconds. Raises MediaError."""
    recorder.wait(WRITTEN_S_MAX)
    try:
        with wave.open(str(recorder.path)) as both:
            rate_hz, frames = int(both.getframerate()), int(both.getnframes())
            samples = array("h", both.readframes(frames))
        if byteorder == "big":
            samples.byteswap()
        if frames >= SHORTEST_S * rate_hz:
            write_sound(file, samples[1::2].tobytes())
        recorder.path.unlink()
    except (OSError, wave.Error) as error:
        raise MediaError(f"what was said is lost: {error}") from error
    return frames / rate_hz
