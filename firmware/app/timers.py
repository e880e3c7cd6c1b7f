"""Timers by key on the event loop: setting again replaces, firing forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")


class Timers(Generic[KeyT]):
    """At most one running timer a key; `fire` is called on the loop with the key."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fire: Callable[[KeyT], None]) -> None:
        self._loop = loop
        self._fire = fire
        self._running: dict[KeyT, asyncio.TimerHandle] = {}

    def set(self, key: KeyT, at_s: float) -> None:
        """`at_s` in the loop's time, which is the monotonic clock."""
        self.clear(key)
        self._running[key] = self._loop.call_at(at_s, self._fired, key)

    def clear(self, key: KeyT) -> None:
        """Allowed for a key that has no timer."""
        handle = self._running.pop(key, None)
        if handle is not None:
            handle.cancel()

    def clear_all(self) -> None:
        for key in tuple(self._running):
            self.clear(key)

    def __len__(self) -> int:
        return len(self._running)

    def _fired(self, key: KeyT) -> None:
        del self._running[key]
        self._fire(key)
