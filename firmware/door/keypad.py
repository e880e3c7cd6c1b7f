"""A keypad: digits, then `#`. `*` clears, and so does a pause. `#` before any digit begins the menu of the keypad, if it has one."""

from __future__ import annotations

from firmware.door.access import CODE_DIGITS, SHORTEST
from firmware.door.asking import TYPED_MAX, AtKeypad, Typed
from firmware.door.events import Effect, KeyPressed, LockName, Play, Sound
from firmware.door.opening import sounded
from firmware.door.state import Door, Step
from firmware.door.verifying import asked
from firmware.door.visit import begun, lock_of, menu_at, typed


def key_pressed(door: Door, given: KeyPressed, now_s: float) -> Step:
    """One key. A key that no keypad has means nothing; one of long ago ends what was typed: whoever typed may be gone."""
    if door.visit is not None and door.visit.keypad == given.keypad:
        return typed(door, door.visit, given, now_s)
    if given.late:
        return door._replace(asking=door.asking.without_typed(given.keypad)), ()
    lock = lock_of(door, given.keypad)
    entry = door.asking.typed.get(given.keypad)
    digits = "" if entry is None else entry.digits
    if given.key in CODE_DIGITS:
        until_s = now_s + door.directory.limits.digit_limit_s
        entry = Typed(digits=(digits + given.key)[:TYPED_MAX], until_s=until_s)
        return door._replace(asking=door.asking._replace(typed={**door.asking.typed, given.keypad: entry})), ()
    if given.key not in ("#", "*"):
        return door, ()
    cleared = door._replace(asking=door.asking.without_typed(given.keypad))
    if given.key == "*":
        return cleared._replace(asking=cleared.asking.without_shown(lock)), ()
    menu = "" if digits or lock in door.asking.shown else menu_at(door, given.keypad)
    return begun(cleared, menu, now_s) if menu else _finished(cleared, given.keypad, lock, digits, now_s)


def _finished(door: Door, keypad: str, lock: LockName, digits: str, now_s: float) -> Step:
    """`#`. The card that was shown before serves for one PIN; too few digits are no PIN and no guess."""
    if len(digits) < SHORTEST:
        return door, sounded(door, Sound.ERROR) if digits else ()
    shown = door.asking.shown.get(lock)
    where = AtKeypad(keypad=keypad, lock=lock, card_of=None if shown is None else shown.user)
    after = door._replace(asking=door.asking.without_shown(lock))
    nobodys = len(digits) == TYPED_MAX or not door.asking.users.pin_digits
    return asked(after, where, None if nobodys else digits, now_s)


def typing_timed_out(door: Door, keypad: str) -> Step:
    """A pause: whoever typed has gone."""
    return door._replace(asking=door.asking.without_typed(keypad)), ()


def card_timed_out(door: Door, lock: LockName) -> Step:
    """No PIN came after the card."""
    effects: tuple[Effect, ...] = (Play(sound=Sound.ERROR),)
    return door._replace(asking=door.asking.without_shown(lock)), effects
