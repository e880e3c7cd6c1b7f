"""An end for what a server does slowly. A socket's own time-out holds for each step: whoever sends an octet now and then takes forever.

At its time the connection is shut down by a thread of its own, and whoever waits for it goes on with an error.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from http.client import HTTPConnection


class TooSlowError(TimeoutError):
    """The whole took too long, though no single step did."""


class Deadline:
    """Everything within the `with` block ends within `limit_s`, as far as it waits for the socket that is watched.

    Raises TooSlowError at its end when that was too late, also where the block saw an early end of the answer and took it for the whole.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_over = False
        self._timer = threading.Timer(max(0.0, limit_s), self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None
            is_over = self._is_over
        if is_over and (error is None or isinstance(error, Exception)):
            raise TooSlowError(f"too slow: it took more than {self._limit_s:g} s") from error

    def govern(self, connection: HTTPConnection) -> None:
        """Watch this connection from its beginning on, whenever that is."""
        begin = connection.connect

        def connect() -> None:
            begin()
            self.watch(connection.sock)

        connection.connect = connect  # type: ignore[method-assign]  # it is called by name, whatever the connection's type

    def watch(self, connection: socket.socket) -> None:
        """From now on this is the socket that is waited for."""
        with self._lock:
            self._socket = connection
            if self._is_over:
                _shut(connection)

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            if self._socket is not None:
                _shut(self._socket)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        # Below TLS: an SSLSocket would take its layer off while another thread reads through it.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
