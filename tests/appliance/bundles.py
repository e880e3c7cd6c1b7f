"""Bundles for trials: the image's own system under another version, whole or with something wrong in it.

They are kept between runs, for the image, the signer and this file that they were made with.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from image import disk
from image.bundle import BOOT_FILES, Parts, make, parts_of
from image.keys import development
from image.places import cache_folder, run

QUICK = ("-comp", "zstd", "-Xcompression-level", "3", "-no-xattrs", "-noappend", "-no-progress", "-quiet")
PROGRAM = "usr/lib/portero/lib/site-packages/firmware"
GOOD, DEAF = "9.1", "9.3"
MAKE_S = 600.0
LAST = 19  # of all priorities: the boards beside it come first
KEPT_MAX = 2  # images whose bundles are kept


class Bundles:
    """The bundles of a run, made beside whatever else it does, and each of them once for an image."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.folder, self._image = folder, image
        self._maker = ThreadPoolExecutor(1, initializer=lambda: os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST))

    @cached_property
    def parts(self) -> Parts:
        """Those of the image."""
        folder = self.folder / "parts"
        folder.mkdir()
        return parts_of(self._image, folder)

    def begin(self, version: str) -> Future[Path]:
        """Begin to make it; its bundle is the result."""
        return self._maker.submit(self._kept, version, {GOOD: whole, DEAF: deaf}[version])

    def close(self) -> None:
        """What is not made yet is not made any more."""
        self._maker.shutdown(cancel_futures=True)

    def _kept(self, version: str, change: Callable[[Path], None]) -> Path:
        digest = hashlib.sha256(Path(__file__).read_bytes() + development().authority.read_bytes())
        with self._image.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
        bundle = cache_folder(f"trials/{digest.hexdigest()[:16]}") / f"{version}.raucb"
        with bundle.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be making it
            if not bundle.exists():
                forget(bundle.parent)
                with tempfile.TemporaryDirectory(dir=bundle.parent) as work:
                    make(variant(self.parts, Path(work) / version, version, change), bundle, development())
        return bundle


def forget(newest: Path) -> None:
    """Remove the bundles of images from long ago."""
    others = sorted((each for each in newest.parent.iterdir() if each != newest), key=lambda each: each.stat().st_mtime)
    for folder in others[: max(0, len(others) + 1 - KEPT_MAX)]:
        shutil.rmtree(folder, ignore_errors=True)


def variant(parts: Parts, folder: Path, version: str, change: Callable[[Path], None]) -> Parts:
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
    return Parts(packed, boot, parts.compatible)


def whole(root: Path) -> None:
    """A system that works: nothing is changed."""


def deaf(root: Path) -> None:
    """A system whose door reaches nobody; its trial is short, so that it need not be waited for. It has no Wi-Fi, and so half the size."""
    shutil.rmtree(root / "usr/lib/firmware")
    for drivers in (root / "usr/lib/modules").glob("*/kernel/drivers/net/wireless"):
        shutil.rmtree(drivers)
    drop_in = root / "etc/systemd/system/portero.service.d"
    drop_in.mkdir(parents=True)
    (drop_in / "deaf.conf").write_text("[Service]\nIPAddressDeny=any\n")
    gate = root / PROGRAM / "app/update/gate.py"
    text = gate.read_text()
    assert "TRIAL_S_MAX = 600.0" in text
    gate.write_text(text.replace("TRIAL_S_MAX = 600.0", "TRIAL_S_MAX = 75.0"))
    for compiled in gate.parent.glob("__pycache__/gate.*.pyc"):
        compiled.unlink()
