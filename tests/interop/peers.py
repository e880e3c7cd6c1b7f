"""Real peers on loopback: how the tests start them, wait for them and end them (by pid, never by name)."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


_blocks = itertools.cycle(random.sample(range(20_000, 32_600, 200), k=63))


def free_port(host: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that nobody holds at this moment. For datagrams it is even and free over TCP too, and begins a block of 200 that no other
    call is given soon, below the ports that the kernel lends to clients: RTP ranges, SIP ports and connections never meet.
    """
    if kind is socket.SOCK_STREAM:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind((host, 0))
            return int(probe.getsockname()[1])
    return next(port for port in _blocks if all(_is_free(host, port, each) for each in (socket.SOCK_DGRAM, socket.SOCK_STREAM)))


def _is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a server does: what lingers from the last test is free
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def eventually(look: Callable[[], T], *, within_s: float, what: str, account: Callable[[], str] = str) -> T:
    """Poll `look` until it returns something true. Real peers run on real time; only the bound is ours, never a measured delay.

    When it does not come, the error says `what`, and what `account` tells then.
    """
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s} s: {what}\n{account()}")


@contextlib.contextmanager
def process(
    command: Sequence[str], *, log: Path, cwd: Path | None = None, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a peer in its own session; its output goes to `log`; its whole session ends with the block."""
    with log.open("ab") as output:
        peer = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    try:
        yield peer
    finally:
        end(peer)


def end(peer: subprocess.Popen[bytes], *, patience_s: float = 5) -> None:
    """SIGTERM, then SIGKILL, to the session that the peer leads."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(peer.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            peer.wait(patience_s)
            return
    raise AssertionError(f"process {peer.pid} does not end")
