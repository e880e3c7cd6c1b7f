"""Whom the store names, and whether that user may open here and now.

    digits or card -> VerifyDigits, VerifyCard -> Verified -> may it? -> (Spend -> Spent) -> open

Until the last arrow nothing moves: an answer that is late, that fails, or that comes when the call is over leaves the door shut. Each
source has one question at a time, so guessing is not quicker than the store.
"""

from __future__ import annotations

from typing import assert_never

from firmware.door.asking import ASK_LIMIT_S, ASKS_MAX, PIN_LIMIT_S, Ask, AtKeypad, AtReader, Granted, InCall, Shown, Where, source_of
from firmware.door.events import (
    AskId,
    CardHeldBy,
    CardRefused,
    CodeFault,
    CodeRefused,
    DuressUsed,
    Effect,
    Grant,
    KeypadRefused,
    LockName,
    Place,
    Play,
    Record,
    Right,
    Sound,
    Spend,
    Spent,
    Unlocked,
    User,
    Verified,
    VerifyCard,
    VerifyDigits,
)
from firmware.door.opening import granted, sounded
from firmware.door.schedule import When
from firmware.door.state import Door, Step, leg_in_talk


def asked(door: Door, where: Where, secret: str | None, now_s: float) -> Step:
    """Ask the store about digits or a card, unless this source is locked out, or asks already. None: what cannot be anybody's."""
    lockout_s = door.guard.locked_for_s(source_of(where), now_s)
    if lockout_s > 0:
        return refused(door, where, CodeFault.LOCKED_OUT, lockout_s)
    if secret is None:
        return _guessed(door, where, now_s)
    asking = door.asking
    busy = any(source_of(ask.where) == source_of(where) for ask in asking.asks.values())
    if busy or len(asking.asks) >= ASKS_MAX:
        return refused(door, where, CodeFault.UNCHECKED)
    ask = AskId(asking.next_ask)
    asks = {**asking.asks, ask: Ask(where=where, until_s=now_s + ASK_LIMIT_S)}
    after = door._replace(asking=asking._replace(asks=asks, next_ask=ask + 1))
    match where:
        case AtKeypad():
            return after, (VerifyDigits(ask=ask, place=Place.KEYPAD, digits=secret),)
        case InCall():
            return after, (VerifyDigits(ask=ask, place=Place.CALL, digits=secret),)
        case AtReader():
            return after, (VerifyCard(ask=ask, card=secret),)
        case never:
            assert_never(never)


def verified(door: Door, given: Verified, now_s: float) -> Step:
    """The store has looked. Who is known and may not open here or now is refused, but has not guessed."""
    ask = door.asking.asks.get(given.ask)
    if ask is None or ask.granted is not None:
        return door, ()
    if now_s >= ask.until_s:  # its timer waits behind this answer: a busy program takes both up late
        return ask_given_up(door, given.ask)
    where, user = ask.where, given.user
    after = door._replace(asking=door.asking.without_ask(given.ask))
    if isinstance(where, AtReader) and where.held:
        return after, () if user is None else (Record(record=CardHeldBy(reader=where.reader, who=user.name)),)
    lockout_s = after.guard.locked_for_s(source_of(where), now_s)
    if lockout_s > 0:  # it began while the store was looking
        return refused(after, where, CodeFault.LOCKED_OUT, lockout_s)
    if user is None or (isinstance(where, AtKeypad) and where.card_of not in (None, user.name)):
        return _guessed(after, where, now_s)
    locks = _locks(after, where, user)
    fault = _fault(after, where, given, user, locks)
    if fault is not None:
        return refused(after, where, fault, who=user.name)
    if isinstance(where, AtReader) and user.card_needs_pin:
        shown = {**after.asking.shown, where.lock: Shown(user=user.name, until_s=now_s + PIN_LIMIT_S)}
        return after._replace(asking=after.asking._replace(shown=shown)), (Play(sound=Sound.BEEP),)
    grant = Granted(user=user, locks=locks, duress=given.duress)
    if user.uses_left is None:
        return _opened(after, where, grant, now_s)
    asks = {**after.asking.asks, given.ask: Ask(where=where, until_s=now_s + ASK_LIMIT_S, granted=grant)}
    return after._replace(asking=after.asking._replace(asks=asks)), (Spend(ask=given.ask, user=user.name),)


def spent(door: Door, given: Spent, now_s: float) -> Step:
    """The use is written off, so that no restart gives it back; only now the door opens."""
    ask = door.asking.asks.get(given.ask)
    if ask is None or ask.granted is None:
        return door, ()
    if now_s >= ask.until_s:
        return ask_given_up(door, given.ask)
    after = door._replace(asking=door.asking.without_ask(given.ask))
    if not given.done:
        return refused(after, ask.where, CodeFault.USED_UP, who=ask.granted.user.name)
    return _opened(after, ask.where, ask.granted, now_s)


