"""The images there are, and what each Raspberry Pi reads from the boot partition before our script runs, by the names that its firmware
looks for.

The firmware of the boards up to the 3 is start.elf with bootcode.bin before it; the 4 has the latter in a chip and reads start4.elf. With
`upstream_kernel=1` in config.txt they prefer device trees by the names of Linux itself (raspberrypi.com, "config.txt", upstream_kernel).
The 5 has all of its firmware in a chip. Both of its steppings read one device tree; on the later one its firmware lays `bcm2712d0` over it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from image.places import ROOT

SOURCES = ROOT / "image" / "board"
KERNEL = "a/vmlinuz"
EVERY = ("config.txt", "u-boot.bin", "boot.scr", "slots.env", KERNEL, "a/initrd", "a/boot.env")
OLDER = ("bootcode.bin", "start.elf", "fixup.dat")
NEWER = ("start4.elf", "fixup4.dat")


class Overlay(NamedTuple):
    """What the firmware lays over the device tree `base` of a board, by itself; the result is the kernel's own tree `whole`."""

    name: str
    base: str
    whole: str


class Needs(NamedTuple):
    """What a door needs of a board whose emulator there is not, so that the build looks whether the kernel has it (image/devices.py).

    Nodes of the device tree `tree`, by label or path: those before the `card` can be read, and those `later`; and `drivers`, by the name of
    their module, of what is not in a device tree: what is found by asking the bus.
    """

    tree: str
    card: tuple[str, ...]
    later: tuple[str, ...]
    drivers: tuple[str, ...]


class Board(NamedTuple):
    """One image, `make image BOARD=name`: its updates are for it alone. `starts`: the boards that it is for, with what each one reads.

    A board with a lock of its own, image/lock/debian-NAME.txt, takes those packages `instead` of the shared lock's that begin so.
    """

    name: str
    starts: Mapping[str, tuple[str, ...]]
    imager: tuple[str, ...]  # the boards' names in Raspberry Pi Imager
    firmware: bool  # whether the boards' firmware lies on the boot partition
    ramdisk_above_kernel: int  # bytes, in U-Boot's memory
    instead: tuple[str, ...] = ()
    trees: str = "bcm2*-rpi-*.dtb"  # the device trees on the boot partition
    overlays: tuple[Overlay, ...] = ()
    modules: tuple[str, ...] = ()  # for the initial RAM disk, before those of every image
    needs: Needs | None = None

    @property
    def folder(self) -> Path:
        """Where the board's own sources lie; those of every image are above."""
        return SOURCES / self.name

    def source(self, name: str) -> Path:
        """A source of this board, or of every image."""
        own = self.folder / name
        return own if own.exists() else SOURCES / name


PI = Board(
    name="pi-arm64",
    starts={
        "Zero 2 W": (*OLDER, "bcm2837-rpi-zero-2-w.dtb"),
        "3 A+": (*OLDER, "bcm2837-rpi-3-a-plus.dtb"),
        "3 B": (*OLDER, "bcm2837-rpi-3-b.dtb"),
        "3 B+": (*OLDER, "bcm2837-rpi-3-b-plus.dtb"),
        "CM3": (*OLDER, "bcm2837-rpi-cm3-io3.dtb"),
        "4 B": (*NEWER, "bcm2711-rpi-4-b.dtb"),
        "400": (*NEWER, "bcm2711-rpi-400.dtb"),
        "CM4": (*NEWER, "bcm2711-rpi-cm4-io.dtb"),
    },
    imager=("pi3-64bit", "pi4-64bit"),
    firmware=True,
    ramdisk_above_kernel=0x0270_0000 - 0x0008_0000,  # as U-Boot has it
)
PI_5 = Board(
    name="pi5-arm64",
    starts={"5": ("bcm2712-rpi-5-b.dtb", "overlays/bcm2712d0.dtbo")},
    imager=("pi5-64bit",),
    firmware=False,
    ramdisk_above_kernel=0x0500_0000,  # as boot.cmd has it: this kernel is larger than U-Boot's room for one
    instead=("linux-image-", "u-boot-rpi"),
    trees="bcm2712-rpi-5-b.dtb",
    overlays=(Overlay("bcm2712d0", base="bcm2712-rpi-5-b.dtb", whole="bcm2712-d-rpi-5-b.dtb"),),
    # What holds the card's lines and its two voltages comes before the card.
    modules=("pinctrl-brcmstb-bcm2712", "gpio-brcmstb", "fixed", "gpio-regulator", "sdhci-brcmstb"),
    needs=Needs(
        tree="bcm2712-rpi-5-b.dtb",
        card=("sdio1", "sd_vcc_reg", "sd_io_1v8_reg", "pinctrl", "pinctrl_aon", "gio_aon"),
        later=(
            *("pcie2", "mip0", "pcie_rescal", "bcm_reset", "/axi/pcie@1000120000/pci@0,0/dev@0,0"),  # the way to RP1
            *("rp1_clocks", "rp1_gpio", "rp1_eth", "rp1_usb0", "rp1_usb1"),  # clocks, pin header, Ethernet and USB of RP1
            *("sdio2", "wl_on_reg", "gio"),  # Wi-Fi
            *("pm", "mailbox", "firmware"),  # the watchdog; whom the firmware answers
        ),
        drivers=("broadcom", "xhci-plat-hcd", "snd-usb-audio", "brcmfmac", "bcm2835_wdt"),
    ),
)
BOARDS = {board.name: board for board in (PI, PI_5)}


def board_named(name: str) -> Board:
    """The board of that name. Raises SystemExit when there is none."""
    if name not in BOARDS:
        raise SystemExit(f"BOARD={name}: there is no such board; there are: {', '.join(BOARDS)}")
    return BOARDS[name]


def check(boot: Path, board: Board) -> None:
    """Every file of every board that the image is for lies in the folder `boot`, and the kernel fits below the RAM disk.

    Raises SystemExit with what does not.
    """
    missing = {name: [file for file in (*EVERY, *files) if not (boot / file).is_file()] for name, files in board.starts.items()}
    if said := [f"Raspberry Pi {name}: {' '.join(files)}" for name, files in missing.items() if files]:
        raise SystemExit("the boot partition lacks what starts\n" + "\n".join(said))
    needs = kernel_bytes(boot / KERNEL)
    if needs > board.ramdisk_above_kernel:
        raise SystemExit(f"the kernel needs {needs} bytes of memory, and the RAM disk comes {board.ramdisk_above_kernel} above its start")


def kernel_bytes(kernel: Path) -> int:
    """How much memory a kernel takes from its start on: image_size of its header (Linux, Documentation/arch/arm64/booting.rst)."""
    head = kernel.read_bytes()[:64]
    if head[56:60] != b"ARM\x64":
        raise SystemExit(f"{kernel}: no kernel in the form that U-Boot starts")
    size: int = struct.unpack_from("<Q", head, 16)[0]
    return size
