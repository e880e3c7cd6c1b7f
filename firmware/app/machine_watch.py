"""Heat, weak power, a full disk: what ends doors slowly, told as records before it does.

Looked at once a minute. Each has two limits, so that a value at the limit tells once and not every minute.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from firmware import kernel_file
from firmware.door.events import HealthChanged

EVERY_S: Final = 60.0
HOT_C, COOL_C = 80.0, 75.0  # a Raspberry Pi slows itself down from 80 °C on, and more from 85
FREE_MIN_BYTES, FREE_AGAIN_BYTES = (
    16 << 20,
    32 << 20,
)  # the journal's log ahead may have 4 MB, the users' as much


class Ill(NamedTuple):
    """One thing that is wrong, by the part that `portero ctl status` shows."""

    part: str
    detail: str


def readings(system: Path, folder: Path, ill: frozenset[str]) -> Iterator[Ill]:
    """What is wrong now; `ill` are the parts that were wrong the last time. `system` is /sys; `folder` where the journal lies."""
    hottest = max(_celsius(system), default=0.0)
    if hottest >= (COOL_C if "temperature" in ill else HOT_C):
        yield Ill("temperature", f"the board has {hottest:.0f} °C; give it air, or shade")
    if any(kernel_file.read(alarm).strip() == "1" for alarm in _voltage_alarms(system)):
        yield Ill("power", "the supply's voltage drops below 4.63 V; use one for this board, and a short thick cable")
    try:
        room = os.statvfs(folder)
    except OSError as error:
        yield Ill("disk", f"{folder}: {error.strerror}")
        return
    free = room.f_bavail * room.f_frsize
    if free < (FREE_AGAIN_BYTES if "disk" in ill else FREE_MIN_BYTES):
        yield Ill("disk", f"only {free >> 20} MB are free at {folder}")


def _celsius(system: Path) -> Iterator[float]:
    for zone in sorted((system / "class/thermal").glob("thermal_zone*/temp")):
        text = kernel_file.read(zone).strip()
        if text.lstrip("-").isdigit():
            yield int(text) / 1000


def _voltage_alarms(system: Path) -> Iterator[Path]:
    """The kernel's driver of the Raspberry Pi's own detector: one bit, in hwmon's manner."""
    for name in sorted((system / "class/hwmon").glob("hwmon*/name")):
        if kernel_file.read(name).strip() == "rpi_volt":
            yield name.with_name("in0_lcrit_alarm")


class MachineWatch:
    """Looks once a minute, and tells changes. Belongs to the loop."""

    def __init__(self, tell: Callable[[HealthChanged], None], folder: Path, system: Path = Path("/sys")) -> None:
        self._tell = tell
        self._folder = folder
        self._system = system
        self._ill: frozenset[str] = frozenset()
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look now, and from now on."""
        self.look()
        self._next = asyncio.get_running_loop().call_later(EVERY_S, self.start)

    def stop(self) -> None:
        """Look no more. Allowed in any state."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def look(self) -> None:
        """Look once."""
        found = list(readings(self._system, self._folder, self._ill))
        now = frozenset(each.part for each in found)
        for each in found:
            if each.part not in self._ill:
                self._tell(HealthChanged(part=each.part, working=False, detail=each.detail))
        for part in sorted(self._ill - now):
            self._tell(HealthChanged(part=part, working=True, detail="well again"))
        self._ill = now
