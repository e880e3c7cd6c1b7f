"""The sound's way, for a stream that shares it (RFC 9143): its port, and wherever its checks of connectivity led to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware.media.core_values import RELAYED
from firmware.media.session import MediaPort
from firmware.sdp.protection import SharedKeys

Address = tuple[str, int]


class Companion(Protocol):
    """Who has a stream on the sound's way. Hears of it on the event loop."""

    def reported(self, call: str, reports: bytes) -> None:
        """RTCP has come, in clear; for whom, it says itself."""
        ...

    def secured(self, call: str, keys: SharedKeys) -> None:
        """The handshake of the call has given keys."""
        ...


class SharedWay:
    """Implements `media.picture_stream.Way`. The port stays the sound's, and whatever comes to it does not come here."""

    def __init__(self, where: Callable[[], tuple[MediaPort, Address] | None]) -> None:
        """`where` the sound goes now, None: nowhere."""
        self._where = where

    def send(self, datagram: bytes, _to: Address) -> None:
        where = self._where()
        if where is None:
            return
        port, remote = where
        if remote[0] == RELAYED and port.relay is not None and port.relay.is_reliable:
            return  # a key picture would fill the connection's queue, and the sound behind it be lost
        port.send(datagram, remote)

    def send_report(self, datagram: bytes, to: Address) -> None:
        self.send(datagram, to)

    def receive(self) -> tuple[bytes, Address] | None:
        return None

    def receive_report(self) -> tuple[bytes, Address] | None:
        return None

    def close(self) -> None: ...
