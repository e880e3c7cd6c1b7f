"""Port numbers for whoever binds them a while later: a daemon, a peer; or for nobody, to hear that nobody listens.

A number that was found by binding port 0 and given back may be lent to any socket of another test before its own binds it. So these lie
below the numbers that the kernel lends (32768 and above, ip(7)), and no two processes of this machine have the same: a name in the
abstract namespace of unix(7) marks a block as somebody's. Such a name ends with its process, and reaches as far as ports do: one network
namespace.
"""

from __future__ import annotations

import contextlib
import random
import socket

GIVEN = range(16_000, 28_000)
TRIED = range(28_000, 32_000)  # of media ports, which seek a free pair by themselves: no number that was given is ever found there
BLOCK = 200
BLOCKS_MAX = 10  # of one process: then its first numbers come again, which two dozen tests ago were somebody's


class _Numbers:
    """The blocks of this process, and how far they are given away."""

    def __init__(self) -> None:
        self._blocks: list[range] = []
        self._turn = 0
        self._next = 0

    def take(self, span: int) -> range:
        """The next `span` numbers, the first of them even; after the last block those of the first again."""
        assert 0 < span <= BLOCK, span
        while self._next + span > BLOCK or not self._blocks:
            self._turn_over()
        block = self._blocks[self._turn]
        taken = block[self._next : self._next + span]
        self._next += span + span % 2
        return taken

    def _turn_over(self) -> None:
        self._next = 0
        new = _claimed() if len(self._blocks) < BLOCKS_MAX else None
        if new is not None:
            self._blocks.append(new)
            self._turn = len(self._blocks) - 1
        elif self._blocks:
            self._turn = (self._turn + 1) % len(self._blocks)
        else:
            raise AssertionError(f"the ports {GIVEN.start}-{GIVEN.stop - 1} are all in the hands of other test runs")


_numbers = _Numbers()


def free_port(host: str = "127.0.0.1", span: int = 2) -> int:
    """A port that nobody holds and nobody else will be given; even, and free over UDP and TCP, as are those behind it up to `span`."""
    for _ in range(GIVEN.stop - GIVEN.start):
        taken = _numbers.take(span)
        if all(_is_free(host, port, kind) for port in taken for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            return taken.start
    raise AssertionError(f"no {span} free ports on {host} in {GIVEN.start}-{GIVEN.stop - 1}")


def _claimed() -> range | None:
    """A block that no process had, from now on ours; None when there is none left."""
    starts = range(GIVEN.start, GIVEN.stop, BLOCK)
    for start in random.sample(starts, k=len(starts)):
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0portero-test-ports-{start}")
        except OSError:
            mark.close()
        else:
            mark.detach()  # its descriptor stays open as long as the process
            return range(start, start + BLOCK)
    return None


def _is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe, contextlib.suppress(OSError):
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a server does: what lingers from the last test is free
        probe.bind((host, port))
        return True
    return False
