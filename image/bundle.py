"""`make bundle`: a signed update from a built image, for RAUC on the device.

    python -m image.bundle [IMAGE [BUNDLE]]

A bundle carries what a slot is made of: the root with its hash tree as it lies on the card, and the slot's folder of the boot partition
with kernel, initial RAM disk, command line and version. Both are taken from the image, so what is flashed and what is updated are the same;
and so is the board that the bundle is for: what the image's own root says that it takes.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from image.boards import PI
from image.build import image_file
from image.disk import ALIGN_MIB, BOOT_MIB, MIB, SLOT_MIB
from image.keys import Signer, signer
from image.places import OUT, run, source_epoch
from image.system import BOARD as SOURCES

BOOT_FILES = ("vmlinuz", "initrd", "boot.env", "version")
BLOCK = 4096
MANIFEST = """\
[update]
compatible={compatible}
version={version}
description=Portero door intercom

[bundle]
format=verity

[hooks]
filename=hook

[image.root]
filename=root.img
hooks=pre-install;post-install
"""


class Parts(NamedTuple):
    """What a slot is made of: `root` with its hash tree, `boot` with BOOT_FILES; and what devices they are for, as RAUC compares it."""

    root: Path
    boot: Path
    compatible: str

    @property
    def version(self) -> str:
        """What the device will say that it runs."""
        return (self.boot / "version").read_text().strip()


def parts_of(image: Path, work: Path) -> Parts:
    """Slot a of a card's image, as files in `work`. Raises SystemExit when it has none."""
    boot, root = work / "boot", work / "root.img"
    boot.mkdir()
    for name in BOOT_FILES:
        run("mcopy", "-n", "-i", f"{image}@@{ALIGN_MIB * MIB}", f"::a/{name}", boot / name)
    with image.open("rb") as card, root.open("wb") as file:
        card.seek((ALIGN_MIB + BOOT_MIB) * MIB)
        used = 0
        for number in range(SLOT_MIB):
            chunk = card.read(MIB)
            file.write(chunk)
            if kept := chunk.rstrip(b"\0"):
                used = number * MIB + len(kept)
        file.truncate(used + -used % BLOCK)
    return Parts(root, boot, compatible_of(root))


def compatible_of(root: Path) -> str:
    """What a root takes for an update of its own. Raises SystemExit when it does not say."""
    text = run("unsquashfs", "-cat", root, "etc/rauc/system.conf")
    found = re.search(r"^compatible=(\S+)$", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"{root}: etc/rauc/system.conf does not say what it is compatible with")
    return found[1]


def make(parts: Parts, bundle: Path, by: Signer) -> Path:
    """The signed bundle; RAUC checks it by the authority of `by`. Raises SystemExit when it cannot be made."""
    with tempfile.TemporaryDirectory(dir=bundle.parent) as temporary:
        content = Path(temporary) / "content"
        content.mkdir()
        for source in (parts.root, *(parts.boot / name for name in BOOT_FILES)):
            shutil.copyfile(source, content / ("root.img" if source == parts.root else source.name))
        shutil.copyfile(SOURCES / "hook", content / "hook")
        (content / "hook").chmod(0o755)
        (content / "manifest.raucm").write_text(MANIFEST.format(compatible=parts.compatible, version=parts.version))
        epoch = str(source_epoch())
        squash = f"-comp zstd -Xcompression-level 3 -all-root -all-time {epoch} -mkfs-time {epoch} -no-progress -quiet"
        keys = ("--cert", by.certificate, "--key", by.key, "--keyring", by.authority)
        half = Path(temporary) / "half.raucb"
        run("env", "-u", "SOURCE_DATE_EPOCH", "rauc", *keys, "bundle", f"--mksquashfs-args={squash}", content, half)
        half.rename(bundle)
    return bundle


def main(words: list[str]) -> None:
    """Make the bundle of the image named, by default that of `make image`, beside it or where it is wanted."""
    image = Path(words[0]) if words else image_file(OUT, PI)
    bundle = Path(words[1]) if len(words) > 1 else image.with_suffix(".raucb")
    if not image.is_file():
        raise SystemExit(f"{image}: there is no such image; make one: make image")
    with tempfile.TemporaryDirectory() as temporary:
        parts = parts_of(image, Path(temporary))
        by = signer()
        make(parts, bundle, by)
    print(f"{bundle}: version {parts.version} for {parts.compatible}, {bundle.stat().st_size >> 20} MB, signed by {by.certificate}")


if __name__ == "__main__":
    main(sys.argv[1:])
