"""`portero appliance settle`: what the boot partition's portero.toml says becomes what the device does. Runs once at each boot, as root.

A file with mistakes changes nothing: the device goes on with what it had, and `portero-mistakes.txt` beside the file says what is wrong,
to be read where the card is edited.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

from firmware.app.appliance.moved_secrets import Moved, move, without_lost
from firmware.app.appliance.network import SUPPLICANT, File, files, supplicants
from firmware.app.appliance.schedule import TIMER, timer
from firmware.app.firewall import ruleset
from firmware.config.load import FILE_BYTES_MAX, load
from firmware.config.schema import Settings
from firmware.errors import PorteroError

MISTAKES = "portero-mistakes.txt"
TOOL_S_MAX = 20.0


class Places(NamedTuple):
    """Where things lie. A test has its own."""

    root: Path = Path("/")
    boot: Path = Path("/boot/firmware")
    config: Path = Path("/etc/portero/portero.toml")
    ssh: Path = Path("/data/ssh")


def settle(places: Places = Places()) -> int:  # noqa: B008 -- an immutable value
    """Do all of it, each part for itself; the exit code is 0 when nothing was wrong."""
    try:
        take_in(places)
        wrong = ""
    except PorteroError as error:
        wrong = str(error)
        print(f"portero appliance settle: {wrong}", file=sys.stderr)
    tell(places, wrong)
    try:
        settings = load(places.config, outside_service=True)
    except PorteroError as error:
        print(f"portero appliance settle: {error}", file=sys.stderr)
        settings = Settings()  # a cable with DHCP: the device can be found
        wrong = wrong or str(error)
    write_files(places, settings)
    if places.root == Path("/"):
        act(places, settings)
    return 1 if wrong else 0


def take_in(places: Places) -> None:
    """Copy the boot partition's file, its secrets taken out of it. Raises PorteroError when it has mistakes; nothing is changed then.

    Where a secret is missing the device goes on with what it had. If it has nothing, since its data were lost or given up, it takes what
    does without: half a door is better than none. That too is said by an error.
    """
    source = places.boot / "portero.toml"
    if not source.exists():
        return
    given = _text(source)
    kept = _text(places.config) if places.config.exists() else ""
    try:
        moved = move(given, kept)
    except tomllib.TOMLDecodeError:
        moved = Moved(given, given, ())  # `load` says where
    missing = PorteroError(f"{source}: the device does not have {', '.join(moved.unknown)}; write it into the file once more")
    if moved.unknown and kept:
        raise missing
    try:
        _replace_config(places, without_lost(moved.device) if moved.unknown else moved.device, kept)
    except PorteroError:
        if moved.unknown:
            raise missing from None
        raise
    if moved.left != given:
        with writable(places):
            wipe(source, moved.left)
    if moved.unknown:
        raise missing


def _replace_config(places: Places, text: str, kept: str) -> None:
    """Make `text` the device's configuration, at once and durably. Raises PorteroError when it has mistakes."""
    fresh = places.config.with_name(".portero.toml.new")
    _write(fresh, text, 0o640)
    if places.root == Path("/"):
        shutil.chown(fresh, "root", "portero")
    try:
        load(fresh, outside_service=True)
    except PorteroError as error:
        fresh.unlink()
        raise PorteroError(str(error).replace(str(fresh), "portero.toml")) from error
    if text == kept:
        fresh.unlink()
    else:
        fresh.rename(places.config)
        _sync(places.config.parent)


def wipe(file: Path, text: str) -> None:
    """Write `text` over the file's own blocks, so that what stood there before stands nowhere on the file system any more."""
    data = text.encode()
    with file.open("r+b") as handle:
        size = file.stat().st_size
        handle.write(data.ljust(size, b"\n"))
        handle.flush()
        os.fsync(handle.fileno())
        handle.truncate(len(data))
        os.fsync(handle.fileno())


def tell(places: Places, wrong: str) -> None:
    """Leave the mistakes where the card is edited, and nothing when there are none."""
    note = places.boot / MISTAKES
    if wrong and (not note.exists() or note.read_text() != wrong + "\n"):
        with writable(places):
            _write(note, wrong + "\n", 0o644)
    elif not wrong and note.exists():
        with writable(places):
            note.unlink()


class writable:  # noqa: N801 -- a context manager, used like a function
    """The boot partition, which is mounted read-only, for the time of a change."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def __enter__(self) -> None:
        self._remount("rw")

    def __exit__(self, *_about: object) -> None:
        self._remount("ro")

    def _remount(self, how: str) -> None:
        if self._places.root == Path("/"):
            _tool("mount", "-o", f"remount,{how}", str(self._places.boot))


def write_files(places: Places, settings: Settings) -> None:
    """The files of the network, of the firewall, of the remote login and of the schedule of updates."""
    for file in (*files(settings), *walls(settings), *scheduled(settings)):
        path = places.root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, file.text, file.mode)


def walls(settings: Settings) -> tuple[File, ...]:
    """The firewall's rules, made here so that a boot waits for Python once: portero-firewall.service loads them."""
    try:
        return (File(f"{SUPPLICANT}/firewall.nft", ruleset(settings), 0o600),)
    except PorteroError:  # it says by itself what is wrong
        return ()


def scheduled(settings: Settings) -> tuple[File, ...]:
    """The timer of updates, where some are wished."""
    text = timer(settings)
    return (File(f"run/systemd/system/{TIMER}", text),) if text else ()


def act(places: Places, settings: Settings) -> None:
    """Take the name, and start what only some doors need. Nothing waits: what is started comes after us."""
    socket.sethostname(settings.system.hostname)
    for interface in supplicants(settings):
        _tool("systemctl", "--no-block", "start", f"portero-supplicant@{interface}.service")
    if settings.system.ssh_keys:
        key = places.ssh / "ssh_host_ed25519_key"
        if not key.exists():
            _tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", settings.system.hostname, "-f", str(key))
        _tool("systemctl", "--no-block", "start", "ssh.service")
    if settings.update.url is not None:
        _tool("systemctl", "--no-block", "start", TIMER)


def _tool(*words: str) -> None:
    """Run a tool of the system; a failure is reported and holds up nothing."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TOOL_S_MAX, check=False)  # noqa: S603 -- words of our own
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"portero appliance settle: {' '.join(words)}: {error}", file=sys.stderr)
        return
    if done.returncode:
        print(f"portero appliance settle: {' '.join(words)}: {done.stderr.strip()}", file=sys.stderr)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1).decode("utf-8-sig")  # as `load` does: else the secrets of such a file would stay in it
    except (OSError, UnicodeDecodeError) as error:
        raise PorteroError(f"{path} cannot be read: {error}") from error


def _write(path: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)


def _sync(folder: Path) -> None:
    """A renamed file is there after a power cut once its folder is on the medium."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
