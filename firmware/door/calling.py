"""Calls that the door places: a press, rounds of phones that ring in parallel, the first answer, and every way in which nobody answers.

A plan is worked off like this: a round rings everybody in it at once. A phone that cannot be reached is tried by its next way, then its
deputy is rung. The round ends with its time or its last phone, and the next begins; after the last the press has its outcome.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import assert_never

from firmware.door.directory import Chime, Plan, Route, Target
from firmware.door.events import (
    Answered,
    ButtonName,
    CallEnded,
    CallMoved,
    CallName,
    CallPlaced,
    Dial,
    DialFlat,
    Effect,
    End,
    EndReason,
    NumberUnknown,
    Outcome,
    PartySkipped,
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
from firmware.door.opening import sounded
from firmware.door.state import Calling, Door, Idle, Leg, Offered, Step, Talking, ways
from firmware.door.talking import ended, talk
from firmware.door.visit import begun

# How a press ended when no leg was answered: the first of these that any leg came to. Busy outranks unreachable: it is news of a person.
FAILURES = (
    (Stage.BUSY, Outcome.BUSY),
    (Stage.REFUSED, Outcome.REFUSED),
    (Stage.NO_ANSWER, Outcome.NO_ANSWER),
)
DEPUTY_AFTER = frozenset({Stage.BUSY, Stage.NO_ANSWER, Stage.UNREACHABLE, Stage.LOST})  # who declines has decided, for the deputy as well


def pressed(door: Door, given: Press | DialFlat, now_s: float) -> Step:
    """A visitor pressed a button, or dialled."""
    if isinstance(given, DialFlat):
        return flat_dialled(door, given, now_s)
    if given.button in door.directory.menu_buttons:
        return _asked_for_menu(door, given, now_s)
    return _wanted(door, given.button, door.directory.buttons[given.button], "", now_s)


def flat_dialled(door: Door, given: DialFlat, now_s: float) -> Step:
    """A visitor dialled: a flat rings as if it had a button of its own; of a number that nobody has the visitor hears and sees it."""
    flat = door.directory.flats.get(given.number)
    if flat is None:
        return door, (Record(record=NumberUnknown(keypad=given.keypad)), *sounded(door, Sound.UNKNOWN))
    return _wanted(door, ButtonName(given.keypad), flat.plan, flat.shown, now_s)


def _wanted(door: Door, button: ButtonName, plan: Plan, flat: str, now_s: float) -> Step:
    """Somebody is wanted. Written down first; then it rings, unless somebody talks already or the same button or flat rings."""
    press = PressId(door.next_press)
    door = door._replace(next_press=press + 1)
    written: tuple[Effect, ...] = (Record(record=Pressed(press=press, button=button, flat=flat)),)
    match door.call:
        case Idle():
            pass
        case Calling() as calling if (calling.button, calling.flat) == (button, flat):
            after, effects = _second_press(door, calling, press)
            return after, written + effects
        case Calling() as calling:
            door, effects = given_up(door, calling, EndReason.REPLACED, Outcome.REPLACED, Sound.SILENCE)
            written += effects
        case Offered() as offered if not offered.accepted or offered.leg.menu:
            door, effects = refused_for_press(door, offered)
            written += effects
        case Talking() as talking if talking.leg.menu:  # nobody talks to the visitor by it
            door, effects = ended(door, talking, EndReason.REPLACED, now_s)
            written += tuple(effect for effect in effects if not isinstance(effect, Play))
        case _:
            return door, (*written, _outcome(press, Outcome.IGNORED, "a call is in progress"))
    after, effects = _next_round(door, _planned(f"p{press}", plan)._replace(press=press, button=button, flat=flat), now_s)
    return after, written + effects


def _asked_for_menu(door: Door, given: Press, now_s: float) -> Step:
    """The button begins a menu, from the start again where one speaks already; beside a call it does nothing."""
    press = PressId(door.next_press)
    door = door._replace(next_press=press + 1)
    written = Record(record=Pressed(press=press, button=given.button))
    if not isinstance(door.call, Idle):
        return door, (written, _outcome(press, Outcome.IGNORED, "a call is in progress"))
    after, effects = begun(door, door.directory.menu_buttons[given.button], now_s)
    return after, (written, _outcome(press, Outcome.MENU if after.visit is not door.visit else Outcome.IGNORED), *effects)


def rung(door: Door, button: ButtonName, plan: Plan, now_s: float) -> Step:
    """Somebody is to be rung whom a visitor has chosen in a menu; there is no call. Written down as a press of a button of that name."""
    assert isinstance(door.call, Idle), "a menu speaks beside no call"
    press = PressId(door.next_press)
    calling = _planned(f"p{press}", plan)._replace(press=press, button=button)
    after, effects = _next_round(door._replace(next_press=press + 1), calling, now_s)
    return after, (Record(record=Pressed(press=press, button=button)), *effects)


def _second_press(door: Door, calling: Calling, press: PressId) -> Step:
    """The same button again while it rings: by configuration nothing, or the end of the ringing."""
    if not door.directory.second_press_hangs_up:
        return door, (_outcome(press, Outcome.IGNORED, "it rings already"),)
    after, effects = given_up(door, calling, EndReason.CANCELLED, Outcome.CANCELLED, Sound.ENDED)
    return after, (_outcome(press, Outcome.HUNG_UP), *effects)


def dialled(door: Door, given: Dial, now_s: float) -> Step:
    """An operator wants a call, or a rule (by the name of a plan as well); it is placed only when there is no other."""
    if not isinstance(door.call, Idle):
        return door, ()
    plan = door.directory.plans.get(given.target)
    name = given.name or f"d{door.next_dial}"
    door = door._replace(next_dial=door.next_dial + 1)
    if plan is None:
        # Whoever names a person means that person: no deputy, and nobody asked by name is left undisturbed.
        party = door.directory.dialled(given.target)._replace(deputy=None)
        calling = _planned(name, ())._replace(until_s=now_s + door.directory.limits.ring_limit_s)
        return _placed(door, calling, (party,), now_s)
    return _next_round(door, _planned(name, plan), now_s)


def _planned(name: str, plan: Plan) -> Calling:
    """A call before its first round."""
    return Calling(press=None, button=None, legs=(), failed=(), until_s=0.0, name=name, rounds=plan)


def _next_round(
    door: Door, calling: Calling, now_s: float, outcome: Outcome | None = None, detail: str = "", sound: Sound = Sound.ERROR
) -> Step:
    """Ring the next round of the plan that applies now; when there is none left, the press has this outcome (None: how its phones ended).

    A round is judged when it begins, and rings to its end whatever the clock says then. While the wall clock is not set every round
    applies: somebody must hear the bell.
    """
    skipped: tuple[Effect, ...] = ()
    for index, round_ in enumerate(calling.rounds):
        if round_.when is not None and not door.directory.holds(round_.when, door.local, unknown=True):
            continue
        parties, news = _awake(door, calling.press, round_.targets)
        skipped += news
        if parties:
            ring_s = door.directory.limits.ring_limit_s if round_.ring_s is None else round_.ring_s
            begun = calling._replace(until_s=now_s + ring_s, rounds=calling.rounds[index + 1 :], rung=frozenset())
            after, effects = _placed(door, begun, parties, now_s)
            return after, skipped + effects
    after, effects = _nobody_left(door, calling, outcome, detail, sound)
    return after, skipped + effects


def _awake(door: Door, press: PressId | None, targets: tuple[Target, ...]) -> tuple[tuple[Target, ...], tuple[Effect, ...]]:
    """Whom to ring of `targets`: who does not want to be disturbed is left out, or his deputy comes in."""
    parties: dict[str, Target] = {}
    news: tuple[Effect, ...] = ()
    for target in targets:
        party: Target | None = target
        seen: set[str] = set()
        while party is not None and _is_quiet(door, party):
            seen.add(party.name)
            deputy = _deputy(door, party, seen)
            news += (Record(record=PartySkipped(press=press, party=party.name, deputy="" if deputy is None else deputy.name)),)
            party = deputy
        if party is not None:
            parties[party.name] = party
    return tuple(parties.values()), news


def _is_quiet(door: Door, target: Target) -> bool:
    when = target.quiet_when
    return target.name in door.quiet or (when is not None and door.directory.holds(when, door.local, unknown=False))


def _deputy(door: Door, party: Target, seen: Container[str]) -> Target | None:
    """Who stands in for `party`, unless he was asked already: deputies of each other must not go round in circles."""
    return None if party.deputy is None or party.deputy in seen else door.directory.targets[party.deputy]


def _placed(door: Door, calling: Calling, parties: tuple[Target, ...], now_s: float) -> Step:
    """Ring further parties, each by its best way."""
    placed = calling._replace(rung=calling.rung | {party.name for party in parties})
    return _rung(door, placed, [(party, ways(door, party)) for party in parties], now_s)


def _rung(door: Door, calling: Calling, ways: Sequence[tuple[Target, tuple[Route, ...]]], now_s: float) -> Step:
    """Place one leg for each party, by the first of its ways; the others stay for later."""
    help_at_s = now_s + door.directory.limits.fallback_after_s
    legs = tuple(
        Leg(
            call=CallName(f"{calling.name}.{number}"),
            party=party,
            routes=routes[1:],
            next_at_s=help_at_s if routes[1:] else None,
        )
        for number, (party, routes) in enumerate(ways, calling.placed + 1)
    )
    effects: tuple[Effect, ...] = (
        *(Record(record=CallPlaced(call=leg.call, press=calling.press, party=leg.party.name)) for leg in legs),
        *(
            Ring(call=leg.call, uri=routes[0].uri, account=routes[0].account, flat=calling.flat)
            for leg, (_, routes) in zip(legs, ways, strict=True)
        ),
    )
    if not any(leg.early for leg in calling.legs):  # what the visitor hears of another phone goes on
        effects += (Play(sound=Sound.RINGBACK),)
    return door._replace(call=calling._replace(legs=calling.legs + legs, placed=calling.placed + len(legs))), effects


def leg_moved(door: Door, calling: Calling, leg: Leg, given: CallMoved, now_s: float) -> Step:
    """A ringing leg came further, or to its end."""
    match given.stage:
        case Stage.RINGING:
            if leg.rings:
                return door, ()
            known = _changed(calling, leg, leg._replace(rings=True, next_at_s=None))
            return door._replace(call=known), (Record(record=Ringing(call=leg.call, party=leg.party.name)),)
        case Stage.EARLY_MEDIA:
            known = _changed(calling, leg, leg._replace(early=True, next_at_s=None))
            return door._replace(call=known), (Play(sound=Sound.SILENCE),)
        case Stage.ANSWERED:
            return _answered(door, calling, leg._replace(encrypted=given.encrypted), now_s)
        case Stage.BUSY | Stage.REFUSED | Stage.NO_ANSWER | Stage.UNREACHABLE | Stage.ENDED | Stage.LOST:
            return _leg_failed(door, calling, leg, given, now_s)
        case never:
            assert_never(never)


def _changed(calling: Calling, leg: Leg, changed: Leg) -> Calling:
    return calling._replace(legs=tuple(changed if each is leg else each for each in calling.legs))


def _answered(door: Door, calling: Calling, leg: Leg, now_s: float) -> Step:
    """The first answer wins; the other phones are told that it was completed elsewhere (RFC 3326)."""
    others = [other for other in calling.legs if other.call != leg.call]
    return talk(door, leg, calling.press, now_s), (
        Record(record=Answered(call=leg.call, party=leg.party.name, encrypted=leg.encrypted)),
        *_ended(others, EndReason.COMPLETED_ELSEWHERE),
        Play(sound=Sound.SPEAK),
    )


def _leg_failed(door: Door, calling: Calling, leg: Leg, given: CallMoved, now_s: float) -> Step:
    """One phone is out: the next way to it, or its deputy, or the others of the round, or the next round; the press ends after the last."""
    over = Record(record=CallEnded(call=leg.call, party=leg.party.name, reason=given.stage, talked_s=0.0, detail=given.detail))
    legs = tuple(other for other in calling.legs if other is not leg)
    rest = calling._replace(legs=legs, failed=(*calling.failed, given.stage))
    way_failed = given.stage in (Stage.UNREACHABLE, Stage.LOST) or (given.stage is Stage.NO_ANSWER and not leg.rings)
    other_way = any(other.party.name == leg.party.name for other in legs)
    deputy = _deputy(door, leg.party, rest.rung) if given.stage in DEPUTY_AFTER and not other_way else None
    if way_failed and leg.routes:
        after, effects = _rung(door, rest, ((leg.party, leg.routes),), now_s)
    elif deputy is not None and not _is_quiet(door, deputy):
        after, effects = _placed(door, rest, (deputy,), now_s)
    elif legs:
        after, effects = door._replace(call=rest), ()
    else:
        after, effects = _next_round(door, rest, now_s, detail=given.detail)
    return after, (over, *effects)


def helped(door: Door, calling: Calling, now_s: float) -> Step:
    """Some way shows no sign of ringing: its server may be dead, and SIP would wait half a minute for it (RFC 3261 §17.1.1.2, timer B).

    The next way is tried beside it; if the first was only slow, whichever is answered wins.
    """
    silent = [leg for leg in calling.legs if leg.next_at_s is not None and leg.next_at_s <= now_s]
    legs = tuple(leg._replace(routes=(), next_at_s=None) if leg in silent else leg for leg in calling.legs)
    return _rung(door, calling._replace(legs=legs), [(leg.party, leg.routes) for leg in silent], now_s)


def round_over(door: Door, calling: Calling, now_s: float) -> Step:
    """Nobody answered in the time of this round."""
    rest = calling._replace(legs=(), failed=(*calling.failed, Stage.NO_ANSWER))
    after, effects = _next_round(door, rest, now_s, Outcome.NO_ANSWER, EndReason.RING_LIMIT.value, Sound.NOBODY)
    return after, (*_ended(calling.legs, EndReason.RING_LIMIT), *effects)


def _nobody_left(door: Door, calling: Calling, outcome: Outcome | None, detail: str, sound: Sound) -> Step:
    """The plan is at its end: the press has its outcome, and in place of the phones the panel may chime."""
    if not calling.failed:
        outcome, detail = Outcome.NOBODY, "nobody is to be rung at this time"
    elif outcome is None:
        outcome = next((outcome for stage, outcome in FAILURES if stage in calling.failed), Outcome.UNREACHABLE)
    chime = door.directory.chime
    if chime is Chime.UNANSWERED or (chime is Chime.UNREACHABLE and outcome in (Outcome.UNREACHABLE, Outcome.NOBODY)):
        sound = Sound.CHIME
    after, effects = _closed(door, calling, outcome, detail)
    return after, (*effects, Play(sound=sound))


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
