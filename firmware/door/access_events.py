"""What crosses the border for users: keys and cards in, questions to the store of users out, its answers in.

The door does not know ten thousand users. It asks for the one behind a card or behind typed digits with `VerifyCard` or `VerifyDigits`; the
app looks into its store, hashes slowly beside the event loop, and answers `Verified` or `NotVerified`. Whether that user may open now is
decided here. A counted use is spent, durably, between `Spend` and `Spent`, before any relay moves.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, NewType

from firmware.door.kind import kind
from firmware.door.words import LockName

AskId = NewType("AskId", int)


class Place(Enum):
    """Where digits are typed: a PIN counts at a keypad, a digit code in a call, a duress code at both."""

    KEYPAD = "keypad"
    CALL = "call"


@kind
class Right(NamedTuple):
    """Locks that may be opened within the time profile. `locks` None: all; `profile` None: always."""

    locks: frozenset[LockName] | None
    profile: str | None


@kind
class User(NamedTuple):
    """Somebody in the store. Rights are the user's own and those of the groups. The window is in wall-clock seconds since 1970.

    `uses_left` None: not counted. `card_needs_pin`: neither the card nor the PIN opens alone.
    """

    name: str
    rights: tuple[Right, ...]
    valid_from_s: float | None = None
    valid_until_s: float | None = None
    uses_left: int | None = None
    card_needs_pin: bool = False


# --- Input -----------------------------------------------------------------------------------------------------------------


@kind
class KeyPressed(NamedTuple):
    """A key of a keypad: `0`-`9`, `A`-`D`, `*` or `#`. `late`: taken up so long afterwards that it opens nothing."""

    keypad: str
    key: str
    late: bool = False


@kind
class CardHeld(NamedTuple):
    """A card has stayed at a reader for the time of a deliberate hold; its `CardRead` came before. `late` as in `KeyPressed`."""

    reader: str
    card: str
    late: bool = False


@kind
class Verified(NamedTuple):
    """The store's answer. `user` None: nobody has this card or these digits. `duress`: the digits are this user's call for help.

    `at_s` is the wall clock in seconds since 1970; whether it was ever set the door knows by itself.
    """

    ask: AskId
    user: User | None
    duress: bool
    at_s: float


@kind
class NotVerified(NamedTuple):
    """The store could not answer; `detail` is one plain sentence."""

    ask: AskId
    detail: str


@kind
class Spent(NamedTuple):
    """One use of a counted user is written off durably, or (`done` False) there was none left."""

    ask: AskId
    done: bool


@kind
class UsersChanged(NamedTuple):
    """The store was read, at start or anew; a record as well. The digits are the lengths of the longest PIN and code, 0 without any.

    `by` names who has changed a user through an outlet, and whom; empty for anything else.
    """

    users: int
    pin_digits: int
    code_digits: int
    by: str = ""


# --- Effects ---------------------------------------------------------------------------------------------------------------


@kind
class VerifyDigits(NamedTuple):
    """Ask whose digits these are. Answered by Verified or NotVerified."""

    ask: AskId
    place: Place
    digits: str

    def __repr__(self) -> str:
        return f"VerifyDigits(ask={self.ask}, place={self.place.value})"  # the digits must not reach a log line

    def __str__(self) -> str:
        return repr(self)


@kind
class VerifyCard(NamedTuple):
    """Ask whose card this is. Answered by Verified or NotVerified."""

    ask: AskId
    card: str


@kind
class Spend(NamedTuple):
    """Write off one use of this user. Answered by Spent or NotVerified."""

    ask: AskId
    user: str


@kind
class KeptWrong(NamedTuple):
    """Wrong codes of one source, in relative times, which outlive this process: the last was `ago_s` ago, `for_s` are left."""

    source: str
    times: int
    ago_s: float
    for_s: float


Question = VerifyDigits | VerifyCard | Spend


# --- Records ---------------------------------------------------------------------------------------------------------------


@kind
class DuressUsed(NamedTuple):
    """A user opens under threat. Nothing at the door shows it. `at` is the keypad, or the party of the call."""

    who: str
    at: str


@kind
class CardHeldBy(NamedTuple):
    """A known card was held at a reader for the time of a deliberate hold."""

    reader: str
    who: str
