"""Opening: every right to open a lock ends here, and here is decided whether the lock may follow."""

from __future__ import annotations

from collections.abc import Iterable

from firmware.door.events import (
    Effect,
    Grant,
    LockFault,
    LockMode,
    LockName,
    OpeningRefused,
    OpenLock,
    Play,
    Record,
    Sound,
    Unlock,
    Unlocked,
)
from firmware.door.lock import unlock
from firmware.door.state import Calling, Chained, Door, Step, Talking, leg_in_talk


def opened(door: Door, unlocked: Unlocked, now_s: float, *, follows: Chained | None = None) -> Step:
    """Open the lock for its pulse, within its maximum; `unlocked` says why. Its `duration_s` is filled in here.

    A lock that must stay shut says so instead. One that is held open already is only written down. It `follows` another that opened.
    """
    name = unlocked.lock
    fault = _fault(door, unlocked, follows=follows)
    if fault is not None:
        return door, (Record(record=_refused(unlocked, fault)),)
    lock = door.directory.locks[name]
    unlocking, duration_s = unlock(lock, door.locks.get(name), now_s)
    after = door._replace(locks={**door.locks, name: unlocking})
    if lock.then is not None:
        encrypted = _is_encrypted(door, unlocked, follows)
        chained = Chained(at_s=now_s + lock.then_after_s, why=unlocked._replace(lock=lock.then), encrypted=encrypted)
        after = after._replace(chained={**after.chained, lock.then: chained})
    written = Record(record=unlocked._replace(duration_s=duration_s))
    return after, (written,) if name in door.held else (written, Unlock(lock=name, duration_s=duration_s))


def _fault(door: Door, unlocked: Unlocked, *, follows: Chained | None = None) -> LockFault | None:
    """What keeps the lock shut. Nothing keeps it shut for a request to exit: it is pressed inside, by somebody who must get out, and no
    operator, no profile and no broken case outside outranks that. Whoever fears for its wires lays them inside. That holds for the lock
    at which it was pressed; the one that `follows` is moved by the program, and its driver lets nobody but its own exit past a block.
    """
    if unlocked.grant is Grant.EXIT and follows is None:
        return None
    if door.blocked_until_s is not None:
        return LockFault.TAMPERED
    if door.modes.get(unlocked.lock) is LockMode.LOCKED:
        return LockFault.LOCKED
    if unlocked.call is not None and door.directory.locks[unlocked.lock].secure_only and not _is_encrypted(door, unlocked, follows):
        return LockFault.NOT_ENCRYPTED
    return None


def _is_encrypted(door: Door, unlocked: Unlocked, follows: Chained | None) -> bool:
    """Whether the call in which this was granted is encrypted, or was when the lock before it opened."""
    if follows is not None:
        return follows.encrypted
    leg = None if unlocked.call is None else leg_in_talk(door, unlocked.call)
    return leg is not None and leg.encrypted


def _refused(unlocked: Unlocked, fault: LockFault) -> OpeningRefused:
    return OpeningRefused(lock=unlocked.lock, grant=unlocked.grant, who=unlocked.who, fault=fault, party=unlocked.party, call=unlocked.call)


def granted(door: Door, wishes: Iterable[Unlocked], now_s: float) -> Step:
    """Open every lock that somebody has a right to, and let it be heard: the door has opened, or nothing has.

    A call that led to an opening ends soon, when the configuration says so.
    """
    effects: tuple[Effect, ...] = ()
    any_opened = False
    for wish in wishes:
        fault = _fault(door, wish)
        if fault is None and (wish.call is not None or wish.grant is Grant.OPERATOR):
            door = _call_opened(door, now_s)
        any_opened |= fault is None
        door, more = opened(door, wish, now_s)
        effects += more
    return door, (*effects, *sounded(door, Sound.OPENED if any_opened else Sound.ERROR))


def chain_came(door: Door, name: LockName, now_s: float) -> Step:
    """The time of a lock that follows another has come."""
    coming = door.chained[name]
    after = door._replace(chained={lock: chained for lock, chained in door.chained.items() if lock != name})
    return opened(after, coming.why, now_s, follows=coming)


def _call_opened(door: Door, now_s: float) -> Door:
    if not isinstance(door.call, Talking):
        return door
    limit_s = door.directory.limits.hangup_after_open_s
    hang_up_at_s = None if limit_s is None else now_s + limit_s
    return door._replace(call=door.call._replace(opened=True, hang_up_at_s=hang_up_at_s))


def sounded(door: Door, sound: Sound) -> tuple[Effect, ...]:
    """Play `sound`, unless phones ring: the visitor's ringback goes on."""
    return () if isinstance(door.call, Calling) else (Play(sound=sound),)


def asked(lock: LockName, grant: Grant, who: str) -> Unlocked:
    """An opening outside a call, its duration still open."""
    return Unlocked(lock=lock, duration_s=0.0, grant=grant, who=who)


def opened_by_operator(door: Door, given: OpenLock, now_s: float) -> Step:
    """An operator's wish, which the app has authorised."""
    wish = asked(given.lock, Grant.OPERATOR, given.by)
    if now_s > given.until_s:
        return door, (Record(record=_refused(wish, LockFault.LATE)),)
    return granted(door, (wish,), now_s)
