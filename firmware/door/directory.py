"""Who and what this door knows: whom a button rings, who may open which lock. Plain values made from the configuration by the app."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from firmware.door.events import ButtonName, LampName, LockName
from firmware.door.kind import kind
from firmware.door.schedule import Holiday, Profile, When, within

ANONYMOUS = "anonymous"  # in place of the name of a caller who wants none shown or stored (RFC 3323)


class AutoAnswer(Enum):
    """Which listed callers are connected to the panel without anybody's doing."""

    NEVER = "never"
    ON_REQUEST = "on_request"  # those whose call asks for it, and who may
    ALWAYS = "always"


class Trigger(Enum):
    """What a rule waits for; each is one kind of record, and the rule's subject is the name in it."""

    PRESSED = "pressed"  # a button
    PICTURED = "pictured"  # a button: the camera has taken a picture of who pressed it
    ANSWERED = "answered"  # a target
    ENDED = "ended"  # a call with a target
    UNANSWERED = "unanswered"  # a press that nobody answered; without subject
    OPENED = "opened"  # a lock
    SHUT = "shut"  # a lock's relay
    REFUSED = "refused"  # a code, card or right; without subject
    DURESS = "duress"  # somebody opened under threat; without subject, for it must not be told by names
    CARD_HELD = "card-held"  # a reader, at which a known card stayed
    ACTIVE = "active"  # a contact: a door that opens, an exit button that is pressed
    INACTIVE = "inactive"  # a contact
    FORCED = "forced"  # a door contact
    OPEN_TOO_LONG = "open-too-long"  # a door contact
    TAMPERED = "tampered"  # a tamper contact
    FAILED = "failed"  # a part of the station
    WORKS = "works"  # a part of the station
    BEGINS = "begins"  # a profile
    ENDS = "ends"  # a profile


class Deed(Enum):
    """What a rule can do."""

    OPEN = "open"
    HOLD = "hold"
    LOCK = "lock"
    NORMAL = "normal"
    CALL = "call"
    MESSAGE = "message"
    HANG_UP = "hang-up"
    PLAY = "play"
    REQUEST = "request"
    WAIT = "wait"


class CallKind(Enum):
    """What the door's one line does: the condition of a rule."""

    IDLE = "idle"
    CALLING = "calling"
    OFFERED = "offered"
    TALKING = "talking"


class Chime(Enum):
    """When the panel chimes in place of the phones."""

    NEVER = "never"
    UNREACHABLE = "unreachable"  # no phone could be rung
    UNANSWERED = "unanswered"  # whatever the reason


@kind
class Route(NamedTuple):
    """One way to somebody: an address, through an account or (None) directly."""

    uri: str
    account: str | None


