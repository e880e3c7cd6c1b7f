"""The closed unions that cross the door's border: Input and Effect, with every word and record that they are made of.

    app --Input--> door.machine.handle --Effect--> app

Effects are obeyed in order. A `Record` comes before what it announces: the app waits until the journal has it, then goes on. The one
exception is the request to exit: its driver opens before the door hears of it, for letting people out outranks the paper.

A new outlet is a new subscriber to the records. Times are monotonic seconds and durations seconds; the wall clock belongs to the journal.
"""

# ruff: noqa: I001 -- sorting would give each name that is exported again an import of its own

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from firmware.door.access_events import (
    AskId as AskId,
    CardHeld as CardHeld,
    CardHeldBy as CardHeldBy,
    DuressUsed as DuressUsed,
    KeptWrong as KeptWrong,
    KeyPressed as KeyPressed,
    NotVerified as NotVerified,
    Place as Place,
    Question as Question,
    Right as Right,
    Spend as Spend,
    Spent as Spent,
    User as User,
    UsersChanged as UsersChanged,
    Verified as Verified,
    VerifyCard as VerifyCard,
    VerifyDigits as VerifyDigits,
)
from firmware.door.kind import kind
from firmware.door.menu_events import (
    MenuKey as MenuKey,
    MenuOver as MenuOver,
    OpenByMenu as OpenByMenu,
    StartMenu as StartMenu,
    StopMenu as StopMenu,
)
from firmware.door.records import (
    Admitted as Admitted,
    Answered as Answered,
    BlockEnded as BlockEnded,
    CallEnded as CallEnded,
    CallPlaced as CallPlaced,
    CallReceived as CallReceived,
    CardRefused as CardRefused,
    CodeRefused as CodeRefused,
    ContactChanged as ContactChanged,
    DeviceChanged as DeviceChanged,
    DoorForced as DoorForced,
    DoorOpenTooLong as DoorOpenTooLong,
    DoorRecord as DoorRecord,
    CallMeasured as CallMeasured,
    HealthChanged as HealthChanged,
    KeypadRefused as KeypadRefused,
    LockHeld as LockHeld,
    LockModeChanged as LockModeChanged,
    LoginRefused as LoginRefused,
    MessageLeft as MessageLeft,
    PictureTaken as PictureTaken,
    OpeningRefused as OpeningRefused,
    PartyChanged as PartyChanged,
    PartySkipped as PartySkipped,
    PressEnded as PressEnded,
    Pressed as Pressed,
    ProfileChanged as ProfileChanged,
    QuietChanged as QuietChanged,
    RelayMoved as RelayMoved,
    RelaysBlocked as RelaysBlocked,
    Ringing as Ringing,
    RuleRan as RuleRan,
    RuleStopped as RuleStopped,
    Unlocked as Unlocked,
)
from firmware.door.words import (
    ButtonName as ButtonName,
    CallName as CallName,
    CodeFault as CodeFault,
    DeviceChange as DeviceChange,
    DigitWay as DigitWay,
    EndReason as EndReason,
    Grant as Grant,
    LampRole as LampRole,
    LockFault as LockFault,
    LockMode as LockMode,
    LockName as LockName,
    Outcome as Outcome,
    PressId as PressId,
    Refusal as Refusal,
    Sound as Sound,
    Stage as Stage,
    TimerKey as TimerKey,
    Verb as Verb,
)

# --- Input: from the app -----------------------------------------------------------------------------------------------


@kind
class Start(NamedTuple):
    """The first input, before any other: what outlived the last run. `blocked_for_s`: how long relays stay blocked after tampering.

    `wrong`: who has guessed how often. `late`: it could not be read at the start and is found only now; what is in force by then stays in
    force beside it.
    """

    modes: Mapping[LockName, LockMode] = MappingProxyType({})
    quiet: frozenset[str] = frozenset()
    blocked_for_s: float = 0.0
    wrong: tuple[KeptWrong, ...] = ()
    late: bool = False


@kind
class Press(NamedTuple):
    """A visitor pressed a button, after debounce."""

    button: ButtonName


@kind
class CallMoved(NamedTuple):
    """A call leg came to `stage`. `detail` is one plain sentence, such as "486 Busy Here".

    `encrypted` belongs to ANSWERED: signalling and sound are both encrypted, as far as the station sees them: to the next hop.
    """

    call: CallName
    stage: Stage
    detail: str = ""
    encrypted: bool = False


@kind
class IncomingCall(NamedTuple):
    """Somebody calls the door. `caller` is `user@host` in lower case; `wants_auto_answer` when the call carries such a header.

    `authenticated`: the caller has proved to be `caller`. Without that the name is a claim, and no code counts in the call.
    `joins` names our call whose conversation it wants to enter, '' for a call of its own; with `wants_in` it was dialled to the address of
    the conversation, whichever is up. It wants to be answered `answer_after_s` from
    now, and when it `insists` not otherwise. `diverted_by` is who sent the call on to us, '' when nobody did. `is_private`: the caller
    wants no name shown or stored.
    """

    call: CallName
    caller: str
    wants_auto_answer: bool
    authenticated: bool = False
    joins: CallName = CallName("")
    answer_after_s: float = 0.0
    insists: bool = False
    diverted_by: str = ""
    is_private: bool = False
    wants_in: bool = False


