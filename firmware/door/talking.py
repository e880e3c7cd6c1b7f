"""A call that is up: its limits, and the digits typed in it."""

from __future__ import annotations

from firmware.door.access import CODE_DIGITS, SHORTEST, Pad, find, same_stroke, strike
from firmware.door.asking import InCall
from firmware.door.directory import Key
from firmware.door.events import (
    CallEnded,
    CodeFault,
    CodeRefused,
    DigitHeard,
    Effect,
    End,
    EndReason,
    Grant,
    LockName,
    MenuKey,
    Outcome,
    Play,
    PressEnded,
    PressId,
    Record,
    Sound,
    Stage,
    Unlocked,
)
from firmware.door.opening import granted
from firmware.door.state import Door, Idle, Leg, Step, Talking
from firmware.door.verifying import asked

WARNING_S = 10.0  # the beep sounds so long before the end of the call, as on the panels that people know
EXTENSIONS_MAX = 10  # a phone that repeats `#` for ever must not hold the door's only line for ever
KEYS = CODE_DIGITS | {"#", "*"}  # what a telephone has; another event, such as a hook flash, is no key


def talk(door: Door, leg: Leg, press: PressId | None, now_s: float) -> Door:
    """The door with this call up from now."""
    until_s = now_s + door.directory.limits.talk_limit_s
    # The beep before the end is for those who talk, and a menu's caller does not hear the panel.
    warn_at_s = None if leg.menu else max(now_s, until_s - WARNING_S)
    talking = Talking(
        leg=leg,
        press=press,
        since_s=now_s,
        until_s=until_s,
        warn_at_s=warn_at_s,
        hang_up_at_s=None,
        extensions=0,
        opened=False,
        pad=Pad(),
    )
    return door._replace(call=talking)


def ended(door: Door, talking: Talking, reason: EndReason | Stage, now_s: float, detail: str = "") -> Step:
    """The call is over, by us (an EndReason) or from there (a Stage). What was typed and not finished counts."""
    effects: tuple[Effect, ...] = ()
    over: list[Effect] = []
    for party in talking.parties:
        door, more = typed_lost(door, talking._replace(leg=party.leg, pad=party.pad), now_s)
        effects += more
        over += parted(party.leg, reason, now_s - party.since_s, detail)
    for waiting in talking.asked:
        over += parted(waiting.leg, reason if isinstance(reason, EndReason) else EndReason.CANCELLED, 0.0)
    written = [effect for effect in over if isinstance(effect, Record)]
    if talking.press is not None:
        outcome = Outcome.OPENED if talking.opened else Outcome.ANSWERED
        written.append(Record(record=PressEnded(press=talking.press, outcome=outcome)))
    ends = [effect for effect in over if isinstance(effect, End)]
    return door._replace(call=Idle()), (*effects, *written, *ends, Play(sound=Sound.ENDED))


def parted(leg: Leg, reason: EndReason | Stage, talked_s: float, detail: str = "") -> tuple[Effect, ...]:
    """One leg of a call is over: by us, and then it is to be ended, or from there."""
    record = CallEnded(call=leg.call, party=leg.party.name, reason=reason, talked_s=talked_s, detail=detail)
    over: tuple[Effect, ...] = (Record(record=record),)
    return (*over, End(call=leg.call, reason=reason)) if isinstance(reason, EndReason) else over


def warned(door: Door, talking: Talking) -> Step:
    """The talk limit is near."""
    return door._replace(call=talking._replace(warn_at_s=None)), (Play(sound=Sound.BEEP),)


def digit_heard(door: Door, talking: Talking, given: DigitHeard, now_s: float) -> Step:
    """A digit: the same stroke by another way, an end mark, or one more digit of a code."""
    if given.digit not in KEYS:
        return door, ()
    known = same_stroke(talking.pad, given.digit, given.way, now_s, given.held_s)
    if known is not None:
        return door._replace(call=talking._replace(pad=known)), ()
    pad = strike(talking.pad, given.digit, given.way, now_s, given.held_s)
    if talking.leg.menu:
        # No digit of a menu is one of a code: whoever chooses 1 has not begun to guess.
        heard = talking._replace(pad=pad._replace(digits=""))
        return door._replace(call=heard), (MenuKey(call=talking.leg.call, key=given.digit),)
    if given.digit in CODE_DIGITS:
        return _compared(door, talking._replace(pad=pad), now_s)
    talking = talking._replace(pad=pad._replace(digits=talking.pad.digits))
    if given.digit == "#" and not talking.pad.digits:
        return _extended(door, talking, now_s)
    if given.digit == "#" and door.asking.users.code_digits and len(talking.pad.digits) >= SHORTEST:
        return _asked(door, talking, now_s)
    return typed_dropped(door, talking, now_s)


