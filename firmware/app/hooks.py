"""Webhooks beside the event loop: each is sent on a thread, a few at a time, and its failure is news of the station's health."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from firmware.app.beside import beside
from firmware.app.supervise import Supervisor
from firmware.config.schema import Settings
from firmware.door import events as door
from firmware.errors import WebhookError

log = logging.getLogger("portero.hooks")

THREADS = 2  # one server that hangs does not hold up the others
WAITING_MAX = 16  # more are given up: what happened is in the journal, and old news opens no gate


class Hooks:
    """Sends what rules want to be sent. Belongs to the event loop; `close` waits for nothing."""

    def __init__(self, settings: Settings, tell: Callable[[door.Input], None], supervisor: Supervisor) -> None:
        self._hooks = {hook.name: hook for hook in settings.webhook}
        self._user_agent = settings.station.user_agent
        self._tell = tell
        self._supervisor = supervisor
        self._turns = asyncio.Semaphore(THREADS)
        self.waiting: set[asyncio.Task[None]] = set()
        self._failed: set[str] = set()

    def request(self, effect: door.Request) -> None:
        """Send it, or give it up when too many wait."""
        if len(self.waiting) >= WAITING_MAX:
            self._health(effect.hook, f"webhook {effect.hook}: {WAITING_MAX} requests wait already")
            return
        at_s = time.time()
        task = asyncio.get_running_loop().create_task(self._delivered(effect, at_s))
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)

    def close(self) -> None:
        for task in tuple(self.waiting):
            task.cancel()

    async def _delivered(self, effect: door.Request, at_s: float) -> None:
        async with self._turns:
            await self._supervisor.survive("webhook", self._send(effect, at_s))

    async def _send(self, effect: door.Request, at_s: float) -> None:
        from firmware.outlets.webhook import body_of, post  # loads an HTTP client: only doors with rules pay for it

        try:
            body = body_of(effect.cause, rule=effect.rule, at_s=at_s)
            await beside("webhook", lambda: post(self._hooks[effect.hook], body, self._user_agent))
        except WebhookError as error:
            self._health(effect.hook, str(error))
        else:
            self._health(effect.hook, "")

    def _health(self, hook: str, wrong: str) -> None:
        """News only: a server that stays away is one entry in the journal."""
        if bool(wrong) is (hook in self._failed):
            return
        (self._failed.add if wrong else self._failed.discard)(hook)
        log.log(logging.WARNING if wrong else logging.INFO, "%s", wrong or f"webhook {hook} works again")
        self._tell(door.HealthChanged(part=f"webhook {hook}", working=not wrong, detail=wrong or "answers again"))
