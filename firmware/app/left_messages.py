"""Messages that visitors leave when nobody answers: the end of the invitation starts the recording, time or the next event ends it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from firmware.app.recordings import prune
from firmware.config.schema import LeftMessages
from firmware.door import events as door
from firmware.errors import MediaError
from firmware.media.events import SoundEnded

if TYPE_CHECKING:
    from firmware.app.sound import SoundSystem
    from firmware.media.recorder import Recorder

log: Final = logging.getLogger("portero.messages")

WRITTEN_AFTER_S: Final = 2.0  # the recorder's own thread writes every half second


class Timer(Protocol):
    """What `call_later` of an event loop gives."""

    def cancel(self) -> None: ...


class _Taking:
    """One message, while it is recorded."""

    def __init__(self, recorder: Recorder, begun_s: float, timer: Timer) -> None:
        self.recorder = recorder
        self.begun_s = begun_s
        self.timer = timer


class MessageTaker:
    """Belongs to the event loop. `later` is its `call_later`, `tell` the door's inbox."""

    def __init__(
        self,
        settings: LeftMessages,
        sound: SoundSystem,
        tell: Callable[[door.Input], None],
        later: Callable[[float, Callable[[], None]], Timer],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._sound = sound
        self._tell = tell
        self._later = later
        self._clock = clock
        self._taking: _Taking | None = None

    def on_event(self, event: object) -> None:
        """A record of the door or an event of the sound: the visitor was invited, or somebody else needs the panel."""
        match event:
            case SoundEnded(name="invitation"):
                self._begin()
            case door.Pressed() | door.CallReceived() | door.Answered() | door.CallPlaced():
                self._end()
            case _:
                return

    def _begin(self) -> None:
        from firmware.media.recorder import Recorder

        self._end()
        folder, now_s = Path(self._settings.path), self._clock()
        name = time.strftime("%Y%m%d-%H%M%S", time.localtime(now_s)) + f".{self._settings.format}"
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            prune(folder, self._settings, now_s)
            recorder = Recorder(folder / name, duration_s_max=self._settings.seconds)
            self._sound.record(recorder, alone=True)
        except (MediaError, OSError) as error:
            log.error("no message is taken: %s", error)
            return
        self._taking = _Taking(recorder, now_s, self._later(self._settings.seconds, self._end))

    def _end(self) -> None:
        taking, self._taking = self._taking, None
        if taking is None:
            return
        taking.timer.cancel()
        self._sound.record(None)
        length_s = min(self._settings.seconds, self._clock() - taking.begun_s)
        self._later(WRITTEN_AFTER_S, lambda: self._kept(taking.recorder, length_s))

    def _kept(self, recorder: Recorder, length_s: float) -> None:
        try:
            recorder.wait(0)
        except MediaError as error:
            log.error("a message was lost: %s", error)
            return
        self._tell(door.MessageLeft(file=recorder.path.name, length_s=length_s))
