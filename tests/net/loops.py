"""Event loops for tests of the socket shell: one that gives up, and one whose time flies when nothing happens."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")

GIVE_UP_S = 20.0  # real seconds after which a test that waits for an event fails instead of hanging
GRACE_S = 0.005  # real time that the kernel gets to bring a loopback packet before time flies on


def run(main: Coroutine[None, None, T]) -> T:
    """Run `main` on an ordinary loop."""

    async def bounded() -> T:
        async with asyncio.timeout(GIVE_UP_S):
            return await main

    return asyncio.run(bounded())


async def turns(count: int = 1) -> None:
    """Let the loop go round."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned


async def pause(duration_s: float) -> None:
    """Until so much of the loop's time has passed; for loops whose time flies."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(duration_s, passed.set)
    await passed.wait()


class _FlyingSelector(selectors.EpollSelector):
    """Does not wait: when nothing is ready, the time that would have been waited is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.flown_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(GRACE_S if timeout is None or timeout > GRACE_S else timeout)
        if ready or timeout is None:
            return ready
        self.flown_s += timeout
        return ready


class FlyingLoop(asyncio.SelectorEventLoop):
    """A loop on which an hour of silence lasts milliseconds. Real sockets work, threads do not."""

    def __init__(self) -> None:
        self._flying = _FlyingSelector()
        super().__init__(self._flying)

    def time(self) -> float:
        return super().time() + self._flying.flown_s


def run_flying(main: Coroutine[None, None, T]) -> T:
    """Run `main` on a FlyingLoop."""
    with asyncio.Runner(loop_factory=FlyingLoop) as runner:
        return runner.run(main)
