"""sd_notify over its datagram socket, with a socket of the test as the service manager."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.app.notify import STATUS_LENGTH_MAX, Notifier, watchdog_interval_s


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(0)
        yield receiver


@pytest.fixture
def notifier(manager: socket.socket) -> Iterator[Notifier]:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.getsockname()})
    yield notifier
    notifier.close()


def test_ready_carries_the_status_in_the_same_datagram(manager: socket.socket, notifier: Notifier) -> None:
    notifier.ready("registered as door@example.org")
    assert manager.recv(4096) == b"READY=1\nSTATUS=registered as door@example.org"


def test_each_message_is_a_datagram_of_its_own(manager: socket.socket, notifier: Notifier) -> None:
    notifier.alive()
    notifier.stopping()
    assert [manager.recv(4096), manager.recv(4096)] == [b"WATCHDOG=1", b"STOPPING=1"]


def test_a_status_stays_one_short_line(manager: socket.socket, notifier: Notifier) -> None:
    notifier.status("first\nREADY=1 " + "x" * 500)
    assert manager.recv(4096) == b"STATUS=" + ("first READY=1 " + "x" * 500)[:STATUS_LENGTH_MAX].encode()


def test_an_abstract_socket_is_named_with_an_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(b"")  # autobind: the kernel chooses a free abstract name
        notifier = Notifier("@" + receiver.getsockname()[1:].decode())
        notifier.alive()
        assert receiver.recv(100) == b"WATCHDOG=1"
        notifier.close()


def test_without_a_manager_every_message_is_dropped() -> None:
    notifier = Notifier.from_environment({})
    notifier.ready("nobody listens")
    notifier.close()


def test_a_manager_that_has_gone_does_not_stop_the_door(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.alive()
    notifier.close()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_per_period_when_it_is_meant_for_us(environ: dict[str, str], expected: float | None) -> None:
    assert watchdog_interval_s(environ, pid=42) == expected
