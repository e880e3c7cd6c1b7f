"""Calls that the door places: a press, phones that ring in parallel, the first answer, and every way in which nobody answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from firmware.door.directory import Target
from firmware.door.events import (
    Answered,
    CallEnded,
    CallMoved,
    CallName,
    CallPlaced,
    Dial,
    Effect,
    End,
    EndReason,
    Outcome,
    Play,
    Press,
    Pressed,
    PressEnded,
    PressId,
    Record,
    Ring,
    Ringing,
    Sound,
    Stage,
)
from firmware.door.incoming import refused_for_press
from firmware.door.state import Calling, Door, Idle, Leg, Offered, Step
from firmware.door.talking import talk

# How a press ended when no leg was answered: the first of these that any leg came to. Busy outranks unreachable: it is news of a person.
FAILURES = (
    (Stage.BUSY, Outcome.BUSY),
    (Stage.REFUSED, Outcome.REFUSED),
    (Stage.NO_ANSWER, Outcome.NO_ANSWER),
)


def pressed(door: Door, given: Press, now_s: float) -> Step:
    """A visitor pressed. Written down first; then it rings, unless somebody talks already or the same button rings."""
    press = PressId(door.next_press)
    targets = door.directory.buttons[given.button]
    door = door._replace(next_press=press + 1)
    written: tuple[Effect, ...] = (Record(record=Pressed(press=press, button=given.button)),)
    match door.call:
        case Idle():
            pass
        case Calling(button=given.button) as calling:
            after, effects = _second_press(door, calling, press)
            return after, written + effects
        case Calling() as calling:
            door, effects = given_up(door, calling, EndReason.REPLACED, Outcome.REPLACED, Sound.SILENCE)
            written += effects
        case Offered(accepted=False) as offered:
            door, effects = refused_for_press(door, offered)
            written += effects
        case _:
            return door, (*written, _outcome(press, Outcome.IGNORED, "a call is in progress"))
    legs = tuple(Leg(call=CallName(f"p{press}.{number}"), party=target) for number, target in enumerate(targets, 1))
    calling = Calling(press=press, button=given.button, legs=legs, failed=(), until_s=now_s + door.directory.limits.ring_limit_s)
    return door._replace(call=calling), (*written, *_placed(press, legs))


def _second_press(door: Door, calling: Calling, press: PressId) -> Step:
    """The same button again while it rings: by configuration nothing, or the end of the ringing."""
    if not door.directory.second_press_hangs_up:
        return door, (_outcome(press, Outcome.IGNORED, "it rings already"),)
    after, effects = given_up(door, calling, EndReason.CANCELLED, Outcome.CANCELLED, Sound.ENDED)
    return after, (_outcome(press, Outcome.HUNG_UP), *effects)


def dialled(door: Door, given: Dial, now_s: float) -> Step:
    """An operator wants a call; it is placed only when there is no other."""
    if not isinstance(door.call, Idle):
        return door, ()
    party: Target = door.directory.dialled(given.target)
    legs = (Leg(call=CallName(f"d{door.next_dial}"), party=party),)
    calling = Calling(press=None, button=None, legs=legs, failed=(), until_s=now_s + door.directory.limits.ring_limit_s)
    return door._replace(call=calling, next_dial=door.next_dial + 1), _placed(None, legs)


def _placed(press: PressId | None, legs: tuple[Leg, ...]) -> tuple[Effect, ...]:
    return (
        *(Record(record=CallPlaced(call=leg.call, press=press, party=leg.party.name)) for leg in legs),
        *(Ring(call=leg.call, uri=leg.party.uri, account=leg.party.account) for leg in legs),
        Play(sound=Sound.RINGBACK),
    )


def leg_moved(door: Door, calling: Calling, leg: Leg, given: CallMoved, now_s: float) -> Step:
    """A ringing leg came further, or to its end."""
    match given.stage:
        case Stage.RINGING:
            if leg.rings:
                return door, ()
            legs = tuple(each._replace(rings=True) if each is leg else each for each in calling.legs)
            return door._replace(call=calling._replace(legs=legs)), (Record(record=Ringing(call=leg.call, party=leg.party.name)),)
        case Stage.EARLY_MEDIA:
            return door, (Play(sound=Sound.SILENCE),)
        case Stage.ANSWERED:
            return _answered(door, calling, leg, now_s)
        case Stage.BUSY | Stage.REFUSED | Stage.NO_ANSWER | Stage.UNREACHABLE | Stage.ENDED | Stage.LOST:
            return _leg_failed(door, calling, leg, given)
        case never:
            assert_never(never)


def _answered(door: Door, calling: Calling, leg: Leg, now_s: float) -> Step:
    """The first answer wins; the other phones are told that it was completed elsewhere (RFC 3326)."""
    others = [other for other in calling.legs if other is not leg]
    return talk(door, leg, calling.press, now_s), (
        Record(record=Answered(call=leg.call, party=leg.party.name)),
        *_ended(others, EndReason.COMPLETED_ELSEWHERE),
        Play(sound=Sound.SILENCE),
    )


def _leg_failed(door: Door, calling: Calling, leg: Leg, given: CallMoved) -> Step:
    """One phone is out; the press ends only with the last."""
    legs = tuple(other for other in calling.legs if other is not leg)
    failed = (*calling.failed, given.stage)
    over = Record(record=CallEnded(call=leg.call, party=leg.party.name, reason=given.stage, talked_s=0.0, detail=given.detail))
    rest = calling._replace(legs=legs, failed=failed)
    if legs:
        return door._replace(call=rest), (over,)
    outcome = next((outcome for stage, outcome in FAILURES if stage in failed), Outcome.UNREACHABLE)
    after, effects = _closed(door, rest, outcome, given.detail)
    return after, (over, *effects, Play(sound=Sound.ERROR))


def given_up(door: Door, calling: Calling, reason: EndReason, outcome: Outcome, sound: Sound) -> Step:
    """We end the ringing ourselves."""
    after, closed = _closed(door, calling, outcome, reason.value)
    return after, (*closed, *_ended(calling.legs, reason), Play(sound=sound))


def _closed(door: Door, calling: Calling, outcome: Outcome, detail: str) -> Step:
    return door._replace(call=Idle()), () if calling.press is None else (_outcome(calling.press, outcome, detail),)


def _ended(legs: Iterable[Leg], reason: EndReason) -> tuple[Effect, ...]:
    legs = tuple(legs)
    return (
        *(Record(record=CallEnded(call=leg.call, party=leg.party.name, reason=reason, talked_s=0.0)) for leg in legs),
        *(End(call=leg.call, reason=reason) for leg in legs),
    )


def _outcome(press: PressId, outcome: Outcome, detail: str = "") -> Record:
    return Record(record=PressEnded(press=press, outcome=outcome, detail=detail))
