"""The journal: every record of the door, in SQLite, durable before the station goes on.

One thread of its own writes, so that a slow card never holds up the event loop. What `append` has returned survives a power cut: the
database is in WAL mode with `synchronous=FULL`, which syncs the log at every commit (https://sqlite.org/pragma.html#pragma_synchronous).

The schema enforces what the door promises: one row a press, at most one outcome each. A press that has none at start was interrupted.
Rows are chained by hashes (`journal_chain`), so that tampering shows.

What nobody needs at once, such as a relay that has moved, is written with the next row that matters, or LATER_S later: each transaction
wears the memory card by its pages, however small the row. A power cut may cost such rows, and no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from firmware.app.journal_chain import GENESIS, Head, anchor, given_numbers, head, link
from firmware.door.events import Answered, DoorRecord, Outcome, Pressed, PressEnded, PressId, RelayMoved, Ringing
from firmware.errors import JournalError

log = logging.getLogger("portero.journal")

SCHEMA_VERSION = 2
WRITE_LIMIT_S = 2.0  # a visitor waits no longer for a sick memory card: then the door goes on without the row
PENDING_MAX = 64  # writes that may wait for such a card; a busy door has one or two
BUSY_LIMIT_S = 1.0  # another process (a backup, a reader) may hold the file so long
TRIM_EVERY = 256  # rows between two looks at the bounds; the journal exceeds `rows_max` by no more
QUERY_ROWS_MAX = 1000  # of one query: the answer stays well under a megabyte
WAL_PAGES_MAX = 256  # about 1 MB of log between checkpoints: little wear, short recovery
LATER = (Ringing, Answered, RelayMoved)  # what the next row takes along
LATER_S = 2.0  # or this timer
LATER_MAX = 64  # a relay that chatters must not fill the memory

# A record row holds the record as JSON. Presses stand in a table of their own, so that the file itself refuses a second outcome. `kept`
# holds what must outlive the process and is no history. There is no index: each would cost every transaction one more page.
SCHEMA = """
CREATE TABLE record (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_s REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE TABLE press (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_s REAL NOT NULL,
    button TEXT NOT NULL,
    outcome TEXT,
    ended_at_s REAL,
    CHECK ((outcome IS NULL) = (ended_at_s IS NULL))
) STRICT;
CREATE INDEX press_open ON press (id) WHERE outcome IS NULL;
CREATE TRIGGER press_one_outcome BEFORE UPDATE OF outcome ON press WHEN OLD.outcome IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'this press has its outcome'); END;
CREATE TABLE anchor (row INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
INSERT INTO anchor VALUES (0, zeroblob(32));
CREATE TABLE kept (name TEXT PRIMARY KEY, at_s REAL NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


Stamped = tuple[float | None, DoorRecord]  # with the time at which it happened; None: when it is written


class Entry(NamedTuple):
    """One row as read back: `at_s` is seconds since 1970, `kind` the record's class name, `body` its fields as JSON."""

    id: int
    at_s: float
    kind: str
    body: str


class Journal:
    """An open journal. `open`, `last_press` and `close_interrupted` block and are for the start; the others belong to one event loop."""

    def __init__(self, path: Path, *, rows_max: int, keep_days: float, clock: Callable[[], float] = time.time) -> None:
        """Open or create the journal. `clock` gives seconds since 1970.

        A file that is no journal, or of a newer program, is moved aside to `….broken` and a new one begun; `found_wrong` then says so in a
        sentence. Raises JournalError when there can be no journal: no directory, no right to write, no space.
        """
        self._path = path
        self._rows_max = rows_max
        self._keep_s = keep_days * 86_400.0
        self._clock = clock
        self._since_trim = 0
        self._pending = 0
        self._writing_since_s: float | None = None  # monotonic; set and cleared by the writer
        self._head = Head(row=0, hash=GENESIS)
        self._later: list[Stamped] = []
        self._later_timer: asyncio.TimerHandle | None = None
        self._writing_later: set[asyncio.Future[tuple[int, ...]]] = set()
        self._followers: set[asyncio.Event] = set()
        self._broken = ""  # why the file must be begun anew
        self.found_wrong = ""
        with _translated(path):
            self._connection = self._opened()
            self._head = self._next_to()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    def last_press(self) -> PressId:
        """The highest number that a press ever had here; 0 when there was none."""
        with _translated(self._path):
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'press'").fetchone()
        return PressId(int(row[0]) if row else 0)

    def close_interrupted(self) -> tuple[PressId, ...]:
        """Give every press without an outcome the outcome `interrupted`; returns these presses."""
        with _translated(self._path), _transaction(self._connection):
            rows = self._connection.execute("SELECT id FROM press WHERE outcome IS NULL ORDER BY id").fetchall()
            presses = tuple(PressId(row[0]) for row in rows)
            for press in presses:
                ended = PressEnded(press=press, outcome=Outcome.INTERRUPTED, detail="the station stopped before this press had its outcome")
                self._head = _insert(self._connection, ended, self._clock(), self._head)
        return presses

    def kept(self, name: str) -> tuple[float, str] | None:
        """What was last kept under this name, and the seconds since then by the wall clock, which may have been set meanwhile."""
        with _translated(self._path):
            row = self._connection.execute("SELECT at_s, body FROM kept WHERE name = ?", (name,)).fetchone()
        return None if row is None else (self._clock() - row[0], row[1])

    @property
    def head(self) -> Head:
        """The end of the chain: noted elsewhere, it makes every later change of what is before it show."""
        return self._head

    async def append(self, *records: DoorRecord, kept: Mapping[str, str] | None = None) -> tuple[int, ...]:
        """Write the records in one transaction, and texts to be kept; returns the rows' numbers once they are durable.

        Records that can wait (LATER) return at once and without numbers. What waits from before is written first.

        Raises JournalError when they could not be written, or not within WRITE_LIMIT_S (then they may still appear), and at once while an
        earlier write hangs: the door works on, and waits for a sick memory card only once.
        """
        if not kept and records and len(self._later) < LATER_MAX and all(isinstance(record, LATER) for record in records):
            at_s = self._clock()
            self._later += ((at_s, record) for record in records)
            if self._later_timer is None:
                self._later_timer = asyncio.get_running_loop().call_later(LATER_S, self._begin_later)
            return ()
        rows = await self._durable([*self._taken_later(), *((None, record) for record in records)], kept or {})
        return rows[len(rows) - len(records) :]

    def _taken_later(self) -> list[Stamped]:
        if self._later_timer is not None:
            self._later_timer.cancel()
            self._later_timer = None
        taken, self._later = self._later, []
        return taken

    def _begin_later(self) -> None:
        writing = asyncio.ensure_future(self._durable(self._taken_later(), {}))
        self._writing_later.add(writing)
        writing.add_done_callback(self._later_written)

    def _later_written(self, writing: asyncio.Future[tuple[int, ...]]) -> None:
        self._writing_later.discard(writing)
        error = None if writing.cancelled() else writing.exception()
        if error is not None:
            log.error("not in the journal: %s", error)

    async def _durable(self, rows: Sequence[Stamped], kept: Mapping[str, str]) -> tuple[int, ...]:
        since_s = self._writing_since_s
        if since_s is not None and time.monotonic() - since_s >= WRITE_LIMIT_S:
            raise JournalError(f"{self._path}: an earlier write has not ended; check the memory card")
        if self._pending >= PENDING_MAX:
            raise JournalError(f"{self._path}: {PENDING_MAX} writes wait already; check the memory card")
        loop = asyncio.get_running_loop()

        def write() -> tuple[int, ...]:
            self._writing_since_s = time.monotonic()
            try:
                return self._append(rows, kept)
            finally:
                self._writing_since_s = None
                loop.call_soon_threadsafe(self._tell_followers)

        self._pending += 1
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._writer, write), WRITE_LIMIT_S)
        except TimeoutError as error:
            raise JournalError(f"{self._path}: writing took longer than {WRITE_LIMIT_S:g} s; check the memory card") from error
        finally:
            self._pending -= 1

    async def query(self, *, after: int = 0, kinds: Sequence[str] = (), newest_first: bool = False, limit: int = 100) -> tuple[Entry, ...]:
        """Rows with a number above `after`, of these kinds (none: all), at most `limit` and QUERY_ROWS_MAX. Raises JournalError."""
        wanted = f"AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        order = "DESC" if newest_first else "ASC"
        statement = f"SELECT id, at_s, kind, body FROM record WHERE id > ? {wanted} ORDER BY id {order} LIMIT ?"  # noqa: S608 - no value is put in, only marks

        def read() -> tuple[Entry, ...]:
            with _translated(self._path):
                rows = self._connection.execute(statement, (after, *kinds, min(limit, QUERY_ROWS_MAX)))
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
        if self._later:
            with contextlib.suppress(JournalError):  # the others said so already
                await self._durable(self._taken_later(), {})
        await asyncio.get_running_loop().run_in_executor(self._writer, self._connection.close)
        self._writer.shutdown()

    def _tell_followers(self) -> None:
        for news in self._followers:
            news.set()

    # --- in the writer's thread, or before it runs -----------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        try:
            return _connected(self._path)
        except sqlite3.DatabaseError as error:
            if not _unusable(error):
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
        connection = _connected(self._path)
        # Row numbers and the chain go on, or whoever follows would wait for numbers that come again.
        with _transaction(connection):
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('record', ?)", (self._head.row,))
            connection.execute("UPDATE anchor SET row = ?, hash = ?", self._head)
        return connection

    def _next_to(self) -> Head:
        """What the next row follows. Row numbers that were given once are not given again, also when somebody has removed their rows."""
        last = head(self._connection)
        return last._replace(row=max(last.row, given_numbers(self._connection)))

    def _append(self, rows: Sequence[Stamped], kept: Mapping[str, str]) -> tuple[int, ...]:
        with _translated(self._path):
            if not self._broken and not self._path.exists():
                self._broken = "its file was removed"  # SQLite would go on writing into what no restart finds
            if not self._broken:
                try:
                    return self._written(rows, kept)
                except sqlite3.DatabaseError as error:
                    if not _unusable(error):
                        raise
                    self._broken = str(error)
            self._connection.close()
            self._connection = self._begun_anew(self._broken)  # when there is no space for it, the next row tries again
            self._broken = ""
            log.error("%s", self.found_wrong)
            return self._written(rows, kept)

    def _written(self, rows: Sequence[Stamped], kept: Mapping[str, str]) -> tuple[int, ...]:
        at, now_s = self._head, self._clock()
        with _transaction(self._connection):
            for at_s, record in rows:
                at = _insert(self._connection, record, now_s if at_s is None else at_s, at)
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
        with _transaction(self._connection):
            fresh = self._connection.execute("SELECT id FROM record WHERE at_s >= ? ORDER BY id LIMIT 1", (oldest_s,)).fetchone()
            last = max(self._head.row - self._rows_max, self._head.row - 1 if fresh is None else fresh[0] - 1)
            row = self._connection.execute("SELECT id, hash FROM record WHERE id <= ? ORDER BY id DESC LIMIT 1", (last,)).fetchone()
            if row is not None:
                self._connection.execute("UPDATE anchor SET row = ?, hash = ?", row)
                self._connection.execute("DELETE FROM record WHERE id <= ?", (last,))
            self._connection.execute(
                "DELETE FROM press WHERE outcome IS NOT NULL AND (id <= (SELECT max(id) FROM press) - ? OR at_s < ?)",
                (self._rows_max, oldest_s),
            )


