"""A daemon killed in the middle of a call: its press gets an outcome at the next start, and the daemon's own process is what is killed."""

from __future__ import annotations

import io
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from firmware.app.control.client import EXIT_OK, control

ROOT = Path(__file__).resolve().parents[2]
START_S_MAX = 60.0

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


def daemon(folder: Path) -> subprocess.Popen[bytes]:
    """Start it and wait until it listens."""
    command = [sys.executable, "-m", "firmware", "run", "--simulate", "--config", str(folder / "portero.toml")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    deadline_s = time.monotonic() + START_S_MAX
    assert process.stderr is not None
    while time.monotonic() < deadline_s:
        line = process.stderr.readline()
        if b"ready" in line or not line:
            break
    assert process.poll() is None
    return process


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


def end(process: subprocess.Popen[bytes], number: int) -> int:
    process.send_signal(number)
    assert process.stderr is not None
    process.stderr.read()
    process.stderr.close()
    return process.wait(60)


def test_a_press_of_a_killed_daemon_is_interrupted_and_the_next_press_counts_on(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:  # it hears the INVITE and says nothing
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(START_S_MAX)
        (tmp_path / "portero.toml").write_text(CONFIG.format(folder=tmp_path, phone=phone.getsockname()[1]))
        first = daemon(tmp_path)
        assert ask(tmp_path, "press", "bell") == {"press": 1, "button": "bell"}
        assert phone.recv(65535).startswith(b"INVITE sip:anna@127.0.0.1")
        assert end(first, signal.SIGKILL) == -signal.SIGKILL
        assert outcomes(tmp_path) == [None]

        second = daemon(tmp_path)
        assert ask(tmp_path, "press", "bell") == {"press": 2, "button": "bell"}
        assert end(second, signal.SIGTERM) == 0
    assert outcomes(tmp_path) == ["interrupted", "interrupted"]
    assert not (tmp_path / "control").exists()
