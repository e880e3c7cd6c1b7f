"""The way to a relay over UDP: one socket, which the event loop reads until the media core does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

from firmware.media.relay import User
from firmware.media.session import prepare

DATAGRAM_MAX: Final = 1600  # what fits through the networks there are, and what the relay puts around it
DATAGRAMS_MAX: Final = 16  # read at once; a flood waits for the next turn of the loop


class DatagramWay:
    """Implements `relay.Way`. Belongs to the event loop."""

    is_reliable = False

    def __init__(self, user: User, server: tuple[str, int], *, bind_host: str, dscp: int) -> None:
        """Raises OSError without a way to the server."""
        self._user = user
        self._loop = asyncio.get_running_loop()
        self._server = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self._is_read_here = False
        try:
            prepare(self._server, dscp)
            if bind_host:
                self._server.bind((bind_host, 0))
            self._server.connect(server)  # the kernel drops what comes from anywhere else
        except OSError:
            self._server.close()
            raise

    @property
    def fd(self) -> int:
        return self._server.fileno()

    def begin(self) -> None:
        self._loop.add_reader(self._server, self._read)
        self._is_read_here = True
        self._user.opened()

    def send(self, datagram: bytes) -> None:
        with contextlib.suppress(OSError):  # lost, as on every way
            self._server.send(datagram)

    def hand_over(self) -> None:
        if self._is_read_here:
            self._is_read_here = False
            self._loop.remove_reader(self._server)

    def close(self) -> None:
        if self._server.fileno() >= 0:
            self.hand_over()
            self._server.close()

    def _read(self) -> None:
        for _ in range(DATAGRAMS_MAX):
            if not self._is_read_here:
                return
            try:
                datagram = self._server.recv(DATAGRAM_MAX)
            except OSError:
                return
            self._user.hear(datagram)
