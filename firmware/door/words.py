"""The door's words: names that must not mix, and what a call, a lock, a code or a press can come to."""

from __future__ import annotations

from enum import Enum
from typing import NewType

ButtonName = NewType("ButtonName", str)  # names are those of the configuration
LockName = NewType("LockName", str)
LampName = NewType("LampName", str)
PressId = NewType("PressId", int)  # counts presses over the whole life of the journal, from 1
CallName = NewType("CallName", str)  # handle of one call leg: chosen here for calls that we place, by the app for calls that reach us
TimerKey = NewType("TimerKey", str)


class Stage(Enum):
    """What has become of a call leg. From BUSY on the leg is over and is not heard of again."""

    RINGING = "ringing"
    EARLY_MEDIA = "early media"  # the visitor hears the other side already: our own ringback stops
    ANSWERED = "answered"
    BUSY = "busy"
    REFUSED = "refused"
    NO_ANSWER = "no answer"
    UNREACHABLE = "unreachable"
    ENDED = "ended"  # the other side hung up, or gave up before we answered
    LOST = "lost"  # an established call died: no media, no network


class DigitWay(Enum):
    """How a digit reached us; one digit often arrives by two ways."""

    RTP = "rtp"  # RFC 4733
    INFO = "info"
    TONE = "tone"


class Verb(Enum):
    """What an operator may ask of the call in progress."""

    ANSWER = "answer"
    HANG_UP = "hang up"
    STOP = "stop"  # the program ends: every call ends, every press gets its outcome


class Outcome(Enum):
    """How a press ended; each press has exactly one."""

    OPENED = "opened"
    ANSWERED = "answered"
    NO_ANSWER = "no answer"
    BUSY = "busy"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NOBODY = "nobody to ring"  # at this time, or all of them do not want to be disturbed
    CANCELLED = "cancelled"  # hung up while ringing: second press, or an operator
    REPLACED = "replaced"  # another button was pressed while ringing
    HUNG_UP = "hung up"  # this press was the second one, which ended the ringing of the first
    IGNORED = "ignored"  # a call was in progress
    MENU = "menu"  # the button is there for a spoken menu, which has begun
    INTERRUPTED = "interrupted"  # the program ended or crashed first


class DeviceChange(Enum):
    """What happened to the device under the door: its system was replaced, judged, given back; it forgot, or lost, everything."""

    INSTALLED = "installed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    RESET = "reset"
    DATA_LOST = "data lost"  # nothing on the data partition could be read any more: it was made anew


class EndReason(Enum):
    """Why we end a leg; a leg that ended from there has a Stage instead."""

    COMPLETED_ELSEWHERE = "Call completed elsewhere"  # RFC 3326 §3.1, the wording of its HERFP example
    RING_LIMIT = "ring limit reached"
    TALK_LIMIT = "talk limit reached"
    DOOR_OPENED = "door opened"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    HUNG_UP = "hung up here"
    STOPPED = "station stops"
    UNKNOWN = "no call of this door"  # an answer to a leg that the door has given up


class Refusal(Enum):
    """Why an incoming call is not taken; the value is the SIP status that says so (RFC 3261 §21.4)."""

    BUSY = 486
    FORBIDDEN = 403
    UNANSWERED = 480
    OVERLOADED = 503  # too many at once; §21.5.4


class Grant(Enum):
    """What entitles to an opening."""

    CODE = "code"
    CARD = "card"
    PIN = "PIN"
    CARD_AND_PIN = "card and PIN"
    EXIT = "request to exit"
    OPERATOR = "operator"
    RULE = "rule"
    MENU = "menu"  # that this caller is given, and that may open without a code


class LockMode(Enum):
    """What an operator wants of a lock until told otherwise. Over all of them stands the request to exit: it always opens."""

    NORMAL = "normal"  # opens for its pulse, and is held open while its profile says so
    HELD = "held"  # stays open
    LOCKED = "locked"  # stays shut, whoever has a right


class LockFault(Enum):
    """Why a lock stayed shut for somebody who had the right to open it."""

    LOCKED = "the lock is locked"
    TAMPERED = "the relays are blocked after tampering"
    NOT_ENCRYPTED = "the call is not encrypted"
    LATE = "taken up too late"  # who asked has been told that it failed, and the door would open for whoever comes then


class CodeFault(Enum):
    """Why a code or card opened nothing."""

    WRONG = "wrong"
    LOCKED_OUT = "locked out after wrong codes"
    NOT_ALLOWED = "not allowed here"
    NOT_NOW = "not at this time"
    USED_UP = "every use is spent"
    NO_CARD = "the card was not shown first"
    UNCHECKED = "could not be checked"
    LATE = "taken up too late"  # whoever showed the card may be gone, and the door would open for whoever comes then


class LampRole(Enum):
    """What a lamp says; at least two senses tell a visitor what happens."""

    RING = "ring"
    TALK = "talk"
    OPEN = "open"
    REFUSED = "refused"  # for a moment, after a code or card that opened nothing, or a number that no flat has


class Sound(Enum):
    """What the panel's speaker plays. SILENCE stops whatever plays."""

    RINGBACK = "ringback"  # until stopped
    BEEP = "beep"
    ERROR = "error"
    OPENED = "opened"
    ENDED = "ended"
    CHIME = "chime"  # in place of the phones that could not be rung
    NOBODY = "nobody"  # nobody answers
    SPEAK = "speak"  # somebody has answered; also ends the ringback
    WRONG = "wrong"  # a code or card that opens nothing
    UNKNOWN = "unknown"  # a number that no flat has
    SILENCE = "silence"
