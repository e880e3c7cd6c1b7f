"""Tell the service manager how we are: sd_notify(3), one datagram a message to the socket that NOTIFY_SOCKET names.

Not run under systemd, every method does nothing. A message that cannot be delivered is dropped: the manager draws its own conclusion from
a missing READY or WATCHDOG, and a door must not stop because its supervisor does not listen.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

STATUS_LENGTH_MAX = 200  # characters; `systemctl status` shows one line


class Notifier:
    """One connection to the service manager."""

    def __init__(self, address: str | None) -> None:
        """`address` is the value of NOTIFY_SOCKET: a path, `@name` for an abstract socket, or None when nobody listens."""
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Notifier:
        return cls(environ.get("NOTIFY_SOCKET"))

    def ready(self, status: str) -> None:
        """Start-up is done (Type=notify)."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={_one_line(text)}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it."""
        self._send("RELOADING=1")

    def stopping(self) -> None:
        """An orderly stop has begun."""
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is not None and self._address is not None:
            with suppress(OSError):  # advisory by design, see above
                self._socket.sendto(text.encode(), self._address)


def watchdog_interval_s(environ: Mapping[str, str], pid: int | None = None) -> float | None:
    """Seconds between two feeds: half of what the manager allows (sd_watchdog_enabled(3) asks for that), or None when no watchdog is
    set.
    """
    period_us = environ.get("WATCHDOG_USEC", "")
    addressee = environ.get("WATCHDOG_PID", "")
    if not period_us.isdecimal() or int(period_us) == 0:
        return None
    if addressee and addressee != str(os.getpid() if pid is None else pid):
        return None
    return int(period_us) / 2e6


def _one_line(text: str) -> str:
    return " ".join(text.split())[:STATUS_LENGTH_MAX]
