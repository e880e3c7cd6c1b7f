"""`portero log`: read the journal, filter it, follow it, export it, and look whether somebody has changed it.

Reads the file itself, so it works while the daemon runs and when it does not; nothing here writes.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from firmware.app.journal.chain import Head, examine
from firmware.errors import JournalError, PorteroError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

FOLLOW_EVERY_S = 0.5
PAGE_ROWS = 1000  # read at a time: a follower must not hold the file, nor its memory the whole journal
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Wanted(NamedTuple):
    """Which rows: times in seconds since 1970, kinds of records, the number of a press. None and empty: all."""

    since_s: float | None = None
    until_s: float | None = None
    kinds: tuple[str, ...] = ()
    press: int | None = None


class Row(NamedTuple):
    """One row of the journal; `fields` are those of the record."""

    id: int
    at_s: float
    kind: str
    fields: dict[str, object]


def add_log_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `log` to the command line; returns its parser for further options."""
    log = commands.add_parser("log", help="read, follow, export and verify the journal")
    log.add_argument("action", nargs="?", choices=("show", "verify"), default="show", help="verify: follow the chain of hashes")
    log.add_argument("--journal", type=Path, metavar="FILE", help="this journal instead of that of the configuration")
    log.add_argument("--since", metavar="TIME", help="2026-12-24T18:00, or 90m, 12h, 7d before now")
    log.add_argument("--until", metavar="TIME", help="the same")
    log.add_argument(
        "--kind", action="append", default=[], metavar="KIND", help="Pressed, Unlocked, CodeRefused …; may stand several times"
    )
    log.add_argument("--press", type=int, metavar="N", help="what belongs to this press")
    log.add_argument("--follow", action="store_true", help="go on with each new row")
    log.add_argument(
        "--format", choices=("text", "json", "csv", "sheet"), default="text", help="json: one object a line; sheet: for a spreadsheet"
    )
    log.add_argument("--head", metavar="ROW:HASH", help="with verify: the end of the chain as it was noted earlier")
    log.set_defaults(command=run)
    return log


