"""The daemon as the service manager meets it: READY, WATCHDOG, RELOADING, STOPPING, and exit codes."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.app.daemon import Daemon
from tests.ports import free_port

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
WATCHDOG_US = "800000"  # a beat in 0.4 s: the kernel keeps ten for whoever is too busy to listen, and drops what comes then
ENDED = (0, -signal.SIGTERM)  # the latter between two lives


class Manager:
    """A service manager: its notification socket, and one daemon under it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "portero.toml"
        self.configure(folder)
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(0)
        self._daemons: list[Daemon] = []

    def configure(self, folder: Path, port: int = 0) -> None:
        self.config.write_text(CONFIG.format(folder=folder, port=port))

    def start(self, **environ: str) -> Daemon:
        self._daemons.append(Daemon(self._folder, NOTIFY_SOCKET=str(self._folder / "notify"), **environ))
        return self._daemons[-1]

    def told(self, wanted: str) -> str:
        """The next message that begins so; those before it are passed over."""

        def message() -> str:
            with suppress(BlockingIOError):
                while not (said := self._socket.recv(4096).decode()).startswith(wanted):
                    pass
                return said
            return ""

        return self._daemons[-1].until(message, f"it tells {wanted}")

    def close(self) -> None:
        for daemon in self._daemons:
            daemon.kill()
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


def test_ready_watchdog_and_stopping_are_told_and_a_broken_file_is_not_reloaded(manager: Manager) -> None:
    daemon = manager.start(WATCHDOG_USEC=WATCHDOG_US)
    assert manager.told("READY=1") == "READY=1\nSTATUS=no account; idle"
    for _ in range(2):
        manager.told("WATCHDOG=1")
    manager.config.write_text("[network]\nsip_prot = 5060\n")
    daemon.send(signal.SIGHUP)
    daemon.until_said("not reloaded")
    manager.told("WATCHDOG=1")
    daemon.send(signal.SIGTERM)
    manager.told("STOPPING=1")
    assert daemon.exit_code() == 0
    assert "network.sip_prot" in daemon.log


def test_a_file_that_an_editor_has_just_emptied_is_not_reloaded(manager: Manager) -> None:
    daemon = manager.start(WATCHDOG_USEC=WATCHDOG_US)
    manager.told("READY=1")
    manager.config.write_text("")
    daemon.send(signal.SIGHUP)
    daemon.until_said("says nothing")
    for _ in range(2):
        manager.told("WATCHDOG=1")
    daemon.send(signal.SIGTERM)
    manager.told("STOPPING=1")
    assert daemon.exit_code() == 0
    assert "reloading" not in daemon.log


def test_a_reload_begins_anew_in_the_same_process(manager: Manager, tmp_path: Path) -> None:
    daemon = manager.start()
    manager.told("READY=1")
    port = free_port()
    manager.configure(tmp_path, port)
    daemon.send(signal.SIGHUP)
    manager.told("RELOADING=1")
    manager.told("READY=1")
    assert f"ready on SIP port {port}" in daemon.log
    daemon.send(signal.SIGINT)
    assert daemon.exit_code() == 0


def test_a_port_that_is_taken_is_not_reloaded_until_it_is_free(manager: Manager, tmp_path: Path) -> None:
    daemon = manager.start()
    manager.told("READY=1")
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        manager.configure(tmp_path, port)
        daemon.send(signal.SIGHUP)
        daemon.until_said(f"not reloaded: TCP port {port} on 127.0.0.1 is taken by another program")
    daemon.send(signal.SIGHUP)
    manager.told("RELOADING=1")
    manager.told("READY=1")
    daemon.send(signal.SIGHUP)  # the port is its own by now
    manager.told("RELOADING=1")
    daemon.send(signal.SIGHUP)  # somewhere between two lives
    manager.told("READY=1")
    daemon.send(signal.SIGTERM)
    assert daemon.exit_code() in ENDED


def test_whoever_wants_the_end_has_it_though_others_want_a_reload(manager: Manager) -> None:
    daemon = manager.start()
    manager.told("READY=1")
    daemon.send(signal.SIGSTOP)
    daemon.send(signal.SIGHUP)
    daemon.send(signal.SIGTERM)
    daemon.send(signal.SIGCONT)
    assert daemon.exit_code() in ENDED


def test_a_port_that_is_taken_is_said_in_words(manager: Manager, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        manager.configure(tmp_path, port)
        daemon = manager.start()
        assert daemon.exit_code() == 1
    assert str(port) in daemon.log
    assert "Traceback" not in daemon.log
