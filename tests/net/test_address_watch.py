"""firmware/net/address_watch.py, told by the test instead of the kernel."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket

import pytest

from firmware.net.address_watch import SETTLE_S, AddressWatch
from tests.net.loops import pause, run, run_flying, turns
from tests.net.test_netlink import DELETE, NEW, V4, V6, address, part

DUMP_END = part(3, b"\0\0\0\0")


class Watched:
    """A watch whose kernel is `kernel`; counts the changes."""

    def __init__(self) -> None:
        ours, self.kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(0)
        self.times_s: list[float] = []
        self.changed = asyncio.Event()
        self.watch = AddressWatch(self._note, open_socket=lambda: ours)

    def _note(self) -> None:
        self.times_s.append(asyncio.get_running_loop().time())
        self.changed.set()

    def close(self) -> None:
        self.watch.close()
        self.kernel.close()


def test_a_burst_of_changes_is_one_change_told_a_moment_later() -> None:
    async def main() -> None:
        watched = Watched()
        for data in (address(NEW, V4), DUMP_END, address(DELETE, V4), address(NEW, V6), address(NEW, V4)):
            watched.kernel.send(data)
        begin_s = asyncio.get_running_loop().time()
        await watched.changed.wait()
        assert len(watched.times_s) == 1
        assert watched.times_s[0] - begin_s >= SETTLE_S
        watched.changed.clear()
        watched.kernel.send(address(DELETE, V6))
        await watched.changed.wait()
        assert len(watched.times_s) == 2
        watched.close()

    run_flying(main())


def test_the_addresses_of_the_machine_are_known_as_texts() -> None:
    async def main() -> None:
        watched = Watched()
        assert not list(watched.watch.addresses)
        watched.kernel.send(address(NEW, V6) + address(NEW, V4) + DUMP_END)
        while not list(watched.watch.addresses):
            await turns()
        assert list(watched.watch.addresses) == ["192.0.2.7", "2001:db8::7"]
        watched.close()

    run_flying(main())


def test_repetition_changes_nothing() -> None:
    async def main() -> None:
        watched = Watched()
        for data in (address(NEW, V4), DUMP_END, address(NEW, V4), address(NEW, V4)):
            watched.kernel.send(data)
        await pause(3600)
        assert watched.times_s == []
        watched.close()

    run_flying(main())


def test_a_lost_message_counts_as_a_change() -> None:
    class Overflowing(socket.socket):
        """Its queue has run over once."""

        overflown = False

        def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
            if not self.overflown:
                self.overflown = True
                raise OSError(errno.ENOBUFS, "No buffer space available")
            return super().recv(bufsize, flags)

    async def main() -> None:
        ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        overflowing = Overflowing(fileno=ours.detach())
        overflowing.settimeout(0)
        changed = asyncio.Event()
        watch = AddressWatch(changed.set, open_socket=lambda: overflowing)
        kernel.send(DUMP_END)
        await changed.wait()
        watch.close()
        kernel.close()

    run_flying(main())


def test_closing_forgets_a_change_that_was_about_to_be_told() -> None:
    async def main() -> None:
        watched = Watched()
        watched.kernel.send(DUMP_END + address(NEW, V4))
        while watched.watch._settling is None:
            await turns()
        watched.close()
        watched.watch.close()
        await pause(10)
        assert watched.times_s == []

    run_flying(main())


def test_without_a_netlink_socket_the_door_works_on_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported")

    async def main() -> None:
        watch = AddressWatch(lambda: None, open_socket=refuse)
        assert not watch.watching
        watch.close()

    with caplog.at_level(logging.WARNING):
        run(main())
    assert "unnoticed" in caplog.text


def test_the_kernel_lets_us_watch() -> None:
    async def main() -> None:
        told = asyncio.Event()
        watch = AddressWatch(told.set)
        assert watch.watching
        await turns(3)  # the dump is read meanwhile
        assert not told.is_set()
        watch.close()
        assert not watch.watching

    run(main())
