"""Rules: what the configuration wants done when something happens. Every record may set a rule off, also one that a rule has brought about.

Nothing goes round for ever: a rule begins at most RUNS_PER_MINUTE times in a minute, and that bounds a circle of rules within one step of
the door and over time alike.
"""

from __future__ import annotations

from typing import assert_never

from firmware.door.calling import dialled
from firmware.door.directory import CallKind, Deed, Do, Rule, Trigger
from firmware.door.events import (
    Answered,
    CallEnded,
    CardHeldBy,
    CardRefused,
    CodeRefused,
    ContactChanged,
    Dial,
    DoorForced,
    DoorOpenTooLong,
    DoorRecord,
    DuressUsed,
    Effect,
    Grant,
    HealthChanged,
    KeypadRefused,
    LockHeld,
    LockMode,
    LockName,
    LoginRefused,
    Message,
    OpeningRefused,
    Outcome,
    PictureTaken,
    Pressed,
    PressEnded,
    ProfileChanged,
    Record,
    RelayMoved,
    RelaysBlocked,
    Request,
    RuleRan,
    RuleStopped,
    SetLockMode,
    Sound,
    Unlocked,
    Verb,
)
from firmware.door.holding import mode_set
from firmware.door.opening import asked, opened, sounded
from firmware.door.operating import operated
from firmware.door.state import Calling, CallState, Door, Idle, Offered, Running, Step, Talking

RUNS_PER_MINUTE = 10  # of one rule: visitors do not come faster, and a circle of rules ends after that
MINUTE_S = 60.0
WAITING_MAX = 32  # rules that wait at one time; three a rule would need a door of ten rules that all wait
UNANSWERED = frozenset({Outcome.NO_ANSWER, Outcome.BUSY, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.NOBODY})
MODES = {Deed.HOLD: LockMode.HELD, Deed.LOCK: LockMode.LOCKED, Deed.NORMAL: LockMode.NORMAL}


def ruled(door: Door, effects: tuple[Effect, ...], now_s: float) -> Step:
    """What the rules add to a step that brought `effects`."""
    if not door.directory.rules:
        return door, effects
    every = list(effects)
    for effect in every:  # it grows while it is walked: what a rule brings about may set off another
        happened = _happened(effect.record) if isinstance(effect, Record) else None
        if happened is None or not isinstance(effect, Record):
            continue
        for rule in door.directory.rules:
            if _fits(door, rule, *happened):
                door, more = _begun(door, rule, effect.record, now_s)
                every += more
    return door, tuple(every)


def _happened(record: DoorRecord) -> tuple[Trigger, str] | None:
    """What a record means to rules, and whom it concerns."""
    match record:
        case Pressed(button=name):
            return Trigger.PRESSED, name
        case PictureTaken(button=name):
            return Trigger.PICTURED, name
        case Answered(party=name):
            return Trigger.ANSWERED, name
        case CallEnded(party=name):
            return Trigger.ENDED, name
        case PressEnded(outcome=outcome) if outcome in UNANSWERED:
            return Trigger.UNANSWERED, ""
        case Unlocked(lock=lock) | LockHeld(lock=lock, held=True):
            return Trigger.OPENED, lock
        case RelayMoved(lock=lock, closed=False):
            return Trigger.SHUT, lock
        case CodeRefused() | CardRefused() | KeypadRefused() | OpeningRefused() | LoginRefused():
            return Trigger.REFUSED, ""
        case DuressUsed():
            return Trigger.DURESS, ""
        case CardHeldBy(reader=name):
            return Trigger.CARD_HELD, name
        case ContactChanged(contact=name, active=active):
            return Trigger.ACTIVE if active else Trigger.INACTIVE, name
        case DoorForced(contact=name):
            return Trigger.FORCED, name
        case DoorOpenTooLong(contact=name):
            return Trigger.OPEN_TOO_LONG, name
        case RelaysBlocked(contact=name):
            return Trigger.TAMPERED, name
        case HealthChanged(part=name, working=working):
            return Trigger.WORKS if working else Trigger.FAILED, name
        case ProfileChanged(profile=name, active=active):
            return Trigger.BEGINS if active else Trigger.ENDS, name
        case _:
            return None


