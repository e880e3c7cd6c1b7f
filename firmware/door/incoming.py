"""Calls that reach the door: who may, who is connected by itself, who waits for an operator."""

from __future__ import annotations

from typing import assert_never

from firmware.door.conference import is_full, joining, may_join
from firmware.door.directory import ANONYMOUS, AutoAnswer, Target
from firmware.door.events import (
    Accept,
    Answered,
    CallEnded,
    CallMoved,
    CallName,
    CallReceived,
    CallTurnedAway,
    Effect,
    End,
    EndReason,
    IncomingCall,
    Offer,
    Play,
    Record,
    Refusal,
    Refuse,
    Sound,
    Stage,
)
from firmware.door.state import Door, Idle, Leg, Offered, Step, Talking
from firmware.door.talking import talk

REFUSED_RECORD_EVERY_S = 10.0  # a scanner's flood of calls must not fill the journal: one row in this time, with the count of the others


def called(door: Door, given: IncomingCall, now_s: float) -> Step:
    """Somebody calls. Only who is listed is let in; while the line is taken everybody is refused as busy (RFC 3261 §21.4.24)."""
    party = door.directory.admitted(given.caller, authenticated=given.authenticated, is_private=given.is_private)
    if party is None:
        return _turned_away(door, given, Refusal.FORBIDDEN, now_s)
    if isinstance(door.call, Talking) and door.call.leg.menu:
        return _turned_away(door, given, Refusal.BUSY, now_s)  # a menu is for the one who called it
    if isinstance(door.call, Talking) and may_join(door.call, given):
        return joining(door, door.call, party, given, now_s)
    if given.wants_in:
        return _dialled_in(door, given, party, now_s)
    if not isinstance(door.call, Idle):
        return _turned_away(door, given, Refusal.BUSY, now_s)
    menu = door.directory.menu_for(given.caller)
    if menu and not given.is_private:  # who wants no name here has no right to what is for a name
        return _led_to_menu(door, given, Leg(call=given.call, party=party, menu=menu), now_s)
    policy = door.directory.auto_answer
    by_wish = policy is AutoAnswer.ON_REQUEST and given.wants_auto_answer and door.directory.may_wish(given.caller)
    if given.insists and not by_wish and policy is not AutoAnswer.ALWAYS:
        # RFC 5373 §4: who requires to be answered by itself, and will not be, is rejected.
        return _turned_away(door, given, Refusal.FORBIDDEN, now_s)
    until_s = now_s + door.directory.limits.ring_limit_s
    offered = Offered(leg=Leg(call=given.call, party=party), accepted=False, until_s=until_s)
    door, written = door._replace(call=offered), Record(record=_received(given))
    if policy is AutoAnswer.ALWAYS or (by_wish and given.answer_after_s <= 0):
        door, effects = accepted(door, offered, now_s, by_itself=True)
        # The beep tells whoever stands at the panel that somebody listens.
        return door, (written, *effects, Play(sound=Sound.BEEP))
    if by_wish:
        door = door._replace(call=offered._replace(accept_at_s=now_s + given.answer_after_s))
    return door, (written, Offer(call=given.call))


def _led_to_menu(door: Door, given: IncomingCall, leg: Leg, now_s: float) -> Step:
    """A menu answers. Nothing is heard at the panel, and nothing of it: no beep."""
    offered = Offered(leg=leg, accepted=True, until_s=now_s + door.directory.limits.ring_limit_s)
    return door._replace(call=offered), (Record(record=_received(given)), Accept(call=given.call, by_itself=True, apart=True))


def _dialled_in(door: Door, given: IncomingCall, party: Target, now_s: float) -> Step:
    """The conversation's own address was dialled (RFC 4579 §5.1). Nobody talks to an empty panel by it, and nothing rings."""
    if not door.directory.may_enter(given.caller):
        return _turned_away(door, given, Refusal.FORBIDDEN, now_s)
    if not isinstance(door.call, Talking):
        return _turned_away(door, given, Refusal.UNANSWERED, now_s)
    if is_full(door.call):
        return _turned_away(door, given, Refusal.BUSY, now_s)
    return joining(door, door.call, party, given, now_s)


