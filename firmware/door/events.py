"""The closed unions that cross the door's border: Input, Effect, and the one vocabulary of records.

    app --Input--> door.machine.handle --Effect--> app

Effects are obeyed in order. A `Record` comes before what it announces: the app waits until the journal has it, then goes on. The one
exception is the request-to-exit line, whose `Unlock` comes first: letting people out outranks the paper.

The journal stores records, the web page streams them, metrics count them; a new outlet is a new subscriber. Times are monotonic seconds
and durations seconds; the wall clock belongs to the journal.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, NewType

from firmware.door.kind import kind

ButtonName = NewType("ButtonName", str)  # names are those of the configuration
LockName = NewType("LockName", str)
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
    CANCELLED = "cancelled"  # hung up while ringing: second press, or an operator
    REPLACED = "replaced"  # another button was pressed while ringing
    HUNG_UP = "hung up"  # this press was the second one, which ended the ringing of the first
    IGNORED = "ignored"  # a call was in progress
    INTERRUPTED = "interrupted"  # the program ended or crashed first


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


class Grant(Enum):
    """What entitles to an opening."""

    CODE = "code"
    CARD = "card"
    EXIT = "request to exit"
    OPERATOR = "operator"


class CodeFault(Enum):
    """Why a code or card opened nothing."""

    WRONG = "wrong"
    LOCKED_OUT = "locked out after wrong codes"
    NOT_ALLOWED = "not allowed here"


class LampRole(Enum):
    """What a lamp says; at least two senses tell a visitor what happens."""

    RING = "ring"
    TALK = "talk"
    OPEN = "open"


class Sound(Enum):
    """What the panel's speaker plays. SILENCE stops whatever plays."""

    RINGBACK = "ringback"  # until stopped
    BEEP = "beep"
    ERROR = "error"
    OPENED = "opened"
    ENDED = "ended"
    SILENCE = "silence"


# --- Records that are inputs as well: facts told to the door and written down as they are --------------------------------


@kind
class ContactChanged(NamedTuple):
    """A door contact or request-to-exit line became active or inactive, after debounce."""

    contact: str
    active: bool


@kind
class RelayMoved(NamedTuple):
    """A lock's relay has really switched."""

    lock: LockName
    closed: bool


@kind
class HealthChanged(NamedTuple):
    """A part of the station (an account, the sound card, a reader …) stopped working, or works again. `detail` is one plain sentence."""

    part: str
    working: bool
    detail: str


# --- Input: from the app -----------------------------------------------------------------------------------------------


@kind
class Press(NamedTuple):
    """A visitor pressed a button, after debounce."""

    button: ButtonName


@kind
class CallMoved(NamedTuple):
    """A call leg came to `stage`. `detail` is one plain sentence, such as "486 Busy Here"."""

    call: CallName
    stage: Stage
    detail: str = ""


@kind
class IncomingCall(NamedTuple):
    """Somebody calls the door. `caller` is `user@host` in lower case; `wants_auto_answer` when the call carries such a header."""

    call: CallName
    caller: str
    wants_auto_answer: bool


@kind
class DigitHeard(NamedTuple):
    """A digit `0`-`9`, `A`-`D`, `*` or `#` inside a call."""

    call: CallName
    digit: str
    way: DigitWay


@kind
class CardRead(NamedTuple):
    """A reader has read a card; `card` is its number in upper-case hexadecimal."""

    reader: str
    card: str


@kind
class TimerFired(NamedTuple):
    """The time of a `SetTimer` has come. A late or stale firing does no harm."""

    key: TimerKey


@kind
class Dial(NamedTuple):
    """Call a target by its configured name, or any URI. `by` names who asked. A URI outside the directory may open nothing."""

    target: str
    by: str


@kind
class OpenLock(NamedTuple):
    """An operator whom the app has authorised opens a lock. `by` names who asked."""

    lock: LockName
    by: str


@kind
class Operate(NamedTuple):
    """An operator acts on the call in progress."""

    verb: Verb


Input = (
    Press
    | CallMoved
    | IncomingCall
    | DigitHeard
    | ContactChanged
    | CardRead
    | RelayMoved
    | HealthChanged
    | TimerFired
    | Dial
    | OpenLock
    | Operate
)


