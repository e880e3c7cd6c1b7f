"""The daemon as the service manager meets it: READY, WATCHDOG, RELOADING, STOPPING, and exit codes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0

CONFIG = """
[network]
bind = "127.0.0.1"
sip_port = {port}
[[lock]]
name = "gate"
gpio = 5
[journal]
path = "{folder}/journal.db"
[control]
socket = "{folder}/control"
"""


class Manager:
    """A service manager: its notification socket, and one daemon under it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "portero.toml"
        self.configure(folder)
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(LIMIT_S)
        self.daemon: subprocess.Popen[bytes] | None = None

    def configure(self, folder: Path, port: int = 0) -> None:
        self.config.write_text(CONFIG.format(folder=folder, port=port))

    def start(self, **environ: str) -> None:
        command = [sys.executable, "-m", "firmware", "run", "--simulate", "--config", str(self.config)]
        everything = {**os.environ, "NOTIFY_SOCKET": str(self._folder / "notify"), **environ}
        with (self._folder / "log").open("w") as log:
            self.daemon = subprocess.Popen(command, cwd=ROOT, env=everything, stderr=log)

    def told(self, wanted: str) -> str:
        """The next message that begins so; those before it are passed over."""
        while True:
            message = self._socket.recv(4096).decode()
            if message.startswith(wanted):
                return message

    def send(self, number: int) -> None:
        assert self.daemon is not None
        self.daemon.send_signal(number)

    def wait(self) -> int:
        assert self.daemon is not None
        return self.daemon.wait(LIMIT_S)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def close(self) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


def test_ready_watchdog_and_stopping_are_told_and_a_broken_file_is_not_reloaded(manager: Manager) -> None:
    manager.start(WATCHDOG_USEC="100000")
    assert manager.told("READY=1") == "READY=1\nSTATUS=no account; idle"
    for _ in range(3):
        manager.told("WATCHDOG=1")
    manager.config.write_text("[network]\nsip_prot = 5060\n")
    manager.send(signal.SIGHUP)
    manager.told("WATCHDOG=1")
    manager.send(signal.SIGTERM)
    manager.told("STOPPING=1")
    assert manager.wait() == 0
    assert "not reloaded" in manager.log
    assert "network.sip_prot" in manager.log


def test_a_file_that_an_editor_has_just_emptied_is_not_reloaded(manager: Manager) -> None:
    manager.start(WATCHDOG_USEC="100000")
    manager.told("READY=1")
    manager.config.write_text("")
    manager.send(signal.SIGHUP)
    for _ in range(3):
        manager.told("WATCHDOG=1")
    manager.send(signal.SIGTERM)
    manager.told("STOPPING=1")
    assert manager.wait() == 0
    assert "says nothing" in manager.log
    assert "reloading" not in manager.log


def test_a_reload_begins_anew_in_the_same_process(manager: Manager, tmp_path: Path) -> None:
    manager.start()
    manager.told("READY=1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    manager.configure(tmp_path, port)
    manager.send(signal.SIGHUP)
    manager.told("RELOADING=1")
    manager.told("READY=1")
    assert f"ready on SIP port {port}" in manager.log
    manager.send(signal.SIGINT)
    assert manager.wait() == 0


def test_a_port_that_is_taken_is_said_in_words(manager: Manager, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        manager.configure(tmp_path, port)
        manager.start()
        assert manager.wait() == 1
    assert str(port) in manager.log
    assert "Traceback" not in manager.log
