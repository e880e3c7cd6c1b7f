"""What opens a lock, and for whom: [[code]], [[card]], [access], [[group]], [users]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, NamedTuple

from firmware.config.checks import between
from firmware.config.secrets import Secret
from firmware.config.sections.values import Name, Text


class Code(NamedTuple):
    """[[code]]: digits that open in a call. No code exists unless it is written here."""

    name: Name
    code: Secret
    locks: tuple[str, ...] | None = None  # None: all


class Card(NamedTuple):
    """[[card]]: a card that opens the lock of the reader at which it is shown."""

    name: Name
    number: str  # hexadecimal, as the reader reports it
    locks: tuple[str, ...] | None = None  # None: all


class Access(NamedTuple):
    """[access]: how codes are taken and guessing is stopped."""

    digit_limit_s: Annotated[float, between(1, 30, "s")] = 5.0  # between two digits of one code
    wrong_limit: Annotated[int, between(1, 10)] = 3  # wrong codes of one party before it is locked out
    wrong_limit_global: Annotated[int, between(1, 100)] = 10  # wrong codes of all parties together before all are
    lockout_s: Annotated[float, between(1, 3600, "s")] = 30.0  # the first time; doubles with each further wrong code
    lockout_max_s: Annotated[float, between(1, 86400, "s")] = 3600.0


class Group(NamedTuple):
    """[[group]]: what every user of this group may open, and when."""

    name: Name
    locks: tuple[str, ...] | None = None  # None: all
    profile: str | None = None  # None: always


class Users(NamedTuple):
    """[users]: the store of users, which `portero users` changes."""

    path: Text = "/var/lib/portero/users.db"
    key: Text = "/var/lib/portero/users.key"  # without this file the store tells no PIN; best on another medium
