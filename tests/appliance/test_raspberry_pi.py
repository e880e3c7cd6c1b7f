"""The flashed card in an emulated Raspberry Pi 3 B: the card's own U-Boot, the board's SD controller, device tree and pins.

It is neither wired nor connected, and its portero.toml is the one that nobody has edited yet. The firmware that starts U-Boot on a real
board (bootcode.bin, start.elf, config.txt) is closed and runs on its graphics processor alone: QEMU begins where it ends.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from image.disk import ALIGN_MIB, MIB
from image.places import run
from tests.appliance.card import edit, flash
from tests.appliance.figures import Figures
from tests.appliance.wall import image

CARD_BYTES = 1 << 31  # QEMU's SD cards have a power of two
REVISION = "0xa02082"
TREE = "bcm2837-rpi-3-b.dtb"
STAGE_S = 600.0  # a busy machine emulates slowly; each wait ends with its event
# Without the board's watchdog: QEMU takes the moment when it begins to count for the one when it bites. Without what talks to the firmware
# on the graphics processor, which is not there: that driver stumbles over its silence.
OPTIONS = "options=console=ttyS1,115200 systemd.journald.forward_to_console=1 modprobe.blacklist=bcm2835_wdt,vchiq\n"
STAGES = (
    ("Found U-Boot script /boot.scr", "U-Boot finds the card"),
    ("Starting kernel", "U-Boot has read kernel and RAM disk"),
    ("data partition: 64 MB of ", "the verified root runs, and finds the card's other partitions"),
    ("Started portero.service", "the door is at work"),
)
pytestmark = pytest.mark.timeout(4 * STAGE_S)


@contextmanager
def raspberry_pi_3(folder: Path) -> Iterator[Path]:
    """Power on with the card as it was flashed; what the board says at its serial port, in a file."""
    card, console = folder / "card.img", folder / "console.log"
    flash(image(), card)
    with card.open("r+b") as file:
        file.truncate(CARD_BYTES)
    edit(card, "options.env", OPTIONS, folder)
    for name in ("u-boot.bin", TREE):
        run("mcopy", "-n", "-i", f"{card}@@{ALIGN_MIB * MIB}", f"::{name}", folder / name)
    tree = folder / TREE  # the board's firmware would say in it which one it is
    run("fdtput", "-c", tree, "/system")
    run("fdtput", "-t", "x", tree, "/system", "linux,revision", REVISION)
    start = ("-kernel", folder / "u-boot.bin", "-dtb", tree)
    ports = ("-serial", "null", "-serial", f"file:{console}", "-display", "none", "-nodefaults")
    # One thread for the four cores: U-Boot leaves three of them waiting in a loop, each of which would take a whole processor from here.
    cores = ("-accel", "tcg,thread=single")
    board = subprocess.Popen(
        ("qemu-system-aarch64", "-machine", "raspi3b", *cores, *start, "-drive", f"if=sd,file={card},format=raw,cache=writethrough", *ports)
    )
    try:
        yield console
    finally:
        board.kill()
        board.wait()


def test_the_card_starts_a_raspberry_pi_3(tmp_path: Path, figures: Figures) -> None:
    if TREE not in run("mdir", "-b", "-i", f"{image()}@@{ALIGN_MIB * MIB}", "::"):
        pytest.skip("this image is not for a Raspberry Pi 3")
    with raspberry_pi_3(tmp_path) as console:
        begun = time.monotonic()
        for text, stage in STAGES:
            until = time.monotonic() + STAGE_S
            while text not in (said := console.read_text(errors="replace") if console.exists() else ""):
                assert time.monotonic() < until, f"{text!r} did not come within {STAGE_S} s; the console ends:\n{said[-8000:]}"
                time.sleep(0.2)
            figures.note(f"Raspberry Pi 3: {stage}", time.monotonic() - begun, "s", "after power on")
