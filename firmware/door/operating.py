"""What an operator, or a rule, may do with the call in progress."""

from __future__ import annotations

from typing import assert_never

from firmware.door.calling import given_up
from firmware.door.events import EndReason, Outcome, Refusal, Sound, Verb
from firmware.door.incoming import accepted, not_taken
from firmware.door.state import Calling, Door, Idle, Offered, Step, Talking
from firmware.door.talking import ended
from firmware.door.visit import gone


def operated(door: Door, verb: Verb, now_s: float) -> Step:
    """Do what an operator wants of the call in progress."""
    stop = verb is Verb.STOP
    if stop:  # a number that waits for its pause must not be dialled by a program that ends
        door = door._replace(asking=door.asking._replace(typed={}))
    match door.call:
        case Offered() as offered if verb is Verb.ANSWER:
            return accepted(door, offered, now_s, by_itself=False)
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
            return gone(door)  # of a visitor in front of a menu there is no call to end
        case never:
            assert_never(never)
