"""An event loop in the time of a simulated world: the station's own asyncio code runs on it, and an hour of waiting costs nothing.

The world is the only clock and the only queue; the loop puts its turns and timers there. It lives as long as one process of the station:
`die` ends it as a power cut would, in the middle of whatever was being done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, Protocol, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TURNS_MAX = 10_000  # callbacks within one instant: more is a loop that never comes to rest


class Clock(Protocol):
    """What the loop needs of a world."""

    now_s: float

    def at(self, delay_s: float, action: Callable[[], None]) -> None: ...


class Threads(Protocol):
    """Who does the work of thread pools: it decides how long a thread takes, and whether it fails."""

    def run(self, loop: VirtualLoop, work: Callable[[], T]) -> asyncio.Future[T]: ...


class VirtualLoop(asyncio.BaseEventLoop):
    """As much of an event loop as the station uses without its sockets."""

    def __init__(self, clock: Clock, threads: Threads) -> None:
        self.is_dead = True  # as long as it is being made
        super().__init__()
        self.is_dead = False
        self._clock = clock
        self._threads = threads
        self._turns: deque[asyncio.Handle] = deque()
        self._is_turn_due = False
        self.latency_s: Callable[[], float] = lambda: 0.0  # how long until the loop comes round: a busy processor
        self.failures: list[BaseException | str] = []
        self._tasks: list[asyncio.Task[Any]] = []  # kept for the loop's life: asyncio itself holds tasks weakly

    # --- what asyncio asks of a loop

    def time(self) -> float:
        return self._clock.now_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self.is_dead

    def is_closed(self) -> bool:
        return self.is_dead

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, T] | Generator[Any, None, T], *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, name=None if name is None else str(name), context=context)
        self._tasks = [each for each in self._tasks if not each.done()]
        self._tasks.append(task)
        return task

    def call_soon(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self.is_dead:
            self._turns.append(handle)
            if not self._is_turn_due:
                self._is_turn_due = True
                self._clock.at(self.latency_s(), self._turn)
        return handle

    def call_soon_threadsafe(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._clock.at(max(0.0, when - self.time()), lambda: self._expired(handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """The world's queue keeps it; it does nothing then."""

    def run_in_executor(self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        return self._threads.run(self, lambda: func(*args))

    def set_exception_handler(self, handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None) -> None:
        raise AssertionError("failures are collected")

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_dead:
            self.failures.append(context.get("exception") or str(context.get("message")))

    # --- the world's side

    def die(self) -> None:
        """The process is gone: nothing runs any more. Its tasks are closed without a chance to do anything in the world."""
        self.is_dead = True
        self._turns.clear()
        for task in self._tasks:
            task.cancel()
        self._is_turn_due = True
        for task in self._tasks:
            task.get_coro().close()
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # it will never be stepped again, which is no mistake
        self._tasks.clear()

    def _expired(self, handle: asyncio.TimerHandle) -> None:
        if not self.is_dead and not handle.cancelled():
            self.call_soon(self._fire, handle)

    def _fire(self, handle: asyncio.TimerHandle) -> None:
        """It may have been cancelled since its time came, by what ran before it in the same turn."""
        if not handle.cancelled():
            handle._run()

    def _turn(self) -> None:
        self._is_turn_due = self.is_dead
        asyncio._set_running_loop(self)
        try:
            for _ in range(TURNS_MAX):
                if not self._turns:
                    return
                handle = self._turns.popleft()
                if not handle.cancelled():
                    handle._run()
            raise AssertionError(f"{TURNS_MAX} callbacks at once, the next is {self._turns[0]}")
        finally:
            asyncio._set_running_loop(None)
