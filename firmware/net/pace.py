"""When to read a busy socket again. Waking up costs a small board more than a message does: where many come, they are read some at a time.

Pure: it is given the time. A call that is set up, with all that its phones say at once, stays far below the burst and never waits.
"""

from __future__ import annotations

from typing import Final

CALM_PER_S: Final = 200.0  # messages a second, for ever, that are read as they come
CALM_BURST: Final = 32.0  # and so many at once: ten phones that answer a call each say three things within the same moment
GATHER_S: Final = 0.02  # how long what comes after that may lie: a twenty-fifth of T1, after which a peer would repeat itself


class Pace:
    """One socket's."""

    def __init__(self) -> None:
        self._level = 0.0
        self._at_s = 0.0

    def wait_s(self, taken: int, now_s: float) -> float:
        """`taken` messages have just been read: how long to leave the next ones where they are. `now_s` never runs backwards."""
        drained = (now_s - self._at_s) * CALM_PER_S
        self._level = min(max(0.0, self._level - drained) + taken, 2 * CALM_BURST)  # no more, so that calm is noticed soon
        self._at_s = now_s
        return GATHER_S if self._level > CALM_BURST else 0.0
