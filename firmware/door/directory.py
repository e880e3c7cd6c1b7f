"""Who and what this door knows: whom a button rings, who may open which lock. Plain values made from the configuration by the app."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from firmware.door.events import ButtonName, LockName
from firmware.door.kind import kind


class AutoAnswer(Enum):
    """Which listed callers are connected to the panel without anybody's doing."""

    NEVER = "never"
    ON_REQUEST = "on_request"  # those whose call asks for it
    ALWAYS = "always"


@kind
class Target(NamedTuple):
    """Somebody at the other end of a call. `locks` are those that a code may open in a call with them."""

    name: str
    uri: str
    account: str | None
    locks: frozenset[LockName]


@kind
class Lock(NamedTuple):
    """How long a lock is opened, and the bound of one closing of its relay however often it is opened anew."""

    name: LockName
    pulse_s: float
    max_closed_s: float


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


@kind
class Directory(NamedTuple):
    """Everything this door knows.

    `exits` and `readers` name the lock that a contact or reader serves; `allow` holds `user@host` in lower case, `*` in place of either.
    """

    buttons: Mapping[ButtonName, tuple[Target, ...]]
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

    def dialled(self, target: str) -> Target:
        """The listed target of this name, or a stranger at this URI, who may open nothing."""
        return self.targets.get(target) or Target(name=target, uri=target, account=None, locks=frozenset())

    def admitted(self, caller: str) -> Target | None:
        """The party for an incoming call of `caller` (`user@host`, lower case), or None when nobody allowed it."""
        if not any(_fits(caller, pattern) for pattern in self.allow):
            return None
        return Target(name=caller, uri=f"sip:{caller}", account=None, locks=self.incoming_locks)


def _fits(caller: str, pattern: str) -> bool:
    user, _, host = caller.rpartition("@")
    allowed_user, _, allowed_host = pattern.rpartition("@")
    return allowed_user in ("*", user) and allowed_host in ("*", host)
