"""The media of a simulated station: ports that are numbers, streams that carry nothing but digits."""

from __future__ import annotations

import itertools
import socket

from firmware.errors import MediaError
from firmware.media.session import MediaPort
from firmware.sdp.media_session import MediaSession

PORTS = itertools.cycle(range(10_000, 60_000, 2))  # so many that a number tells one call of a while from the next


class PaperPort(MediaPort):
    """A port without a socket."""

    def __init__(self, ports: dict[int, PaperPort]) -> None:
        self.rtp_port = next(PORTS)
        self.family = socket.AF_INET
        self.mapped = None
        self.relay = None
        self.hosts = ()
        self._ports = ports
        ports[self.rtp_port] = self

    def close(self) -> None:
        self._ports.pop(self.rtp_port, None)


class PaperSound:
    """What `calls.Calls` needs of the sound engine, and which of its promises were broken."""

    def __init__(self) -> None:
        self.is_broken = self.joined = False
        self.apart: set[str] = set()
        self.ports: dict[int, PaperPort] = {}  # open ones, also those of streams
        self.streams: dict[str, MediaPort] = {}
        self.problems: list[str] = []

    def open_port(self) -> MediaPort:
        return PaperPort(self.ports)

    def start(self, call: str, port: MediaPort, session: MediaSession) -> None:
        if self.is_broken:
            raise MediaError("the sound card is gone")
        if call in self.streams or port.rtp_port not in self.ports:
            self.problems.append(f"{call}: its sound was started twice, or on a closed port")
        self.streams[call] = port

    def update(self, call: str, session: MediaSession, *, relatch: bool = False) -> None:
        if call not in self.streams:
            self.problems.append(f"{call}: its sound was changed, and it has none")

    def stop(self, call: str) -> None:
        stream = self.streams.pop(call, None)
        if stream is None:
            self.problems.append(f"{call}: its sound was stopped, and it has none")
        else:
            stream.close()

    def confer(self, *, joined: bool) -> None:
        self.joined = joined

    def keep_apart(self, call: str, *, apart: bool) -> None:
        self.apart = (self.apart | {call}) if apart else (self.apart - {call})

    def stream_at(self, port: int) -> str | None:
        """The call whose sound arrives at this port."""
        return next((call for call, stream in self.streams.items() if stream.rtp_port == port), None)
