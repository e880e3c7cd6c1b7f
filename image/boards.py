"""What each Raspberry Pi reads from the boot partition before our script runs, by the names that its firmware looks for.

The firmware of the boards up to the 3 is start.elf with bootcode.bin before it; the 4 has the latter in a chip and reads start4.elf. With
`upstream_kernel=1` in config.txt they prefer device trees by the names of Linux itself (raspberrypi.com, "config.txt", upstream_kernel).
"""

from __future__ import annotations

from pathlib import Path

EVERY = ("config.txt", "u-boot.bin", "boot.scr", "slots.env", "a/vmlinuz", "a/initrd", "a/boot.env")
OLDER = ("bootcode.bin", "start.elf", "fixup.dat")
NEWER = ("start4.elf", "fixup4.dat")
BOARDS = {
    "Zero 2 W": (*OLDER, "bcm2837-rpi-zero-2-w.dtb"),
    "3 A+": (*OLDER, "bcm2837-rpi-3-a-plus.dtb"),
    "3 B": (*OLDER, "bcm2837-rpi-3-b.dtb"),
    "3 B+": (*OLDER, "bcm2837-rpi-3-b-plus.dtb"),
    "CM3": (*OLDER, "bcm2837-rpi-cm3-io3.dtb"),
    "4 B": (*NEWER, "bcm2711-rpi-4-b.dtb"),
    "400": (*NEWER, "bcm2711-rpi-400.dtb"),
    "CM4": (*NEWER, "bcm2711-rpi-cm4-io.dtb"),
}


def check(boot: Path) -> None:
    """Every file of every board lies in the folder `boot`. Raises SystemExit with those that do not."""
    missing = {name: [file for file in (*EVERY, *files) if not (boot / file).is_file()] for name, files in BOARDS.items()}
    if said := [f"Raspberry Pi {name}: {' '.join(files)}" for name, files in missing.items() if files]:
        raise SystemExit("the boot partition lacks what starts\n" + "\n".join(said))
