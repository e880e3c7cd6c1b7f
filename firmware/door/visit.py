"""A visitor at a keypad in front of a spoken menu: how it begins, whose the keys are then, when it is over.

`#` before any digit begins it, or a button that is there for it. There is no call, and none waits for it: whatever rings, or comes in, ends
it, and so does an opening. The menu may have somebody rung, and a PIN looked at that the visitor gives it; it opens nothing by itself.
"""

from __future__ import annotations

from typing import Final

from firmware.door import verifying
from firmware.door.access import CODE_DIGITS, SHORTEST
from firmware.door.asking import TYPED_MAX, AtKeypad
from firmware.door.events import (
    CallName,
    CodeFault,
    Effect,
    KeyPressed,
    LockName,
    MenuBegun,
    MenuKey,
    OpenByMenu,
    Play,
    Record,
    Sound,
    Unlocked,
)
from firmware.door.opening import sounded
from firmware.door.state import Door, Idle, Step, Visit

BEGUN_MAX: Final = 5  # menus of all keypads within BEGUN_S: whoever plays with the key bothers the street, and fills the journal
BEGUN_S: Final = 60.0
KEYS: Final = CODE_DIGITS | {"*", "#"}


def menu_at(door: Door, keypad: str) -> str:
    """The name of the menu that this keypad begins, '' when none does."""
    return next((name for name, menu in door.directory.menus.items() if menu.keypad == keypad), "")


def begun(door: Door, menu: str, now_s: float) -> Step:
    """A visitor wants to hear this menu. Not beside a call, and not again and again."""
    recent = tuple(at_s for at_s in door.begun_at_s if now_s - at_s < BEGUN_S)
    if not isinstance(door.call, Idle) or len(recent) >= BEGUN_MAX:
        return door, sounded(door, Sound.ERROR)
    keypad = door.directory.menus[menu].keypad
    visit = Visit(call=CallName(f"v{door.next_visit}"), menu=menu, keypad=keypad, until_s=now_s + door.directory.limits.menu_silence_s)
    after = door._replace(
        visit=visit, next_visit=door.next_visit + 1, begun_at_s=(*recent, now_s), asking=door.asking.without_typed(keypad)
    )
    return after, (Record(record=MenuBegun(call=visit.call, menu=menu, keypad=keypad)), Play(sound=Sound.BEEP))


def typed(door: Door, visit: Visit, given: KeyPressed, now_s: float) -> Step:
    """A key for the menu: no digit of it is one of a PIN. One of long ago ends it: whoever typed may be gone."""
    if given.late:
        return gone(door)
    if given.key not in KEYS:
        return door, ()
    after = door._replace(visit=visit._replace(until_s=now_s + door.directory.limits.menu_silence_s))
    return after, (MenuKey(call=visit.call, key=given.key),)


def gone(door: Door) -> Step:
    """The visitor has typed nothing for so long, or goes elsewhere."""
    return door._replace(visit=None), ()


def pin_given(door: Door, visit: Visit, given: OpenByMenu, now_s: float) -> Step:
    """A menu that has asked for a PIN hands it over. It counts as if it had been typed at this keypad, for the lock of this keypad."""
    lock = lock_of(door, visit.keypad)
    where = AtKeypad(keypad=visit.keypad, lock=lock, card_of=None)
    if not given.code or given.lock not in ("", lock):
        return verifying.refused(door, where, CodeFault.NOT_ALLOWED)
    if len(given.code) < SHORTEST:
        return verifying.refused(door, where, CodeFault.WRONG)  # too few digits are no PIN and no guess
    nobodys = len(given.code) >= TYPED_MAX or not door.asking.users.pin_digits
    return verifying.asked(door, where, None if nobodys else given.code, now_s)


def lock_of(door: Door, keypad: str) -> LockName:
    """What the PINs of this keypad open; a reader with keys is one as well."""
    known = door.directory
    return known.keypads[keypad] if keypad in known.keypads else known.readers[keypad]


def settled(door: Door, effects: tuple[Effect, ...]) -> Door:
    """Whoever talks, rings or goes in stands in front of no menu any more."""
    if door.visit is None:
        return door
    has_opened = any(isinstance(effect, Record) and isinstance(effect.record, Unlocked) for effect in effects)
    return door._replace(visit=None) if has_opened or not isinstance(door.call, Idle) else door
