"""What waits to be published: in order, bounded, and without what has become too old to be wanted."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from firmware.outlets.mqtt.topics import STALE_S, Message

WAITING_MAX: Final = 256  # records; a broker that is restarted for a minute misses nothing of an ordinary house


class Outbox:
    """Belongs to the event loop. Beyond WAITING_MAX the oldest go, and are counted."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Message]] = deque()
        self._news = asyncio.Event()
        self.lost = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message, now_s: float) -> None:
        """Something happened at `now_s`, monotonic. A newer state makes the waiting one superfluous."""
        if message.retained:
            self._waiting = deque(each for each in self._waiting if not (each[1].retained and each[1].topic == message.topic))
        self._waiting.append((now_s, message))
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            self.lost += 1
        self._news.set()

    async def first(self, now_s: float) -> Message:
        """The oldest that is still wanted; it stays here until `done`. Waits for one. `now_s` is when this is called."""
        while self._waiting and self._waiting[0][1].urgent and now_s - self._waiting[0][0] > STALE_S:
            self._waiting.popleft()
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting[0][1]

    def done(self, message: Message) -> None:
        """The broker has it."""
        if self._waiting and self._waiting[0][1] is message:
            self._waiting.popleft()