class _OtherSchemaError(sqlite3.DatabaseError):
    """The file was written by another version of this program."""


def _unusable(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is at fault, and not the disk, a lock or a row. Its code is the low byte (sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    return isinstance(error, _OtherSchemaError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _connected(path: Path) -> sqlite3.Connection:
    """The database at `path`, created when there is none. Raises sqlite3.Error."""
    path.touch(mode=0o600)  # who came when is private; the log beside the file inherits this mode
    connection = sqlite3.connect(path, timeout=BUSY_LIMIT_S, isolation_level=None, check_same_thread=False)
    with contextlib.ExitStack() as on_error:
        on_error.callback(connection.close)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            _sync_directory(path.parent)
        elif version == 1:
            _chain_old_rows(connection)
        elif version != SCHEMA_VERSION:
            raise _OtherSchemaError(f"its schema has version {version}, this program knows {SCHEMA_VERSION}")
        connection.execute("SELECT max(id) FROM record").fetchone()
        connection.execute("SELECT max(id) FROM press").fetchone()
        anchor(connection)
        on_error.pop_all()
    return connection


def _chain_old_rows(connection: sqlite3.Connection) -> None:
    """A journal from before the chain: its rows are believed as they are, and chained from now on."""
    with _transaction(connection):
        for statement in (
            "DROP INDEX record_at",
            "DROP INDEX record_kind",
            "ALTER TABLE record ADD COLUMN hash BLOB NOT NULL DEFAULT x''",
            "CREATE TABLE anchor (row INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
            "CREATE TABLE kept (name TEXT PRIMARY KEY, at_s REAL NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID",
        ):
            connection.execute(statement)
        rows = connection.execute("SELECT id, at_s, kind, body FROM record ORDER BY id").fetchall()
        before = GENESIS
        connection.execute("INSERT INTO anchor VALUES (?, ?)", (rows[0][0] - 1 if rows else given_numbers(connection), before))
        for row, at_s, kind, body in rows:
            before = link(before, row, at_s, kind, body)
            connection.execute("UPDATE record SET hash = ? WHERE id = ?", (before, row))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _sync_directory(directory: Path) -> None:
    """Make the new file's name durable as well."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _insert(connection: sqlite3.Connection, record: DoorRecord, at_s: float, before: Head) -> Head:
    kind, body = encoded(record)
    if isinstance(record, Pressed):
        connection.execute("INSERT INTO press (id, at_s, button) VALUES (?, ?, ?)", (record.press, at_s, record.button))
    elif isinstance(record, PressEnded):
        # A press whose row could not be written keeps its one outcome all the same.
        connection.execute(
            "INSERT INTO press (id, at_s, button, outcome, ended_at_s) VALUES (?, ?, '', ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome, ended_at_s = excluded.ended_at_s",
            (record.press, at_s, record.outcome.name.lower(), at_s),
        )
    row = before.row + 1
    digest = link(before.hash, row, at_s, kind, body)
    connection.execute("INSERT INTO record (id, at_s, kind, body, hash) VALUES (?, ?, ?, ?, ?)", (row, at_s, kind, body, digest))
    return Head(row=row, hash=digest)


def encoded(record: DoorRecord) -> tuple[str, str]:
    """A record's kind and its fields as one line of JSON; an enum member is its name in lower case."""
    plain = {name: value.name.lower() if isinstance(value, Enum) else value for name, value in record._asdict().items()}
    return type(record).__name__, json.dumps(plain, ensure_ascii=False)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # after an error, unless SQLite has rolled back already, as for a full disk
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise JournalError(f"{path}: the journal refused a row: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise JournalError(
            f"{path}: the journal cannot be used ({error}); check that the directory exists, is writable and has space"
        ) from error
