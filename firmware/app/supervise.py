"""Where exceptions that nobody expected end: logged with their traceback, counted, and escalated when they go on.

This file holds the only broad `except` of the program. An unexpected exception is a bug of ours; the visitor at the door pays least when
the part goes on with its next input, and when a part that cannot go on is replaced together with its whole process by the service manager,
which also releases the relays. So: each failure is logged and survived; too many within a window make the station stop with `failed` set.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import ParamSpec

log = logging.getLogger("portero.supervise")

FAILURES_MAX = 5  # within the window. One odd message must not end a running call; a fault on every input must not run for hours
WINDOW_S = 60.0

_P = ParamSpec("_P")


class Supervisor:
    """Counts failures; calls `escalate` once when there were FAILURES_MAX within WINDOW_S."""

    def __init__(self, clock_s: Callable[[], float], escalate: Callable[[str], None]) -> None:
        self._clock_s = clock_s
        self._escalate = escalate
        self._failures: deque[float] = deque(maxlen=FAILURES_MAX)
        self.total = 0
        self.escalated = False

    def guarded(self, what: str, call: Callable[_P, None]) -> Callable[_P, None]:
        """`call`, with every exception caught, logged under `what` and counted."""

        def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
            try:
                call(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - this is the place: an unexpected exception is counted, not fatal
                self.failed(what, error)

        return run

    async def survive(self, what: str, step: Awaitable[None], *, is_vital: bool = True) -> bool:
        """Await `step`; False when it failed. Cancellation passes through.

        What is not vital never makes the station stop: a fault that strangers can bring about there must not cost the house its door.
        """
        try:
            await step
        except Exception as error:  # noqa: BLE001 - this is the place, see above
            if is_vital:
                self.failed(what, error)
            else:
                self._note(what, error)
            return False
        return True

    def failed(self, what: str, error: BaseException) -> None:
        """Note one failure of `what`."""
        now_s = self._clock_s()
        self._note(what, error)
        self._failures.append(now_s)
        if not self.escalated and len(self._failures) == FAILURES_MAX and now_s - self._failures[0] <= WINDOW_S:
            self.escalated = True
            self._escalate(f"{FAILURES_MAX} failures within {WINDOW_S:.0f} s, the last in {what}")

    def loop_exception(self, context: dict[str, object]) -> None:
        """For `loop.set_exception_handler`: whatever ran on the loop and was not guarded."""
        error = context.get("exception")
        message = str(context.get("message", "event loop"))
        self.failed(message, error if isinstance(error, BaseException) else RuntimeError(message))

    def _note(self, what: str, error: BaseException) -> None:
        log.error("%s failed: %s", what, error, exc_info=error)
        self.total += 1
