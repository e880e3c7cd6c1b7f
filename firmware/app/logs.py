"""Log lines for people and for journald, and nothing secret in either.

Under systemd each line begins with `<priority>` (sd-daemon(3)), which journald strips and stores; time and unit are journald's business.
In a
terminal a line carries the wall-clock time and the level instead.

Redaction is by type. A log call's arguments may be text, numbers, exceptions and values of this program; a value that knows a secret
hides it in
its own `repr` (`config.secrets`, `sip.agent.Account`). Raw bytes, such as a SIP message, are never written: `_Redacting` shows their
length instead,
because an Authorization header is in them sooner or later.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import TextIO

LINE_LENGTH_MAX = 2000  # characters; journald splits at 48 KiB, a terminal long before, and no sentence of ours needs more

OURS = ("portero", "firmware", "hw")  # libraries speak from WARNING on, whatever the level

_PRIORITY = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}  # syslog(3)


class _Redacting(logging.Formatter):
    """Formats one record; raw bytes among its arguments are replaced by their length, controls by their escapes."""

    def format(self, record: logging.LogRecord) -> str:
        record = logging.makeLogRecord(record.__dict__)
        if isinstance(record.args, Mapping):
            record.args = {key: _shown(value) for key, value in record.args.items()}
        elif record.args:
            record.args = tuple(_shown(value) for value in record.args)
        return super().format(record)


class _Journald(_Redacting):
    """One `<priority>` before every line: journald makes an entry of each, so a traceback keeps its level."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_PRIORITY.get(record.levelno, 6)}>"
        return "\n".join(prefix + _printable(line) for line in super().format(record).splitlines())


class _Terminal(_Redacting):
    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(_printable(line) for line in super().format(record).splitlines())


def _shown(value: object) -> object:
    """One argument of a log call, safe to put into a line."""
    match value:
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case int() | float():
            return value
        case _:
            return _printable(str(value))


def _printable(line: str) -> str:
    """The line without control characters: a peer's display name must not be able to forge a log line or drive a terminal."""
    if not line.isprintable():
        line = "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in line)
    return line if len(line) <= LINE_LENGTH_MAX else line[:LINE_LENGTH_MAX] + " [cut]"


def set_up(environ: Mapping[str, str], *, level: str = "info", stream: TextIO | None = None) -> None:
    """Send the program's log to `stream` (standard error when not given); the form follows from JOURNAL_STREAM (systemd.exec(5))."""
    handler = logging.StreamHandler(stream or sys.stderr)
    if "JOURNAL_STREAM" in environ:
        handler.setFormatter(_Journald("%(name)s: %(message)s"))
    else:
        handler.setFormatter(_Terminal("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for ours in OURS:
        logging.getLogger(ours).setLevel(level.upper())
