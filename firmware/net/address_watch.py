"""Notices that the machine's addresses change, without asking: the kernel tells (rtnetlink(7))."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from firmware.net import netlink

SETTLE_S: Final = 0.3  # a lease brings IPv4, IPv6 and routes in a burst: one change
READ_MAX_BYTES: Final = 65_536  # the kernel fills at most 32 kB at a time
READS_MAX: Final = 64  # a turn of the loop

_log = logging.getLogger(__name__)


def _open_netlink() -> socket.socket:
    """A socket on which the kernel tells of addresses and links, beginning with all addresses that there are."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    try:
        sock.bind((0, netlink.GROUP_LINK | netlink.GROUP_IPV4_ADDRESS | netlink.GROUP_IPV6_ADDRESS))
        sock.send(netlink.dump_request())
    except OSError:
        sock.close()
        raise
    return sock


class AddressWatch:
    """Calls `on_change` on the loop, a moment after the last of a burst of changes."""

    def __init__(self, on_change: Callable[[], None], *, open_socket: Callable[[], socket.socket] = _open_netlink) -> None:
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._memory = netlink.NetworkMemory()
        self._settling: asyncio.TimerHandle | None = None
        self._socket = self._open(open_socket)

    @property
    def watching(self) -> bool:
        """Whether the kernel lets us watch."""
        return self._socket is not None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of this machine, as far as they are other machines' business: neither loopback nor link-local. None until the kernel told."""
        families = {4: socket.AF_INET, 16: socket.AF_INET6}
        return tuple(socket.inet_ntop(families[len(each)], each) for each in self._memory.addresses if len(each) in families)

    def close(self) -> None:
        """Stop watching."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _open(self, open_socket: Callable[[], socket.socket]) -> socket.socket | None:
        try:
            sock = open_socket()
        except OSError as error:
            # A door without this still registers again when the old registration runs out: worth a line in the log, not a refusal.
            _log.warning("address changes go unnoticed until the next registration: the kernel gives no netlink socket (%s)", error)
            return None
        self._loop.add_reader(sock, self._read)
        return sock

    def _read(self) -> None:
        changed = False
        for _ in range(READS_MAX):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(READ_MAX_BYTES)
            except BlockingIOError:
                break
            except OSError:
                # ENOBUFS: more happened than the queue held. Something changed for sure.
                changed = True
                break
            for seen in netlink.parse(data):
                changed |= self._memory.learn(seen)
        if changed:
            if self._settling is not None:
                self._settling.cancel()
            self._settling = self._loop.call_later(SETTLE_S, self._settled)

    def _settled(self) -> None:
        self._settling = None
        self._on_change()
