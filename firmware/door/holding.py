"""Locks that stay open or shut: what operators want, what profiles say, and the look at the clock once a minute.

Three wills meet at a lock, and the first that speaks decides: tampering (shut), an operator (held open, or locked), its profile (held
open). Openings for a pulse pass through `opening`; a request to exit passes by all of them.
"""

from __future__ import annotations

from firmware.door.events import (
    Block,
    Effect,
    Hold,
    LockHeld,
    LockMode,
    LockModeChanged,
    LockName,
    ProfileChanged,
    QuietChanged,
    Record,
    SetLockMode,
    SetQuiet,
    Shut,
    Start,
    Unblock,
)
from firmware.door.schedule import within
from firmware.door.state import Door, Step

MINUTE_S = 60.0


def started(door: Door, given: Start, now_s: float) -> Step:
    """The first input: what outlived the last run, and the first look at the clock. Profiles that are active already have not begun now.

    When it comes late, what operators have wanted since goes before, and of two blocks or lock-outs the longer counts.
    """
    modes = {lock: mode for lock, mode in given.modes.items() if lock in door.directory.locks and mode is not LockMode.NORMAL}
    blocks_s = [] if door.blocked_until_s is None else [door.blocked_until_s]
    if given.blocked_for_s > 0:
        blocks_s.append(now_s + given.blocked_for_s)
    known = door._replace(
        modes={**modes, **door.modes},
        quiet=door.quiet | (given.quiet & door.directory.targets.keys()),
        blocked_until_s=max(blocks_s, default=None),
        guard=door.guard.restored(given.wrong, now_s),
    )
    return settled(_looked(known, now_s))


def minute_came(door: Door, now_s: float) -> Step:
    """Look at the wall clock: which profiles have begun or ended, and which locks follow them."""
    after = _looked(door, now_s)
    changed = sorted(after.active ^ door.active)
    news = (Record(record=ProfileChanged(profile=name, active=name in after.active)) for name in changed)
    after, effects = settled(after)
    return after, (*news, *effects)


def _looked(door: Door, now_s: float) -> Door:
    """The door that knows its profiles as they are now, and looks again when the wall clock's minute is over.

    Looking beats computing the next change: daylight saving, a clock that is set and a leap over midnight are then no cases at all. While
    the clock is not set no profile is active.
    """
    directory, local = door.directory, door.local
    if not directory.profiles:
        return door
    active = frozenset(
        name for name, profile in directory.profiles.items() if local is not None and within(profile, directory.holidays, local)
    )
    rest_s = MINUTE_S if local is None else MINUTE_S - local.second - local.microsecond / 1e6
    return door._replace(active=active, look_at_s=now_s + rest_s)


def mode_set(door: Door, given: SetLockMode) -> Step:
    """An operator or a rule changes what a lock does. Locking shuts it at once."""
    if door.modes.get(given.lock, LockMode.NORMAL) is given.mode:
        return door, ()
    modes = {lock: mode for lock, mode in door.modes.items() if lock != given.lock}
    if given.mode is not LockMode.NORMAL:
        modes[given.lock] = given.mode
    written = Record(record=LockModeChanged(lock=given.lock, mode=given.mode, by=given.by))
    after, effects = settled(door._replace(modes=modes))
    return after, (written, *effects)


def quiet_set(door: Door, given: SetQuiet) -> Step:
    """A target wants to be left alone, or no longer. Raises KeyError for one that was not configured."""
    name = door.directory.targets[given.target].name
    if (name in door.quiet) is given.quiet:
        return door, ()
    quiet = door.quiet | {name} if given.quiet else door.quiet - {name}
    return door._replace(quiet=quiet), (Record(record=QuietChanged(target=name, quiet=given.quiet, by=given.by)),)


def settled(door: Door) -> Step:
    """Bar what must stay shut, hold open what is to be held, and let go the rest."""
    effects: tuple[Effect, ...] = ()
    for name in door.directory.locks:
        door, more = _barred(door, name)
        effects += more
        door, more = _held(door, name)
        effects += more
    return door, effects


def _barred(door: Door, name: LockName) -> Step:
    must_bar = door.blocked_until_s is not None or door.modes.get(name) is LockMode.LOCKED
    if must_bar is (name in door.barred):
        return door, ()
    if not must_bar:
        return door._replace(barred=door.barred - {name}), (Unblock(lock=name),)
    locks = {lock: opening for lock, opening in door.locks.items() if lock != name}
    chained = {lock: coming for lock, coming in door.chained.items() if lock != name}
    return door._replace(barred=door.barred | {name}, locks=locks, chained=chained), (Block(lock=name),)


def _held(door: Door, name: LockName) -> Step:
    why = _held_because(door, name)
    if why and name not in door.held:
        return door._replace(held=door.held | {name}), (Record(record=LockHeld(lock=name, held=True, why=why)), Hold(lock=name))
    # Somebody who was let in a moment ago still has the rest of his time: the hold ends with it.
    if not why and name in door.held and name not in door.locks:
        return door._replace(held=door.held - {name}), (Record(record=LockHeld(lock=name, held=False, why="")), Shut(lock=name))
    return door, ()


def _held_because(door: Door, name: LockName) -> str:
    """Why this lock is to be held open now; empty when it is not."""
    when = door.directory.locks[name].held_when
    if name in door.barred:
        return ""
    if door.modes.get(name) is LockMode.HELD:
        return "an operator holds it open"
    if when is not None and door.directory.holds(when, door.local, unknown=False):
        return f"{'outside' if when.negated else 'within'} the profile {when.profile}"
    return ""


def shut_again(door: Door, name: LockName) -> Step:
    """The time of an opening is over; a hold that waited for it ends."""
    return settled(door._replace(locks={lock: opening for lock, opening in door.locks.items() if lock != name}))
