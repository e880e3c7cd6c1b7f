"""A daemon killed in the middle of a call: its press gets an outcome at the next start, and the daemon's own process is what is killed."""

from __future__ import annotations

import io
import json
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.app.control.client import EXIT_OK, control
from tests.app.daemon import LIMIT_S, Daemon

CONFIG = """
[network]
bind = "127.0.0.1"
sip_port = 0
[[target]]
name = "anna"
uri = "sip:anna@127.0.0.1:{phone}"
[[button]]
name = "bell"
targets = ["anna"]
[[lock]]
name = "gate"
gpio = 5
[journal]
path = "{folder}/journal.db"
[control]
socket = "{folder}/control"
"""


@contextmanager
def started(folder: Path) -> Iterator[Daemon]:
    """One that listens."""
    with Daemon(folder) as daemon:
        daemon.until_said("ready on SIP port")
        yield daemon


def ask(folder: Path, verb: str, *args: str) -> dict[str, object]:
    out = io.StringIO()
    assert control(folder / "control", verb, args, out) == EXIT_OK, out.getvalue()
    result: dict[str, object] = json.loads(out.getvalue())["result"]
    return result


def outcomes(folder: Path) -> list[str | None]:
    connection = sqlite3.connect(folder / "journal.db")
    rows = connection.execute("SELECT outcome FROM press ORDER BY id").fetchall()
    connection.close()
    return [row[0] for row in rows]


def test_a_press_of_a_killed_daemon_is_interrupted_and_the_next_press_counts_on(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:  # it hears the INVITE and says nothing
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(LIMIT_S)
        (tmp_path / "portero.toml").write_text(CONFIG.format(folder=tmp_path, phone=phone.getsockname()[1]))
        with started(tmp_path) as first:
            assert ask(tmp_path, "press", "bell") == {"press": 1, "button": "bell", "flat": ""}
            assert phone.recv(65535).startswith(b"INVITE sip:anna@127.0.0.1")
            assert first.kill() == -signal.SIGKILL
        assert outcomes(tmp_path) == [None]

        with started(tmp_path) as second:
            assert ask(tmp_path, "press", "bell") == {"press": 2, "button": "bell", "flat": ""}
            second.send(signal.SIGTERM)
            assert second.exit_code() == 0
    assert outcomes(tmp_path) == ["interrupted", "interrupted"]
    assert not (tmp_path / "control").exists()
