"""What of the door outlives the process, as text in the journal file: operators' locks, who is not to be disturbed, a block."""

from __future__ import annotations

import json

from firmware.door.contacts import BLOCK_S
from firmware.door.events import KeptWrong, LockMode, LockName, Start


def kept_text(start: Start) -> str:
    """`start` as JSON."""
    modes = {lock: mode.value for lock, mode in start.modes.items()}
    return json.dumps({"modes": modes, "quiet": sorted(start.quiet), "blocked_for_s": start.blocked_for_s, "wrong": start.wrong})


def start_from(text: str, elapsed_s: float) -> Start:
    """What the door is started with when `text` was kept `elapsed_s` ago by the wall clock. A text that says nothing is a fresh start.

    A clock that went back makes a block longer, never shorter, and never longer than a whole one.
    """
    try:
        kept = json.loads(text)
        return Start(
            modes={LockName(lock): LockMode(mode) for lock, mode in kept["modes"].items()},
            quiet=frozenset(kept["quiet"]),
            blocked_for_s=min(max(0.0, float(kept["blocked_for_s"]) - max(0.0, elapsed_s)), BLOCK_S),
            wrong=tuple(_aged(*each, passed_s=max(0.0, elapsed_s)) for each in kept.get("wrong", ())),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return Start()


def _aged(source: str, times: int, ago_s: float, for_s: float, *, passed_s: float) -> KeptWrong:
    """Wrong codes as they are now. A clock that went back has passed no time: a lock-out becomes longer, never shorter."""
    return KeptWrong(source=str(source), times=int(times), ago_s=float(ago_s) + passed_s, for_s=max(0.0, float(for_s) - passed_s))
