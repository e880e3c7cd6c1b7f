"""Work that waits for a disk, a server or another program, on a thread of its own beside the event loop.

The end of the program does not wait for such a thread: those of a pool would hold it up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from firmware.errors import PorteroError

T = TypeVar("T")


async def beside(name: str, work: Callable[[], T]) -> T:
    """What `work` returns; raises the PorteroError that it raises. Any other exception is a bug, and ends the thread as such."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        if not done.done():
            outcome()

    def run() -> None:
        try:
            result = work()
        except PorteroError as error:
            wrong = error
            outcome: Callable[[], None] = lambda: done.set_exception(wrong)  # noqa: E731 -- called once, on the loop
        else:
            outcome = lambda: done.set_result(result)  # noqa: E731 -- the same
        with suppress(RuntimeError):  # the loop is closed: the station has stopped meanwhile
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
