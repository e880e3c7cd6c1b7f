"""One lock: shut, or unlocking until a time.

When in doubt it stays shut: an opening that would hold the relay longer than the lock's maximum is cut. The driver enforces the same
maximum by itself, so that a fault here cannot leave a door open.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.door.directory import Lock
from firmware.door.kind import kind


@kind
class Unlocking(NamedTuple):
    """The relay is closed since `since_s` and lets go at `until_s`. A lock without such a value is shut."""

    since_s: float
    until_s: float


def unlock(lock: Lock, now: Unlocking | None, now_s: float) -> tuple[Unlocking, float]:
    """Open for the lock's pulse from `now_s`: the new state, and the seconds (more than 0) to ask of the relay."""
    since_s = now_s if now is None or now.until_s <= now_s else now.since_s
    until_s = min(now_s + lock.pulse_s, since_s + lock.max_closed_s)
    return Unlocking(since_s=since_s, until_s=until_s), until_s - now_s
