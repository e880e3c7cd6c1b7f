"""The initial RAM disk: busybox, dmsetup, the modules that reach a card or a virtual disk, and the script that opens the root slot."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

from image.places import run
from image.system import BOARD
from image.targets import Architecture

# Loaded in this order before the root is looked for: how a Raspberry Pi and QEMU's board reach their disks, and what a slot is made of.
MODULES = (
    "bcm2835",
    "sdhci-iproc",
    "mmc_block",
    "virtio_mmio",
    "virtio_pci",
    "virtio_blk",
    "dm-mod",
    "dm-verity",
    "squashfs",
    "sha256-arm64",
)


def build(root: Path, top: Path, kernel: str, architecture: Architecture, early: tuple[str, ...] = ()) -> bytes:
    """The gzip'ed archive, made of files in `root`, which lie in `top` then. `early`: modules of a board, loaded before all others."""
    for name in ("bin", "lib", "dev", "proc", "sys", "run", "root"):
        (top / name).mkdir(parents=True)
    (top / "lib64").symlink_to("lib")
    (top / "usr").symlink_to(".")
    shutil.copyfile(root / "usr/bin/busybox", top / "bin/busybox")
    shutil.copyfile(root / "usr/sbin/dmsetup", top / "bin/dmsetup")
    for library in libraries(root, root / "usr/sbin/dmsetup", architecture):
        shutil.copyfile(library, top / "lib" / library.name)
        (top / "lib" / library.name).chmod(0o755)  # the loader among them is a program
    shutil.copyfile(BOARD / "init", top / "init")
    for name in ("init", "bin/busybox", "bin/dmsetup"):
        (top / name).chmod(0o755)
    loaded = modules(root, top, kernel, early + MODULES)
    (top / "modules").write_text("".join(f"{name}\n" for name in loaded))
    return archive(top)


def libraries(root: Path, program: Path, architecture: Architecture) -> list[Path]:
    """The shared libraries that a program needs, and those that they need."""
    folder = root / "usr/lib" / architecture.triplet
    found: dict[str, Path] = {}
    todo = [program]
    while todo:
        said = run("readelf", "-dl", todo.pop())
        names = re.findall(r"\(NEEDED\).*\[(.+)\]", said) + [Path(each).name for each in re.findall(r"interpreter: (\S+)\]", said)]
        for name in names:
            if name not in found:
                found[name] = folder / name
                todo.append(found[name])
    return sorted(found.values())


def modules(root: Path, top: Path, kernel: str, names: tuple[str, ...]) -> list[str]:
    """Copy the modules and those that they need; returns the names to load, without what this kernel has built in."""
    tree = root / "usr/lib/modules" / kernel
    needs: dict[str, list[str]] = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        file, _, rest = line.partition(": " if ": " in line else ":")
        needs[file] = rest.split()
    by_name = {Path(file).name.split(".ko")[0].replace("-", "_"): file for file in needs}
    loaded = [name for name in names if name.replace("-", "_") in by_name]
    for name in loaded:
        file = by_name[name.replace("-", "_")]
        for each in [file, *needs[file]]:
            target = top / "lib/modules" / kernel / each
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / each, target)
    run("depmod", "-b", top, kernel)
    return loaded


def archive(top: Path) -> bytes:
    """A cpio archive (format newc) of the folder, all owned by root, in order, without times."""
    parts = []
    for number, path in enumerate(sorted(top.rglob("*")), 1):
        data = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        mode = 0o120777 if path.is_symlink() else (0o040755 if path.is_dir() else 0o100000 | (path.stat().st_mode & 0o777))
        parts.append(_entry(str(path.relative_to(top)), mode, data, number))
    parts.append(_entry("TRAILER!!!", 0, b"", 0))
    return gzip.compress(b"".join(parts), compresslevel=9, mtime=0)


def _entry(name: str, mode: int, data: bytes, number: int) -> bytes:
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
