"""The journal: every record of the door, in SQLite, durable before the station goes on.

One thread of its own writes, so that a slow card never holds up the event loop. What `append` has returned survives a power cut: the
database is in WAL mode with `synchronous=FULL`, which syncs the log at every commit (https://sqlite.org/pragma.html#pragma_synchronous).
What is in the file, `file` says; what that thread does there, `store`. A press that has no outcome there at the start was
interrupted.

What nobody needs at once, such as a relay that has moved, is written with the next row that matters, or LATER_S later: each transaction
wears the memory card by its pages, however small the row. A power cut may cost such rows, and no other.

What cannot be written, because the disk is full or the file is not there yet, waits in memory (`memory`) and is written when that
has ended; meanwhile `append` raises, so that the door knows. Beginning and end of such a time are records themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from firmware.app.journal.chain import Head
from firmware.app.journal.memory import Batch, JournalMemory, Row
from firmware.app.journal.store import QUERY_ROWS_MAX, Entry, JournalStore
from firmware.door.events import Answered, CallMeasured, DoorRecord, HealthChanged, PressId, RelayMoved, Ringing
from firmware.errors import JournalError

log = logging.getLogger("portero.journal")

WRITE_LIMIT_S = 2.0  # a visitor waits no longer for a sick memory card: then the door goes on without the row
PENDING_MAX = 64  # writes that may wait for such a card; a busy door has one or two
LATER = (Ringing, Answered, CallMeasured, RelayMoved)  # what the next row takes along
LATER_S = 2.0  # or this timer
LATER_MAX = 64  # a relay that chatters must not fill the memory
AGAIN_S = 10.0  # between two tries of what waits in memory: people make room on a disk, and no try that fails wears it


class Journal:
    """An open journal. `last_press`, `kept` and `close_interrupted` block and are for the start; the others belong to one event loop."""

    def __init__(
        self,
        path: Path,
        *,
        rows_max: int,
        keep_days: float,
        clock: Callable[[], float] = time.time,
        tell: Callable[[HealthChanged], object] | None = None,
        found_late: Callable[[], object] | None = None,
        store: Callable[..., JournalStore] = JournalStore,
    ) -> None:
        """Open or create the journal. `clock` gives seconds since 1970; `tell` hears when the file cannot be written, and can again.

        A file that is no journal, or of a newer program, is moved aside to `….broken` and a new one begun; `found_wrong` then says so in a
        sentence. When there can be no journal (no directory, no right to write, no space), `missing` says why and the file is looked for
        again with each row and every AGAIN_S; `found_late` is called when it is there. Without `found_late` JournalError is raised.
        """
        self._path = path
        self._clock = clock
        self._tell = tell
        self._found_late = found_late
        self._pending = 0
        self._writing_since_s: float | None = None  # monotonic; set and cleared by the writer
        self._later: list[Row] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._beside: set[asyncio.Future[tuple[int, ...]]] = set()  # writes that nobody waits for
        self._followers: set[asyncio.Event] = set()
        self._memory = JournalMemory()
        self._is_told = False  # that it failed
        self._store = store(path, rows_max=rows_max, keep_s=keep_days * 86_400.0, clock=clock, memory=self._memory)
        try:
            self._store.open()
        except JournalError:
            if found_late is None:
                self._store.close()
                raise
            self._is_told = True
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    @property
    def missing(self) -> str:
        """Why there is no file, '' while there is one."""
        return self._store.missing

    @property
    def found_wrong(self) -> str:
        """Why the file was begun anew, '' when it was not."""
        return self._store.found_wrong

    def last_press(self) -> PressId:
        """The highest number that a press ever had here; 0 when there was none. Without the file, a number that it does not have."""
        return self._store.last_press()

    def close_interrupted(self) -> tuple[PressId, ...]:
        """Give every press without an outcome the outcome `interrupted`; returns these presses. Raises JournalError when that waits now."""
        presses = self._store.open_presses()
        self._memory.add(self._store.interruptions(presses))
        try:
            self._store.write_all()
        except JournalError:
            self._is_told = True  # whoever called hears of it
            raise
        return presses

    def kept(self, name: str) -> tuple[float, str] | None:
        """What was last kept under this name, and the seconds since then by the wall clock, which may have been set meanwhile.

        Also of a file that can only be read.
        """
        return self._store.kept(name)

    @property
    def head(self) -> Head:
        """The end of the chain: noted elsewhere, it makes every later change of what is before it show."""
        return self._store.head

    async def append(self, *records: DoorRecord, kept: Mapping[str, str] | None = None) -> tuple[int, ...]:
        """Write the records in one transaction, and texts to be kept; returns the rows' numbers once they are durable.

        Records that can wait (LATER) return at once and without numbers. What waits from before is written first.

        Raises JournalError when they could not be written, or not within WRITE_LIMIT_S, and at once while an earlier write hangs: the door
        works on, and waits for a sick memory card only once. They wait in memory then, and are written later unless the process ends first.
        """
        if not kept and records and len(self._later) < LATER_MAX and all(isinstance(record, LATER) for record in records):
            self._later += self._stamped(records)
            self._remind("later", LATER_S, self._begin_later)
            return ()
        rows = await self._durable([*self._taken_later(), *self._stamped(records)], kept or {})
        return rows[len(rows) - len(records) :]

    def _stamped(self, records: Iterable[DoorRecord]) -> list[Row]:
        at_s = self._clock()
        return [(at_s, record) for record in records]

    def _taken_later(self) -> list[Row]:
        self._forget("later")
        taken, self._later = self._later, []
        return taken

    def _remind(self, what: str, after_s: float, action: Callable[[], None]) -> None:
        """Call `action` in `after_s`, unless it will be called already."""
        if what not in self._timers:

            def come() -> None:
                del self._timers[what]
                action()

            self._timers[what] = asyncio.get_running_loop().call_later(after_s, come)

    def _forget(self, what: str) -> None:
        if what in self._timers:
            self._timers.pop(what).cancel()

    def _begin_later(self) -> None:
        self._write_beside(self._taken_later()).add_done_callback(_complain)

    def _try_again(self) -> None:
        self._write_beside([])

    def _write_beside(self, rows: Sequence[Row]) -> asyncio.Future[tuple[int, ...]]:
        """Write without anybody waiting for it."""
        writing = asyncio.ensure_future(self._durable(rows, {}))
        self._beside.add(writing)
        writing.add_done_callback(self._written_beside)
        return writing

    def _written_beside(self, writing: asyncio.Future[tuple[int, ...]]) -> None:
        self._beside.discard(writing)
        if not writing.cancelled():
            writing.exception()  # looked at: the station has heard of it already

    async def _durable(self, rows: Sequence[Row], kept: Mapping[str, str]) -> tuple[int, ...]:
        batch, since_s = Batch(rows, kept), self._writing_since_s
        self._memory.add(batch)
        if since_s is not None and time.monotonic() - since_s >= WRITE_LIMIT_S:
            raise self._put_off(batch, f"{self._path}: an earlier write has not ended; check the memory card")
        if self._pending >= PENDING_MAX:
            raise self._put_off(batch, f"{self._path}: {PENDING_MAX} writes wait already; check the memory card")
        loop = asyncio.get_running_loop()

        def write() -> None:
            self._writing_since_s = time.monotonic()
            try:
                self._store.write_all()
            finally:
                self._writing_since_s = None
                loop.call_soon_threadsafe(self._after_write)

        self._pending += 1
        try:
            await asyncio.wait_for(loop.run_in_executor(self._writer, write), WRITE_LIMIT_S)
        except TimeoutError as error:
            batch.was_put_off = True
            raise JournalError(f"{self._path}: writing took longer than {WRITE_LIMIT_S:g} s; check the memory card") from error
        finally:
            self._pending -= 1
        if batch.refused is not None:
            raise batch.refused
        return batch.numbers

    def _put_off(self, batch: Batch, why: str) -> JournalError:
        """Leave it in the memory, for the thread that writes takes nothing more."""
        batch.was_put_off = True
        self._store.failed = why
        self._after_write()
        return JournalError(why)

    def _after_write(self) -> None:
        """On the loop, after each write, whatever became of it: who must hear of it, and when to try again."""
        for news in self._followers:
            news.set()
        if self._store.was_found() and self._found_late is not None:
            self._found_late()
        why = self._store.failed  # the memory may be empty for the moment in which its rows are tried again
        if bool(why) is not self._is_told:
            self._is_told = bool(why)
            if self._tell is not None:
                self._tell(HealthChanged(part="journal", working=not why, detail=why or self._memory.account(self._clock())))
        if why or self._memory:
            self._remind("again", AGAIN_S, self._try_again)

    async def query(
        self, *, after: int = 0, before: int = 1 << 62, kinds: Sequence[str] = (), newest_first: bool = False, limit: int = 100
    ) -> tuple[Entry, ...]:
        """Rows with a number above `after` and below `before`, of these kinds (none: all), at most `limit` and QUERY_ROWS_MAX.

        Raises JournalError.
        """
        read = partial(self._store.rows, after=after, before=before, kinds=kinds, newest_first=newest_first, limit=limit)
        if self._later:
            await self._durable(self._taken_later(), {})
        return await asyncio.get_running_loop().run_in_executor(self._writer, read)

    async def follow(self, *, after: int) -> AsyncGenerator[Entry, None]:
        """Every row with a number above `after`: first those written already, then each new one once it is durable.

        A slow reader loses nothing, because rows are read from the file and not queued; only what was trimmed meanwhile is missing.
        """
        news = asyncio.Event()
        self._followers.add(news)
        try:
            while True:
                news.clear()
                entries = await self.query(after=after, limit=QUERY_ROWS_MAX)
                for entry in entries:
                    after = entry.id
                    yield entry
                if not entries:
                    await news.wait()
        finally:
            self._followers.discard(news)

    async def close(self) -> None:
        """Finish what is being written, and what waits, and close the file."""
        self._forget("again")
        if self._later or self._memory:
            with contextlib.suppress(JournalError):  # the others said so already
                await self._durable(self._taken_later(), {})
        await asyncio.get_running_loop().run_in_executor(self._writer, self._store.close)
        self._forget("again")
        self._writer.shutdown()


def _complain(writing: asyncio.Future[tuple[int, ...]]) -> None:
    error = None if writing.cancelled() else writing.exception()
    if error is not None:
        log.error("not in the journal: %s", error)
