"""The journal's file while it is open: what the one thread that writes does there, and what is read before that thread runs.

Everything here blocks. What cannot be written, because the disk is full or the file is not there yet, goes back into the memory and is
written when that has ended.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from firmware.app.journal.chain import GENESIS, Head, given_numbers, head
from firmware.app.journal.file import RowRefusedError, connected, empty, glimpsed, insert, open_presses, transaction, translated, unusable
from firmware.app.journal.memory import Batch, JournalMemory, Row
from firmware.door.events import Outcome, PressEnded, PressId
from firmware.errors import JournalError

log = logging.getLogger("portero.journal")

TRIM_EVERY = 256  # rows between two looks at the bounds; the journal exceeds `rows_max` by no more
QUERY_ROWS_MAX = 1000  # of one query: the answer stays well under a megabyte


class Entry(NamedTuple):
    """One row as read back: `at_s` is seconds since 1970, `kind` the record's class name, `body` its fields as JSON."""

    id: int
    at_s: float
    kind: str
    body: str


class JournalStore:
    """The open file, and the end of its chain. Belongs to the thread that writes, once that runs.

    `failed`: why the last write failed, '' once nothing waits. `missing`: why there is no file. `found_wrong`: why it was begun anew.
    """

    def __init__(self, path: Path, *, rows_max: int, keep_s: float, clock: Callable[[], float], memory: JournalMemory) -> None:
        self._path = path
        self._rows_max = rows_max
        self._keep_s = keep_s
        self._clock = clock
        self._memory = memory
        self._since_trim = 0
        self._broken = ""  # why the file must be begun anew
        self._was_found = False
        self._connection = empty()
        self.head = Head(row=0, hash=GENESIS)
        self.failed = ""
        self.missing = ""
        self.found_wrong = ""

    def open(self) -> None:
        """Open or create the file. Raises JournalError when there can be none; the store then works without, and looks for it."""
        try:
            with translated(self._path):
                self._use(self._opened())
        except JournalError as error:
            self._connection.close()
            self._connection = empty()
            self.missing = self.failed = str(error)
            raise

    def close(self) -> None:
        """The file that is open then."""
        self._connection.close()

    def was_found(self) -> bool:
        """Whether the file that was missing has been found since this was asked last."""
        found, self._was_found = self._was_found, False
        return found

    # --- reading ----------------------------------------------------------------------------------------------------------

    def last_press(self) -> PressId:
        """The highest number that a press ever had here; 0 when there was none. Without the file the clock gives one that it does not have:
        presses come no quicker than seconds."""
        if self.missing:
            return PressId(int(self._clock()))
        with translated(self._path):
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'press'").fetchone()
        return PressId(int(row[0]) if row else 0)

    def open_presses(self) -> tuple[PressId, ...]:
        """Presses without an outcome. Raises JournalError."""
        with translated(self._path):
            return open_presses(self._connection)

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

    def rows(self, *, after: int, before: int, kinds: Sequence[str], newest_first: bool, limit: int) -> tuple[Entry, ...]:
        """As `Journal.query`. Raises JournalError."""
        wanted = f"AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        order = "DESC" if newest_first else "ASC"
        statement = f"SELECT id, at_s, kind, body FROM record WHERE id > ? AND id < ? {wanted} ORDER BY id {order} LIMIT ?"  # noqa: S608 - no value is put in, only marks
        with translated(self._path):
            found = self._connection.execute(statement, (after, before, *kinds, min(limit, QUERY_ROWS_MAX)))
            return tuple(Entry(id=row[0], at_s=row[1], kind=row[2], body=row[3]) for row in found)

    # --- the file, as it is or begun anew ---------------------------------------------------------------------------------

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
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('record', ?)", (self.head.row,))
            connection.execute("UPDATE anchor SET row = ?, hash = ?", self.head)
        return connection

    def _use(self, connection: sqlite3.Connection) -> None:
        """From now on. Row numbers that were given once are not given again, also when somebody has removed their rows."""
        self._connection.close()
        self._connection = connection
        last = head(connection)
        self.head = last._replace(row=max(last.row, given_numbers(connection)))

    # --- writing ----------------------------------------------------------------------------------------------------------

    def interruptions(self, presses: Sequence[PressId]) -> Batch:
        """The outcome `interrupted` for these presses, to be written."""
        detail = "the station stopped before this press had its outcome"
        at_s = self._clock()
        return Batch([(at_s, PressEnded(press=press, outcome=Outcome.INTERRUPTED, detail=detail)) for press in presses], {})

    def write_all(self) -> None:
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
            self.failed = str(error)
            self._memory.give_back([batch for batch in batches if not batch.is_done])
            raise
        self.failed = ""

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
        self._use(self._opened())
        self.missing, self._was_found = "", True
        left = {name for (name,) in self._connection.execute("SELECT name FROM kept")}
        for batch in batches:
            batch.kept = {name: body for name, body in batch.kept.items() if name not in left}
        return (self.interruptions(open_presses(self._connection)), *batches)

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
        at, now_s = self.head, self._clock()
        with transaction(self._connection):
            for at_s, record in rows:
                at = insert(self._connection, record, at_s, at)
            for name, body in kept.items():
                self._connection.execute("INSERT OR REPLACE INTO kept (name, at_s, body) VALUES (?, ?, ?)", (name, now_s, body))
        numbers = tuple(range(self.head.row + 1, at.row + 1))
        self.head = at
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
            last = max(self.head.row - self._rows_max, self.head.row - 1 if fresh is None else fresh[0] - 1)
            row = self._connection.execute("SELECT id, hash FROM record WHERE id <= ? ORDER BY id DESC LIMIT 1", (last,)).fetchone()
            if row is not None:
                self._connection.execute("UPDATE anchor SET row = ?, hash = ?", row)
                self._connection.execute("DELETE FROM record WHERE id <= ?", (last,))
            self._connection.execute(
                "DELETE FROM press WHERE outcome IS NOT NULL AND"
                " (id <= (SELECT id FROM press ORDER BY id DESC LIMIT 1 OFFSET ?) OR at_s < ?)",
                (self._rows_max, oldest_s),
            )
