"""What a contact means: a pure function of (level, time) that turns a bouncing line into presses.

Two layers. The first settles the line: a level counts when it has lasted unbroken for `debounce_ns`. The second judges the settled
line: activity shorter than `min_active_ns` is not reported, longer than `stuck_ns` is a fault. Edges carry the time at which the
settled level began, so the wait does not falsify them.

A button that is active when it is first seen is not pressed: nobody may ring by restarting the station with a finger or a splinter
at the button. A contact that is active when it is first seen is a fact to report.

    Idle --settled active--> Touched --min_active--> Active --stuck--> Stuck
     ^                          |                      |                 |
     +-----settled inactive-----+----------------------+-----------------+       HeldAtStart goes the same ways, but never reports activity
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class EdgeKind(Enum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    STUCK = "stuck"
    FREED = "freed"


class Edge(NamedTuple):
    """`at_ns`: when the level began for ACTIVE, INACTIVE and FREED; when the patience ended for STUCK."""

    kind: EdgeKind
    at_ns: int


class Timing(NamedTuple):
    """`stuck_ns` None: never stuck."""

    debounce_ns: int
    min_active_ns: int
    stuck_ns: int | None


class Phase(Enum):
    """What has been made of the settled line so far."""

    IDLE = "idle"
    TOUCHED = "touched"
    ACTIVE = "active"
    STUCK = "stuck"
    HELD_AT_START = "held at start"
    STUCK_AT_START = "stuck at start"


# What the end of the activity means in each phase that has told of it.
ENDED = {
    Phase.ACTIVE: (EdgeKind.INACTIVE,),
    Phase.STUCK: (EdgeKind.FREED, EdgeKind.INACTIVE),
    Phase.STUCK_AT_START: (EdgeKind.FREED,),
}


class Line(NamedTuple):
    """A line: its last level with the beginning of it, and its phase with the beginning of that settled level."""

    level: bool
    level_since_ns: int
    phase: Phase
    phase_since_ns: int

    @property
    def settled(self) -> bool:
        return self.phase is not Phase.IDLE


def begin(level: bool, now_ns: int, *, press: bool) -> Line:
    """The line as first seen; `level` True means active. `press`: activity is an act (a button), so what began unseen does not count."""
    held = Phase.HELD_AT_START if press else Phase.ACTIVE
    return Line(level=level, level_since_ns=now_ns, phase=held if level else Phase.IDLE, phase_since_ns=now_ns)


def sample(line: Line, level: bool, at_ns: int, timing: Timing) -> tuple[Line, tuple[Edge, ...]]:
    """The line after its level was seen to be `level` at `at_ns`, and what that means.

    A time before the last change (edges and deadlines come from two threads) counts as the time of the last change.
    """
    at_ns = max(at_ns, line.level_since_ns)
    line, edges = advance(line, at_ns, timing)
    if level != line.level:
        line = line._replace(level=level, level_since_ns=at_ns)
    return line, edges


def advance(line: Line, now_ns: int, timing: Timing) -> tuple[Line, tuple[Edge, ...]]:
    """The line when time has come to `now_ns`, and everything that fell due, in order of time."""
    edges: list[Edge] = []
    # Each step goes forward in Idle -> Touched -> Active -> Stuck -> Idle and one level settles once, so there are four at most.
    while (at_ns := deadline_ns(line, timing)) is not None and at_ns <= now_ns:
        line, meant = _step(line, timing)
        edges += meant
    return line, tuple(edges)


def deadline_ns(line: Line, timing: Timing) -> int | None:
    """When `advance` must be called, or None when nothing will happen without a new level."""
    judged_ns = _judged_ns(line, timing)
    if line.level == line.settled:
        return judged_ns
    settled_ns = line.level_since_ns + timing.debounce_ns
    return settled_ns if judged_ns is None else min(settled_ns, judged_ns)


def _judged_ns(line: Line, timing: Timing) -> int | None:
    """When the second layer has something to say."""
    if not line.level:
        return None  # the line may be about to settle as released: the length of the activity is not known yet
    if line.phase is Phase.TOUCHED:
        return line.phase_since_ns + timing.min_active_ns
    if line.phase in (Phase.ACTIVE, Phase.HELD_AT_START) and timing.stuck_ns is not None:
        return line.phase_since_ns + timing.stuck_ns
    return None


def _step(line: Line, timing: Timing) -> tuple[Line, tuple[Edge, ...]]:
    """The line after its first deadline."""
    judged_ns = _judged_ns(line, timing)
    if judged_ns is not None and judged_ns == deadline_ns(line, timing):
        return _judge(line, judged_ns)
    return _settle(line)


def _judge(line: Line, at_ns: int) -> tuple[Line, tuple[Edge, ...]]:
    if line.phase is Phase.TOUCHED:
        return line._replace(phase=Phase.ACTIVE), (Edge(EdgeKind.ACTIVE, line.phase_since_ns),)
    stuck = Phase.STUCK_AT_START if line.phase is Phase.HELD_AT_START else Phase.STUCK
    return line._replace(phase=stuck), (Edge(EdgeKind.STUCK, at_ns),)


def _settle(line: Line) -> tuple[Line, tuple[Edge, ...]]:
    since_ns = line.level_since_ns
    after = line._replace(phase=Phase.TOUCHED if line.level else Phase.IDLE, phase_since_ns=since_ns)
    return after, tuple(Edge(kind, since_ns) for kind in ENDED.get(line.phase, ()))
