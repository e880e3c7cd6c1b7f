"""What crosses the border for menus: which one speaks in which call and its caller's keys out, what it wishes in.

A visitor who hears one at the panel has a name of the same kind as a call, and is in none.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.door.kind import kind
from firmware.door.words import CallName, LockName

# --- Input -----------------------------------------------------------------------------------------------------------------


@kind
class OpenByMenu(NamedTuple):
    """The caller in front of a menu wants a lock opened, with the digits of a code or without any (''); a visitor, with those of a PIN.

    With digits the lock may be '': whatever they open.
    """

    call: CallName
    lock: LockName
    code: str = ""

    def __repr__(self) -> str:
        return f"OpenByMenu(call={self.call}, lock={self.lock})"  # the digits must not reach a log line

    def __str__(self) -> str:
        return repr(self)


@kind
class MenuOver(NamedTuple):
    """A menu has said its last word. `talks`: its caller wants to be connected with the panel; else the call ends.

    `rings` names the target that a visitor wants to be rung; '' nobody.
    """

    call: CallName
    talks: bool
    rings: str = ""


# --- Effects ---------------------------------------------------------------------------------------------------------------


@kind
class StartMenu(NamedTuple):
    """The menu of this name speaks in the call, until it has told `MenuOver` or `StopMenu` comes.

    `keypad`: that of a visitor, to whom it speaks at the panel; '' for a caller.
    """

    call: CallName
    menu: str
    keypad: str = ""


@kind
class StopMenu(NamedTuple):
    """No menu speaks in this call any more."""

    call: CallName


@kind
class MenuKey(NamedTuple):
    """A key for the menu that speaks in this call, once a stroke whatever ways it has come by."""

    call: CallName
    key: str


# --- Records ---------------------------------------------------------------------------------------------------------------


@kind
class MenuBegun(NamedTuple):
    """A menu speaks with a visitor, whose keys are those of this keypad. `call` is the visitor's name; there is no call."""

    call: CallName
    menu: str
    keypad: str
