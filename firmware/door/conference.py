"""A call with more than one party: who is called in, who joins, who leaves. Every party hears the panel and all others.

Each party has its own rights and its own digits; limits of time are those of the call. It ends with its last party, and then nobody is left
ringing for it.
"""

from __future__ import annotations

from typing import assert_never

from firmware.door.access import Pad
from firmware.door.directory import Target
from firmware.door.events import (
    Accept,
    Answered,
    Bring,
    CallEnded,
    CallMoved,
    CallName,
    CallPlaced,
    CallReceived,
    Confer,
    Dismiss,
    Effect,
    EndReason,
    IncomingCall,
    PartyChanged,
    Play,
    Record,
    Ring,
    Ringing,
    Sound,
    Stage,
)
from firmware.door.state import Asked, Door, Leg, Party, Step, Talking, ways
from firmware.door.talking import ended, parted, typed_lost

PARTIES_MAX = 3  # phones beside the panel: the core mixes four streams, and a transfer of one of them needs the fourth for a moment


def in_front(talking: Talking, call: CallName) -> Talking | None:
    """The same call, seen from the party that is called so; None when it is no party of it."""
    if talking.leg.call == call:
        return talking
    party = next((party for party in talking.others if party.leg.call == call), None)
    if party is None:
        return None
    others = tuple(other for other in talking.others if other is not party)
    return talking._replace(leg=party.leg, pad=party.pad, since_s=party.since_s, others=(_party(talking), *others))


def members(door: Door) -> tuple[CallName, ...]:
    """The legs that are one conversation, those that still ring for it included; none while there is only one."""
    if not isinstance(door.call, Talking):
        return ()
    talking = door.call
    calls = (talking.leg.call, *(party.leg.call for party in talking.others), *(asked.leg.call for asked in talking.asked))
    return calls if len(calls) > 1 else ()


