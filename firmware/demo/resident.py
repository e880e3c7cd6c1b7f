"""The other end of the demo, seen from the door's process: starts the phone and keeps every line that it reports."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from firmware.demo.phone import Orders
from firmware.errors import PorteroError

STOP_S: Final = 3.0
LINE_BYTES_MAX: Final = 1 << 20  # a quality record with its curve is the longest line, some ten kilobytes


class Report(NamedTuple):
    """One line of the phone. `facts` by name, as `firmware.demo.phone` writes them."""

    kind: str
    at_ns: int
    facts: dict[str, Any]  # JSON


class ResidentPhone:
    """The phone's process. `on_report` is called on the loop for each line."""

    def __init__(self, orders: Orders, on_report: Callable[[Report], None]) -> None:
        self._orders = orders
        self._on_report = on_report
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self.reports: list[Report] = []  # some dozens a call
        self.ended = False

    async def start(self) -> None:
        """Start the process; `wait_for("listening", …)` tells when it can be called."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "firmware.demo.phone",
            json.dumps(self._orders._asdict()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES_MAX,
        )
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def wait_for(self, kind: str, limit_s: float) -> Report:
        """The first report of this kind, past or to come. Raises PorteroError when it does not come."""

        def found() -> bool:
            return self.ended or any(report.kind == kind for report in self.reports)

        try:
            async with asyncio.timeout(limit_s), self._changed:
                await self._changed.wait_for(found)
        except TimeoutError:
            pass
        for report in self.reports:
            if report.kind == kind:
                return report
        raise PorteroError(f"the resident's phone did not report {kind!r}" + (": its process ended" if self.ended else ""))

    async def wait_until_ended(self, limit_s: float) -> None:
        """Wait until it has reported everything and is gone. Raises PorteroError when it stays."""
        assert self._reader is not None
        try:
            async with asyncio.timeout(limit_s):
                await self._reader
        except TimeoutError:
            raise PorteroError("the resident's phone did not end") from None

    async def stop(self) -> None:
        """Close its input, which ends it, and insist after a while. Allowed in any state."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader is not None:
            self._reader.cancel()

    def all_of(self, kind: str) -> list[Report]:
        """Every report of this kind so far, in order."""
        return [report for report in self.reports if report.kind == kind]

    async def _read(self) -> None:
        assert self._process is not None
        stdout = self._process.stdout
        assert stdout is not None
        while line := await stdout.readline():
            facts = json.loads(line)
            report = Report(kind=facts.pop("kind"), at_ns=facts.pop("at_ns"), facts=facts)
            async with self._changed:
                self.reports.append(report)
                self._changed.notify_all()
            self._on_report(report)
        async with self._changed:
            self.ended = True
            self._changed.notify_all()
