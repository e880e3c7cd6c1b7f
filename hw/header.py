"""Which GPIO chip is the one at the pin header: by its driver's name, because its number depends on which driver came first.

A Raspberry Pi has several. On a 5 the header is at RP1, behind PCI Express, and comes late; the chips before it have lines of the same
numbers that switch the card's own power. So where the processor is known, its header is found by name, and nothing else will do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from hw.api import HardwareError

# The processor, as the device tree's `compatible` names it, and the label of its header's chip: in Linux itself and in Raspberry Pi's own.
LABELS = {
    "brcm,bcm2835": "pinctrl-bcm2835",
    "brcm,bcm2836": "pinctrl-bcm2835",
    "brcm,bcm2837": "pinctrl-bcm2835",
    "brcm,bcm2711": "pinctrl-bcm2711",
    "brcm,bcm2712": "pinctrl-rp1",
}


class Chips(Protocol):
    """What is used of the module lgpio."""

    error: type[Exception]

    def gpiochip_open(self, chip: int) -> int: ...
    def gpiochip_close(self, handle: int) -> int: ...
    def gpio_get_chip_info(self, handle: int) -> list[int | str]: ...


def header_chip(lgpio: Chips, tree: Path = Path("/proc/device-tree"), devices: Path = Path("/dev")) -> int | None:
    """The number of the header's chip; None on a board that is none of those above. Raises HardwareError when the chip is missing."""
    wanted = next((LABELS[name] for name in compatible_with(tree) if name in LABELS), None)
    if wanted is None:
        return None
    labels = chip_labels(lgpio, devices)
    found = [number for number, label in labels.items() if label == wanted]
    if not found:
        seen = ", ".join(f"gpiochip{number} {label}" for number, label in labels.items()) or "none"
        raise HardwareError(f"no GPIO pins: the pin header's chip {wanted} is not there, or is this user not in group gpio? seen: {seen}")
    return min(found)


def compatible_with(tree: Path) -> tuple[str, ...]:
    """The names of this board and its processor, from the device tree; empty on a machine without one."""
    try:
        text = (tree / "compatible").read_bytes().decode(errors="replace")
    except OSError:
        return ()
    return tuple(filter(None, text.split("\0")))


def chip_labels(lgpio: Chips, devices: Path) -> dict[int, str]:
    """The labels of the GPIO chips that may be opened, by number."""
    names = (path.name.removeprefix("gpiochip") for path in devices.glob("gpiochip*"))
    labels = {}
    for number in sorted(int(name) for name in names if name.isdecimal()):
        try:
            handle = lgpio.gpiochip_open(number)
        except lgpio.error:
            continue
        try:
            labels[number] = str(lgpio.gpio_get_chip_info(handle)[3])
        finally:
            lgpio.gpiochip_close(handle)
    return labels
