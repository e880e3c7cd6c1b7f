"""The gate that a new system must pass before it stays. Pure: it is told what is seen of the door, and says what to do next.

It passes when the daemon has run for a while, every account is registered that was so before the update, each lock was seen at rest, and a
call of the door to itself carried sound. What was broken before may be so now: an update is not to blame for a server that is away.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from firmware.app.update.ledger import Before

TRIAL_S_MAX = 600.0  # from the beginning: a board that boots, resolves names and registers takes one of these ten minutes
STEADY_S = 20.0  # so long the daemon must have run: one that dies at its start is started anew every second
CALLS_MAX = 3  # calls to itself; a visitor may come between


class Seen(NamedTuple):
    """What the daemon says of itself. `uptime_s` negative: it does not answer."""

    uptime_s: float
    registered: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    locks: frozenset[str] = frozenset()
    idle: bool = True


GONE = Seen(uptime_s=-1.0)


class Trial(NamedTuple):
    """What was seen so far. `rested`: locks that were at rest once. `calls`: those to itself that failed; `fault`: why the last one did."""

    began_s: float
    before: Before = Before()
    rested: frozenset[str] = frozenset()
    calls: int = 0
    fault: str = ""
    was_heard: bool = False


class Step(Enum):
    """What to do next."""

    WAIT = "wait"
    CALL = "call"
    CONFIRM = "confirm"
    REJECT = "reject"


class Verdict(NamedTuple):
    """`why`: of a wait what is waited for, of a rejection its reason."""

    step: Step
    why: str = ""


def looked(trial: Trial, seen: Seen, now_s: float) -> tuple[Trial, Verdict]:
    """Judge what is seen now. `now_s` is monotonic, as `began_s`."""
    trial = trial._replace(rested=trial.rested | (seen.locks - seen.closed))
    missing = _missing(trial, seen)
    over = now_s - trial.began_s >= TRIAL_S_MAX
    if not missing and trial.was_heard:
        return trial, Verdict(Step.CONFIRM)
    if trial.calls >= CALLS_MAX:
        return trial, Verdict(Step.REJECT, f"a call to itself failed {trial.calls} times: {trial.fault}")
    if over:
        return trial, Verdict(Step.REJECT, f"after {TRIAL_S_MAX / 60:.0f} minutes {missing or 'no call to itself could be made'}")
    if not missing and seen.idle:
        return trial, Verdict(Step.CALL)
    return trial, Verdict(Step.WAIT, missing or "somebody is at the door")


def called(trial: Trial, fault: str) -> Trial:
    """A call of the door to itself is over; `fault` is empty when its sound was found again."""
    return trial._replace(was_heard=True) if not fault else trial._replace(calls=trial.calls + 1, fault=fault)


def _missing(trial: Trial, seen: Seen) -> str:
    """The first thing that keeps the gate shut, as half a sentence; empty when only the call is left."""
    if seen.uptime_s < 0:
        return "the service does not answer"
    if seen.uptime_s < STEADY_S:
        return f"the service has not run for {STEADY_S:.0f} s yet"
    if unregistered := sorted(set(trial.before.registered) - seen.registered):
        return f"account {unregistered[0]} is not registered, which it was before the update"
    if held := sorted(seen.locks - trial.rested - set(trial.before.closed)):
        return f"lock {held[0]} was never at rest"
    return ""
