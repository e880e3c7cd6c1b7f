"""Which GPIO chip is the one at the pin header: by its driver's name, because its number depends on which driver came first.

A Raspberry Pi has several. On a 5 the header is at RP1, behind PCI Express, and comes late; the chips before it have lines of the same
numbers that switch the card's own power. So where the processor is known, its header is found by name, and nothing else will do.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

from hw.api import HardwareError
from hw.lines import Chip, Ioctl

# The processor, as the device tree's `compatible` names it, and the label of its header's chip: in Linux itself and in Raspberry Pi's own.
LABELS = {
    "brcm,bcm2835": "pinctrl-bcm2835",
    "brcm,bcm2836": "pinctrl-bcm2835",
    "brcm,bcm2837": "pinctrl-bcm2835",
    "brcm,bcm2711": "pinctrl-bcm2711",
    "brcm,bcm2712": "pinctrl-rp1",
}


def header_chip(tree: Path = Path("/proc/device-tree"), devices: Path = Path("/dev"), ioctl: Ioctl = fcntl.ioctl) -> Chip:
    """The header's chip, open; on a board that is none of those above the first there is. Raises HardwareError with what is missing."""
    wanted = next((LABELS[name] for name in compatible_with(tree) if name in LABELS), None)
    names = (path.name.removeprefix("gpiochip") for path in devices.glob("gpiochip*"))
    seen = []
    for number in sorted(int(name) for name in names if name.isdecimal()):
        try:
            chip = Chip(devices / f"gpiochip{number}", ioctl)
        except PermissionError:
            seen.append(f"gpiochip{number}, which this user may not open: is it in group gpio?")
            continue
        except OSError as error:
            seen.append(f"gpiochip{number}, which does not answer ({error.strerror})")
            continue
        if wanted in (None, chip.label):
            return proven(chip)
        seen.append(f"gpiochip{number} {chip.label}")
        chip.close()
    raise HardwareError(f"no GPIO pins: the pin header's chip {wanted or 'gpiochip0'} is not there; seen: {', '.join(seen) or 'none'}")


def proven(chip: Chip) -> Chip:
    """The chip, if its kernel speaks as we do. Raises HardwareError otherwise."""
    try:
        chip.holder(0)
    except OSError as error:
        chip.close()
        raise HardwareError(f"no GPIO pins: {chip.label} does not answer as Linux does since 5.10 ({error.strerror})") from error
    return chip


def compatible_with(tree: Path) -> tuple[str, ...]:
    """The names of this board and its processor, from the device tree; empty on a machine without one."""
    try:
        text = (tree / "compatible").read_bytes().decode(errors="replace")
    except OSError:
        return ()
    return tuple(filter(None, text.split("\0")))
