"""The card as one file: a partition table, a FAT partition to boot from, two root slots, the data partition. No mounts, no loop devices."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import NamedTuple

from image.places import run, source_epoch

MIB = 1 << 20
DISK_ID = 0x504F5254  # "PORT"; in PARTUUID=504f5254-01 and so on
BOOT_MIB, SLOT_MIB, DATA_MIB = 128, 256, 64  # the data partition grows to the card's end at its first boot
# A file for each so many bytes at most. The kernel fills the tables of files with zeros after the file system has grown: at mke2fs's own
# choice for a small one, 4096, that is a sixteenth of the card.
BYTES_A_FILE = 65536
ALIGN_MIB = 4
FAT, LINUX = 0x0C, 0x83


class Verity(NamedTuple):
    """What opens a slot: as the initial RAM disk's script reads it."""

    blocks: int
    root_hash: str
    salt: str

    def __str__(self) -> str:
        return f"{self.blocks}:{self.root_hash}:{self.salt}"


def squash(root: Path, file: Path) -> None:
    """The root as a squashfs, the same bytes each time."""
    epoch = str(source_epoch())
    times = ("-all-time", epoch, "-mkfs-time", epoch)
    shape = ("-comp", "zstd", "-Xcompression-level", "15", "-b", "256K", "-no-xattrs", "-no-exports", "-noappend", "-no-progress", "-quiet")
    run("env", "-u", "SOURCE_DATE_EPOCH", "mksquashfs", root, file, *shape, *times, "-processors", "2")
    pad(file, 4096)


def pad(file: Path, block: int) -> None:
    """Fill the last block with zeros."""
    size = file.stat().st_size
    with file.open("r+b") as handle:
        handle.truncate(size + -size % block)


def verity(file: Path, salt: str) -> Verity:
    """Append the hash tree to the slot's file. Raises SystemExit when the whole does not fit a slot."""
    size = file.stat().st_size
    fixed = (f"--salt={salt}", "--uuid=00000000-0000-0000-0000-000000000001", f"--hash-offset={size}", "--data-block-size=4096")
    said = run("veritysetup", "format", file, file, *fixed, f"--data-blocks={size // 4096}")
    root_hash = next(line.split()[-1] for line in said.splitlines() if line.startswith("Root hash:"))
    pad(file, 4096)
    if file.stat().st_size > SLOT_MIB * MIB:
        raise SystemExit(f"the root has {file.stat().st_size // MIB} MB with its hashes, a slot {SLOT_MIB}")
    return Verity(size // 4096, root_hash, salt)


def fat(folder: Path, file: Path) -> None:
    """A FAT32 file system with the files of `folder`."""
    with file.open("wb") as handle:
        handle.truncate(BOOT_MIB * MIB)
    run("mkfs.vfat", "--invariant", "-F", "32", "-n", "PORTERO", "-i", "504f5254", file, SOURCE_DATE_EPOCH=str(source_epoch()), TZ="UTC")
    for path in sorted(folder.rglob("*")):
        name = f"::{path.relative_to(folder)}"
        if path.is_dir():
            run("mmd", "-i", file, name, SOURCE_DATE_EPOCH=str(source_epoch()), TZ="UTC")
        else:
            run("mcopy", "-m", "-i", file, path, name, SOURCE_DATE_EPOCH=str(source_epoch()), TZ="UTC")


def data(folder: Path, file: Path) -> None:
    """An ext4 file system with the files of `folder` and their owners."""
    with file.open("wb") as handle:
        handle.truncate(DATA_MIB * MIB)
    uuid = "504f5254-0000-4000-8000-000000000004"
    fixed = ("-U", uuid, "-E", f"hash_seed={uuid},lazy_itable_init=0,lazy_journal_init=0", "-L", "data", "-m", "0", "-i", str(BYTES_A_FILE))
    epoch = str(source_epoch())
    run("mke2fs", "-q", "-t", "ext4", *fixed, "-d", folder, file, E2FSPROGS_FAKE_TIME=epoch)
    # mke2fs takes over when each file was changed last, which nobody can set, and when it was read.
    names = ["/", *(f"/{path.relative_to(folder)}" for path in sorted(folder.rglob("*")))]
    fields = ("ctime", "atime", "mtime", "crtime")
    script = "".join(f"set_inode_field {name} {field} @{epoch}\n" for name in names for field in fields)
    with tempfile.NamedTemporaryFile("w", suffix=".debugfs") as commands:
        commands.write(script)
        commands.flush()
        run("debugfs", "-w", "-f", commands.name, file, E2FSPROGS_FAKE_TIME=epoch)


def card(boot: Path, slot: Path, data_file: Path, file: Path) -> None:
    """The whole card. Slot b is empty: the first update fills it, and the image has half the size."""
    sizes = (BOOT_MIB, SLOT_MIB, SLOT_MIB, DATA_MIB)
    starts = [ALIGN_MIB + sum(sizes[:index]) for index in range(4)]
    with file.open("wb") as handle:
        handle.truncate((starts[-1] + sizes[-1]) * MIB)
        handle.write(partition_table(tuple(zip(starts, sizes, (FAT, LINUX, LINUX, LINUX), strict=True))))
        for start, part in ((starts[0], boot), (starts[1], slot), (starts[3], data_file)):
            handle.seek(start * MIB)
            with part.open("rb") as source:
                while chunk := source.read(MIB):
                    handle.write(chunk) if chunk.strip(b"\0") else handle.seek(len(chunk), 1)


def partition_table(parts: tuple[tuple[int, int, int], ...]) -> bytes:
    """An MBR, because the boot ROM of the Zero 2 W and the 3 reads no other; `parts` as (start, size, type), in MiB."""
    entries = b""
    for index, (start, size, kind) in enumerate(parts):
        bootable = 0x80 if index == 0 else 0
        no_geometry = b"\xfe\xff\xff"
        entries += struct.pack("<B3sB3sII", bootable, no_geometry, kind, no_geometry, start * 2048, size * 2048)
    return bytes(440) + struct.pack("<IH", DISK_ID, 0) + entries.ljust(64, b"\0") + b"\x55\xaa"
