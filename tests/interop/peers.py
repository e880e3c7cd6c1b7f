"""Real peers on loopback: how the tests start them, wait for them and end them (by pid, never by name)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def free_port(host: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that nobody holds at this moment; for datagrams an even one, so that it may serve RTP too."""
    with contextlib.ExitStack() as held:  # odd ones stay taken until an even one was found
        while True:
            probe = held.enter_context(socket.socket(socket.AF_INET, kind))
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
            if port % 2 == 0 or kind is socket.SOCK_STREAM:
                return port


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
