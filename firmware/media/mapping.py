"""Ports of sound whose address behind a translator (NAT) is known before a call wants one (RFC 8489 §2, RFC 8445 §5.1.1.2).

A few are kept ready: each asks the STUN server where it is seen, and again as long as nothing else keeps the translator's binding open. So
a press waits for no server, and while none answers there are ports all the same, with the address of this machine alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from firmware.errors import MediaError
from firmware.media.session import MediaPort
from firmware.stun.binding import binding_request, parse_response
from firmware.stun.message import TRANSACTION_ID_BYTES

ASK_EVERY_S: Final = 15.0  # RFC 8445 §11 for candidates in use; translators forget after 30 s at the earliest (RFC 4787 §4.3: 120 s)
REPEAT_S: Final = 0.5  # RFC 8489 §6.2.1: RTO, doubled each time
REQUESTS_MAX: Final = 4  # a question; 7.5 s are half of the time to the next one
READY_MAX: Final = 8  # as many phones as may ring at once
DATAGRAMS_MAX: Final = 16  # read at once; a flood waits for the next turn of the loop

Address = tuple[str, int]


class MappedPorts:
    """Belongs to the event loop. `heard` is told whether the server answers, whenever that changes."""

    def __init__(self, open_port: Callable[[], MediaPort], *, ready: int, heard: Callable[[bool], None]) -> None:
        self._open_port = open_port
        self._wanted = min(max(ready, 1), READY_MAX)
        self._heard = heard
        self._server: Address | None = None
        self._answers: bool | None = None  # None: not known yet
        self._ready: list[_KeptPort] = []

    def start(self, server: Address) -> None:
        """Ask the server at this numeric address from now on. Again, when it has another address."""
        self._server = server
        for kept in self._ready:
            kept.ask(server)
        self._fill()

    def take(self) -> MediaPort:
        """A port for a call: one whose outer address is known, if there is such. Raises MediaError when none is free."""
        known = next((kept for kept in self._ready if kept.port.mapped is not None), None)
        if known is None:
            return self._open_port()
        self._ready.remove(known)
        asyncio.get_running_loop().call_soon(self._fill)
        return known.port

    def close(self) -> None:
        """Give back what was kept ready; what was taken belongs to its call."""
        self._server = None
        ready, self._ready = self._ready, []
        for kept in ready:
            kept.port.close()

    def _fill(self) -> None:
        while self._server is not None and len(self._ready) < self._wanted:
            try:
                port = self._open_port()
            except MediaError:
                return  # the range is used up by calls: the next one that is taken fills again
            kept = _KeptPort(port, self._told)
            self._ready.append(kept)
            kept.ask(self._server)

    def _told(self, *, answers: bool) -> None:
        if answers is not self._answers:
            self._answers = answers
            self._heard(answers)


class _KeptPort:
    """One port while it is ours to read: until its call's stream begins."""

    def __init__(self, port: MediaPort, told: Callable[..., None]) -> None:
        self.port = port
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._server: Address = ("", 0)
        self._transaction_id = b""
        self._sent = 0
        self._fd = port.rtp_fd
        self._loop.add_reader(self._fd, self._read)
        port.keep(self._let_go)

    def ask(self, server: Address) -> None:
        """Begin a question."""
        self._server = server
        self._transaction_id = os.urandom(TRANSACTION_ID_BYTES)
        self._sent = 0
        self._send()

    def _send(self) -> None:
        self._cancel()
        if self._sent == REQUESTS_MAX:
            self.port.mapped = None
            self._told(answers=False)
            self._timer = self._loop.call_later(ASK_EVERY_S, self.ask, self._server)
            return
        self.port.send(binding_request(self._transaction_id), self._server)
        self._timer = self._loop.call_later(REPEAT_S * 2**self._sent, self._send)
        self._sent += 1

    def _read(self) -> None:
        for _ in range(DATAGRAMS_MAX):
            received = self.port.receive()
            if received is None:
                return
            datagram, source = received
            answer = parse_response(datagram) if source == self._server else None
            if answer is not None and answer.transaction_id == self._transaction_id and answer.mapped is not None:
                self._cancel()
                self.port.mapped = answer.mapped
                self._told(answers=True)
                self._timer = self._loop.call_later(ASK_EVERY_S, self.ask, self._server)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _let_go(self) -> None:
        self._cancel()
        self._loop.remove_reader(self._fd)
