"""The journal: every record of the door, in SQLite, durable before the station goes on.

One thread of its own writes, so that a slow card never holds up the event loop. What `append` has returned survives a power cut: the
database is in WAL mode with `synchronous=FULL`, which syncs the log at every commit (https://sqlite.org/pragma.html#pragma_synchronous).
What is in the file, `journal_file` says. A press that has no outcome there at the start was interrupted.

What nobody needs at once, such as a relay that has moved, is written with the next row that matters, or LATER_S later: each transaction
wears the memory card by its pages, however small the row. A power cut may cost such rows, and no other.

What cannot be written, because the disk is full or the file is not there yet, waits in memory (`journal_memory`) and is written when that
has ended; meanwhile `append` raises, so that the door knows. Beginning and end of such a time are records themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from firmware.app.journal_chain import GENESIS, Head, given_numbers, head
from firmware.app.journal_file import RowRefusedError, connected, empty, glimpsed, insert, open_presses, transaction, translated, unusable
from firmware.app.journal_memory import Batch, JournalMemory, Row
from firmware.door.events import Answered, CallMeasured, DoorRecord, HealthChanged, Outcome, PressEnded, PressId, RelayMoved, Ringing
from firmware.errors import JournalError

log = logging.getLogger("portero.journal")

WRITE_LIMIT_S = 2.0  # a visitor waits no longer for a sick memory card: then the door goes on without the row
PENDING_MAX = 64  # writes that may wait for such a card; a busy door has one or two
TRIM_EVERY = 256  # rows between two looks at the bounds; the journal exceeds `rows_max` by no more
QUERY_ROWS_MAX = 1000  # of one query: the answer stays well under a megabyte
LATER = (Ringing, Answered, CallMeasured, RelayMoved)  # what the next row takes along
LATER_S = 2.0  # or this timer
LATER_MAX = 64  # a relay that chatters must not fill the memory
AGAIN_S = 10.0  # between two tries of what waits in memory: people make room on a disk, and no try that fails wears it


class Entry(NamedTuple):
    """One row as read back: `at_s` is seconds since 1970, `kind` the record's class name, `body` its fields as JSON."""

    id: int
    at_s: float
    kind: str
    body: str


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
    ) -> None:
        """Open or create the journal. `clock` gives seconds since 1970; `tell` hears when the file cannot be written, and can again.

        A file that is no journal, or of a newer program, is moved aside to `….broken` and a new one begun; `found_wrong` then says so in a
        sentence. When there can be no journal (no directory, no right to write, no space), `missing` says why and the file is looked for
        again with each row and every AGAIN_S; `found_late` is called when it is there. Without `found_late` JournalError is raised.
        """
        self._path = path
        self._rows_max = rows_max
        self._keep_s = keep_days * 86_400.0
        self._clock = clock
        self._tell = tell
        self._found_late = found_late
        self._since_trim = 0
        self._pending = 0
        self._writing_since_s: float | None = None  # monotonic; set and cleared by the writer
        self._head = Head(row=0, hash=GENESIS)
        self._later: list[Row] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._beside: set[asyncio.Future[tuple[int, ...]]] = set()  # writes that nobody waits for
        self._followers: set[asyncio.Event] = set()
        self._memory = JournalMemory()
        self._failed = ""  # why the last write failed; empty once nothing waits in memory
        self._is_told = False  # that it failed
        self._broken = ""  # why the file must be begun anew
        self._was_found = False
        self.missing = ""
        self.found_wrong = ""
        try:
            with translated(path):
                self._connection = self._opened()
                self._head = self._next_to()
        except JournalError as error:
            if found_late is None:
                raise
            self._connection = empty()
            self.missing = self._failed = str(error)
            self._is_told = True
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    def last_press(self) -> PressId:
        """The highest number that a press ever had here; 0 when there was none. Without the file the clock gives one that it does not have:
        presses come no quicker than seconds."""
        if self.missing:
            return PressId(int(self._clock()))
        with translated(self._path):
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'press'").fetchone()
        return PressId(int(row[0]) if row else 0)

    def close_interrupted(self) -> tuple[PressId, ...]:
        """Give every press without an outcome the outcome `interrupted`; returns these presses. Raises JournalError when that waits now."""
        with translated(self._path):
            presses = open_presses(self._connection)
        self._memory.add(Batch(self._stamped(map(_interrupted, presses)), {}))
        try:
            self._write_all()
        except JournalError:
            self._is_told = True  # whoever called hears of it
            raise
        return presses

    def kept(self, name: str) -> tuple[float, str] | None:
        """What was last kept under this name, and the seconds since then by the wall clock, which may have been set meanwhile.

        Also of a file that can only be read.
        """
        if self.missing:
            seen = glimpsed(self._path, name)
            return None if seen is None else (self._clock() - seen[0], seen[1])
        with translated(self._path):
            row = self._connection.execute("SELECT at_s, body FROM kept WHERE name = ?", (name,)).fetchone()
        return None if row is None else (self._clock() - row[0], row[1])

    @property
    def head(self) -> Head:
        """The end of the chain: noted elsewhere, it makes every later change of what is before it show."""
        return self._head

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
                self._write_all()
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
        self._failed = why
        self._after_write()
        return JournalError(why)

    def _after_write(self) -> None:
        """On the loop, after each write, whatever became of it: who must hear of it, and when to try again."""
        for news in self._followers:
            news.set()
        if self._was_found and self._found_late is not None:
            self._was_found = False
            self._found_late()
        why = self._failed  # the memory may be empty for the moment in which its rows are tried again
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
        wanted = f"AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        order = "DESC" if newest_first else "ASC"
        statement = f"SELECT id, at_s, kind, body FROM record WHERE id > ? AND id < ? {wanted} ORDER BY id {order} LIMIT ?"  # noqa: S608 - no value is put in, only marks

        def read() -> tuple[Entry, ...]:
            with translated(self._path):
                rows = self._connection.execute(statement, (after, before, *kinds, min(limit, QUERY_ROWS_MAX)))
                return tuple(Entry(id=row[0], at_s=row[1], kind=row[2], body=row[3]) for row in rows)

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
        await asyncio.get_running_loop().run_in_executor(self._writer, lambda: self._connection.close())  # the one that is open then
        self._forget("again")
        self._writer.shutdown()

    # --- in the writer's thread, or before it runs -----------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        try:
            return connected(self._path)
        except sqlite3.DatabaseError as error:
            if not unusable(error):
                raise
            return self._begun_anew(str(error))

    def _begun_anew(self, why: str) -> sqlite3.Connection:
        kept = ""
        if self._path.exists() and self._path.stat().st_size > 0:
            aside = self._path.with_name(self._path.name + ".broken")
            self._path.replace(aside)  # what an earlier accident left there is overwritten: at most one such file
            kept = f"it is kept as {aside} and "
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self.found_wrong = f"the journal could not be read ({why}); {kept}a new one begun"
        connection = connected(self._path)
        # Row numbers and the chain go on, or whoever follows would wait for numbers that come again.
        with transaction(connection):
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('record', ?)", (self._head.row,))
            connection.execute("UPDATE anchor SET row = ?, hash = ?", self._head)
        return connection

    def _next_to(self) -> Head:
        """What the next row follows. Row numbers that were given once are not given again, also when somebody has removed their rows."""
        last = head(self._connection)
        return last._replace(row=max(last.row, given_numbers(self._connection)))

    def _write_all(self) -> None:
        """Write everything that waits, in order. What the file does not take now goes on waiting, unless a row itself is at fault.

        A batch that waited beside an earlier one was written with it. Raises JournalError.
        """
        batches = self._memory.take()
        try:
            with translated(self._path):
                if self.missing:
                    batches = self._looked_for(batches)
                self._write_batches(batches)
        except JournalError as error:
            self._failed = str(error)
            self._memory.give_back([batch for batch in batches if not batch.is_done])
            raise
        self._failed = ""

    def _write_batches(self, batches: Sequence[Batch]) -> None:
        """In one transaction; when a row is refused, in one for each, so that no other suffers for it."""
        rows = [row for batch in batches for row in batch.rows]
        kept = {name: body for batch in batches for name, body in batch.kept.items()}
        try:
            numbers = iter(self._put(rows, kept) if rows or kept else ())
        except sqlite3.IntegrityError as error:
            if len(batches) > 1:
                for batch in batches:
                    self._write_batches((batch,))
                return
            batches[0].refused = RowRefusedError(f"{self._path}: the journal refused a row: {error}")
            if batches[0].was_put_off:
                log.error("%s", batches[0].refused)
        else:
            for batch in batches:
                batch.numbers = tuple(islice(numbers, len(batch.rows)))
        for batch in batches:
            self._memory.wrote(batch)

    def _looked_for(self, batches: Sequence[Batch]) -> tuple[Batch, ...]:
        """Open the file that was missing at the start. What the last run has kept there stays until the door has heard of it."""
        connection = self._opened()
        self._connection.close()
        self._connection = connection
        self._head = self._next_to()
        self.missing, self._was_found = "", True
        left = {name for (name,) in connection.execute("SELECT name FROM kept")}
        for batch in batches:
            batch.kept = {name: body for name, body in batch.kept.items() if name not in left}
        return (Batch(self._stamped(map(_interrupted, open_presses(connection))), {}), *batches)

    def _put(self, rows: Sequence[Row], kept: Mapping[str, str]) -> tuple[int, ...]:
        """Write into the file as it is, or into a new one when it cannot be used."""
        if not self._broken and not self._path.exists():
            self._broken = "its file was removed"  # SQLite would go on writing into what no restart finds
        if not self._broken:
            try:
                return self._written(rows, kept)
            except sqlite3.DatabaseError as error:
                if not unusable(error):
                    raise
                self._broken = str(error)
        self._connection.close()
        self._connection = self._begun_anew(self._broken)  # when there is no space for it, the next row tries again
        self._broken = ""
        log.error("%s", self.found_wrong)
        return self._written(rows, kept)

    def _written(self, rows: Sequence[Row], kept: Mapping[str, str]) -> tuple[int, ...]:
        at, now_s = self._head, self._clock()
        with transaction(self._connection):
            for at_s, record in rows:
                at = insert(self._connection, record, at_s, at)
            for name, body in kept.items():
                self._connection.execute("INSERT OR REPLACE INTO kept (name, at_s, body) VALUES (?, ?, ?)", (name, now_s, body))
        numbers = tuple(range(self._head.row + 1, at.row + 1))
        self._head = at
        self._since_trim += len(rows)
        if self._since_trim >= TRIM_EVERY:
            self._since_trim = 0
            with contextlib.suppress(sqlite3.OperationalError):  # the rows are safe; a full disk or a lock is met again next time
                self._trim(now_s)
        return numbers

    def _trim(self, now_s: float) -> None:
        """Forget what is too old or too much, from the beginning and without gaps; the anchor holds the chain. An open press stays."""
        oldest_s = now_s - self._keep_s
        with transaction(self._connection):
            fresh = self._connection.execute("SELECT id FROM record WHERE at_s >= ? ORDER BY id LIMIT 1", (oldest_s,)).fetchone()
            last = max(self._head.row - self._rows_max, self._head.row - 1 if fresh is None else fresh[0] - 1)
            row = self._connection.execute("SELECT id, hash FROM record WHERE id <= ? ORDER BY id DESC LIMIT 1", (last,)).fetchone()
            if row is not None:
                self._connection.execute("UPDATE anchor SET row = ?, hash = ?", row)
                self._connection.execute("DELETE FROM record WHERE id <= ?", (last,))
            self._connection.execute(
                "DELETE FROM press WHERE outcome IS NOT NULL AND"
                " (id <= (SELECT id FROM press ORDER BY id DESC LIMIT 1 OFFSET ?) OR at_s < ?)",
                (self._rows_max, oldest_s),
            )


def _interrupted(press: PressId) -> PressEnded:
    return PressEnded(press=press, outcome=Outcome.INTERRUPTED, detail="the station stopped before this press had its outcome")


def _complain(writing: asyncio.Future[tuple[int, ...]]) -> None:
    error = None if writing.cancelled() else writing.exception()
    if error is not None:
        log.error("not in the journal: %s", error)
