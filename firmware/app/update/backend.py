"""RAUC's questions about slots, answered from `slots.env` (the custom boot loader backend of RAUC's system.conf).

get-primary | set-primary SLOT | get-state SLOT | set-state SLOT good|bad
"""

from __future__ import annotations

from firmware.app.update.device import Device
from firmware.app.update.slots import slot_named
from firmware.errors import UpdateError


def answer(device: Device, words: tuple[str, ...]) -> str:
    """What RAUC reads; empty for an order. Raises UpdateError for what it never asks."""
    slots = device.slots
    match words:
        case ("get-primary",):
            return slots.primary or slots.order[0]
        case ("get-current",):
            return device.slot
        case ("set-primary", name):
            device.boot_with(slots.with_primary(slot_named(name)))
        case ("get-state", name):
            return "good" if slots.tries(slot_named(name)) > 0 else "bad"
        case ("set-state", name, ("good" | "bad") as state):
            device.boot_with(slots.with_state(slot_named(name), good=state == "good"))
        case _:
            raise UpdateError(f"not a question about slots: {' '.join(words)}")
    return ""
