"""What goes into the interpreter and what comes out: the closed unions Input and Effect. Times are in seconds.

Every effect that is answered says by which inputs; while it is not, nothing else but keys, the end of what is said and the end of the call
is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from firmware.outlets.voicexml.expression import Value

# --- Input -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyHeard:
    """A key, once a stroke: `0`-`9`, `*`, `#`, `A`-`D`."""

    key: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """Everything of this Speak was played."""

    number: int


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The time of the last SetTimer has come."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to Fetch. `url`: where it came from in the end."""

    url: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to Ask, Record or Connect: the value of the item, and what else is known of it, by name."""

    value: Value
    more: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer to any of them that is an event; `message` is one sentence."""

    event: str
    message: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """Nobody listens any more."""


Input = KeyHeard | Spoken | TimeUp | Fetched | Done | Failed | HungUp

# --- Effect ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """Text to be spoken."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound by its address, and what to play when it cannot be had."""

    url: str
    otherwise: Utterances


@dataclass(frozen=True, slots=True)
class Silence:
    """A pause."""

    seconds: float


Utterances = tuple[Words | Sound | Silence, ...]


@dataclass(frozen=True, slots=True)
class Speak:
    """Play these in order. Answered by Spoken with the same number, unless Hush or another Speak comes before."""

    number: int
    utterances: Utterances


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop what plays."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send TimeUp after so long; there is one timer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ClearTimer:
    """Send it no more."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Load a document, with these fields for a form. Answered by Fetched or Failed."""

    url: str
    method: Literal["get", "post"] = "get"
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Do what this `<object>` stands for. Answered by Done or Failed."""

    classid: str
    params: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Record:
    """Keep what is said from now on, after a beep if wished. Answered by Done or Failed."""

    name: str
    seconds_max: float
    beep: bool


@dataclass(frozen=True, slots=True)
class EndRecord:
    """Enough is kept; the answer to Record follows."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect the caller with somebody, or the panel. Answered by Done or Failed; by Failed with `connection.disconnect.transfer` when it
    has happened and the menu has nothing more to say."""

    dest: str
    is_bridge: bool


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the log."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The menu is over; nothing follows."""


Effect = Speak | Hush | SetTimer | ClearTimer | Fetch | Ask | Record | EndRecord | Connect | Note | End