def ask_given_up(door: Door, ask: AskId) -> Step:
    """No answer came, in time or at all. Why the store could not answer is for the app to journal."""
    pending = door.asking.asks.get(ask)
    if pending is None:
        return door, ()
    return refused(door._replace(asking=door.asking.without_ask(ask)), pending.where, CodeFault.UNCHECKED)


def _guessed(door: Door, where: Where, now_s: float) -> Step:
    """A wrong code counts against its source and against all."""
    source = source_of(where)
    guard = door.guard.after_wrong(source, door.directory.limits, now_s)
    return refused(door._replace(guard=guard), where, CodeFault.WRONG, max(0.0, guard.locked_for_s(source, now_s)))


def refused(door: Door, where: Where, fault: CodeFault, lockout_s: float = 0.0, who: str = "") -> Step:
    """Write down that nothing opened, and let it be heard."""
    match where:
        case AtKeypad(keypad=keypad):
            record: KeypadRefused | CodeRefused | CardRefused = KeypadRefused(keypad=keypad, who=who, fault=fault, lockout_s=lockout_s)
        case InCall(call=call, party=party):
            record = CodeRefused(call=call, party=party, fault=fault, lockout_s=lockout_s)
        case AtReader(held=True):  # it was refused when it came
            return door, ()
        case AtReader(reader=reader):
            record = CardRefused(reader=reader, who=who, fault=fault, lockout_s=lockout_s)
        case never:
            assert_never(never)
    return door, (Record(record=record), *sounded(door, Sound.WRONG))


def _locks(door: Door, where: Where, user: User) -> tuple[LockName, ...]:
    """The locks that this user may open from there now."""
    here = where.locks if isinstance(where, InCall) else frozenset({where.lock})
    may: frozenset[LockName] = frozenset()
    for right in user.rights:
        if _holds(door, right):
            may |= here if right.locks is None else right.locks & here
    return tuple(sorted(may))


def _holds(door: Door, right: Right) -> bool:
    """A profile that the configuration no longer has, or a clock that is not set, gives nothing."""
    if right.profile is None:
        return True
    known = right.profile in door.directory.profiles
    return known and door.directory.holds(When(profile=right.profile, negated=False), door.local, unknown=False)


def _fault(door: Door, where: Where, given: Verified, user: User, locks: tuple[LockName, ...]) -> CodeFault | None:
    """Why this user may not open, None when nothing speaks against it."""
    if isinstance(where, AtKeypad) and user.card_needs_pin and where.card_of is None:
        return CodeFault.NO_CARD
    if isinstance(where, InCall) and leg_in_talk(door, where.call) is None:
        return CodeFault.NOT_ALLOWED  # the call in which the digits were typed is over
    windowed = user.valid_from_s is not None or user.valid_until_s is not None
    if windowed and (door.local is None or not _within_window(user, given.at_s)):
        return CodeFault.NOT_NOW
    if user.uses_left == 0:
        return CodeFault.USED_UP
    if not locks:
        return CodeFault.NOT_NOW if any(right.profile is not None for right in user.rights) else CodeFault.NOT_ALLOWED
    return None


def _within_window(user: User, at_s: float) -> bool:
    """From the first second on, until before the last."""
    begun = user.valid_from_s is None or user.valid_from_s <= at_s
    return begun and (user.valid_until_s is None or at_s < user.valid_until_s)


def _opened(door: Door, where: Where, grant: Granted, now_s: float) -> Step:
    who = grant.user.name
    match where:
        case AtKeypad(keypad=keypad, card_of=card_of):
            way, at, call = Grant.PIN if card_of is None else Grant.CARD_AND_PIN, f"keypad {keypad}", None
        case InCall(party=party, call=in_call):
            if leg_in_talk(door, in_call) is None:  # it ended while the use was written off
                return refused(door, where, CodeFault.NOT_ALLOWED, who=who)
            way, at, call = Grant.CODE, party, in_call
        case AtReader(reader=reader):
            way, at, call = Grant.CARD, f"reader {reader}", None
        case never:
            assert_never(never)
    help_: tuple[Effect, ...] = (Record(record=DuressUsed(who=who, at=at)),) if grant.duress else ()
    wishes = (Unlocked(lock=lock, duration_s=0.0, grant=way, who=who, party=at, call=call) for lock in grant.locks)
    # Only an opening ends a series of wrong codes: else an expired code, typed in between, would make guessing free.
    after, effects = granted(door._replace(guard=door.guard.after_right(source_of(where))), wishes, now_s)
    return after, (*help_, *effects)
