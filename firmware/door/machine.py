"""The door as a pure machine: `handle(door, input, now_s) -> (door, effects)`.

Effects come in this order: records and what they announce, then lamps, then timers. The files beside this one hold what happens in each
state: `calling`, `incoming`, `talking`, `conference`, `opening`. Every press ends in exactly one outcome, every call in one end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from firmware.door.asking import ASK, PAD, SHOWN
from firmware.door.calling import dialled, helped, leg_moved, pressed, round_over
from firmware.door.cards import card_held, card_read
from firmware.door.conference import asked_moved, brought, conferred, dismissed, in_front, left, party_changed, waited_enough
from firmware.door.contacts import block_ended, contact_changed, stands_open
from firmware.door.events import (
    AskId,
    Bring,
    CallMeasured,
    CallMoved,
    CallTurnedAway,
    CardHeld,
    CardRead,
    CardRefused,
    ClearTimer,
    CodeRefused,
    ContactChanged,
    DeviceChanged,
    Dial,
    DialFlat,
    DigitHeard,
    Dismiss,
    Effect,
    End,
    EndReason,
    HealthChanged,
    IncomingCall,
    Input,
    KeepDoor,
    KeypadRefused,
    KeyPressed,
    LampRole,
    Light,
    LockName,
    LoginRefused,
    MenuOver,
    MessageLeft,
    NotVerified,
    NumberUnknown,
    OpenByMenu,
    OpeningRefused,
    OpenLock,
    Operate,
    PartyChanged,
    PictureTaken,
    Press,
    Record,
    Refusal,
    RelayMoved,
    SetLockMode,
    SetQuiet,
    SetTimer,
    Spent,
    Stage,
    Start,
    TimerFired,
    TimerKey,
    UsersChanged,
    Verified,
)
from firmware.door.holding import minute_came, mode_set, quiet_set, shut_again, started
from firmware.door.incoming import called, not_taken, offer_moved, overflowed, rung_enough
from firmware.door.keypad import card_timed_out, key_pressed, typing_timed_out
from firmware.door.menus import menus_moved, open_wished, over
from firmware.door.opening import chain_came, opened_by_operator
from firmware.door.operating import operated
from firmware.door.ruling import resumed, ruled
from firmware.door.state import (
    ACCEPT,
    ASKED,
    BLOCK,
    CHAIN,
    DIGITS,
    HANG_UP,
    LOCK,
    MINUTE,
    OFFER,
    REFUSED,
    RING,
    ROUTE,
    RUN,
    STANDING,
    TALK,
    VISIT,
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
from firmware.door.verifying import ask_given_up, spent, verified
from firmware.door.visit import gone, settled

ACCOUNT_PART = "account"  # the health of an account is told as that of the part "account NAME"
CALL_TIMERS = frozenset({RING, ROUTE, OFFER, TALK, WARNING, HANG_UP, DIGITS, ASKED, ACCEPT})
REFUSALS = (CodeRefused, CardRefused, KeypadRefused, OpeningRefused, NumberUnknown)
REFUSED_S = 2.0  # how long the lamp shows it: long enough to be seen, short enough for the next try


def handle(door: Door, given: Input, now_s: float, local: datetime | None = None) -> Step:
    """The door after `given`, and what to do about it, in order. Raises KeyError for a button, lock or reader that was not configured.

    `local` is what the wall clock at the door shows, without a zone; None while it is not set, and then no time profile is active.
    """
    after, effects = _decided(door._replace(local=local), given, now_s)
    after, effects = ruled(after, effects, now_s)
    after = _noted(door, settled(after, effects), effects, now_s)
    if not isinstance(given, Start) or given.late:
        effects = _kept(door, after, effects, now_s)
    effects = conferred(door, after, effects)
    return after, (*effects, *menus_moved(door, after), *_lamps(door, after), *_timers(door, after))


def _decided(door: Door, given: Input, now_s: float) -> Step:
    match given:
        case Start():
            return started(door, given, now_s)
        case Press() | DialFlat():
            return pressed(door, given, now_s)
        case CallMoved():
            return _call_moved(door, given, now_s)
        case IncomingCall():
            return called(door, given, now_s)
        case CallTurnedAway():
            return overflowed(door, given, now_s)
        case DigitHeard():
            # Digits count in the one call that is up, whoever of its parties types them; those of an early or unknown dialog open nothing.
            heard = in_front(door.call, given.call) if isinstance(door.call, Talking) else None
            return (door, ()) if heard is None else digit_heard(door, heard, given, now_s)
        case ContactChanged():
            return contact_changed(door, given, now_s)
        case CardRead():
            return card_read(door, given, now_s)
        case CardHeld():
            return card_held(door, given, now_s)
        case KeyPressed():
            return key_pressed(door, given, now_s)
        case Verified():
            return verified(door, given, now_s)
        case NotVerified():
            return ask_given_up(door, given.ask)
        case Spent():
            return spent(door, given, now_s)
        case UsersChanged():
            return door._replace(asking=door.asking._replace(users=given)), (Record(record=given),)
        case RelayMoved() | MessageLeft() | PictureTaken() | CallMeasured() | DeviceChanged() | LoginRefused():
            return door, (Record(record=given),)
        case HealthChanged():
            return _health_changed(door, given), (Record(record=given),)
        case TimerFired():
            return _timer_fired(door, given.key, now_s)
        case Dial():
            return dialled(door, given, now_s)
        case PartyChanged():
            return party_changed(door, given, now_s)
        case Bring():
            return brought(door, given, now_s)
        case Dismiss():
            return dismissed(door, given, now_s)
        case OpenLock():
            return opened_by_operator(door, given, now_s)
        case OpenByMenu():
            return open_wished(door, given, now_s)
        case MenuOver():
            return over(door, given, now_s)
        case SetLockMode():
            return mode_set(door, given)
        case SetQuiet():
            return quiet_set(door, given)
        case Operate():
            return operated(door, given.verb, now_s)
        case never:
            assert_never(never)


def _health_changed(door: Door, given: HealthChanged) -> Door:
    """An account that does not work is no way to anybody."""
    part, _, account = given.part.partition(" ")
    if part != ACCOUNT_PART:
        return door
    return door._replace(down=door.down - {account} if given.working else door.down | {account})


def _call_moved(door: Door, given: CallMoved, now_s: float) -> Step:
    match door.call:
        case Calling() as calling:
            for leg in calling.legs:
                if leg.call == given.call:
                    return leg_moved(door, calling, leg, given, now_s)
        case Offered() as offered if offered.leg.call == given.call:
            return offer_moved(door, offered, given, now_s)
        case Talking() as talking if (known := _talk_moved(door, talking, given, now_s)) is not None:
            return known
        case Idle() | Offered() | Talking():
            pass
        case never:
            assert_never(never)
    # An answer that crossed our cancel: nobody here talks to it.
    return door, (End(call=given.call, reason=EndReason.UNKNOWN),) if given.stage is Stage.ANSWERED else ()


def _talk_moved(door: Door, talking: Talking, given: CallMoved, now_s: float) -> Step | None:
    """A step of a leg of the call that is up, or of one that is called into it; None when it is neither."""
    asked = next((asked for asked in talking.asked if asked.leg.call == given.call), None)
    if asked is not None:
        return asked_moved(door, talking, asked, given, now_s)
    seen = in_front(talking, given.call)
    if seen is None:
        return None
    if given.stage in (Stage.RINGING, Stage.EARLY_MEDIA, Stage.ANSWERED):
        return door, ()
    return left(door, seen, given.stage, now_s, given.detail) if seen.others else ended(door, seen, given.stage, now_s, given.detail)


def _timer_fired(door: Door, key: TimerKey, now_s: float) -> Step:
    at_s = deadlines(door).get(key)
    if at_s is not None and now_s < at_s:  # the loop's clock is coarser than ours: ask again
        return door, (SetTimer(key=key, at_s=at_s),)
    if at_s is None:  # a timer of a state that is over
        return door, ()
    return _call_timer_fired(door, key, now_s) if key in CALL_TIMERS else _standing_timer_fired(door, key, now_s)


def _standing_timer_fired(door: Door, key: TimerKey, now_s: float) -> Step:
    """A timer that belongs to no call."""
    kind, _, name = key.partition(":")
    if kind == LOCK:
        return shut_again(door, LockName(name))
    if kind == CHAIN:
        return chain_came(door, LockName(name), now_s)
    if kind == STANDING:
        return stands_open(door, name, now_s)
    if kind == RUN:
        return resumed(door, int(name), now_s)
    if kind == ASK:
        return ask_given_up(door, AskId(int(name)))
    if kind == PAD:
        return typing_timed_out(door, name, now_s)
    if kind == SHOWN:
        return card_timed_out(door, LockName(name))
    if key == MINUTE:
        return minute_came(door, now_s)
    if key == BLOCK:
        return block_ended(door, now_s)
    if key == VISIT:
        return gone(door)
    assert key == REFUSED, f"no such timer: {key}"
    return door._replace(refused_until_s=None), ()


def _call_timer_fired(door: Door, key: TimerKey, now_s: float) -> Step:
    call = door.call
    assert not isinstance(call, Idle), f"a call's timer without a call: {key}"
    match call:
        case Calling() as calling if key == ROUTE:
            return helped(door, calling, now_s)
        case Calling() as calling:
            return round_over(door, calling, now_s)
        case Offered() as offered if key == ACCEPT:
            return rung_enough(door, offered, now_s)
        case Offered() as offered:
            return not_taken(door, offered, EndReason.RING_LIMIT, Refusal.UNANSWERED)
        case Talking() as talking:
            return _talk_timer_fired(door, talking, key, now_s)
        case never:
            assert_never(never)


def _talk_timer_fired(door: Door, talking: Talking, key: TimerKey, now_s: float) -> Step:
    if key == WARNING:
        return warned(door, talking)
    if key == DIGITS:
        return _pause(door, talking, now_s)
    if key == ASKED:
        return waited_enough(door, talking, now_s)
    return ended(door, talking, EndReason.DOOR_OPENED if key == HANG_UP else EndReason.TALK_LIMIT, now_s)


def _pause(door: Door, talking: Talking, now_s: float) -> Step:
    """Somebody has typed no further digit for so long that his code is given up."""
    typing = [party.leg.call for party in talking.parties if party.pad.digits]
    slowest = min((seen for call in typing if (seen := in_front(talking, call)) is not None), key=lambda seen: seen.pad.last_at_s)
    return typed_dropped(door, slowest, now_s)


def _kept(before: Door, after: Door, effects: tuple[Effect, ...], now_s: float) -> tuple[Effect, ...]:
    """What must outlive a restart is written with the first record of the step that changed it, or alone when there is none."""
    same = (after.modes, after.quiet, after.blocked_until_s) == (before.modes, before.quiet, before.blocked_until_s)
    if same and after.guard is before.guard:
        return effects
    blocked_for_s = 0.0 if after.blocked_until_s is None else after.blocked_until_s - now_s
    first = next((index for index, effect in enumerate(effects) if isinstance(effect, Record)), len(effects))
    keep = KeepDoor(start=Start(modes=after.modes, quiet=after.quiet, blocked_for_s=blocked_for_s, wrong=after.guard.kept(now_s)))
    return (*effects[:first], keep, *effects[first:])


def _noted(before: Door, after: Door, effects: tuple[Effect, ...], now_s: float) -> Door:
    """What follows from a step whoever took it: when a lock was last open, and that something was refused."""
    shut = (before.locks.keys() | before.held) - (after.locks.keys() | after.held)
    if shut:
        after = after._replace(shut_at_s={**after.shut_at_s, **dict.fromkeys(shut, now_s)})
    if any(isinstance(effect, Record) and isinstance(effect.record, REFUSALS) for effect in effects):
        after = after._replace(refused_until_s=now_s + REFUSED_S)
    return after


def _lamps(before: Door, after: Door) -> Iterator[Effect]:
    was, now = lit(before), lit(after)
    return (Light(lamp=lamp, on=lamp in now) for lamp in (*LampRole, *after.directory.lights) if (lamp in was) != (lamp in now))


def _timers(before: Door, after: Door) -> Iterator[Effect]:
    was, now = deadlines(before), deadlines(after)
    yield from (ClearTimer(key=key) for key in was if key not in now)
    yield from (SetTimer(key=key, at_s=at_s) for key, at_s in now.items() if was.get(key) != at_s)