@kind
class CallTurnedAway(NamedTuple):
    """Somebody called while more calls came in than the app keeps apart, and was refused without asking us."""

    caller: str
    is_private: bool = False


@kind
class DigitHeard(NamedTuple):
    """A digit `0`-`9`, `A`-`D`, `*` or `#` inside a call."""

    call: CallName
    digit: str
    way: DigitWay
    held_s: float = 0.0  # how long the key has been down by now, where that is known


@kind
class CardRead(NamedTuple):
    """A reader has read a card; `card` is its number in upper-case hexadecimal. `late` as in `KeyPressed`."""

    reader: str
    card: str
    late: bool = False


@kind
class TimerFired(NamedTuple):
    """The time of a `SetTimer` has come. A late or stale firing does no harm."""

    key: TimerKey


@kind
class Dial(NamedTuple):
    """Call a target by its configured name, or any URI. `by` names who asked. A URI outside the directory may open nothing.

    `name` is that of the call, to which the number of each leg is added; '' lets the door name it.
    """

    target: str
    by: str
    name: str = ""


@kind
class Bring(NamedTuple):
    """Call a target, or any URI, into the conversation in progress. `by` names who asked.

    `call` names the leg; '' lets the door name it.
    """

    target: str
    by: str
    call: CallName = CallName("")


@kind
class Dismiss(NamedTuple):
    """Hang up on one party of a conversation of several. `by` names who asked."""

    call: CallName
    by: str


@kind
class OpenLock(NamedTuple):
    """An operator whom the app has authorised opens a lock. `by` names who asked.

    After `until_s`, of the clock that the door is told, nobody reckons with it any more and it opens nothing.
    """

    lock: LockName
    by: str
    until_s: float = inf


@kind
class SetLockMode(NamedTuple):
    """An operator whom the app has authorised holds a lock open, locks it, or gives it back to its profile. `by` names who asked."""

    lock: LockName
    mode: LockMode
    by: str


@kind
class SetQuiet(NamedTuple):
    """A target does not want to be disturbed, or does again. `by` names who asked."""

    target: str
    quiet: bool
    by: str


@kind
class Operate(NamedTuple):
    """An operator acts on the call in progress."""

    verb: Verb


Input = (
    Start
    | Press
    | CallMoved
    | IncomingCall
    | CallTurnedAway
    | DigitHeard
    | ContactChanged
    | CardRead
    | CardHeld
    | KeyPressed
    | Verified
    | NotVerified
    | Spent
    | UsersChanged
    | RelayMoved
    | HealthChanged
    | CallMeasured
    | MessageLeft
    | PictureTaken
    | DeviceChanged
    | LoginRefused
    | TimerFired
    | Dial
    | PartyChanged
    | Bring
    | Dismiss
    | OpenLock
    | OpenByMenu
    | MenuOver
    | SetLockMode
    | SetQuiet
    | Operate
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
    """Answer an incoming call. The app tells when it is up with CallMoved ANSWERED. `by_itself`: no person has decided so.

    `apart`: it hears nothing of the panel and is not heard there, until `Admit`.
    """

    call: CallName
    by_itself: bool = False
    apart: bool = False


@kind
class Admit(NamedTuple):
    """The call that was apart is connected with the panel."""

    call: CallName


@kind
class Refuse(NamedTuple):
    """Refuse an incoming call."""

    call: CallName
    refusal: Refusal


@kind
class Confer(NamedTuple):
    """These legs are one conversation from now on, in which everybody hears everybody; without any, there is none of several parties."""

    calls: tuple[CallName, ...]


@kind
class Unlock(NamedTuple):
    """Close the lock's relay for `duration_s` from now. While it is closed already, the time counts anew; the driver bounds the sum."""

    lock: LockName
    duration_s: float


@kind
class Hold(NamedTuple):
    """Close the lock's relay until `Shut` or `Block`; an `Unlock` meanwhile is not sent."""

    lock: LockName


@kind
class Shut(NamedTuple):
    """Let the lock's relay go now."""

    lock: LockName


@kind
class Block(NamedTuple):
    """Let the lock's relay go now, and keep the driver from closing it until `Unblock`, but for a request to exit."""

    lock: LockName


@kind
class Unblock(NamedTuple):
    """The lock's relay may close again."""

    lock: LockName


@kind
class Request(NamedTuple):
    """Send a webhook: `hook` is its configured name, `rule` who wants it, `cause` the record that set the rule off."""

    hook: str
    rule: str
    cause: DoorRecord


@kind
class Message(NamedTuple):
    """Send a text to `uri`, through `account` or (None) directly."""

    uri: str
    account: str | None
    text: str


@kind
class KeepDoor(NamedTuple):
    """Write down with the records that follow at once, in the same transaction, what the next run is to be started with."""

    start: Start


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


Effect = (
    Record
    | Ring
    | End
    | Offer
    | Accept
    | Admit
    | StartMenu
    | StopMenu
    | MenuKey
    | Refuse
    | Confer
    | Unlock
    | Hold
    | Shut
    | Block
    | Unblock
    | Request
    | Message
    | KeepDoor
    | Light
    | Play
    | SetTimer
    | ClearTimer
    | VerifyDigits
    | VerifyCard
    | Spend
)
