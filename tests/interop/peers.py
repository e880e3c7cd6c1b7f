"""Real peers on loopback: how the tests start them, wait for them and end them (by pid, never by name)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0  # everything comes in a few seconds, but to a machine with other work; whoever waits longer says so


def eventually(look: Callable[[], T], *, within_s: float = PATIENCE_S, what: str, account: Callable[[], str] = str) -> T:
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


def end(peer: subprocess.Popen[bytes], *, patience_s: float = 20) -> None:
    """SIGTERM, then SIGKILL, to the session that the peer leads."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(peer.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            peer.wait(patience_s)
            return
    raise AssertionError(f"process {peer.pid} does not end")
