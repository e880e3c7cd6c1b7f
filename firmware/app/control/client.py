"""`portero ctl`: one request to a running daemon, its reply on standard output. No event loop: the client's start is most of its time."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from firmware.app.control.protocol import ControlError, Json, request_line

REPLY_TIMEOUT_S = 30.0  # the slowest verb waits for the network: `reinvite` and `unregister`
EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE = 0, 1, 2


def control(path: Path, verb: str, args: tuple[str, ...], out: TextIO | None = None) -> int:
    """Say `verb args` to the daemon at `path` and print the reply, and for `events` each line that follows until the daemon ends.

    Returns 0 when the daemon said ok, 1 when it refused, 2 when there is no daemon to speak to.
    """
    out = out or sys.stdout
    try:
        with _conversation(path, verb, args) as lines:
            reply = next(lines, b"")
            if not reply:
                print("portero ctl: the daemon closed the connection", file=sys.stderr)
                return EXIT_UNREACHABLE
            _show(reply, out)
            if not json.loads(reply)["ok"]:
                return EXIT_REFUSED
            if verb == "events":
                for line in lines:
                    _show(line, out)
    except TimeoutError:
        print(f"portero ctl: no reply within {REPLY_TIMEOUT_S:.0f} s", file=sys.stderr)
        return EXIT_UNREACHABLE
    except _ReaderGoneError:  # `portero ctl events | head`: whoever read us has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter's own last flush must not complain either
        return EXIT_OK
    except OSError as error:
        reason = error.strerror or error
        print(f"portero ctl: cannot speak to {path}: {reason}. Is `portero run` up, and are you its user or root?", file=sys.stderr)
        return EXIT_UNREACHABLE
    return EXIT_OK


def ask(path: Path, verb: str, *args: str, limit_s: float = REPLY_TIMEOUT_S) -> Json:
    """Say `verb args` to the daemon at `path`; its result. Raises ControlError when it refuses, OSError when there is none to speak to."""
    with _conversation(path, verb, args, limit_s) as lines:
        reply: Json = json.loads(next(lines) or "null")
    if not isinstance(reply, dict):
        raise ConnectionResetError(errno.ECONNRESET, "the daemon closed the connection")
    if reply["ok"] is not True:
        raise ControlError(str(reply["error"]), str(reply["text"]))
    return reply["result"]


@contextmanager
def _conversation(path: Path, verb: str, args: tuple[str, ...], limit_s: float = REPLY_TIMEOUT_S) -> Iterator[Iterator[bytes]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(limit_s)
        connection.connect(str(path))
        connection.sendall(request_line(verb, args))
        with connection.makefile("rb") as stream:
            yield _lines(stream, connection)


def _lines(stream: Iterator[bytes], connection: socket.socket) -> Iterator[bytes]:
    yield next(iter(stream), b"")
    connection.settimeout(None)  # events come when they come
    yield from stream


class _ReaderGoneError(Exception):
    """Nobody reads our output any more."""


def _show(line: bytes, out: TextIO) -> None:
    """Write the line. It is ASCII from our daemon; what one says that was broken into moves no cursor of root's terminal."""
    text = line.decode("ascii", "backslashreplace").rstrip("\n")
    try:
        out.write("".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text) + "\n")
        out.flush()
    except BrokenPipeError:
        raise _ReaderGoneError from None
