"""A keypad: digits, then `#`. `*` clears, and so does a pause. `#` before any digit begins the menu of the keypad, if it has one.

Where visitors dial the numbers of flats as well, one rule keeps them apart from PINs: what the call key ends is a number, and what `#`
ends is a PIN. Where the call key is `#` itself, a PIN begins with `*`, or with the card that is to come before it; nothing else is a PIN
there, and so nobody who dials has guessed. Where it is another key, nothing about PINs changes.
"""

from __future__ import annotations

from firmware.door.access import CODE_DIGITS, SHORTEST
from firmware.door.asking import TYPED_MAX, AtKeypad, Typed
from firmware.door.calling import flat_dialled
from firmware.door.events import DialFlat, Effect, KeyPressed, LockName, Play, Sound
from firmware.door.opening import sounded
from firmware.door.state import Door, Step
from firmware.door.verifying import asked
from firmware.door.visit import begun, lock_of, menu_at, typed

NOTHING = Typed(digits="", until_s=0.0)


def key_pressed(door: Door, given: KeyPressed, now_s: float) -> Step:
    """One key. A key that no keypad has means nothing; one of long ago ends what was typed: whoever typed may be gone."""
    if door.visit is not None and door.visit.keypad == given.keypad:
        return typed(door, door.visit, given, now_s)
    if given.late:
        return door._replace(asking=door.asking.without_typed(given.keypad)), ()
    lock = lock_of(door, given.keypad)
    before = door.asking.typed.get(given.keypad, NOTHING)
    cleared = door._replace(asking=door.asking.without_typed(given.keypad))
    is_call_key = given.key == _call_key(door, given.keypad)
    if is_call_key and before.digits and not _is_pin(door, given.keypad, before):
        return flat_dialled(cleared, DialFlat(keypad=given.keypad, number=before.digits), now_s)
    if given.key in CODE_DIGITS and not is_call_key:
        return _typed(door, given.keypad, before._replace(digits=(before.digits + given.key)[:TYPED_MAX]), now_s), ()
    if given.key == "*":
        return _starred(cleared, given.keypad, now_s), ()
    if given.key != "#":
        return door, ()
    menu = "" if before.digits or before.starred or lock in door.asking.shown else menu_at(door, given.keypad)
    return begun(cleared, menu, now_s) if menu else _finished(cleared, given.keypad, lock, before.digits, now_s)


def _call_key(door: Door, keypad: str) -> str:
    """The key that ends a number there, '' where none is dialled."""
    dialling = door.directory.dialling
    return dialling.call_key if keypad in dialling.keypads else ""


def _is_pin(door: Door, keypad: str, entry: Typed) -> bool:
    """Whether `#` at this keypad would end a PIN though it is the call key: after `*`, or after a card that waits for its PIN."""
    waits = lock_of(door, keypad) in door.asking.shown
    return door.directory.dialling.starred and (entry.starred or waits)


def _typed(door: Door, keypad: str, entry: Typed, now_s: float) -> Door:
    """The door with this entry at the keypad, and the time that it has."""
    after_s = door.directory.dialling.after_s
    is_number = _call_key(door, keypad) and not _is_pin(door, keypad, entry)
    limit_s = door.directory.limits.digit_limit_s if after_s is None or not is_number else after_s
    return door._replace(asking=door.asking._replace(typed={**door.asking.typed, keypad: entry._replace(until_s=now_s + limit_s)}))


def _starred(door: Door, keypad: str, now_s: float) -> Door:
    """`*`: nothing was typed, and no card was shown. Where it begins a PIN, the card stays: that PIN may be the one that it waits for."""
    if _call_key(door, keypad) == "#":
        return _typed(door, keypad, NOTHING._replace(starred=True), now_s)
    return door._replace(asking=door.asking.without_shown(lock_of(door, keypad)))


def _finished(door: Door, keypad: str, lock: LockName, digits: str, now_s: float) -> Step:
    """`#`. The card that was shown before serves for one PIN; too few digits are no PIN and no guess."""
    if len(digits) < SHORTEST:
        return door, sounded(door, Sound.ERROR) if digits else ()
    shown = door.asking.shown.get(lock)
    where = AtKeypad(keypad=keypad, lock=lock, card_of=None if shown is None else shown.user)
    after = door._replace(asking=door.asking.without_shown(lock))
    nobodys = len(digits) == TYPED_MAX or not door.asking.users.pin_digits
    return asked(after, where, None if nobodys else digits, now_s)


def typing_timed_out(door: Door, keypad: str, now_s: float) -> Step:
    """A pause: whoever typed has gone, or has dialled a number that needs no call key."""
    entry = door.asking.typed[keypad]
    cleared = door._replace(asking=door.asking.without_typed(keypad))
    is_number = _call_key(door, keypad) and not _is_pin(door, keypad, entry)
    if is_number and door.directory.dialling.after_s is not None:
        return flat_dialled(cleared, DialFlat(keypad=keypad, number=entry.digits), now_s)
    return cleared, ()


def card_timed_out(door: Door, lock: LockName) -> Step:
    """No PIN came after the card."""
    effects: tuple[Effect, ...] = (Play(sound=Sound.ERROR),)
    return door._replace(asking=door.asking.without_shown(lock)), effects