# --- Records -------------------------------------------------------------------------------------------------------------


@kind
class Pressed(NamedTuple):
    """A button was pressed; written before anything else happens."""

    press: PressId
    button: ButtonName


@kind
class PressEnded(NamedTuple):
    """The one outcome of a press."""

    press: PressId
    outcome: Outcome
    detail: str = ""


@kind
class CallPlaced(NamedTuple):
    """A call leg goes out to `party` (a target's name, or a URI). `press` None: an operator asked for it."""

    call: CallName
    press: PressId | None
    party: str


@kind
class Ringing(NamedTuple):
    """The phone of `party` rings."""

    call: CallName
    party: str


@kind
class Answered(NamedTuple):
    """A call is up, placed or taken."""

    call: CallName
    party: str


@kind
class CallReceived(NamedTuple):
    """Somebody called. `refusal` None: the call is taken or waits to be. `unrecorded` earlier refused calls were only counted."""

    call: CallName
    caller: str
    refusal: Refusal | None
    unrecorded: int = 0


@kind
class CallEnded(NamedTuple):
    """A leg that was placed or taken is over. `talked_s` is 0 for a leg that was never answered."""

    call: CallName
    party: str
    reason: EndReason | Stage
    talked_s: float
    detail: str = ""


@kind
class CodeRefused(NamedTuple):
    """A code in a call opened nothing. `lockout_s` > 0: nothing is accepted from `party` for so long. The digits are never recorded."""

    call: CallName
    party: str
    fault: CodeFault
    lockout_s: float


@kind
class CardRefused(NamedTuple):
    """A card at a reader opened nothing. `who` is the card's name, or empty for a strange one."""

    reader: str
    who: str
    fault: CodeFault
    lockout_s: float


@kind
class Unlocked(NamedTuple):
    """A lock is opened for `duration_s`: who (name of code, card, contact or operator), by which right, in which call if any."""

    lock: LockName
    duration_s: float
    grant: Grant
    who: str
    party: str = ""
    call: CallName | None = None


DoorRecord = (
    Pressed
    | PressEnded
    | CallPlaced
    | Ringing
    | Answered
    | CallReceived
    | CallEnded
    | CodeRefused
    | CardRefused
    | Unlocked
    | ContactChanged
    | RelayMoved
    | HealthChanged
)


# --- Effect: to the app --------------------------------------------------------------------------------------------------


@kind
class Record(NamedTuple):
    """Put this into the journal, and let the world know, before the effects that follow."""

    record: DoorRecord


@kind
class Ring(NamedTuple):
    """Place a call to `uri`, through `account` or (None) directly."""

    call: CallName
    uri: str
    account: str | None


@kind
class End(NamedTuple):
    """End a leg in whatever state it is: cancel, or hang up. Nothing further need be told about it."""

    call: CallName
    reason: EndReason


@kind
class Offer(NamedTuple):
    """Tell the caller that it rings (the call waits for an operator's ANSWER)."""

    call: CallName


@kind
class Accept(NamedTuple):
    """Answer an incoming call. The app tells when it is up with CallMoved ANSWERED."""

    call: CallName


@kind
class Refuse(NamedTuple):
    """Refuse an incoming call."""

    call: CallName
    refusal: Refusal


@kind
class Unlock(NamedTuple):
    """Close the lock's relay for `duration_s` from now. While it is closed already, the time counts anew; the driver bounds the sum."""

    lock: LockName
    duration_s: float


@kind
class Light(NamedTuple):
    """Every lamp of this role on or off."""

    lamp: LampRole
    on: bool


@kind
class Play(NamedTuple):
    """Play at the panel, in place of whatever of ours plays now."""

    sound: Sound


@kind
class SetTimer(NamedTuple):
    """Send `TimerFired(key)` at `at_s`. Setting again replaces."""

    key: TimerKey
    at_s: float


@kind
class ClearTimer(NamedTuple):
    """Forget this timer; it was set."""

    key: TimerKey


Effect = Record | Ring | End | Offer | Accept | Refuse | Unlock | Light | Play | SetTimer | ClearTimer
