"""What is wired to the board: [[button]], [[lock]], [[lamp]], [[contact]], [[reader]], [[wiegand]], [[keypad]]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between
from firmware.config.sections.values import DebounceMs, Gpio, HeldMs, Name, RepeatMs, Text


class Button(NamedTuple):
    """[[button]]: a bell button; `targets` are names of targets, or SIP addresses, rung in parallel. A `plan` rings one after another.

    A `menu` rings nobody by itself: it speaks with whoever has pressed.
    """

    name: Name
    targets: tuple[str, ...] = ()
    plan: str | None = None
    menu: str | None = None  # one with a keypad
    gpio: Gpio | None = None  # None: pressed by `portero ctl` alone
    pull: Literal["up", "down", "none"] = "up"
    active_high: bool = False
    debounce_ms: DebounceMs = 30
    min_active_ms: Annotated[int, between(0, 5000, "ms")] = 0
    stuck_after_s: Annotated[float, between(1, 86400, "s")] | Literal["never"] = 60.0


class Lock(NamedTuple):
    """[[lock]]: a door opener behind a relay."""

    name: Name
    gpio: Gpio
    active_high: bool = True
    pulse_s: Annotated[float, between(0.1, 60, "s")] = 5.0
    max_closed_s: Annotated[float, between(0.1, 120, "s")] = 30.0  # the driver's own limit of one closing, however often it is opened anew
    may_hold: bool = False  # whether it bears current all day, so that it may be held open
    held_when: Text | None = None  # a profile, or "not PROFILE": held open
    then: str | None = None  # the lock that opens after this one …
    then_after_s: Annotated[float, between(0, 600, "s")] = 0.0  # … so much later
    secure_only: bool = False  # true: a digit opens it only in a call whose signalling and sound are encrypted


class Lamp(NamedTuple):
    """[[lamp]]: a light that says what happens."""

    name: Name
    gpio: Gpio
    shows: Literal["ring", "talk", "open", "refused", "profile"]
    when: Text | None = None  # of "profile": a profile, or "not PROFILE": lit meanwhile, as the panel's own light
    active_high: bool = True
    blink_period_s: Annotated[float, between(0.1, 10, "s")] | None = None  # None: steady


class Contact(NamedTuple):
    """[[contact]]: an exit button (`exit`, opens `lock` whatever else happens), a door contact (`door`, tells when it was opened
    without `lock`), or the switch in the panel's case (`tamper`, blocks the relays).
    """

    name: Name
    kind: Literal["exit", "door", "tamper"]
    gpio: Gpio
    lock: str | None = None
    open_limit_s: Annotated[float, between(1, 86400, "s")] | None = None  # of a door: reported when it stands open for so long
    pull: Literal["up", "down", "none"] = "up"
    active_high: bool = False
    debounce_ms: DebounceMs = 30


class Reader(NamedTuple):
    """[[reader]]: a card reader or keypad at a serial port."""

    name: Name
    port: Text
    lock: str  # what its cards and PINs open
    kind: Literal["rdm6300", "pn532", "wiegand_bridge", "keypad"] = "rdm6300"
    baud: Annotated[int, between(1200, 115200)] | None = None  # None: what such devices are delivered with
    repeat_after_ms: RepeatMs = 1500
    held_after_ms: HeldMs = 4000


class Wiegand(NamedTuple):
    """[[wiegand]]: a Wiegand reader at two pins, with or without keys."""

    name: Name
    gpio_d0: Gpio
    gpio_d1: Gpio
    lock: str
    pull: Literal["up", "down", "none"] = "up"
    gap_ms: Annotated[int, between(10, 200, "ms")] = 50  # of silence end a frame
    repeat_after_ms: RepeatMs = 1500
    held_after_ms: HeldMs = 4000


class Keypad(NamedTuple):
    """[[keypad]]: a matrix keypad; `keys` has a text for each row with a character for each column."""

    name: Name
    gpio_rows: tuple[Gpio, ...]
    gpio_columns: tuple[Gpio, ...]
    lock: str
    keys: tuple[str, ...] = ("123", "456", "789", "*0#")
    debounce_ms: DebounceMs = 30
