"""A user as the administrator sees one, and what is wrong with an entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from firmware.app.users.seal import Seal, SecretKind
from firmware.errors import UsersError

USERS_MAX = 10_000  # what the largest panels on the market hold; memory and time are stated for it by tests/bench/bench_access.py
CARDS_MAX = 8  # of one user
GROUPS_MAX = 16  # of one user, and locks
NAME_LENGTH_MAX = 64
USES_MAX = 1_000_000
CARD = re.compile(r"[0-9A-F]{4,32}")


class Person(NamedTuple):
    """A user in the store. `locks` None: every lock; empty: only what the groups give. Times are whole seconds since 1970."""

    name: str
    groups: tuple[str, ...] = ()
    locks: tuple[str, ...] | None = ()
    profile: str | None = None
    cards: tuple[str, ...] = ()
    card_needs_pin: bool = False
    secrets: Mapping[SecretKind, Seal] = MappingProxyType({})
    valid_from: int | None = None
    valid_until: int | None = None
    uses_left: int | None = None


class Problem(NamedTuple):
    """One thing that is wrong. `line` is that of the file, 0 when there is none."""

    line: int
    who: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.who}" if self.line else self.who
        return f"{where}: {self.wrong}; {self.remedy}"


class UserProblems(UsersError):  # noqa: N818 - the plural says what it is: every mistake of one change
    """Nothing was changed. `problems` names every bad row with its remedy."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def complaint(person: Person) -> tuple[str, str] | None:
    """What is wrong with this entry by itself, and the remedy."""
    if not person.name or len(person.name) > NAME_LENGTH_MAX or person.name != person.name.strip() or not person.name.isprintable():
        return "the name is not usable", f"give 1 to {NAME_LENGTH_MAX} visible characters, without a space at either end"
    for card in person.cards:
        if not CARD.fullmatch(card):
            return f"{card!r} is no card number", "write it as the reader reports it: 4 to 32 of 0-9 and A-F"
    if len(person.cards) > CARDS_MAX or len(set(person.cards)) < len(person.cards):
        return f"there are more than {CARDS_MAX} cards, or one twice", "remove some"
    if len(person.groups) > GROUPS_MAX or len(person.locks or ()) > GROUPS_MAX:
        return f"there are more than {GROUPS_MAX} groups or locks", "make a group of them"
    if None not in (person.valid_from, person.valid_until) and (person.valid_from or 0) >= (person.valid_until or 0):
        return "the validity ends before it begins", "exchange valid_from and valid_until"
    if person.uses_left is not None and not 0 <= person.uses_left <= USES_MAX:
        return f"{person.uses_left} is no number of uses", f"give 0 to {USES_MAX}, or nothing for any number"
    if person.card_needs_pin and not (person.cards and SecretKind.PIN in person.secrets):
        return "card_needs_pin without a card or without a PIN", "give both, or leave card_needs_pin away"
    return None
