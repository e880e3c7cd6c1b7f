"""Effect: what the door wants done, obeyed in order."""

from __future__ import annotations

from typing import NamedTuple

from firmware.door.access_events import Spend, VerifyCard, VerifyDigits
from firmware.door.inputs import Start
from firmware.door.kind import kind
from firmware.door.menu_events import MenuKey, StartMenu, StopMenu
from firmware.door.records import DoorRecord
from firmware.door.words import CallName, EndReason, LampName, LampRole, LockName, Refusal, Sound, TimerKey


@kind
class Record(NamedTuple):
    """Put this into the journal, and let the world know, before the effects that follow."""

    record: DoorRecord


@kind
class Ring(NamedTuple):
    """Place a call to `uri`, through `account` or (None) directly. `flat`: which one was dialled, for the phone to show; '' none."""

    call: CallName
    uri: str
    account: str | None
    flat: str = ""


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

    `apart`: it hears nothing of the panel and is not heard there, until `Admit`. `announces`: it is heard there, and neither hears nor sees
    the panel.
    """

    call: CallName
    by_itself: bool = False
    apart: bool = False
    announces: bool = False


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
    """Every lamp of this role, or the one of this name, on or off."""

    lamp: LampRole | LampName
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
