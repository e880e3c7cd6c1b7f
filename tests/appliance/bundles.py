"""Bundles for trials: the image's own system under another version, whole or with something wrong in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from image import disk
from image.bundle import BOOT_FILES, Parts
from image.places import run

QUICK = ("-comp", "zstd", "-Xcompression-level", "3", "-no-xattrs", "-noappend", "-no-progress", "-quiet")
PROGRAM = "usr/lib/portero/lib/site-packages/firmware"


def variant(parts: Parts, folder: Path, version: str, change: Callable[[Path], None] = lambda _root: None) -> Parts:
    """The same system as `version`, after `change` has been at its root."""
    folder.mkdir()
    root, boot = folder / "root", folder / "boot"
    boot.mkdir()
    run("unsquashfs", "-q", "-n", "-d", root, parts.root)
    release = root / "usr/lib/os-release"
    release.write_text(re.sub(r'IMAGE_VERSION=".*"', f'IMAGE_VERSION="{version}"', release.read_text()))
    change(root)
    packed = folder / "root.img"
    run("mksquashfs", root, packed, *QUICK)
    disk.pad(packed, 4096)
    opened = disk.verity(packed, "00" * 32)
    shutil.rmtree(root)
    for name in BOOT_FILES:
        shutil.copyfile(parts.boot / name, boot / name)
    (boot / "version").write_text(f"{version}\n")
    (boot / "boot.env").write_text(re.sub(r"portero\.verity=\S+", f"portero.verity={opened}", (boot / "boot.env").read_text()))
    return Parts(packed, boot)


def deaf(root: Path) -> None:
    """A system whose door reaches nobody; its trial is short, so that it need not be waited for."""
    drop_in = root / "etc/systemd/system/portero.service.d"
    drop_in.mkdir(parents=True)
    (drop_in / "deaf.conf").write_text("[Service]\nIPAddressDeny=any\n")
    gate = root / PROGRAM / "app/update/gate.py"
    text = gate.read_text()
    assert "TRIAL_S_MAX = 600.0" in text
    gate.write_text(text.replace("TRIAL_S_MAX = 600.0", "TRIAL_S_MAX = 60.0"))
    for compiled in gate.parent.glob("__pycache__/gate.*.pyc"):
        compiled.unlink()
