"""The flashed device as updates see it: its two slots, its versions, its memory. A test has a device of files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from firmware.app.appliance.settle import Places, writable
from firmware.app.update.ledger import Ledger, read_ledger, write_ledger
from firmware.app.update.slots import Slot, Slots, read_slots, slot_named, write_slots
from firmware.errors import UpdateError

FILE_BYTES_MAX = 65_536
REBOOT_S_MAX = 30.0


class Device(NamedTuple):
    """Where things lie. `root` is another one than / in tests: then nothing is mounted and nothing starts anew."""

    root: Path = Path("/")
    boot: Path = Path("/boot/firmware")
    data: Path = Path("/data/update")

    @property
    def slot(self) -> Slot:
        """The slot that runs. Raises UpdateError where there is none."""
        found = re.search(r"\bportero\.slot=(\S+)", self._text("proc/cmdline"))
        if found is None:
            raise UpdateError("this is no flashed device: where the door was installed as a package, the package is what to upgrade")
        return slot_named(found[1])

    @property
    def version(self) -> str:
        """What runs."""
        found = re.search(r'^IMAGE_VERSION="?([^"\n]*)', self._text("usr/lib/os-release"), re.MULTILINE)
        return "" if found is None else found[1]

    @property
    def compatible(self) -> str:
        """Which bundles are for this kind of device."""
        found = re.search(r"^compatible=(.*)$", self._text("etc/rauc/system.conf"), re.MULTILINE)
        return "" if found is None else found[1].strip()

    def version_in(self, slot: Slot) -> str:
        """What lies in a slot; empty when nothing that can be started does."""
        folder = self.boot / slot
        try:
            return (folder / "version").read_text()[:100].strip() if (folder / "vmlinuz").exists() else ""
        except (OSError, UnicodeDecodeError):
            return ""

    @property
    def slots(self) -> Slots:
        """Which slot boots. Raises UpdateError."""
        return read_slots(self.boot / "slots.env")

    def boot_with(self, wanted: Slots) -> None:
        """Change that, if it is a change. Raises UpdateError."""
        if wanted != self.slots:
            with writable(Places(root=self.root, boot=self.boot)):
                write_slots(self.boot / "slots.env", wanted)

    @property
    def ledger(self) -> Ledger:
        """What is remembered. Raises UpdateError."""
        return read_ledger(self.data / "ledger.json")

    def remember(self, wanted: Ledger) -> None:
        """Keep it from now on. Raises UpdateError."""
        write_ledger(self.data / "ledger.json", wanted)

    def begin_anew(self) -> None:
        """Start the other system, or the same one once more. Raises UpdateError when the service manager does not want to."""
        if self.root != Path("/"):
            return
        try:
            subprocess.run(("systemctl", "reboot"), check=True, capture_output=True, timeout=REBOOT_S_MAX)  # noqa: S607 -- root's own PATH
        except (OSError, subprocess.SubprocessError) as error:
            raise UpdateError(f"the device does not start anew: {error}") from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One update at a time. Raises UpdateError when another one is under way."""
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UpdateError(f"{self.data} cannot be written: {error.strerror}; updates are root's to make") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise UpdateError("another update is under way") from None
        finally:
            os.close(handle)

    def _text(self, name: str) -> str:
        try:
            with (self.root / name).open("rb") as file:
                return file.read(FILE_BYTES_MAX).decode("utf-8", "replace")
        except OSError:
            return ""
