"""Cards at readers: those of the configuration are known here, all others are asked of the store of users."""

from __future__ import annotations

from firmware.door.access import find
from firmware.door.asking import AtReader
from firmware.door.events import CardHeld, CardHeldBy, CardRead, CodeFault, Grant, Record
from firmware.door.opening import asked as wish
from firmware.door.opening import granted
from firmware.door.state import Door, Step
from firmware.door.verifying import asked, refused


def card_read(door: Door, given: CardRead, now_s: float) -> Step:
    """A known card opens the lock of its reader. A strange one counts as a wrong code of that reader."""
    where = AtReader(reader=given.reader, lock=door.directory.readers[given.reader], held=False)
    if given.late:
        return refused(door, where, CodeFault.LATE)
    card = find(door.directory.cards, given.card)
    if card is None:
        return asked(door, where, given.card if door.asking.users.users else None, now_s)
    source = f"reader {given.reader}"
    lockout_s = door.guard.locked_for_s(source, now_s)
    if lockout_s > 0:
        return refused(door, where, CodeFault.LOCKED_OUT, lockout_s)
    if where.lock not in card.locks:
        return refused(door, where, CodeFault.NOT_ALLOWED, who=card.name)
    known = door._replace(guard=door.guard.after_right(source))
    return granted(known, (wish(where.lock, Grant.CARD, card.name),), now_s)


def card_held(door: Door, given: CardHeld, now_s: float) -> Step:
    """A card stays at the reader: written down with its owner, for rules that make something of it. A strange card means nothing, and so
    does one of long ago."""
    if given.late:
        return door, ()
    card = find(door.directory.cards, given.card)
    if card is not None:
        return door, (Record(record=CardHeldBy(reader=given.reader, who=card.name)),)
    if not door.asking.users.users:
        return door, ()
    return asked(door, AtReader(reader=given.reader, lock=door.directory.readers[given.reader], held=True), given.card, now_s)
