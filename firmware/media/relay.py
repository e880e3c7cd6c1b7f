"""A relay for the sound of one call (RFC 8656): to the stream's port it looks as if everybody whom it reaches were on this machine.

Each other side gets an entrance, a socket of ours: what the port sends there goes through the relay, and what comes through the relay comes
from there. So the audio thread knows nothing of relays. Such sound passes through the event loop, which costs a millisecond or two, and
more when the loop is busy: a relay is the way when there is no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Final

from firmware.media.session import prepare
from firmware.stun.allocation import PEERS_MAX, Allocated, Allocation, Failed, Received, Send
from firmware.stun.message import TRANSACTION_ID_BYTES
from firmware.stun.turn import Login

DATAGRAM_MAX: Final = 1600  # what fits through the networks there are, and what the relay puts around it
DATAGRAMS_MAX: Final = 16  # read at once; a flood waits for the next turn of the loop
RETRY_S: Final = 60.0  # after which a server that was away, or did not know us, is asked again
LOCAL: Final = "127.0.0.1"

Address = tuple[str, int]


class Relay:
    """Belongs to the event loop, but for `close`."""

    def __init__(self, login: Login, server: Address, *, bind_host: str, dscp: int, told: Callable[[Relay, str], None]) -> None:
        """`told` hears '' when there is an address, else why there is none (any more). Raises OSError without a way to the server."""
        self.relayed: Address | None = None
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._host = bind_host or LOCAL
        self._dscp = dscp
        self._port: Address | None = None  # of the stream; None while the relay is only kept ready
        self._entrances: dict[Address, socket.socket] = {}  # by whom they lead to
        self._peers: dict[Address, Address] = {}  # by the address of the entrance
        self._timer: asyncio.TimerHandle | None = None
        self._allocation = Allocation(login, transaction_id=lambda: os.urandom(TRANSACTION_ID_BYTES))
        self._server = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            prepare(self._server, dscp)
            if bind_host:
                self._server.bind((bind_host, 0))
            self._server.connect(server)  # the kernel drops what comes from anywhere else
        except OSError:
            self._server.close()
            raise
        self._loop.add_reader(self._server, self._hear)
        self._allocation.start(self._loop.time())
        self._carry_out()

    def serve(self, port: int) -> None:
        """From now on for the stream that has this port."""
        self._port = (self._host, port)

    def entrance(self, peer: Address) -> Address | None:
        """Where the port sends what shall reach `peer` through the relay; None when the relay leads there no more, or to too many."""
        if self.relayed is None or self._port is None:
            return None
        opened = self._entrances.get(peer)
        if opened is None:
            if len(self._entrances) >= PEERS_MAX:
                return None
            opened = self._open(peer)
            self._allocation.permit(peer, self._loop.time())
            self._carry_out()
        host, port = opened.getsockname()[:2]
        return host, port

    def peer(self, source: Address) -> Address | None:
        """Who is behind an entrance, None when that is none."""
        return self._peers.get(source)

    def close(self) -> None:
        """Give the address back. From any thread; at once from the loop's own."""
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here:
            self._close()
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the process with it
            self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        if self._server.fileno() < 0:
            return
        self._allocation.close(self._loop.time())
        self._carry_out()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for opened in (self._server, *self._entrances.values()):
            self._loop.remove_reader(opened)
            opened.close()
        self._entrances.clear()
        self._peers.clear()

    def _open(self, peer: Address) -> socket.socket:
        opened = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_DGRAM)
        prepare(opened, self._dscp)
        opened.bind((self._host, 0))
        self._entrances[peer] = opened
        host, port = opened.getsockname()[:2]
        self._peers[host, port] = peer
        self._loop.add_reader(opened, self._pass_on, opened, peer)
        return opened

    def _pass_on(self, opened: socket.socket, peer: Address) -> None:
        """The port has sent something to `peer`."""
        for datagram, source in _received(opened):
            if source == self._port:
                self._allocation.send(datagram, peer)
        self._carry_out()

    def _hear(self) -> None:
        for datagram, _ in _received(self._server):
            self._allocation.receive(datagram, self._loop.time())
        self._carry_out()

    def _fire(self) -> None:
        self._allocation.handle_timer(self._loop.time())
        self._carry_out()

    def _carry_out(self) -> None:
        while effects := self._allocation.take_effects():
            for effect in effects:
                match effect:
                    case Send(datagram):
                        with contextlib.suppress(OSError):  # lost, as on every way
                            self._server.send(datagram)
                    case Received(data, peer):
                        self._bring(data, peer)
                    case Allocated(relayed, _):
                        self.relayed = relayed
                        self._told(self, "")
                    case Failed(reason):
                        self.relayed = None
                        self._told(self, reason)
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._allocation.next_deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._fire)

    def _bring(self, data: bytes, peer: Address) -> None:
        """To the port, from the entrance of `peer`, which may be one that nobody knew of."""
        if self.entrance(peer) is not None and self._port is not None:
            with contextlib.suppress(OSError):
                self._entrances[peer].sendto(data, self._port)


def _received(opened: socket.socket) -> list[tuple[bytes, Address]]:
    found: list[tuple[bytes, Address]] = []
    with contextlib.suppress(OSError):
        while len(found) < DATAGRAMS_MAX:
            datagram, source = opened.recvfrom(DATAGRAM_MAX)
            found.append((datagram, (source[0], source[1])))
    return found


class Relays:
    """A few are kept ready, so that a press waits for no server. `heard` is told '' when the server gives addresses, else why not."""

    def __init__(self, open_relay: Callable[[Callable[[Relay, str], None]], Relay], *, ready: int, heard: Callable[[str], None]) -> None:
        self._open_relay = open_relay
        self._wanted = ready
        self._heard = heard
        self._said: str | None = None  # None: not known yet
        self._ready: list[Relay] = []
        self._retry: asyncio.TimerHandle | None = None
        self._is_open = False

    def start(self) -> None:
        """Ask for addresses from now on."""
        self._is_open = True
        self._fill()

    def take(self) -> Relay | None:
        """One that has an address, None while there is none."""
        known = next((relay for relay in self._ready if relay.relayed is not None), None)
        if known is not None:
            self._ready.remove(known)
            asyncio.get_running_loop().call_soon(self._fill)
        return known

    def renew(self) -> None:
        """This machine has other addresses: what is kept ready may be bound to one that is gone."""
        self._let_go()
        self._fill()

    def close(self) -> None:
        """Give back what was kept ready; what was taken belongs to its call."""
        self._is_open = False
        self._let_go()

    def _let_go(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        ready, self._ready = self._ready, []
        for relay in ready:
            relay.close()

    def _fill(self) -> None:
        self._retry = None
        while self._is_open and len(self._ready) < self._wanted:
            try:
                self._ready.append(self._open_relay(self._told))
            except OSError as error:
                self._failed(error.strerror or str(error))
                return

    def _told(self, relay: Relay, why: str) -> None:
        if why:
            if relay in self._ready:
                self._ready.remove(relay)
            relay.close()
            self._failed(why)
        else:
            self._say("")

    def _failed(self, why: str) -> None:
        self._say(why)
        if self._is_open and self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._fill)

    def _say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self._heard(why)
