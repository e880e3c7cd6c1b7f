"""boot.cmd under a real U-Boot on the emulated board, with kernels of a few instructions: which slot is started, and what a start costs.

It takes seconds and no image, so `make test` runs it.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from image import disk
from image.boards import PI, PI_5, Board
from image.build import boot_script
from tests.appliance.card import read
from tests.appliance.emulator import MACHINE, U_BOOT

LIMIT_S = 60.0
UART, SYSTEM_OFF = 0x0900_0000, 0x8400_0008  # the board's serial port; the call of PSCI that ends it
pytestmark = pytest.mark.timeout(300)


def kernel(letter: str) -> bytes:
    """A kernel in the form of Linux on arm64 (Documentation/arm64/booting.rst): prints `letter`, then switches the board off."""
    code = (
        0xD2A00000 | UART >> 16 << 5,  # movz x0, UART, lsl 16
        0x52800001 | ord(letter) << 5,  # movz w1, letter
        0xB9000001,  # str w1, [x0]
        0xD2800000 | (SYSTEM_OFF & 0xFFFF) << 5,  # movz x0, SYSTEM_OFF
        0xF2A00000 | SYSTEM_OFF >> 16 << 5,  # movk x0, SYSTEM_OFF, lsl 16
        0xD4000002,  # hvc 0
        0x14000000,  # b .
    )
    head = struct.pack("<IIQQQQQQ4sI", 0x14000010, 0, 0, 4096, 0xA, 0, 0, 0, b"ARM\x64", 0)  # branch to after the head
    return (head + struct.pack(f"<{len(code)}I", *code)).ljust(4096, b"\0")


class Card:
    """A card with a boot partition alone: the script, `slots.env` as it is given, a kernel for each slot."""

    def __init__(self, folder: Path, slots: str, kernels: str = "ab", board: Board = PI) -> None:
        self.folder, self.file = folder, folder / "card"
        fat = folder / "fat"
        fat.mkdir()
        boot_script(fat / "boot.scr", board)
        (fat / "slots.env").write_text(slots)
        for slot in kernels:
            (fat / slot).mkdir()
            (fat / slot / "vmlinuz").write_bytes(kernel(slot.upper()))
            (fat / slot / "initrd").write_bytes(bytes(1024))
            (fat / slot / "boot.env").write_text("args=quiet\n")
        disk.fat(fat, folder / "fat.img")
        for name in ("slot", "data"):
            (folder / name).write_bytes(bytes(4096))
        disk.card(folder / "fat.img", folder / "slot", folder / "data", self.file)

    def boot(self) -> str:
        """Power on until the kernel ends it; the letter of the slot that was started."""
        drive = ("-drive", f"file={self.file},format=raw,if=none,id=card", "-device", "virtio-blk-device,drive=card")
        words = ("qemu-system-aarch64", *MACHINE, "-bios", U_BOOT, *drive, "-nodefaults", "-display", "none", "-serial", "stdio")
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=True)
        said = done.stdout.decode(errors="replace")
        assert "Starting kernel ..." in said, said
        return said.partition("Starting kernel ...")[2].strip()

    def tries(self) -> dict[str, str]:
        """What slots.env says after the start."""
        return dict(line.split("=", 1) for line in read(self.file, "slots.env", self.folder).strip("\0\n").splitlines())


def test_a_slot_that_proved_itself_is_started_and_nothing_is_written(tmp_path: Path) -> None:
    card = Card(tmp_path, "order=a b\nleft_a=9\nleft_b=0\n")
    before = card.file.read_bytes()
    assert card.boot() == "A"
    assert card.file.read_bytes() == before


def test_the_script_of_the_raspberry_pi_5_starts_a_slot_as_well(tmp_path: Path) -> None:
    assert Card(tmp_path, "order=b a\nleft_a=9\nleft_b=9\n", board=PI_5).boot() == "B"


def test_a_new_slot_uses_up_its_tries_and_then_the_other_one_comes(tmp_path: Path) -> None:
    card = Card(tmp_path, "order=b a\nleft_a=9\nleft_b=2\n")
    assert [card.boot() for _ in range(3)] == ["B", "B", "A"]
    assert card.tries() == {"order": "b a", "left_a": "9", "left_b": "0"}


def test_a_slot_without_a_kernel_is_passed_over(tmp_path: Path) -> None:
    assert Card(tmp_path, "order=b a\nleft_a=9\nleft_b=9\n", kernels="a").boot() == "A"


def test_a_broken_file_of_slots_starts_what_is_there(tmp_path: Path) -> None:
    card = Card(tmp_path, "\xff\0nonsense", kernels="b")
    assert card.boot() == "B"
    assert card.tries()["left_b"] == "2"


def test_when_no_slot_has_tries_left_all_begin_anew(tmp_path: Path) -> None:
    card = Card(tmp_path, "order=b a\nleft_a=0\nleft_b=0\n")
    assert card.boot() == "B"
    assert card.tries() == {"order": "b a", "left_a": "3", "left_b": "2"}