def rung_enough(door: Door, offered: Offered, now_s: float) -> Step:
    """The time is over that the caller wanted it to ring before it is connected by itself."""
    door, effects = accepted(door, offered, now_s, by_itself=True)
    return door, (*effects, Play(sound=Sound.BEEP))


def overflowed(door: Door, given: CallTurnedAway, now_s: float) -> Step:
    """A flood of calls, of which this one did not even get a name."""
    caller = ANONYMOUS if given.is_private else given.caller
    return _counted(door, CallReceived(call=CallName(""), caller=caller, refusal=Refusal.OVERLOADED), now_s)


def _received(given: IncomingCall, refusal: Refusal | None = None) -> CallReceived:
    caller = ANONYMOUS if given.is_private else given.caller
    return CallReceived(call=given.call, caller=caller, refusal=refusal, diverted_by=given.diverted_by)


def _turned_away(door: Door, given: IncomingCall, refusal: Refusal, now_s: float) -> Step:
    door, written = _counted(door, _received(given, refusal), now_s)
    return door, (*written, Refuse(call=given.call, refusal=refusal))


def _counted(door: Door, refused: CallReceived, now_s: float) -> Step:
    """A row of the journal for a refused call, or one more for the next row to tell of."""
    last_s = door.refused_recorded_at_s
    if last_s is not None and now_s - last_s < REFUSED_RECORD_EVERY_S:
        return door._replace(refused_unrecorded=door.refused_unrecorded + 1), ()
    written = Record(record=refused._replace(unrecorded=door.refused_unrecorded))
    return door._replace(refused_recorded_at_s=now_s, refused_unrecorded=0), (written,)


def accepted(door: Door, offered: Offered, now_s: float, *, by_itself: bool) -> Step:
    """The waiting call is taken, by an operator or by itself."""
    if offered.accepted:
        return door, ()
    announces = by_itself and door.directory.announces
    leg = offered.leg._replace(announces=announces)
    taken = offered._replace(leg=leg, accepted=True, accept_at_s=None, until_s=now_s + door.directory.limits.ring_limit_s)
    return door._replace(call=taken), (Accept(call=leg.call, by_itself=by_itself, announces=announces),)


def offer_moved(door: Door, offered: Offered, given: CallMoved, now_s: float) -> Step:
    """The call came up, or its caller gave up."""
    leg = offered.leg
    match given.stage:
        case Stage.RINGING | Stage.EARLY_MEDIA:
            return door, ()
        case Stage.ANSWERED:
            return talk(door, leg._replace(encrypted=given.encrypted), None, now_s), (
                Record(record=Answered(call=leg.call, party=leg.party.name, encrypted=given.encrypted, menu=leg.menu)),
            )
        case Stage.BUSY | Stage.REFUSED | Stage.NO_ANSWER | Stage.UNREACHABLE | Stage.ENDED | Stage.LOST:
            return door._replace(call=Idle()), (_over(offered, given.stage, given.detail),)
        case never:
            assert_never(never)


def not_taken(door: Door, offered: Offered, reason: EndReason, refusal: Refusal) -> Step:
    """We end the waiting call: refused, or hung up when it was accepted already."""
    call = offered.leg.call
    end: Effect = End(call=call, reason=reason) if offered.accepted else Refuse(call=call, refusal=refusal)
    return door._replace(call=Idle()), (_over(offered, reason, ""), end)


def refused_for_press(door: Door, offered: Offered) -> Step:
    """A visitor at the door comes before a caller who still waits."""
    return not_taken(door, offered, EndReason.REPLACED, Refusal.BUSY)


def _over(offered: Offered, reason: EndReason | Stage, detail: str) -> Record:
    leg = offered.leg
    return Record(record=CallEnded(call=leg.call, party=leg.party.name, reason=reason, talked_s=0.0, detail=detail))