def typed_dropped(door: Door, talking: Talking, now_s: float) -> Step:
    """What was typed is given up, by an end mark or a pause."""
    return _typed_dropped(door, talking, now_s, Sound.WRONG)


def typed_lost(door: Door, talking: Talking, now_s: float) -> Step:
    """The same without a sound, because who typed it is gone."""
    return _typed_dropped(door, talking, now_s, Sound.SILENCE)


def _typed_dropped(door: Door, talking: Talking, now_s: float, sound: Sound) -> Step:
    codes = door.directory.codes
    if codes and len(talking.pad.digits) >= min(len(code.secret) for code in codes):
        return wrong(door, talking, now_s, sound)
    return door._replace(call=_cleared(talking)), ()


def _cleared(talking: Talking) -> Talking:
    return talking._replace(pad=talking.pad._replace(digits=""))


def _extended(door: Door, talking: Talking, now_s: float) -> Step:
    """`#` alone begins the talk limit anew."""
    if talking.extensions == EXTENSIONS_MAX:
        return door._replace(call=talking), (Play(sound=Sound.ERROR),)
    until_s = now_s + door.directory.limits.talk_limit_s
    warn_at_s = max(now_s, until_s - WARNING_S)
    extended = talking._replace(until_s=until_s, warn_at_s=warn_at_s, extensions=talking.extensions + 1)
    return door._replace(call=extended), ()


def _compared(door: Door, talking: Talking, now_s: float) -> Step:
    """After each digit: is it a code now, can it become one, or was it wrong?

    A code counts only in a call with a listed party, and only for locks that this party may open. During a lock-out nothing is compared.
    """
    lengths = [len(code.secret) for code in door.directory.codes]
    of_users = door.asking.users.code_digits
    typed = talking.pad.digits
    longest = max([*lengths, of_users])
    if not longest:
        return door._replace(call=_cleared(talking)), ()
    if len(typed) < min([*lengths, longest]):
        return door._replace(call=talking), ()
    if not talking.leg.party.locks:
        return refused(door, talking, CodeFault.NOT_ALLOWED, 0.0, Sound.ERROR)
    lockout_s = door.guard.locked_for_s(talking.leg.party.name, now_s)
    if lockout_s > 0:
        return refused(door, talking, CodeFault.LOCKED_OUT, lockout_s, Sound.WRONG)
    code = find(door.directory.codes, typed)
    if code is not None:
        return right(door, talking, code, talking.leg.party.locks, now_s)
    if len(typed) >= longest:
        if of_users:
            return _asked(door, talking, now_s)
        return wrong(door, talking, now_s, Sound.WRONG)
    return door._replace(call=talking), ()


def _asked(door: Door, talking: Talking, now_s: float) -> Step:
    """Ask the store of users whose code this is. Such a code is complete with `#`, or with as many digits as the longest has."""
    leg = talking.leg
    if not leg.party.locks:
        return refused(door, talking, CodeFault.NOT_ALLOWED, 0.0, Sound.ERROR)
    where = InCall(call=leg.call, party=leg.party.name, locks=leg.party.locks)
    return asked(door._replace(call=_cleared(talking)), where, talking.pad.digits, now_s)


def right(door: Door, talking: Talking, code: Key, wanted: frozenset[LockName], now_s: float) -> Step:
    """The code opens those of the `wanted` locks that are its own."""
    leg = talking.leg
    locks = sorted(code.locks & wanted)
    if not locks:
        return refused(door, talking, CodeFault.NOT_ALLOWED, 0.0, Sound.ERROR)
    after = door._replace(call=_cleared(talking), guard=door.guard.after_right(leg.party.name))
    wishes = (Unlocked(lock=lock, duration_s=0.0, grant=Grant.CODE, who=code.name, party=leg.party.name, call=leg.call) for lock in locks)
    return granted(after, wishes, now_s)


def wrong(door: Door, talking: Talking, now_s: float, sound: Sound) -> Step:
    """A code that nobody has; the party that typed it may have to wait now."""
    party = talking.leg.party.name
    guard = door.guard.after_wrong(party, door.directory.limits, now_s)
    return refused(door._replace(guard=guard), talking, CodeFault.WRONG, max(0.0, guard.locked_for_s(party, now_s)), sound)


def refused(door: Door, talking: Talking, fault: CodeFault, lockout_s: float, sound: Sound) -> Step:
    """A code opens nothing."""
    record = CodeRefused(call=talking.leg.call, party=talking.leg.party.name, fault=fault, lockout_s=lockout_s)
    return door._replace(call=_cleared(talking)), (Record(record=record), *(() if sound is Sound.SILENCE else (Play(sound=sound),)))
