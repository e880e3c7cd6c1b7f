"""What the clock on the wall shows at the door, for everything that is said in hours and days."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

EARLIEST_S = 1_735_689_600.0  # 2025-01-01 UTC, before this program was written: a clock that shows less was never set


class WallClock:
    """The local time of a zone, or of this machine when `timezone` is None. `clock` gives seconds since 1970."""

    def __init__(self, timezone: str | None, clock: Callable[[], float] = time.time) -> None:
        """Raises KeyError for a zone that does not exist; `config` refuses it before."""
        self._clock = clock
        self._zone = None
        if timezone is not None:
            from zoneinfo import ZoneInfo  # reads the zone's file: only for a door that is told where it hangs

            self._zone = ZoneInfo(timezone)

    def local(self) -> datetime | None:
        """What the wall clock shows, without zone; None while it was never set, as on a board without a battery before the network came."""
        now_s = self._clock()
        return None if now_s < EARLIEST_S else datetime.fromtimestamp(now_s, self._zone).replace(tzinfo=None)
