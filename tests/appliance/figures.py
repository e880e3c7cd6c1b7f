"""What a run on the emulated board measured: printed as it comes, and kept as JSON for whoever compares runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tests.appliance.wall import Wall

SECTOR_BYTES = 512  # of /sys/block/*/stat, whatever the medium has
DAY_S = 86_400


class Figures:
    """Names, values and units of one run; `close` writes them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._values: dict[str, dict[str, object]] = {}

    def note(self, name: str, value: float, unit: str, how: str = "") -> None:
        """Keep one figure, and say it. `how` is how it was measured, where the name does not say that."""
        self._values[name] = {"value": round(value, 2), "unit": unit, **({"how": how} if how else {})}
        print(f"\n{name}: {value:.2f} {unit}{f' ({how})' if how else ''}", end="", flush=True)

    def value(self, name: str) -> float:
        """A figure that was noted before. Raises KeyError when it was not."""
        value = self._values[name]["value"]
        assert isinstance(value, float | int)
        return float(value)

    def close(self) -> None:
        """Write the file."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._values, indent=1) + "\n")


class Written(NamedTuple):
    """What the card has been told to write since the board's start, and when that was asked, by the board's own clock."""

    bytes: int
    uptime_s: float

    @classmethod
    def now(cls, wall: Wall) -> Written:
        """Everything that waits in memory counts: it is written first."""
        said = wall.shell("sync; cat /sys/block/vda/stat /proc/uptime").split()
        return cls(int(said[6]) * SECTOR_BYTES, float(said[-2]))

    def since(self, before: Written) -> Written:
        """Bytes and seconds between the two."""
        return Written(self.bytes - before.bytes, self.uptime_s - before.uptime_s)