def _fits(door: Door, rule: Rule, trigger: Trigger, subject: str) -> bool:
    return (
        rule.on is trigger
        and rule.subject in ("", subject)
        and (rule.state is None or rule.state is _kind_of(door.call))
        and (rule.when is None or door.directory.holds(rule.when, door.local, unknown=False))
    )


def _kind_of(call: CallState) -> CallKind:
    match call:
        case Idle():
            return CallKind.IDLE
        case Calling():
            return CallKind.CALLING
        case Offered():
            return CallKind.OFFERED
        case Talking():
            return CallKind.TALKING
        case never:
            assert_never(never)


def _begun(door: Door, rule: Rule, cause: DoorRecord, now_s: float) -> Step:
    """Let the rule act, unless it has acted too often; that is said once."""
    recent = tuple((name, at_s) for name, at_s in door.ran if now_s - at_s < MINUTE_S)
    times = sum(name == rule.name for name, _ in recent)
    door = door._replace(ran=recent if times > RUNS_PER_MINUTE else (*recent, (rule.name, now_s)))
    if times > RUNS_PER_MINUTE:
        return door, ()
    if times == RUNS_PER_MINUTE:
        return door, (_stopped(rule, f"it has run {RUNS_PER_MINUTE} times within a minute"),)
    running = Running(number=door.next_run, rule=rule, next_deed=0, at_s=now_s, cause=cause)
    after, effects = _carried_on(door._replace(next_run=door.next_run + 1), running, now_s)
    return after, (Record(record=RuleRan(rule=rule.name, cause=type(cause).__name__)), *effects)


def resumed(door: Door, number: int, now_s: float) -> Step:
    """The wait of a rule is over."""
    (running,) = (each for each in door.running if each.number == number)
    return _carried_on(door._replace(running=tuple(each for each in door.running if each is not running)), running, now_s)


def _carried_on(door: Door, running: Running, now_s: float) -> Step:
    """Do the deeds of a rule in order, up to its next wait."""
    effects: tuple[Effect, ...] = ()
    deeds = running.rule.deeds
    for index in range(running.next_deed, len(deeds)):
        if deeds[index].what is not Deed.WAIT:
            door, more = _done(door, running, deeds[index], now_s)
            effects += more
        elif len(door.running) < WAITING_MAX:
            waiting = running._replace(next_deed=index + 1, at_s=now_s + deeds[index].seconds)
            return door._replace(running=(*door.running, waiting)), effects
        else:
            return door, (*effects, _stopped(running.rule, f"{WAITING_MAX} rules wait already"))
    return door, effects


def _done(door: Door, running: Running, deed: Do, now_s: float) -> Step:
    by, what = running.rule.name, deed.what
    assert what is not Deed.WAIT, "a wait is no deed of its own"
    match what:
        case Deed.OPEN:
            return opened(door, asked(LockName(deed.name), Grant.RULE, by), now_s)
        case Deed.HOLD | Deed.LOCK | Deed.NORMAL:
            return mode_set(door, SetLockMode(lock=LockName(deed.name), mode=MODES[what], by=f"rule {by}"))
        case Deed.CALL:
            return dialled(door, Dial(target=deed.name, by=f"rule {by}"), now_s)
        case Deed.MESSAGE:
            return door, (_message(door, deed),)
        case Deed.HANG_UP:
            return operated(door, Verb.HANG_UP, now_s)
        case Deed.PLAY:
            return door, sounded(door, Sound(deed.name))
        case Deed.REQUEST:
            return door, (Request(hook=deed.name, rule=by, cause=running.cause),)
        case never:
            assert_never(never)


def _message(door: Door, deed: Do) -> Message:
    """The text by the first way to its target that is not known to be broken: whoever writes does not hear that nobody rings."""
    ways = door.directory.dialled(deed.name).routes
    way = next((each for each in ways if each.account not in door.down), ways[0])
    return Message(uri=way.uri, account=way.account, text=deed.text)


def _stopped(rule: Rule, why: str) -> Record:
    return Record(record=RuleStopped(rule=rule.name, why=why))
