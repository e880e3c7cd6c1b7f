"""Bundles for trials: the image's own system under another version, whole or with something wrong in it."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from image import disk
from image.bundle import BOOT_FILES, Parts, make, parts_of
from image.keys import development
from image.places import run

QUICK = ("-comp", "zstd", "-Xcompression-level", "3", "-no-xattrs", "-noappend", "-no-progress", "-quiet")
PROGRAM = "usr/lib/portero/lib/site-packages/firmware"
GOOD, BETTER, DEAF = "9.1", "9.2", "9.3"
MAKE_S = 600.0
LAST = 19  # of all priorities: the board beside it comes first


class Bundles:
    """The bundles of a run, made one after the other beside whatever else it does."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.folder = folder
        self._maker = ThreadPoolExecutor(1, initializer=lambda: os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST))
        self._parts = self._maker.submit(parts_of, image, folder)
        self._good = self._maker.submit(self._signed, GOOD, lambda: variant(self.parts, folder / GOOD, GOOD))
        self._deaf = self._maker.submit(self._signed, DEAF, lambda: variant(self.parts, folder / DEAF, DEAF, deaf))
        self._better = self._maker.submit(self._signed, BETTER, lambda: renamed(folder / DEAF, folder / BETTER, BETTER))

    @property
    def parts(self) -> Parts:
        """Those of the image."""
        return self._parts.result(MAKE_S)

    @property
    def good(self) -> Path:
        """The image's system."""
        return self._good.result(MAKE_S)

    @property
    def better(self) -> Path:
        """One that is only ever written."""
        return self._better.result(MAKE_S)

    @property
    def deaf(self) -> Path:
        """One that reaches nobody."""
        return self._deaf.result(MAKE_S)

    def close(self) -> None:
        """What is not made yet is not made any more."""
        self._maker.shutdown(cancel_futures=True)

    def _signed(self, version: str, of: Callable[[], Parts]) -> Path:
        return make(of(), self.folder / f"{version}.raucb", development())


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


def renamed(source: Path, folder: Path, version: str) -> Parts:
    """The variant that was made in `source`, under another version's name and unchanged inside."""
    shutil.copytree(source / "boot", folder)
    (folder / "version").write_text(f"{version}\n")
    return Parts(source / "root.img", folder)


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
    gate.write_text(text.replace("TRIAL_S_MAX = 600.0", "TRIAL_S_MAX = 45.0"))
    for compiled in gate.parent.glob("__pycache__/gate.*.pyc"):
        compiled.unlink()
