"""Contacts: the request to exit, the door's own contact, the switch in the panel's case.

A cut or shorted wire looks like a contact that moved; what that means is the wiring's choice, not the program's.
"""

from __future__ import annotations

from firmware.door.directory import Watch
from firmware.door.events import (
    BlockEnded,
    ContactChanged,
    DoorForced,
    DoorOpenTooLong,
    Grant,
    Record,
    RelaysBlocked,
    Sound,
    Unlock,
)
from firmware.door.holding import settled
from firmware.door.opening import asked, opened, sounded
from firmware.door.state import Door, Step

BLOCK_S = 1800.0  # half an hour: longer than a burglar can wait at an open panel, shorter than a day's trouble for the house
STRIKE_S = 1.0  # a door pulled in the last moment of an opening moves its contact only after the strike has fallen


def contact_changed(door: Door, given: ContactChanged, now_s: float) -> Step:
    """A contact moved. What has no meaning of its own is written down."""
    first = given.contact not in door.contacts
    door = door._replace(contacts={**door.contacts, given.contact: given.active})
    written = Record(record=given)
    lock = door.directory.exits.get(given.contact)
    if lock is not None and given.active and not first:
        # The contact's driver has moved the relay before anybody here heard of it, so that nobody is locked in by a program that hangs.
        # A second pulse from here might come long after the first and open the door for nobody. What is found pressed at the start has
        # opened nothing.
        after, effects = opened(door, asked(lock, Grant.EXIT, given.contact), now_s)
        if given.late:  # a lock that follows would open for whoever stands there now
            after = after._replace(chained=door.chained)
        return after, (written, *(effect for effect in effects if not isinstance(effect, Unlock)))
    watch = door.directory.watches.get(given.contact)
    if watch is not None:
        after, effects = _door_moved(door, given, watch, now_s, first=first)
        return after, (written, *effects)
    if given.contact in door.directory.tampers and given.active:
        after, effects = blocked(door, given.contact, BLOCK_S, now_s)
        return after, (written, *effects)
    return door, (written,)


def _door_moved(door: Door, given: ContactChanged, watch: Watch, now_s: float, *, first: bool) -> Step:
    """The door itself. Its first word after a start tells where it stands, and accuses nobody."""
    if not given.active:
        return door._replace(standing={name: at_s for name, at_s in door.standing.items() if name != given.contact}), ()
    door = door._replace(standing={**door.standing, given.contact: now_s})
    if first or watch.lock is None or _let_in(door, watch, now_s):
        return door, ()
    return door, (Record(record=DoorForced(contact=given.contact, lock=watch.lock)), *sounded(door, Sound.ERROR))


def _let_in(door: Door, watch: Watch, now_s: float) -> bool:
    """Whether the lock is open, or was a moment ago."""
    assert watch.lock is not None
    shut_at_s = door.shut_at_s.get(watch.lock)
    return watch.lock in door.locks or watch.lock in door.held or (shut_at_s is not None and now_s - shut_at_s <= STRIKE_S)


def stands_open(door: Door, contact: str, now_s: float) -> Step:
    """The door was not shut in time. It is said once each time that it stands open."""
    since_s = door.standing[contact]
    after = door._replace(standing={name: at_s for name, at_s in door.standing.items() if name != contact})
    return after, (Record(record=DoorOpenTooLong(contact=contact, open_s=now_s - since_s)), *sounded(door, Sound.BEEP))


def blocked(door: Door, contact: str, for_s: float, now_s: float) -> Step:
    """The panel's case was opened: whoever did it must not find a relay that listens to him. What is open shuts at once."""
    after, effects = settled(door._replace(blocked_until_s=now_s + for_s))
    return after, (Record(record=RelaysBlocked(contact=contact, for_s=for_s)), *effects)


def block_ended(door: Door, now_s: float) -> Step:
    """The time is over. While the case still stands open it begins anew."""
    for contact in sorted(door.directory.tampers):
        if door.contacts.get(contact, False):
            return blocked(door, contact, BLOCK_S, now_s)
    after, effects = settled(door._replace(blocked_until_s=None))
    return after, (Record(record=BlockEnded()), *effects)
