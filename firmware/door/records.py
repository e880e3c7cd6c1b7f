"""The one vocabulary of what happens at a door. The journal stores records, the web page streams them, metrics count them."""

from __future__ import annotations

from typing import NamedTuple

from firmware.door.access_events import CardHeldBy, DuressUsed, UsersChanged
from firmware.door.call_records import (
    Admitted,
    Answered,
    CallEnded,
    CallMeasured,
    CallPlaced,
    CallReceived,
    PartyChanged,
    PartySkipped,
    Ringing,
)
from firmware.door.kind import kind
from firmware.door.menu_events import MenuBegun
from firmware.door.words import (
    ButtonName,
    CallName,
    CodeFault,
    DeviceChange,
    Grant,
    LockFault,
    LockMode,
    LockName,
    Outcome,
    PressId,
)

# --- Facts told to the door and written down as they are: these are inputs as well -----------------------------------------


@kind
class ContactChanged(NamedTuple):
    """A door contact or request-to-exit line became active or inactive, after debounce.

    `late`: taken up so long afterwards that no further lock follows it.
    """

    contact: str
    active: bool
    late: bool = False


@kind
class RelayMoved(NamedTuple):
    """A lock's relay has really switched. `by`: the exit contact that closed it without the program, else empty."""

    lock: LockName
    closed: bool
    by: str = ""


@kind
class MessageLeft(NamedTuple):
    """A visitor whom nobody answered has left a message: a file of the message folder."""

    file: str
    length_s: float


@kind
class PictureTaken(NamedTuple):
    """The camera has taken a picture of who rang: a file of the picture folder."""

    file: str
    press: PressId
    button: ButtonName


@kind
class HealthChanged(NamedTuple):
    """A part of the station (an account, the sound card, a reader …) stopped working, or works again. `detail` is one plain sentence."""

    part: str
    working: bool
    detail: str


@kind
class DeviceChanged(NamedTuple):
    """The device under the door has changed, while the door was away or is about to be. `version`: of its system; `detail`: why."""

    change: DeviceChange
    version: str
    detail: str = ""


# --- What the door itself did, or refused ------------------------------------------------------------------------------------


@kind
class Pressed(NamedTuple):
    """A button was pressed, or at a keypad of that name a flat was dialled; written before anything else happens.

    `flat`: its number, and its name after a blank.
    """

    press: PressId
    button: ButtonName
    flat: str = ""


@kind
class PressEnded(NamedTuple):
    """The one outcome of a press."""

    press: PressId
    outcome: Outcome
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
class KeypadRefused(NamedTuple):
    """A PIN at a keypad opened nothing. `who` is the user who is known and may not, or empty."""

    keypad: str
    who: str
    fault: CodeFault
    lockout_s: float


@kind
class NumberUnknown(NamedTuple):
    """No flat has the number that was dialled at this keypad. It is never recorded: it may have been a PIN that was typed as a number."""

    keypad: str


@kind
class Unlocked(NamedTuple):
    """A lock is opened for `duration_s`: who (name of code, card, contact or operator), by which right, in which call if any."""

    lock: LockName
    duration_s: float
    grant: Grant
    who: str
    party: str = ""
    call: CallName | None = None


@kind
class OpeningRefused(NamedTuple):
    """Somebody had the right to open this lock, and it stayed shut."""

    lock: LockName
    grant: Grant
    who: str
    fault: LockFault
    party: str = ""
    call: CallName | None = None


@kind
class LockModeChanged(NamedTuple):
    """An operator or a rule (`by`) has changed what a lock does."""

    lock: LockName
    mode: LockMode
    by: str


@kind
class LockHeld(NamedTuple):
    """A lock is held open from now on, or no longer. `why` is one plain sentence."""

    lock: LockName
    held: bool
    why: str


@kind
class QuietChanged(NamedTuple):
    """A target wants to be left alone, or no longer."""

    target: str
    quiet: bool
    by: str


@kind
class RelaysBlocked(NamedTuple):
    """Somebody opened the panel: for so long nothing but a request to exit moves a relay."""

    contact: str
    for_s: float


@kind
class BlockEnded(NamedTuple):
    """The relays move again."""


@kind
class DoorForced(NamedTuple):
    """The door was opened though nobody was let in."""

    contact: str
    lock: LockName


@kind
class DoorOpenTooLong(NamedTuple):
    """The door stands open since `open_s`."""

    contact: str
    open_s: float


@kind
class ProfileChanged(NamedTuple):
    """A time profile has begun or ended."""

    profile: str
    active: bool


@kind
class RuleRan(NamedTuple):
    """A rule has begun to act. `cause` is the kind of record that set it off."""

    rule: str
    cause: str


@kind
class RuleStopped(NamedTuple):
    """A rule did not act though it should have. `why` is one plain sentence."""

    rule: str
    why: str


@kind
class LoginRefused(NamedTuple):
    """A password at the web page, or a token, was wrong. `who` is the name that was claimed; `lockout_s` as in `CodeRefused`.

    `unrecorded` earlier ones were only counted.
    """

    outlet: str
    who: str
    source: str
    lockout_s: float
    unrecorded: int = 0


DoorRecord = (
    KeypadRefused
    | NumberUnknown
    | LoginRefused
    | DuressUsed
    | CardHeldBy
    | UsersChanged
    | Pressed
    | PressEnded
    | CallPlaced
    | Ringing
    | Answered
    | Admitted
    | MenuBegun
    | CallMeasured
    | CallReceived
    | CallEnded
    | CodeRefused
    | CardRefused
    | Unlocked
    | OpeningRefused
    | LockModeChanged
    | LockHeld
    | QuietChanged
    | PartySkipped
    | RelaysBlocked
    | BlockEnded
    | DoorForced
    | DoorOpenTooLong
    | ProfileChanged
    | RuleRan
    | RuleStopped
    | ContactChanged
    | RelayMoved
    | HealthChanged
    | MessageLeft
    | PictureTaken
    | DeviceChanged
    | PartyChanged
)
