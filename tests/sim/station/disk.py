"""The memory card and its one writing thread in virtual time: healthy, slow, full; a journal whose writes are witnessed, and a clerk."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from firmware.app.journal.journal import WRITE_LIMIT_S, Journal
from firmware.app.journal.memory import JournalMemory, Row
from firmware.app.journal.store import JournalStore
from firmware.app.users.clerk import Clerk
from firmware.door.events import DoorRecord, HealthChanged
from firmware.errors import JournalError
from tests.sim.station.clockwork import Clock, VirtualLoop

T = TypeVar("T")

HEALTHY_S = (0.001, 0.02)  # a commit on a good card
SLOW_S = (0.2, 6.0)  # … and on a dying one; the journal waits 2 s
LONG_AGO_S = -1e9
ANSWER_S_MAX = 0.002  # from the durable row to the loop that hears of it: a process may be killed in between


class Disk:
    """Does the work of the journal's thread, one piece after the other."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self.is_full = False
        self.is_slow = False
        self._clock = clock
        self._chance = chance
        self._free_at_s = 0.0
        self._began_s = 0.0  # the write that is being done now, or was done last

    def hangs_for(self, duration_s: float) -> bool:
        """Whether one write has been going on for so long."""
        now_s = self._clock.now_s
        return now_s < self._free_at_s and now_s - self._began_s >= duration_s

    def run(self, loop: VirtualLoop, work: Callable[[], T]) -> asyncio.Future[T]:
        """`work` when the thread is free; its effect on the disk comes some milliseconds before its answer."""
        future: asyncio.Future[T] = loop.create_future()
        begin_s = max(self._clock.now_s, self._free_at_s)
        self._clock.at(begin_s - self._clock.now_s, lambda: self._begun(begin_s))
        self._free_at_s = begin_s + self._chance.uniform(*(SLOW_S if self.is_slow else HEALTHY_S))
        lag_s = self._free_at_s - self._clock.now_s
        self._clock.at(lag_s, lambda: self._worked(loop, future, work))
        return future

    def require_space(self) -> None:
        """What a write does on a full disk."""
        if self.is_full:
            raise sqlite3.OperationalError("database or disk is full")

    def forget(self) -> None:
        """The process and its thread are gone."""
        self._free_at_s = 0.0

    def _begun(self, begin_s: float) -> None:
        self._began_s = begin_s

    def _worked(self, loop: VirtualLoop, future: asyncio.Future[T], work: Callable[[], T]) -> None:
        if loop.is_dead:
            return
        error: JournalError | None = None
        result: list[T] = []
        try:
            result.append(work())
        except JournalError as raised:
            error = raised

        def answer() -> None:
            if future.done() or loop.is_dead:
                return  # the journal has lost patience
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result[0])

        self._clock.at(self._chance.uniform(0.0, ANSWER_S_MAX), answer)


class JournalWitness(Protocol):
    """Who wants to know what the journal has promised."""

    def written(self, records: tuple[DoorRecord, ...]) -> None: ...
    def not_written(self, records: tuple[DoorRecord, ...]) -> None: ...


class DiskStore(JournalStore):
    """The real file, on a disk that may be full."""

    def __init__(self, disk: Disk, path: Path, *, rows_max: int, keep_s: float, clock: Callable[[], float], memory: JournalMemory) -> None:
        super().__init__(path, rows_max=rows_max, keep_s=keep_s, clock=clock, memory=memory)
        self._disk = disk

    def _opened(self) -> sqlite3.Connection:
        if not self._path.exists():  # what is there can be read
            self._disk.require_space()
        return super()._opened()

    def _written(self, rows: Sequence[Row], kept: Mapping[str, str]) -> tuple[int, ...]:
        self._disk.require_space()
        return super()._written(rows, kept)


class WitnessedJournal(Journal):
    """The real journal; each answer to `append` is told to a witness first."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float],
        disk: Disk,
        witness: JournalWitness,
        tell: Callable[[HealthChanged], object],
        found_late: Callable[[], object],
    ) -> None:
        self._disk = disk
        self._witness = witness
        store = partial(DiskStore, disk)
        super().__init__(path, rows_max=20_000, keep_days=365, clock=clock, tell=tell, found_late=found_late, store=store)

    async def append(self, *records: DoorRecord, kept: Mapping[str, str] | None = None) -> tuple[int, ...]:
        # The thread that would note this itself works outside of time here.
        self._writing_since_s = LONG_AGO_S if self._disk.hangs_for(WRITE_LIMIT_S) else None
        try:
            rows = await super().append(*records, kept=kept)
        except JournalError:
            self._witness.not_written(records)
            raise
        self._witness.written(records)
        return rows

    def abandon(self) -> None:
        """The process is gone, and its file handles with it: what was not committed never was."""
        self._store.close()
        self._writer.shutdown(wait=False)


class MortalClerk(Clerk):
    """The real clerk, whose process may be killed: the kernel closes its file, and what was not committed never was."""

    def abandon(self) -> None:
        self._closed()
        self._thread.shutdown(wait=False)