def conferred(before: Door, after: Door, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Say who is in the conversation when that has changed, before the leg that changes it is placed or taken."""
    now = members(after)
    if frozenset(now) == frozenset(members(before)):
        return effects
    first = next((index for index, effect in enumerate(effects) if isinstance(effect, Ring | Accept)), len(effects))
    return (*effects[:first], Confer(calls=now), *effects[first:])


# --- somebody comes ---------------------------------------------------------------------------------------------------------


def brought(door: Door, given: Bring, now_s: float) -> Step:
    """Call a further party into the conversation; without one, or when it is full, nothing happens."""
    if not isinstance(door.call, Talking) or door.call.leg.menu or is_full(door.call):
        return door, ()
    party = door.directory.dialled(given.target)
    if any(leg.party.name == party.name for leg in _legs(door.call)):
        return door, ()
    call = given.call or CallName(f"d{door.next_dial}.1")
    return _placed(door._replace(next_dial=door.next_dial + 1), door.call, Leg(call=call, party=party, routes=ways(door, party)), now_s)


def joining(door: Door, talking: Talking, party: Target, given: IncomingCall, now_s: float) -> Step:
    """Somebody who may call wants to enter the conversation. The beep tells those who talk that somebody listens."""
    asked = Asked(leg=Leg(call=given.call, party=party), until_s=now_s + door.directory.limits.ring_limit_s)
    written = Record(record=CallReceived(call=given.call, caller=party.name, refusal=None, diverted_by=given.diverted_by))
    return _with(door, talking, asked), (written, Accept(call=given.call, by_itself=True), Play(sound=Sound.BEEP))


def may_join(talking: Talking, given: IncomingCall) -> bool:
    """Whether the call that it names is one of this conversation, and there is room."""
    return given.joins in [talking.leg.call, *(party.leg.call for party in talking.others)] and not is_full(talking)


def _placed(door: Door, talking: Talking, leg: Leg, now_s: float) -> Step:
    route, *others = leg.routes
    leg = leg._replace(routes=tuple(others))
    placed = Record(record=CallPlaced(call=leg.call, press=None, party=leg.party.name))
    ring = Ring(call=leg.call, uri=route.uri, account=route.account)
    return _with(door, talking, Asked(leg=leg, until_s=now_s + door.directory.limits.ring_limit_s)), (placed, ring)


def _with(door: Door, talking: Talking, asked: Asked) -> Door:
    return door._replace(call=talking._replace(asked=(*talking.asked, asked)))


def is_full(talking: Talking) -> bool:
    """Whether nobody more can be heard; an announcement stays with who makes it, lest others hear the panel by coming in."""
    return talking.leg.announces or len(_legs(talking)) >= PARTIES_MAX


def _legs(talking: Talking) -> tuple[Leg, ...]:
    return (talking.leg, *(party.leg for party in talking.others), *(asked.leg for asked in talking.asked))


def _party(talking: Talking) -> Party:
    return Party(leg=talking.leg, pad=talking.pad, since_s=talking.since_s)


# --- how it goes with them ----------------------------------------------------------------------------------------------------


def asked_moved(door: Door, talking: Talking, asked: Asked, given: CallMoved, now_s: float) -> Step:
    """Who was called in, or wants in, came further, or will not come."""
    leg = asked.leg
    rest = talking._replace(asked=tuple(other for other in talking.asked if other is not asked))
    match given.stage:
        case Stage.RINGING:
            if leg.rings:
                return door, ()
            return _with(door, rest, asked._replace(leg=leg._replace(rings=True))), (Record(record=Ringing(leg.call, leg.party.name)),)
        case Stage.EARLY_MEDIA:
            return door, ()
        case Stage.ANSWERED:
            party = Party(leg=leg._replace(encrypted=given.encrypted), pad=Pad(), since_s=now_s)
            entered = rest._replace(others=(*rest.others, party))
            return door._replace(call=entered), (Record(record=Answered(call=leg.call, party=leg.party.name)),)
        case Stage.BUSY | Stage.REFUSED | Stage.NO_ANSWER | Stage.UNREACHABLE | Stage.ENDED | Stage.LOST:
            over = Record(record=CallEnded(call=leg.call, party=leg.party.name, reason=given.stage, talked_s=0.0, detail=given.detail))
            after = door._replace(call=rest)
            if leg.routes and given.stage in (Stage.UNREACHABLE, Stage.LOST):
                call = CallName(f"d{door.next_dial}.1")
                after, effects = _placed(after._replace(next_dial=door.next_dial + 1), rest, leg._replace(call=call, rings=False), now_s)
                return after, (over, *effects)
            return after, (over,)
        case never:
            assert_never(never)


def left(door: Door, talking: Talking, reason: EndReason | Stage, now_s: float, detail: str = "") -> Step:
    """The party in front leaves, by us or from there, and the others go on. What it typed and did not finish counts."""
    door, effects = typed_lost(door, talking, now_s)
    gone = parted(talking.leg, reason, now_s - talking.since_s, detail)
    first, *others = talking.others
    rest = talking._replace(leg=first.leg, pad=first.pad, since_s=first.since_s, others=tuple(others))
    return door._replace(call=rest), (*effects, *gone)


def dismissed(door: Door, given: Dismiss, now_s: float) -> Step:
    """An operator wants one party out of the conversation. The only one is not dismissed: that is hanging up."""
    if not isinstance(door.call, Talking):
        return door, ()
    talking = door.call
    asked = next((asked for asked in talking.asked if asked.leg.call == given.call), None)
    if asked is not None:
        return not_come(door, talking, asked, EndReason.HUNG_UP)
    seen = in_front(talking, given.call)
    return (door, ()) if seen is None or not seen.others else left(door, seen, EndReason.HUNG_UP, now_s)


def party_changed(door: Door, given: PartyChanged, now_s: float) -> Step:
    """A phone was handed on. The new party may open what both may: a name that the other side states must not widen anything.

    What the old one has typed and not finished is dropped with it.
    """
    seen = in_front(door.call, given.call) if isinstance(door.call, Talking) else None
    if seen is None or seen.leg.party.name == given.party:
        return door, ()
    if seen.leg.menu:
        return ended(door, seen, EndReason.HUNG_UP, now_s)  # it was for the one who called
    door, effects = typed_lost(door, seen, now_s)
    party = door.directory.dialled(given.party)
    party = party._replace(locks=party.locks & seen.leg.party.locks)
    pad = seen.pad._replace(digits="")
    return door._replace(call=seen._replace(leg=seen.leg._replace(party=party), pad=pad)), (*effects, Record(record=given))


def waited_enough(door: Door, talking: Talking, now_s: float) -> Step:
    """Who was called in has not answered in the time of a call."""
    effects: tuple[Effect, ...] = ()
    for asked in talking.asked:
        if asked.until_s <= now_s and isinstance(door.call, Talking):
            door, more = not_come(door, door.call, asked, EndReason.RING_LIMIT)
            effects += more
    return door, effects


def not_come(door: Door, talking: Talking, asked: Asked, reason: EndReason) -> Step:
    """We no longer wait for somebody."""
    rest = talking._replace(asked=tuple(other for other in talking.asked if other is not asked))
    return door._replace(call=rest), parted(asked.leg, reason, 0.0)
