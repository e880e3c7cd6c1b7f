"""SIP over UDP (RFC 3261 §18): one socket a family, read in batches straight from the event loop, at the pace that `pace` finds.

A plain reader instead of asyncio's datagram endpoint: that one takes a single datagram a turn and hides ICMP errors of unconnected sockets.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

from firmware.net.pace import Pace
from firmware.net.sockets import IP_RECVERR, IPV6_RECVERR, family_of
from firmware.sip.events import Hop, Input, Received, SendFailed, Transport

BATCH_MAX: Final = 32  # datagrams a turn of the loop, so that timers and other sockets get theirs under a flood
HOPS_MAX: Final = 512  # neighbours remembered; an installation has a handful, a scanner sends from many
DATAGRAM_MAX_BYTES: Final = 65_535  # the most that UDP carries; the parser has its own limit
KEEPALIVE_MAX_BYTES: Final = 4  # CR LF CR LF, or the single NUL of some phones, keep a NAT binding open and mean nothing
ERRORS_MAX: Final = 32  # ICMP errors taken a turn, as BATCH_MAX

# What an ICMP error tells of the destination itself (RFC 3261 §18.4). A packet that was too large is sent again in fragments by the kernel.
_FATAL: Final = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOPROTOOPT, errno.EHOSTDOWN)


class UdpTransport:
    """Sends and receives datagrams on bound sockets. `deliver` gets Received and SendFailed; no socket error escapes or stops the loop.

    `local_host` gives our own address towards a numeric one, or raises OSError; `admit` says whether a source is to be heard.
    """

    def __init__(
        self,
        sockets: dict[int, socket.socket],
        *,
        local_host: Callable[[str], str],
        admit: Callable[[str], bool],
        deliver: Callable[[Input], None],
    ) -> None:
        self._sockets = sockets
        self._local_host = local_host
        self._admit = admit
        self._deliver = deliver
        self._hops: dict[tuple[str, int], Hop] = {}
        self._loop = asyncio.get_running_loop()
        self.dropped = 0  # datagrams that the kernel had no room for; lost like any other, so they are only counted
        self._paces = {sock: Pace() for sock in sockets.values()}
        self._gathering: dict[socket.socket, asyncio.TimerHandle] = {}
        for sock in sockets.values():
            self._loop.add_reader(sock, self._read, sock)

    def send(self, hop: Hop, data: bytes) -> None:
        """Send one datagram. An error that says the destination cannot be reached becomes SendFailed."""
        sock = self._sockets.get(family_of(hop.host))
        if sock is None:
            self._deliver(SendFailed(hop=hop, reason=f"no socket for the family of {hop.host}"))
            return
        try:
            sock.sendto(data, (hop.host, hop.port))
        except BlockingIOError:
            self.dropped += 1
        except OSError as error:
            self._send_error(sock, hop, data, error)

    def forget_routes(self) -> None:
        """The machine's addresses have changed: ask again which one faces whom."""
        self._hops.clear()

    async def close(self) -> None:
        """Stop reading and close the sockets."""
        for sock in self._sockets.values():
            self._loop.remove_reader(sock)
            sock.close()
        for timer in self._gathering.values():
            timer.cancel()
        self._sockets, self._gathering = {}, {}

    def _send_error(self, sock: socket.socket, hop: Hop, data: bytes, error: OSError) -> None:
        # With IP_RECVERR a send may report the ICMP error of an EARLIER datagram, perhaps to another host, and send nothing.
        # The queue says whose it is; then the datagram at hand is tried once more.
        if self._read_errors(sock):
            try:
                sock.sendto(data, (hop.host, hop.port))
            except BlockingIOError:
                self.dropped += 1
            except OSError as again:
                self._deliver(SendFailed(hop=hop, reason=_words(again.errno)))
            return
        self._deliver(SendFailed(hop=hop, reason=_words(error.errno)))

    def _read(self, sock: socket.socket) -> None:
        """The socket has something to read."""
        wait_s = self._paces[sock].wait_s(self._take(sock), self._loop.time())
        if wait_s and sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._gathering[sock] = self._loop.call_later(wait_s, self._read_gathered, sock)

    def _read_gathered(self, sock: socket.socket) -> None:
        """Much comes: read what has gathered, and leave the socket alone again while that goes on."""
        del self._gathering[sock]
        taken = self._take(sock)
        wait_s = self._paces[sock].wait_s(taken, self._loop.time())
        if sock.fileno() < 0:
            return
        if wait_s:
            # A full batch leaves more behind: the others have their turn of the loop, then it goes on.
            self._gathering[sock] = self._loop.call_later(0 if taken == BATCH_MAX else wait_s, self._read_gathered, sock)
        else:
            self._loop.add_reader(sock, self._read, sock)

    def _take(self, sock: socket.socket) -> int:
        """Read and deliver what is there, a batch at most; how many it were."""
        for taken in range(BATCH_MAX):
            try:
                data, address = sock.recvfrom(DATAGRAM_MAX_BYTES)
            except BlockingIOError:
                return taken
            except OSError:
                self._read_errors(sock)
                continue
            if len(data) <= KEEPALIVE_MAX_BYTES or not self._admit(address[0]):
                continue
            key = (address[0], address[1])
            self._deliver(Received(data=data, source=self._hops.get(key) or self._remember(key)))
            if sock.fileno() < 0:
                return taken  # whoever took the message closed us
        return BATCH_MAX

    def _remember(self, key: tuple[str, int]) -> Hop:
        if len(self._hops) >= HOPS_MAX:
            del self._hops[next(iter(self._hops))]
        host, port = key
        hop = self._hops[key] = Hop(
            transport=Transport.UDP, host=host, port=port, local_host=self._facing(host), local_port=self._port_for(host)
        )
        return hop

    def _facing(self, host: str) -> str:
        try:
            return self._local_host(host)
        except OSError:
            # It reached us though there is no way back just now. Loopback is true of every machine, and a wildcard is never stated.
            return "::1" if ":" in host else "127.0.0.1"

    def _port_for(self, host: str) -> int:
        return int(self._sockets[family_of(host)].getsockname()[1])

    def _read_errors(self, sock: socket.socket) -> bool:
        """Take what ICMP reported about datagrams that we sent (ip(7), IP_RECVERR). Whether there was anything."""
        found = False
        for _ in range(ERRORS_MAX):
            try:
                # The address is the lost datagram's destination; the error number comes beside it. Its own bytes are of no use.
                _, ancillary, _, address = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return found
            found = True
            number = _error_number(ancillary)
            if number in _FATAL and isinstance(address, tuple):
                key = (str(address[0]), int(address[1]))
                self._deliver(SendFailed(hop=self._hops.get(key) or self._remember(key), reason=_words(number)))
        return found


def _error_number(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The errno in a sock_extended_err, whose first field it is (ip(7))."""
    for _, kind, data in ancillary:
        if kind in (IP_RECVERR, IPV6_RECVERR) and len(data) >= 4:
            return int.from_bytes(data[:4], sys.byteorder)
    return 0


def _words(number: int | None) -> str:
    match number:
        case errno.ECONNREFUSED:
            return "nobody listens there (ICMP port unreachable)"
        case errno.EHOSTUNREACH | errno.EHOSTDOWN:
            return "the host cannot be reached"
        case errno.ENETUNREACH:
            return "there is no route to that network"
        case errno.EMSGSIZE:
            return "the message is too large for a datagram"
        case None:
            return "the socket is closed"
        case _:
            return os.strerror(number)