def run(options: argparse.Namespace) -> int:
    """The command; returns the exit code."""
    try:
        with contextlib.closing(opened(options.journal or _configured(options.config))) as connection:
            if options.action == "verify":
                return _verify(connection, None if options.head is None else head_of(options.head), sys.stdout)
            now_s = time.time()
            wanted = Wanted(
                since_s=None if options.since is None else time_of(options.since, now_s),
                until_s=None if options.until is None else time_of(options.until, now_s),
                kinds=tuple(options.kind),
                press=options.press,
            )
            show(rows(connection, wanted, follow=options.follow), options.format, sys.stdout)
    except PorteroError as error:
        print(error, file=sys.stderr)
        return 2
    except sqlite3.Error as error:
        print(f"the journal cannot be read: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # the way to end --follow
        pass
    except BrokenPipeError:  # `portero log | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _configured(config: Path) -> Path:
    from firmware.config.load import load

    return Path(load(config, outside_service=True).journal.path)


def opened(path: Path) -> sqlite3.Connection:
    """The journal for reading. Raises JournalError when there is none, or one of another version."""
    if not path.exists():
        raise JournalError(f"{path}: there is no journal; name it with --journal")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("SELECT row FROM anchor").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise JournalError(f"{path}: this is no journal that this program reads ({error})") from error
    return connection


def rows(connection: sqlite3.Connection, wanted: Wanted, *, follow: bool = False) -> Iterator[Row]:
    """The wanted rows in order, page by page; with `follow` without end."""
    calls = _calls_of(connection, wanted.press) if wanted.press is not None else set()
    conditions = ["id > ?", *(["at_s >= ?"] if wanted.since_s is not None else []), *(["at_s <= ?"] if wanted.until_s is not None else [])]
    if wanted.kinds:
        conditions.append(f"kind IN ({','.join('?' * len(wanted.kinds))})")
    statement = f"SELECT id, at_s, kind, body FROM record WHERE {' AND '.join(conditions)} ORDER BY id LIMIT {PAGE_ROWS}"  # noqa: S608 - no value is put in, only marks
    bounds = [bound for bound in (wanted.since_s, wanted.until_s) if bound is not None]
    after = 0
    while True:
        page = connection.execute(statement, (after, *bounds, *wanted.kinds)).fetchall()
        for row, at_s, kind, body in page:
            after = row
            found = Row(id=row, at_s=at_s, kind=kind, fields=json.loads(body))
            if wanted.press is None or _belongs(found, wanted.press, calls):
                yield found
        if not page:
            if not follow:
                return
            time.sleep(FOLLOW_EVERY_S)


def _calls_of(connection: sqlite3.Connection, press: int) -> set[object]:
    statement = "SELECT json_extract(body, '$.call') FROM record WHERE kind = 'CallPlaced' AND json_extract(body, '$.press') = ?"
    return {call for (call,) in connection.execute(statement, (press,))}


def _belongs(row: Row, press: int, calls: set[object]) -> bool:
    """A press's own rows, and those of the calls that were placed for it, also of calls that began while we follow."""
    if row.fields.get("press") == press:
        calls.add(row.fields.get("call"))
        calls.discard(None)
        return True
    return row.fields.get("call") in calls


def show(found: Iterator[Row], form: str, out: TextIO) -> None:
    """Write the rows as text, JSON lines, CSV or a sheet for people."""
    if form == "sheet":
        from firmware.app.journal.sheet import write_sheet

        write_sheet(found, out)
        return
    if form == "csv":
        writer = csv.writer(out)
        writer.writerow(("row", "at", "kind", "record"))
        for row in found:  # what a caller calls himself must not run in a spreadsheet, also in one that divides at semicolons
            writer.writerow((row.id, _time(row), row.kind, json.dumps(row.fields, ensure_ascii=False).replace(";", "\\u003b")))
            out.flush()
        return
    for row in found:
        if form == "json":
            print(
                json.dumps({"row": row.id, "at": _time(row), "at_s": row.at_s, "kind": row.kind, **_apart(row.fields)}),
                file=out,
                flush=True,
            )
        else:
            words = " ".join(f"{name}={value}" for name, value in row.fields.items() if value not in (None, ""))
            print(f"{row.id:>7}  {_time(row)}  {printable(row.kind):<14} {printable(words)}", file=out, flush=True)


def _apart(fields: dict[str, object]) -> dict[str, object]:
    """The record's fields; one that is called like a column of ours gets a mark."""
    return {f"{name}_" if name in ("row", "at", "at_s", "kind") else name: value for name, value in fields.items()}


def _time(row: Row) -> str:
    return datetime.fromtimestamp(row.at_s).astimezone().isoformat(timespec="milliseconds")


def printable(text: str) -> str:
    """Names come from the network: nothing in them may move the cursor of a terminal."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def time_of(text: str, now_s: float) -> float:
    """A time as a person writes it, in seconds since 1970. Raises JournalError."""
    ago = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if ago:
        return now_s - int(ago[1]) * UNITS_S[ago[2]]
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise JournalError(f"{text!r} is no time; write 2026-12-24T18:00, or 90m, 12h, 7d before now") from None


def head_of(text: str) -> Head:
    """What `verify` and the service's log have shown as the head. Raises JournalError."""
    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text)
    if found is None:
        raise JournalError(f"{text!r} is no head; give it as verify has shown it: ROW:HASH")
    return Head(row=int(found[1]), hash=bytes.fromhex(found[2]))


def _verify(connection: sqlite3.Connection, noted: Head | None, out: TextIO) -> int:
    """0: the chain holds; 1: the first row that does not fit is named."""
    verdict = examine(connection, noted)
    if verdict.broken_row is not None:
        print(f"broken at row {verdict.broken_row}: {verdict.why}; the {verdict.rows} rows before it hold together", file=out)
        return 1
    print(f"{verdict.rows} rows hold together; head {verdict.head}", file=out)
    return 0
