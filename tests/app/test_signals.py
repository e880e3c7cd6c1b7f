"""Signals as calls on the loop: none is lost, and each wakes it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.app.signals import Signals

ENDS = (signal.SIGTERM, signal.SIGHUP)
LIMIT_S = 60.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_each_signal_is_the_call_that_it_stands_for() -> None:
    async def main() -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        signals = Signals({signal.SIGTERM: lambda: heard.put_nowait("end"), signal.SIGHUP: lambda: heard.put_nowait("reload")})
        for number, word in ((signal.SIGHUP, "reload"), (signal.SIGTERM, "end"), (signal.SIGTERM, "end")):
            os.kill(os.getpid(), number)
            assert await asyncio.wait_for(heard.get(), LIMIT_S) == word
        signals.close()

    asyncio.run(main())


@pytest.mark.parametrize("before", ["SIG_DFL", "SIG_IGN"])  # as a first life finds it, and as a life leaves it to the next
def test_a_wish_to_reload_waits_until_somebody_heeds_it(before: str) -> None:
    script = f"""
import asyncio, os, signal
from firmware.app.signals import Signals, hold_reload
signal.signal(signal.SIGHUP, signal.{before})
hold_reload()
os.kill(os.getpid(), signal.SIGHUP)
async def main() -> None:
    heard = asyncio.Event()
    signals = Signals({{signal.SIGHUP: heard.set}})
    await heard.wait()
    signals.close()
asyncio.run(main())
os.kill(os.getpid(), signal.SIGHUP)
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=LIMIT_S)


def test_afterwards_an_end_is_what_it_is_by_default() -> None:
    async def main() -> None:
        Signals({signal.SIGTERM: lambda: None, signal.SIGHUP: lambda: None}).close()

    asyncio.run(main())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.set_wakeup_fd(-1) == -1
