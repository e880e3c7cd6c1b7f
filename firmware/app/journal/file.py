"""The journal's file: its schema, how it is opened and brought up to date, how a record becomes a row.

The schema enforces what the door promises: one row a press, at most one outcome each. Rows are chained by hashes (`chain`), so that
tampering shows. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from firmware.app.journal.chain import GENESIS, Head, anchor, given_numbers, link
from firmware.door.events import DoorRecord, Pressed, PressEnded, PressId
from firmware.errors import JournalError
from firmware.service_file import sync_directory

SCHEMA_VERSION = 2
BUSY_LIMIT_S = 1.0  # another process (a backup, a reader) may hold the file so long
WAL_PAGES_MAX = 256  # about 1 MB of log between checkpoints: little wear, short recovery
CACHE_KIB = 256  # pages held in memory: rows are added at the end; SQLite's own 2 MB would fill with pages that nobody asks for

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


class RowRefusedError(JournalError):
    """A row broke a promise of the schema, such as a second outcome of a press: trying again would not help."""


class OtherSchemaError(sqlite3.DatabaseError):
    """The file was written by another version of this program."""


def unusable(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is at fault, and not the disk, a lock or a row. Its code is the low byte (sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    return isinstance(error, OtherSchemaError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def connected(path: Path) -> sqlite3.Connection:
    """The database at `path`, created when there is none. Raises sqlite3.Error."""
    if not path.exists():
        path.touch(mode=0o600)  # who came when is private; the log beside the file inherits this mode
    connection = sqlite3.connect(path, timeout=BUSY_LIMIT_S, isolation_level=None, check_same_thread=False)
    with contextlib.ExitStack() as on_error:
        on_error.callback(connection.close)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            sync_directory(path.parent)
        elif version == 1:
            _chain_old_rows(connection)
        elif version != SCHEMA_VERSION:
            raise OtherSchemaError(f"its schema has version {version}, this program knows {SCHEMA_VERSION}")
        connection.execute("SELECT max(id) FROM record").fetchone()
        connection.execute("SELECT max(id) FROM press").fetchone()
        anchor(connection)
        on_error.pop_all()
    return connection


def _chain_old_rows(connection: sqlite3.Connection) -> None:
    """A journal from before the chain: its rows are believed as they are, and chained from now on."""
    with transaction(connection):
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


def glimpsed(path: Path, name: str) -> tuple[float, str] | None:
    """What was last kept under this name, and when, in a file that can be read and no more: on a card that has become read-only, SQLite
    cannot open it as the journal. None when there is nothing to be read.

    `immutable` reads without the log beside the file, should that be out of reach: then it may be a word older than the last.
    """
    for how in ("mode=ro", "mode=ro&immutable=1"):
        with contextlib.suppress(sqlite3.Error):
            with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as connection:
                row = connection.execute("SELECT at_s, body FROM kept WHERE name = ?", (name,)).fetchone()
            return None if row is None else (float(row[0]), str(row[1]))
    return None


def empty() -> sqlite3.Connection:
    """A journal in memory, to be read in place of a file that is not there: nothing is in it."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(SCHEMA)
    return connection


def open_presses(connection: sqlite3.Connection) -> tuple[PressId, ...]:
    """Presses without an outcome."""
    return tuple(PressId(row[0]) for row in connection.execute("SELECT id FROM press WHERE outcome IS NULL ORDER BY id"))


def insert(connection: sqlite3.Connection, record: DoorRecord, at_s: float, before: Head) -> Head:
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
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # after an error, unless SQLite has rolled back already, as for a full disk
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise RowRefusedError(f"{path}: the journal refused a row: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise JournalError(
            f"{path}: the journal cannot be used ({error}); check that the directory exists, is writable and has space"
        ) from error
