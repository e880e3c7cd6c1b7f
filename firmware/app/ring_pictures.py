"""A picture of whoever rings, kept in a folder that never grows beyond its bounds.

It is taken beside the ringing, which waits for nothing here. One file a ring, written once and whole: a memory card bears it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from firmware.config.schema import Camera as CameraSection
from firmware.door import events as door
from hw.api import HardwareError

if TYPE_CHECKING:
    from hw.api import Camera

log: Final = logging.getLogger("portero.pictures")

NAME: Final = re.compile(r"\d{8}-\d{6}-\d{1,19}\.jpg")  # local time, and the number of the press
DAY_S: Final = 86_400
PICTURE_BYTES_MAX: Final = 4_000_000  # of one that is given out; the camera takes none that is larger


class KeptPicture(NamedTuple):
    """A picture in the folder: its name, and when the button was pressed, in seconds since 1970."""

    file: str
    at_s: float


class RingPictures:
    """Belongs to the event loop; the camera and the disk are waited for on a thread. `tell` is the door's inbox."""

    def __init__(
        self, settings: CameraSection, camera: Camera, tell: Callable[[door.Input], None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._folder = Path(settings.path)
        self._camera = camera
        self._tell = tell
        self._clock = clock
        self._is_taking = False
        self._is_failing = False

    def on_event(self, event: object) -> None:
        """A record of the door: at a press the camera looks."""
        if not isinstance(event, door.Pressed):
            return
        if self._is_taking:
            log.info("no picture of press %d: the one before is still being taken", event.press)
            return
        self._is_taking = True
        loop = asyncio.get_running_loop()
        # A thread of its own, for which the end of the program does not wait: a pool's threads would hold it up.
        threading.Thread(target=self._take, args=(event, loop), name="ring picture", daemon=True).start()

    def _take(self, pressed: door.Pressed, loop: asyncio.AbstractEventLoop) -> None:
        """On the thread."""
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(self._clock()))}-{pressed.press}.jpg"
        why = ""
        try:
            self._keep(name)
        except (HardwareError, OSError) as error:
            why = str(error)
        with suppress(RuntimeError):  # the loop is closed: the station has stopped meanwhile
            loop.call_soon_threadsafe(self._taken, pressed, name, why)

    def _taken(self, pressed: door.Pressed, name: str, why: str) -> None:
        self._is_taking = False
        if why:
            self._failed(why)
            return
        self._worked()
        self._tell(door.PictureTaken(file=name, press=pressed.press, button=pressed.button))

    def _keep(self, name: str) -> None:
        """Look, make room, write. Raises HardwareError, OSError."""
        picture = self._camera.snapshot()
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        prune(self._folder, self._settings, self._clock())
        partial = self._folder / f"{name}.part"
        with partial.open("wb") as file:
            file.write(picture)
            file.flush()
            os.fsync(file.fileno())  # before it gets its name: after a power cut it is whole or not there
        partial.replace(self._folder / name)

    def _failed(self, why: str) -> None:
        log.warning("no picture of the ring: %s", why)
        if not self._is_failing:
            self._is_failing = True
            self._tell(door.HealthChanged(part="pictures", working=False, detail=f"no picture of the ring: {why}"))

    def _worked(self) -> None:
        if self._is_failing:
            self._is_failing = False
            self._tell(door.HealthChanged(part="pictures", working=True, detail="rings are pictured again"))


def kept(folder: Path, most: int) -> tuple[KeptPicture, ...]:
    """The newest pictures of the folder, the newest first; none when it is not there."""
    try:
        names = sorted((path.name for path in folder.iterdir() if NAME.fullmatch(path.name)), reverse=True)
    except OSError:
        return ()
    return tuple(KeptPicture(name, time.mktime(time.strptime(name[:15], "%Y%m%d-%H%M%S"))) for name in names[:most])


def read(folder: Path, name: str) -> bytes | None:
    """The JPEG of this name, None when there is none: no other file of the machine is ever read."""
    if not NAME.fullmatch(name):
        return None
    try:
        with (folder / name).open("rb") as file:
            return file.read(PICTURE_BYTES_MAX)
    except OSError:
        return None


def prune(folder: Path, settings: CameraSection, now_s: float) -> None:
    """Remove what is too old or was cut off, then the oldest until one more fits. Raises OSError."""
    left: list[str] = []
    for name in sorted(path.name for path in folder.iterdir()):
        if name.endswith(".jpg.part") and NAME.fullmatch(name.removesuffix(".part")):
            (folder / name).unlink(missing_ok=True)
        elif NAME.fullmatch(name):
            left.append(name)
    oldest = time.strftime("%Y%m%d-%H%M%S", time.localtime(now_s - settings.keep_days * DAY_S))
    keep = [name for name in left if name > oldest][1 - settings.files_max :] if settings.files_max > 1 else []
    for name in set(left) - set(keep):
        (folder / name).unlink(missing_ok=True)
