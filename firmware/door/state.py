"""The state of a door: what its call does, which locks are open, who has guessed.

The call is one of Idle, Calling, Offered, Talking; each lock is shut or unlocking. Deadlines and lamps are not stored beside the state:
they follow from it (`deadlines`, `lit`), so none can be forgotten when a state ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, assert_never

from firmware.door.access import Guard, Pad
from firmware.door.asking import Asking
from firmware.door.directory import Directory, Plan, Route, Rule, Target
from firmware.door.events import (
    ButtonName,
    CallName,
    DoorRecord,
    Effect,
    LampName,
    LampRole,
    LockMode,
    LockName,
    PressId,
    Stage,
    TimerKey,
    Unlocked,
)
from firmware.door.kind import kind
from firmware.door.lock import Unlocking

RING = TimerKey("ring")
OFFER = TimerKey("offer")
ACCEPT = TimerKey("accept")
TALK = TimerKey("talk")
WARNING = TimerKey("warning")
HANG_UP = TimerKey("hang-up")
DIGITS = TimerKey("digits")
ASKED = TimerKey("asked")
ROUTE = TimerKey("route")
VISIT = TimerKey("visit")
MINUTE = TimerKey("minute")
BLOCK = TimerKey("block")
REFUSED = TimerKey("refused")
LOCK = "lock"  # before the colon of a key of which there are several
CHAIN = "chain"
STANDING = "standing"
RUN = "run"


@kind
class Leg(NamedTuple):
    """One call leg, who is at its other end, and what that phone has said: that it rings, that the visitor hears it already.

    `routes` are the ways to this party that have not been tried; the next is tried at `next_at_s`, or when this one fails. While a `menu`
    ('' none) speaks in it, the call is apart from the panel and its digits are the menu's. Whoever `announces` does not hear the panel.
    """

    call: CallName
    party: Target
    rings: bool = False
    early: bool = False
    encrypted: bool = False
    routes: tuple[Route, ...] = ()
    next_at_s: float | None = None
    menu: str = ""
    announces: bool = False


@kind
class Idle(NamedTuple):
    """No call."""


@kind
class Calling(NamedTuple):
    """Phones ring. `press` and `button` are None for a call of an operator or a rule; `failed` says how legs ended that are gone.

    `until_s` ends this round of the plan, `rounds` come after it. `rung` names everybody who was rung in this round; legs are called by
    `name` and the number of legs before them. `flat` is the one that was dialled at the keypad `button`, '' for a button's ring.
    """

    press: PressId | None
    button: ButtonName | None
    legs: tuple[Leg, ...]
    failed: tuple[Stage, ...]
    until_s: float
    name: str = ""
    rounds: Plan = ()
    rung: frozenset[str] = frozenset()
    placed: int = 0
    flat: str = ""


@kind
class Offered(NamedTuple):
    """Somebody calls. Once `accepted` we wait for the call to come up, else for an operator.

    `accept_at_s`: when it is accepted by the caller's wish, None when it is not.
    """

    leg: Leg
    accepted: bool
    until_s: float
    accept_at_s: float | None = None


@kind
class Party(NamedTuple):
    """A further party of a call, what it has typed, and since when it talks."""

    leg: Leg
    pad: Pad
    since_s: float


@kind
class Asked(NamedTuple):
    """Who is called into a conversation, or is let into it, and is not up yet; given up at `until_s`."""

    leg: Leg
    until_s: float


@kind
class Talking(NamedTuple):
    """A call is up: with one party, whose are `leg`, `pad` and `since_s`, or with `others` as well, of whom any may come to stand in front.

    `warn_at_s` None: the beep before the end has sounded; `hang_up_at_s` None: no opening ends the call."""

    leg: Leg
    press: PressId | None
    since_s: float
    until_s: float
    warn_at_s: float | None
    hang_up_at_s: float | None
    extensions: int
    opened: bool
    pad: Pad
    others: tuple[Party, ...] = ()
    asked: tuple[Asked, ...] = ()

    @property
    def parties(self) -> tuple[Party, ...]:
        """Everybody who talks, whoever stands in front first."""
        return (Party(leg=self.leg, pad=self.pad, since_s=self.since_s), *self.others)


@kind
class Visit(NamedTuple):
    """A visitor in front of a menu, in no call; `call` is what the menu calls them. Over at `until_s` unless a key of `keypad` comes."""

    call: CallName
    menu: str
    keypad: str
    until_s: float


CallState = Idle | Calling | Offered | Talking


@kind
class Chained(NamedTuple):
    """A lock that opens at `at_s` because another was opened; `why` is that opening, with this lock's name.

    `encrypted`: so was the call of that opening, which may be over by then.
    """

    at_s: float
    why: Unlocked
    encrypted: bool = False


@kind
class Running(NamedTuple):
    """A rule that waits until `at_s` with the deeds from `next_deed` on still to do. `cause` is the record that set it off."""

    number: int
    rule: Rule
    next_deed: int
    at_s: float
    cause: DoorRecord


@kind
class Door(NamedTuple):
    """A whole door. `next_press` continues the journal's numbers, so that a press has one number over all restarts.

    `local` is the wall clock at the input in hand, None while it is not set. `held` locks stay open, `modes` holds what operators want of
    them. `standing` holds since when a door stands open and was not complained about; `contacts` the last word of each.
    """

    directory: Directory
    next_press: int
    call: CallState = Idle()
    locks: Mapping[LockName, Unlocking] = MappingProxyType({})  # those opened for a time
    local: datetime | None = None
    modes: Mapping[LockName, LockMode] = MappingProxyType({})  # those that are not NORMAL
    held: frozenset[LockName] = frozenset()
    barred: frozenset[LockName] = frozenset()  # those whose driver was told to keep them shut
    chained: Mapping[LockName, Chained] = MappingProxyType({})
    shut_at_s: Mapping[LockName, float] = MappingProxyType({})  # when each lock was last open
    contacts: Mapping[str, bool] = MappingProxyType({})
    standing: Mapping[str, float] = MappingProxyType({})
    blocked_until_s: float | None = None
    refused_until_s: float | None = None
    visit: Visit | None = None
    next_visit: int = 1
    begun_at_s: tuple[float, ...] = ()  # when visitors began menus, in the last minute
    quiet: frozenset[str] = frozenset()
    down: frozenset[str] = frozenset()  # accounts that do not work
    active: frozenset[str] = frozenset()  # profiles, at the last look
    look_at_s: float | None = None  # when profiles are looked at next
    running: tuple[Running, ...] = ()
    ran: tuple[tuple[str, float], ...] = ()  # rules and when they ran, in the last minute
    next_run: int = 1
    guard: Guard = Guard()
    asking: Asking = Asking()
    next_dial: int = 1
    refused_recorded_at_s: float | None = None
    refused_unrecorded: int = 0


Step = tuple[Door, tuple[Effect, ...]]


def deadlines(door: Door) -> dict[TimerKey, float]:
    """Every time at which this door wants to be told, by key."""
    found = _standing_deadlines(door)
    match door.call:
        case Idle():
            pass
        case Calling() as calling:
            found.update(_ring_deadlines(calling))
        case Offered(until_s=until_s, accept_at_s=accept_at_s):
            found |= {OFFER: until_s} if accept_at_s is None else {OFFER: until_s, ACCEPT: accept_at_s}
        case Talking() as talking:
            found.update(_talk_deadlines(talking, door.directory.limits.digit_limit_s))
        case never:
            assert_never(never)
    return found


def _standing_deadlines(door: Door) -> dict[TimerKey, float]:
    """Those that no call brings or ends."""
    found = {TimerKey(f"{LOCK}:{name}"): lock.until_s for name, lock in door.locks.items()}
    found |= {TimerKey(f"{CHAIN}:{name}"): chained.at_s for name, chained in door.chained.items()}
    for name, since_s in door.standing.items():
        limit_s = door.directory.watches[name].open_limit_s
        if limit_s is not None:
            found[TimerKey(f"{STANDING}:{name}")] = since_s + limit_s
    found |= {TimerKey(f"{RUN}:{run.number}"): run.at_s for run in door.running}
    visit_until_s = None if door.visit is None else door.visit.until_s
    for key, at_s in (
        (MINUTE, door.look_at_s),
        (BLOCK, door.blocked_until_s),
        (REFUSED, door.refused_until_s),
        (VISIT, visit_until_s),
    ):
        if at_s is not None:
            found[key] = at_s
    return found | door.asking.deadlines()


def _ring_deadlines(calling: Calling) -> dict[TimerKey, float]:
    found = {RING: calling.until_s}
    waiting = [leg.next_at_s for leg in calling.legs if leg.next_at_s is not None]
    if waiting:
        found[ROUTE] = min(waiting)
    return found


def _talk_deadlines(talking: Talking, digit_limit_s: float) -> dict[TimerKey, float]:
    found = {TALK: talking.until_s}
    if talking.warn_at_s is not None:
        found[WARNING] = talking.warn_at_s
    if talking.hang_up_at_s is not None:
        found[HANG_UP] = talking.hang_up_at_s
    typed_at_s = [party.pad.last_at_s for party in talking.parties if party.pad.digits]
    if typed_at_s:
        found[DIGITS] = min(typed_at_s) + digit_limit_s
    if talking.asked:
        found[ASKED] = min(asked.until_s for asked in talking.asked)
    return found


def leg_in_talk(door: Door, call: CallName) -> Leg | None:
    """The leg of that name, when it is a party of the call that is up."""
    parties = door.call.parties if isinstance(door.call, Talking) else ()
    return next((party.leg for party in parties if party.leg.call == call), None)


def lit(door: Door) -> frozenset[LampRole | LampName]:
    """The lamps that are on."""
    lamps: set[LampRole | LampName] = {LampRole.OPEN} if door.locks or door.held else set()
    lamps.update(name for name, when in door.directory.lights.items() if door.directory.holds(when, door.local, unknown=False))
    if door.refused_until_s is not None:
        lamps.add(LampRole.REFUSED)
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


def ways(door: Door, party: Target) -> tuple[Route, ...]:
    """The ways to try, in order. One whose account does not work is left out, as long as another is left."""
    working = tuple(route for route in party.routes if route.account not in door.down)
    return working or party.routes
