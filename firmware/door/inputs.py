"""Input: what the app tells the door. The facts that are written down as they are stand in `records`."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from firmware.door.access_events import CardHeld, KeptWrong, KeyPressed, NotVerified, Spent, UsersChanged, Verified
from firmware.door.call_records import (
    CallMeasured,
    PartyChanged,
)
from firmware.door.kind import kind
from firmware.door.menu_events import MenuOver, OpenByMenu
from firmware.door.records import (
    ContactChanged,
    DeviceChanged,
    HealthChanged,
    LoginRefused,
    MessageLeft,
    PictureTaken,
    RelayMoved,
)
from firmware.door.words import ButtonName, CallName, DigitWay, LockMode, LockName, Stage, TimerKey, Verb


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
class DialFlat(NamedTuple):
    """A visitor has dialled the number of a flat at this keypad, or somebody has in his place."""

    keypad: str
    number: str


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
    | DialFlat
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
