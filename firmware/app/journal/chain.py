"""The chain of the journal's rows: each holds a hash of itself and of the row before it, so that a change behind our back shows.

    hash(row) = SHA-256(hash(row before) ‖ "id at_s kind\\n" ‖ body)

The row before the first that is kept is remembered as the anchor, because old rows are forgotten. Row numbers have no gaps, and SQLite
remembers the highest ever given, so rows cut off at the end are missed as well.

What it is worth: whoever changes, removes or adds rows with an ordinary tool is found out. Whoever computes the chain anew is not, unless
its head was noted elsewhere: the service writes it into the system's log at start and at stop, and `portero log verify --head` compares.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from firmware.hashes import sha256

GENESIS = bytes(32)  # before the first row there was nothing


class Head(NamedTuple):
    """The last row and its hash: everything before it follows from it."""

    row: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.row}:{self.hash.hex()}"


class Verdict(NamedTuple):
    """`broken_row` is the first that does not fit, None when all do; `why` is one sentence."""

    rows: int
    head: Head
    broken_row: int | None
    why: str


def link(before: bytes, row: int, at_s: float, kind: str, body: str) -> bytes:
    """The hash of a row. `repr` of a float is exact, and neither it nor a kind holds a space or a line end."""
    return sha256(before + f"{row} {at_s!r} {kind}\n{body}".encode()).digest()


def anchor(connection: sqlite3.Connection) -> Head:
    row, digest = connection.execute("SELECT row, hash FROM anchor").fetchone()
    return Head(row=row, hash=digest)


def head(connection: sqlite3.Connection) -> Head:
    """The last row that is there; the anchor when there is none."""
    found = connection.execute("SELECT id, hash FROM record ORDER BY id DESC LIMIT 1").fetchone()
    return anchor(connection) if found is None else Head(row=found[0], hash=found[1])


def given_numbers(connection: sqlite3.Connection) -> int:
    """The highest row number ever given."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()
    return 0 if found is None else int(found[0])


def examine(connection: sqlite3.Connection, noted: Head | None = None) -> Verdict:
    """Follow the chain from the anchor to its end, and past a head that was noted elsewhere. Reads everything; raises sqlite3.Error."""
    before, rows = anchor(connection), 0
    if noted is not None and noted.row < before.row:
        noted = None  # it was forgotten with its rows; nothing can be said about it
    for row, at_s, kind, body, digest in connection.execute("SELECT id, at_s, kind, body, hash FROM record ORDER BY id"):
        if row != before.row + 1:
            return Verdict(rows=rows, head=before, broken_row=before.row + 1, why=f"rows {before.row + 1} to {row - 1} are missing")
        if digest != link(before.hash, row, at_s, kind, body):
            return Verdict(rows=rows, head=before, broken_row=row, why="it was changed, or a row before it was replaced")
        before, rows = Head(row=row, hash=digest), rows + 1
        if noted is not None and noted.row == row and noted.hash != digest:
            return Verdict(rows=rows, head=before, broken_row=row, why="it is not the row whose hash was noted")
    given = max(given_numbers(connection), 0 if noted is None else noted.row)
    if given > before.row:
        return Verdict(rows=rows, head=before, broken_row=before.row + 1, why=f"rows {before.row + 1} to {given} are missing at the end")
    return _presses_fit(connection, Verdict(rows=rows, head=before, broken_row=None, why=""))


def _presses_fit(connection: sqlite3.Connection, verdict: Verdict) -> Verdict:
    """The table of presses must say the same as their records, which the chain protects."""
    found = connection.execute(
        "SELECT record.id FROM record LEFT JOIN press ON press.id = json_extract(body, '$.press')"
        " WHERE kind = 'PressEnded' AND press.outcome IS NOT json_extract(body, '$.outcome') AND press.id IS NOT NULL LIMIT 1"
    ).fetchone()
    if found is None:
        return verdict
    return verdict._replace(broken_row=found[0], why="the table of presses tells another outcome")
