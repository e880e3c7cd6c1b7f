"""Event loops for tests of the socket shell: one that gives up, and one whose time flies when nothing happens."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

T = TypeVar("T")

GIVE_UP_S = 60.0  # real seconds after which a test that waits for an event fails instead of hanging
GRACE_S = (
    0.03  # real time that the kernel gets to bring a loopback packet before time flies on; a busy one leaves it to a thread of its own
)


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


class Listener:
    """A peer on the loopback that serves each connection by `serve`, and leaves no socket behind when it is closed.

    A socket left to the collector would fail whichever test runs then.
    """

    def __init__(self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._serve = serve
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def start(self) -> None:
        """Begin to accept, on a free port."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End what was accepted, and what is being accepted just now."""
        loop = asyncio.get_running_loop()
        for sock in self._server.sockets:
            loop.remove_reader(sock)  # asyncio loses the socket of whoever was accepted in the turn in which a server is closed
        await turns(10)
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await turns(10)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await self._serve(reader, writer)


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
