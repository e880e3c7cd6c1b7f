"""What crosses the border for menus: which one speaks in which call and its caller's keys out, what it wishes in."""

from __future__ import annotations

from typing import NamedTuple

from firmware.door.kind import kind
from firmware.door.words import CallName, LockName

# --- Input -----------------------------------------------------------------------------------------------------------------


@kind
class OpenByMenu(NamedTuple):
    """The caller in front of a menu wants a lock opened, with the digits of a code or without any ('').

    With a code the lock may be '': whatever the code opens.
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
    """A menu has said its last word. `talks`: its caller wants to be connected with the panel; else the call ends."""

    call: CallName
    talks: bool


# --- Effects ---------------------------------------------------------------------------------------------------------------


@kind
class StartMenu(NamedTuple):
    """The menu of this name speaks in the call, until it has told `MenuOver` or `StopMenu` comes."""

    call: CallName
    menu: str


@kind
class StopMenu(NamedTuple):
    """No menu speaks in this call any more."""

    call: CallName


@kind
class MenuKey(NamedTuple):
    """A key for the menu that speaks in this call, once a stroke whatever ways it has come by."""

    call: CallName
    key: str
