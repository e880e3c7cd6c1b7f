"""`/metrics`: what was counted, and how the door, its process and its board are now."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from firmware import kernel_file
from firmware.outlets.metrics import OPENMETRICS, TEXT, Counters, Family, exposition, gauge
from firmware.outlets.seam import House, Json, part, table
from firmware.outlets.web.message import Request, Response, problem

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
PARTS_MAX: Final = 64  # of the station that are not well; a label each


class MetricsPage:
    """Answers whoever may see it. `system` is /sys."""

    def __init__(self, house: House, counters: Counters, version: str, system: Path = Path("/sys")) -> None:
        self._house = house
        self._counters = counters
        self._version = version
        self._system = system

    async def answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return problem(405, "only GET", ("Allow", "GET, HEAD"))
        status = await self._house.perform("status", by="web")
        openmetrics = "application/openmetrics-text" in request.headers.get("accept", "")
        families = [*self._now(status), *self._counters.families()]
        text = exposition(families, openmetrics=openmetrics)
        return Response(200, text.encode(), OPENMETRICS if openmetrics else TEXT)

    def _now(self, status: Json) -> Iterator[Family]:
        yield Family("portero", "info", "The program.", (((("version", self._version),), 1.0),))
        registered = {name: float(part(account, "registered") is True) for name, account in table(status, "accounts").items()}
        yield gauge("portero_registered", "Whether the account is registered at its server.", registered, "account")
        locks = {name: float(closed is True) for name, closed in table(status, "locks").items()}
        yield gauge("portero_lock_open", "Whether the lock's relay is closed, so that the door can be opened.", locks, "lock")
        state = part(status, "call", "state")
        states = {word: float(state == word) for word in ("idle", "calling", "offered", "talking")}
        yield gauge("portero_call_state", "What the door's line does.", states, "state")
        ill = [name for name in table(status, "health") if not name.startswith("sound of call ")]
        yield gauge("portero_ill", "Parts of the station that do not work.", dict.fromkeys(ill[:PARTS_MAX], 1.0), "part")
        for name, key, text in (
            ("portero_uptime_seconds", "uptime_s", "Since the program started."),
            ("portero_failures", "failures", "Faults of the program that it survived."),
            ("portero_dropped", "dropped", "Digits, cards and calls that were too many to look at."),
        ):
            value = part(status, key)
            if isinstance(value, int | float):
                yield gauge(name, text, float(value))
        yield from self._process()
        yield from self._board()

    def _process(self) -> Iterator[Family]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = used.ru_utime + used.ru_stime
        yield Family("process_cpu_seconds", "counter", "Processor time.", (((), cpu_s),))
        pages = kernel_file.read(Path("/proc/self/statm")).split()
        if len(pages) > 1:
            yield gauge("process_resident_memory_bytes", "Memory.", float(int(pages[1]) * PAGE_BYTES))
        yield gauge("portero_clock_seconds", "The door's own clock, since 1970.", round(time.time(), 3))

    def _board(self) -> Iterator[Family]:
        zones = {}
        for zone in sorted((self._system / "class/thermal").glob("thermal_zone*/temp"))[:8]:
            text = kernel_file.read(zone).strip()
            if text.lstrip("-").isdigit():
                zones[zone.parent.name] = int(text) / 1000
        if zones:
            yield gauge("portero_board_temperature_celsius", "Temperature of the board.", zones, "zone")