@kind
class Target(NamedTuple):
    """Somebody at the other end of a call. `locks` are those that a code may open in a call with them.

    `fallbacks` are further ways to the same person, in order. `deputy` names the target that is rung in place of this one when it is busy,
    away or unreachable, or does not want to be disturbed: while `quiet_when` holds, or when it has said so.
    """

    name: str
    uri: str
    account: str | None
    locks: frozenset[LockName]
    fallbacks: tuple[Route, ...] = ()
    deputy: str | None = None
    quiet_when: When | None = None

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every way to this target, the best first."""
        return (Route(uri=self.uri, account=self.account), *self.fallbacks)


@kind
class Round(NamedTuple):
    """One step of a ringing plan: all of `targets` ring at once for `ring_s` (None: the limit of a call); skipped unless `when` holds."""

    targets: tuple[Target, ...]
    ring_s: float | None = None
    when: When | None = None


Plan = tuple[Round, ...]


@kind
class Flat(NamedTuple):
    """Who lives behind a number that visitors dial at a keypad. `name` may be empty; the plan is that of a button."""

    number: str
    name: str
    plan: Plan

    @property
    def shown(self) -> str:
        """The number, which has no blanks, and the name: in the journal, and on phones that ring."""
        return f"{self.number} {self.name}".rstrip()


@kind
class Dialling(NamedTuple):
    """How numbers are dialled at these keypads: `call_key` ends one, or a pause of `after_s` (None: no pause does)."""

    keypads: frozenset[str] = frozenset()
    call_key: str = "#"
    after_s: float | None = None

    @property
    def starred(self) -> bool:
        """Whether a PIN begins with `*` at these keypads: its end, `#`, is the end of a number as well."""
        return self.call_key == "#"


@kind
class Lock(NamedTuple):
    """How long a lock is opened, and the bound of one closing of its relay however often it is opened anew.

    While `held_when` holds it stays open. `then` opens another lock `then_after_s` after each opening of this one, by the same right.
    With `secure_only` no digit opens it in a call that is not encrypted.
    """

    name: LockName
    pulse_s: float
    max_closed_s: float
    held_when: When | None = None
    then: LockName | None = None
    then_after_s: float = 0.0
    secure_only: bool = False


@kind
class Watch(NamedTuple):
    """A door contact: the lock whose openings explain that the door opens (None: it may open as it likes), and how long it may stand open
    (None: for ever).
    """

    lock: LockName | None
    open_limit_s: float | None


@kind
class Key(NamedTuple):
    """A code (`secret` = its digits) or a card (`secret` = its number in upper-case hexadecimal) and what it opens."""

    name: str
    secret: str
    locks: frozenset[LockName]

    def __repr__(self) -> str:
        return f"Key(name={self.name!r})"  # the secret must not reach a log line

    def __str__(self) -> str:
        return repr(self)


@kind
class Limits(NamedTuple):
    """Every time and number that bounds what the door does. Times in seconds."""

    ring_limit_s: float
    talk_limit_s: float
    hangup_after_open_s: float | None  # None: an opening does not end the call
    digit_limit_s: float  # between two digits of one code
    wrong_limit: int  # wrong codes of one party, or strange cards at one reader, before the lock-out
    wrong_limit_global: int
    lockout_s: float  # the first; doubles with each further wrong code
    lockout_max_s: float
    fallback_after_s: float = 5.0  # a way that shows no sign of ringing for so long is helped by the next one
    menu_silence_s: float = 60.0  # a visitor who types nothing for so long has left the menu


@kind
class Do(NamedTuple):
    """One action of a rule. `what` is the verb, `name` its object (a lock, target, plan, sound or webhook).

    `seconds` belongs to WAIT, `text` to MESSAGE.
    """

    what: Deed
    name: str = ""
    seconds: float = 0.0
    text: str = ""


@kind
class Rule(NamedTuple):
    """When `on` happens (to `subject`, or empty: to anybody) and `when` holds and the call is as `state` says, do `deeds` in order."""

    name: str
    on: Trigger
    subject: str
    deeds: tuple[Do, ...]
    when: When | None = None
    state: CallKind | None = None


@kind
class Menu(NamedTuple):
    """A spoken menu that answers calls of `callers` (patterns as in `allow`), and visitors at a `keypad` ('' none).

    `opens`: the locks that it opens without a code, for callers who may open them with one. `rings`: whom a visitor may have rung.
    """

    callers: tuple[str, ...]
    opens: frozenset[LockName] = frozenset()
    keypad: str = ""
    rings: frozenset[str] = frozenset()


@kind
class Directory(NamedTuple):
    """Everything this door knows.

    `exits`, `readers` and `keypads` name the lock that each serves; a reader with keys is no keypad of its own. `allow` holds `user@host`
    in lower case, `*` in place of either; `auto_answer_for` of those may be connected by their own wish,
    `conference_for` of those may enter a conversation by dialling its address.
    `plans` are those that rules may call; `watches` are door contacts, `tampers` the contacts of the panel's case. `flats` are found by
    their numbers; there may be ten thousand, so nobody walks through them.
    """

    buttons: Mapping[ButtonName, Plan]
    targets: Mapping[str, Target]
    locks: Mapping[LockName, Lock]
    codes: tuple[Key, ...]
    cards: tuple[Key, ...]
    exits: Mapping[str, LockName]
    readers: Mapping[str, LockName]
    allow: tuple[str, ...]
    incoming_locks: frozenset[LockName]
    auto_answer: AutoAnswer
    second_press_hangs_up: bool
    limits: Limits
    plans: Mapping[str, Plan] = MappingProxyType({})
    profiles: Mapping[str, Profile] = MappingProxyType({})
    holidays: tuple[Holiday, ...] = ()
    watches: Mapping[str, Watch] = MappingProxyType({})
    tampers: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    chime: Chime = Chime.NEVER
    keypads: Mapping[str, LockName] = MappingProxyType({})
    auto_answer_for: tuple[str, ...] = ("*@*",)
    announces: bool = False  # who is connected without anybody's doing is heard here, and neither hears nor sees the panel
    conference_for: tuple[str, ...] = ()
    menus: Mapping[str, Menu] = MappingProxyType({})
    lights: Mapping[LampName, When] = MappingProxyType({})  # lamps that are lit by the clock
    menu_buttons: Mapping[ButtonName, str] = MappingProxyType({})  # those that begin a menu, by its name, and ring nobody
    flats: Mapping[str, Flat] = MappingProxyType({})
    dialling: Dialling = Dialling()

    def dialled(self, target: str) -> Target:
        """The listed target of this name, or a stranger at this URI, who may open nothing."""
        return self.targets.get(target) or Target(name=target, uri=target, account=None, locks=frozenset())

    def admitted(self, caller: str, *, authenticated: bool = False, is_private: bool = False) -> Target | None:
        """The party for an incoming call of `caller` (`user@host`, lower case), or None when nobody allowed it.

        Who has not proved to be the caller may talk and open nothing: the name in a request is written by whoever sends it. Who wants
        to stay unknown has no name here either.
        """
        if not any(_fits(caller, pattern) for pattern in self.allow):
            return None
        name = ANONYMOUS if is_private else caller
        return Target(name=name, uri=f"sip:{name}", account=None, locks=self.incoming_locks if authenticated else frozenset())

    def may_wish(self, caller: str) -> bool:
        """Whether this caller's wish to be answered by itself is heard at all."""
        return any(_fits(caller, pattern) for pattern in self.auto_answer_for)

    def menu_for(self, caller: str) -> str:
        """The name of the first menu that answers this caller, '' when none does."""
        return next((name for name, menu in self.menus.items() if any(_fits(caller, pattern) for pattern in menu.callers)), "")

    def may_enter(self, caller: str) -> bool:
        """Whether this caller may dial into a conversation that others have."""
        return any(_fits(caller, pattern) for pattern in self.conference_for)

    def holds(self, when: When, local: datetime | None, *, unknown: bool) -> bool:
        """Whether the condition holds at the wall clock's time; `unknown` while the clock is not set."""
        if local is None:
            return unknown
        return within(self.profiles[when.profile], self.holidays, local) is not when.negated


def _fits(caller: str, pattern: str) -> bool:
    user, _, host = caller.rpartition("@")
    allowed_user, _, allowed_host = pattern.rpartition("@")
    return allowed_user in ("*", user) and allowed_host in ("*", host)
