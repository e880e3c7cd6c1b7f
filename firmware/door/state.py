"""The state of a door: what its call does, which locks are open, who has guessed.

The call is one of Idle, Calling, Offered, Talking; each lock is shut or unlocking. Deadlines and lamps are not stored beside the state:
they follow from it (`deadlines`, `lit`), so none can be forgotten when a state ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, assert_never

from firmware.door.access import Guard, Pad
from firmware.door.directory import Directory, Target
from firmware.door.events import ButtonName, CallName, Effect, LampRole, LockName, PressId, Stage, TimerKey
from firmware.door.kind import kind
from firmware.door.lock import Unlocking

RING = TimerKey("ring")
OFFER = TimerKey("offer")
TALK = TimerKey("talk")
WARNING = TimerKey("warning")
HANG_UP = TimerKey("hang-up")
DIGITS = TimerKey("digits")
LOCK_PREFIX = "lock:"


@kind
class Leg(NamedTuple):
    """One call leg, who is at its other end, and whether that phone said that it rings."""

    call: CallName
    party: Target
    rings: bool = False


@kind
class Idle(NamedTuple):
    """No call."""


@kind
class Calling(NamedTuple):
    """Phones ring. `press` and `button` are None for an operator's call; `failed` says how legs ended that are gone."""

    press: PressId | None
    button: ButtonName | None
    legs: tuple[Leg, ...]
    failed: tuple[Stage, ...]
    until_s: float


@kind
class Offered(NamedTuple):
    """Somebody calls. Once `accepted` we wait for the call to come up, else for an operator."""

    leg: Leg
    accepted: bool
    until_s: float


@kind
class Talking(NamedTuple):
    """A call is up. `warn_at_s` None: the beep before the end has sounded; `hang_up_at_s` None: no opening ends the call."""

    leg: Leg
    press: PressId | None
    since_s: float
    until_s: float
    warn_at_s: float | None
    hang_up_at_s: float | None
    extensions: int
    opened: bool
    pad: Pad


CallState = Idle | Calling | Offered | Talking


@kind
class Door(NamedTuple):
    """A whole door. `next_press` continues the journal's numbers, so that a press has one number over all restarts."""

    directory: Directory
    next_press: int
    call: CallState = Idle()
    locks: Mapping[LockName, Unlocking] = MappingProxyType({})  # the open ones
    guard: Guard = Guard()
    next_dial: int = 1
    refused_recorded_at_s: float | None = None
    refused_unrecorded: int = 0


Step = tuple[Door, tuple[Effect, ...]]


def deadlines(door: Door) -> dict[TimerKey, float]:
    """Every time at which this door wants to be told, by key."""
    found = {TimerKey(LOCK_PREFIX + name): lock.until_s for name, lock in door.locks.items()}
    match door.call:
        case Idle():
            pass
        case Calling(until_s=until_s):
            found[RING] = until_s
        case Offered(until_s=until_s):
            found[OFFER] = until_s
        case Talking() as talking:
            found.update(_talk_deadlines(talking, door.directory.limits.digit_limit_s))
        case never:
            assert_never(never)
    return found


def _talk_deadlines(talking: Talking, digit_limit_s: float) -> dict[TimerKey, float]:
    found = {TALK: talking.until_s}
    if talking.warn_at_s is not None:
        found[WARNING] = talking.warn_at_s
    if talking.hang_up_at_s is not None:
        found[HANG_UP] = talking.hang_up_at_s
    if talking.pad.digits:
        found[DIGITS] = talking.pad.last_at_s + digit_limit_s
    return found


def lit(door: Door) -> frozenset[LampRole]:
    """The lamps that are on."""
    lamps = {LampRole.OPEN} if door.locks else set()
    match door.call:
        case Calling() | Offered():
            lamps.add(LampRole.RING)
        case Talking():
            lamps.add(LampRole.TALK)
        case Idle():
            pass
        case never:
            assert_never(never)
    return frozenset(lamps)
