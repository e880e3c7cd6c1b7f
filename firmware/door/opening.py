"""What opens a lock beside a code: a card, the request-to-exit line, an operator."""

from __future__ import annotations

from firmware.door.access import find
from firmware.door.events import (
    CardRead,
    CardRefused,
    CodeFault,
    ContactChanged,
    Effect,
    Grant,
    LockName,
    OpenLock,
    Play,
    Record,
    Sound,
    Unlock,
    Unlocked,
)
from firmware.door.lock import unlock
from firmware.door.state import Calling, Door, Step, Talking


def opened(door: Door, unlocked: Unlocked, now_s: float) -> Step:
    """Open the lock for its pulse, within its maximum; `unlocked` says why. Its `duration_s` is filled in here."""
    name = unlocked.lock
    unlocking, duration_s = unlock(door.directory.locks[name], door.locks.get(name), now_s)
    after = door._replace(locks={**door.locks, name: unlocking})
    return after, (Record(record=unlocked._replace(duration_s=duration_s)), Unlock(lock=name, duration_s=duration_s))


def call_opened(door: Door, now_s: float) -> Door:
    """The call in progress, if one is up, has led to an opening: it ends soon, when the configuration says so."""
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


def contact_changed(door: Door, given: ContactChanged, now_s: float) -> Step:
    """An exit line opens its lock whatever else happens, and before the journal is asked: a full disk must not lock anybody in."""
    written = Record(record=given)
    lock = door.directory.exits.get(given.contact)
    if lock is None or not given.active:
        return door, (written,)
    after, effects = opened(door, asked(lock, Grant.EXIT, given.contact), now_s)
    return after, (*effects[::-1], written)


def card_read(door: Door, given: CardRead, now_s: float) -> Step:
    """A listed card opens the lock of its reader. A strange one counts as a wrong code of that reader."""
    lock = door.directory.readers[given.reader]
    source = f"reader {given.reader}"
    lockout_s = door.guard.locked_for_s(source, now_s)
    if lockout_s > 0:
        return _card_refused(door, given, "", CodeFault.LOCKED_OUT, lockout_s)
    card = find(door.directory.cards, given.card)
    if card is None:
        guard = door.guard.after_wrong(source, door.directory.limits, now_s)
        return _card_refused(door._replace(guard=guard), given, "", CodeFault.WRONG, guard.locked_for_s(source, now_s))
    if lock not in card.locks:
        return _card_refused(door, given, card.name, CodeFault.NOT_ALLOWED, 0.0)
    known = door._replace(guard=door.guard.after_right(source))
    after, effects = opened(known, asked(lock, Grant.CARD, card.name), now_s)
    return after, (*effects, *sounded(after, Sound.OPENED))


def _card_refused(door: Door, given: CardRead, who: str, fault: CodeFault, lockout_s: float) -> Step:
    refused = CardRefused(reader=given.reader, who=who, fault=fault, lockout_s=lockout_s)
    return door, (Record(record=refused), *sounded(door, Sound.ERROR))


def opened_by_operator(door: Door, given: OpenLock, now_s: float) -> Step:
    """An operator's wish, which the app has authorised."""
    after, effects = opened(call_opened(door, now_s), asked(given.lock, Grant.OPERATOR, given.by), now_s)
    return after, (*effects, *sounded(after, Sound.OPENED))
