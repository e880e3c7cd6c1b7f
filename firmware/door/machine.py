"""The door as a pure machine: `handle(door, input, now_s) -> (door, effects)`.

Effects come in this order: records and what they announce, then lamps, then timers. The files beside this one hold what happens in each
state: `calling`, `incoming`, `talking`, `opening`. Every press ends in exactly one outcome, every call in one end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from firmware.door.calling import dialled, given_up, leg_moved, pressed
from firmware.door.events import (
    CallMoved,
    CardRead,
    ClearTimer,
    ContactChanged,
    Dial,
    DigitHeard,
    Effect,
    End,
    EndReason,
    HealthChanged,
    IncomingCall,
    Input,
    LampRole,
    Light,
    OpenLock,
    Operate,
    Outcome,
    Press,
    Record,
    Refusal,
    RelayMoved,
    SetTimer,
    Sound,
    Stage,
    TimerFired,
    TimerKey,
    Verb,
)
from firmware.door.incoming import accepted, called, not_taken, offer_moved
from firmware.door.opening import card_read, contact_changed, opened_by_operator
from firmware.door.state import (
    DIGITS,
    HANG_UP,
    LOCK_PREFIX,
    WARNING,
    Calling,
    Door,
    Idle,
    Offered,
    Step,
    Talking,
    deadlines,
    lit,
)
from firmware.door.talking import digit_heard, ended, typed_dropped, warned


def handle(door: Door, given: Input, now_s: float) -> Step:
    """The door after `given`, and what to do about it, in order. Raises KeyError for a button, lock or reader that was not configured."""
    after, effects = _decided(door, given, now_s)
    return after, (*effects, *_lamps(door, after), *_timers(door, after))


def _decided(door: Door, given: Input, now_s: float) -> Step:
    match given:
        case Press():
            return pressed(door, given, now_s)
        case CallMoved():
            return _call_moved(door, given, now_s)
        case IncomingCall():
            return called(door, given, now_s)
        case DigitHeard():
            # Digits count in the one call that is up; those of an early or unknown dialog open nothing.
            if isinstance(door.call, Talking) and door.call.leg.call == given.call:
                return digit_heard(door, door.call, given, now_s)
            return door, ()
        case ContactChanged():
            return contact_changed(door, given, now_s)
        case CardRead():
            return card_read(door, given, now_s)
        case RelayMoved() | HealthChanged():
            return door, (Record(record=given),)
        case TimerFired():
            return _timer_fired(door, given.key, now_s)
        case Dial():
            return dialled(door, given, now_s)
        case OpenLock():
            return opened_by_operator(door, given, now_s)
        case Operate():
            return _operated(door, given.verb, now_s)
        case never:
            assert_never(never)


def _call_moved(door: Door, given: CallMoved, now_s: float) -> Step:
    match door.call:
        case Calling() as calling:
            for leg in calling.legs:
                if leg.call == given.call:
                    return leg_moved(door, calling, leg, given, now_s)
        case Offered() as offered if offered.leg.call == given.call:
            return offer_moved(door, offered, given, now_s)
        case Talking() as talking if talking.leg.call == given.call:
            if given.stage in (Stage.RINGING, Stage.EARLY_MEDIA, Stage.ANSWERED):
                return door, ()
            return ended(door, talking, given.stage, now_s, given.detail)
        case Idle() | Offered() | Talking():
            pass
        case never:
            assert_never(never)
    # An answer that crossed our cancel: nobody here talks to it.
    return door, (End(call=given.call, reason=EndReason.UNKNOWN),) if given.stage is Stage.ANSWERED else ()


def _timer_fired(door: Door, key: TimerKey, now_s: float) -> Step:
    at_s = deadlines(door).get(key)
    if at_s is not None and now_s < at_s:  # the loop's clock is coarser than ours: ask again
        return door, (SetTimer(key=key, at_s=at_s),)
    if key.startswith(LOCK_PREFIX):
        return door._replace(locks={name: lock for name, lock in door.locks.items() if LOCK_PREFIX + name != key}), ()
    match door.call:
        case Calling() as calling if at_s is not None:
            return given_up(door, calling, EndReason.RING_LIMIT, Outcome.NO_ANSWER, Sound.ENDED)
        case Offered() as offered if at_s is not None:
            return not_taken(door, offered, EndReason.RING_LIMIT, Refusal.UNANSWERED)
        case Talking() as talking if at_s is not None:
            return _talk_timer_fired(door, talking, key, now_s)
        case Idle() | Calling() | Offered() | Talking():  # a timer of a state that is over
            return door, ()
        case never:
            assert_never(never)


def _talk_timer_fired(door: Door, talking: Talking, key: TimerKey, now_s: float) -> Step:
    if key == WARNING:
        return warned(door, talking)
    if key == DIGITS:
        return typed_dropped(door, talking, now_s)
    return ended(door, talking, EndReason.DOOR_OPENED if key == HANG_UP else EndReason.TALK_LIMIT, now_s)


def _operated(door: Door, verb: Verb, now_s: float) -> Step:
    stop = verb is Verb.STOP
    match door.call:
        case Offered() as offered if verb is Verb.ANSWER:
            return accepted(door, offered, now_s)
        case Calling() | Talking() | Idle() if verb is Verb.ANSWER:
            return door, ()
        case Calling() as calling if stop:
            return given_up(door, calling, EndReason.STOPPED, Outcome.INTERRUPTED, Sound.SILENCE)
        case Calling() as calling:
            return given_up(door, calling, EndReason.CANCELLED, Outcome.CANCELLED, Sound.ENDED)
        case Offered() as offered:
            return not_taken(door, offered, EndReason.STOPPED if stop else EndReason.HUNG_UP, Refusal.BUSY)
        case Talking() as talking:
            return ended(door, talking, EndReason.STOPPED if stop else EndReason.HUNG_UP, now_s)
        case Idle():
            return door, ()
        case never:
            assert_never(never)


def _lamps(before: Door, after: Door) -> Iterator[Effect]:
    was, now = lit(before), lit(after)
    return (Light(lamp=lamp, on=lamp in now) for lamp in LampRole if (lamp in was) != (lamp in now))


def _timers(before: Door, after: Door) -> Iterator[Effect]:
    was, now = deadlines(before), deadlines(after)
    yield from (ClearTimer(key=key) for key in was if key not in now)
    yield from (SetTimer(key=key, at_s=at_s) for key, at_s in now.items() if was.get(key) != at_s)
