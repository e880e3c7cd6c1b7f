"""Recordings of calls, where a house wants them: off by default, told to both sides, bounded in number, size and age."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.config.schema import LeftMessages, Recording
from firmware.door import events as door
from firmware.errors import MediaError

if TYPE_CHECKING:
    from firmware.app.sound import SoundSystem

log: Final = logging.getLogger("portero.recordings")

DAY_S: Final = 86_400
# At 8 kHz: 16-bit stereo, and what Opus is set to with some to spare, for it may go beyond for a moment.
OCTETS_A_SECOND: Final = {"wav": 8000 * 4, "opus": 6000}
SUFFIXES: Final = (".wav", ".opus")  # of our files, those that were kept before another format was chosen included
MEGABYTE: Final = 1_000_000


class Recordings:
    """Follows the door's records: a call that is answered is recorded to its end. Belongs to the event loop."""

    def __init__(self, settings: Recording, sound: SoundSystem, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._sound = sound
        self._clock = clock
        self._call: str | None = None  # the one that is recorded

    def on_event(self, event: object) -> None:
        """A record of the door, or something else."""
        match event:
            # What a menu says to a caller is no conversation, and the panel has no part in it.
            case door.Answered(call=call, menu="") | door.Admitted(call=call) if self._call is None:
                self._begin(call)
            case door.CallEnded(call=call) if call == self._call:
                self._call = None
                self._sound.record(None)
            case _:
                return

    def _begin(self, call: str) -> None:
        folder = Path(self._settings.path)
        now_s = self._clock()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now_s))
        from firmware.media.recorder import Recorder

        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            prune(folder, self._settings, now_s)
            self._sound.record(
                Recorder(folder / f"{stamp}-{safe(call)}.{self._settings.format}", duration_s_max=60.0 * self._settings.minutes_max)
            )
            self._announce(call)
        except (MediaError, OSError) as error:
            log.error("call %s is not recorded: %s", call, error)
            return
        self._call = call
        log.info("call %s is recorded into %s", call, folder)

    def _announce(self, call: str) -> None:
        if self._settings.announce != "nothing":
            self._sound.announce_recording(call, words=self._settings.announce == "words")


def safe(call: str) -> str:
    """A call's name as part of a file's name."""
    return "".join(each if each.isalnum() or each in ".-" else "_" for each in call)[:40]


def prune(folder: Path, settings: Recording | LeftMessages, now_s: float) -> None:
    """Remove what is too old, then the oldest until one more file of the largest length fits into every bound."""
    longest_s = settings.minutes_max * 60 if isinstance(settings, Recording) else settings.seconds
    largest = round(longest_s * OCTETS_A_SECOND[settings.format])
    files = sorted((each.stat().st_mtime, each.stat().st_size, each) for each in folder.iterdir() if each.suffix in SUFFIXES)
    total = sum(size for _, size, _ in files)
    left = len(files)
    for changed_s, size, path in files:
        too_old = now_s - changed_s > settings.keep_days * DAY_S
        if not too_old and left < settings.files_max and total + largest <= settings.megabytes_max * MEGABYTE:
            continue
        path.unlink(missing_ok=True)
        total -= size
        left -= 1
