"""`portero appliance reset`: the button inside the case that makes a device forget. Runs at each boot, before the settings are taken.

The line is between a pin of the board and ground, behind the panel's screws ([system] reset_gpio): no visitor reaches it, and without that
key there is none. Whoever holds it while the power comes on, and for HOLD_S more, and then lets go of it within RELEASE_S, takes users,
secrets, journal, recordings and remote login off the device; a wire that water or a screw has shorted never lets go, and takes nothing.
The file on the boot partition stays as it is, and so does the memory of updates: old holes do not come back so.

The panel's lamps blink while it is held, shine when it may be let go, and the loudspeaker gives a tone then, if the settings name them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from firmware.app.appliance.moved_secrets import move
from firmware.app.update.device import Device
from firmware.app.update.ledger import News
from firmware.config.load import load
from firmware.config.schema import Settings
from firmware.errors import PorteroError
from hw.api import Board, ContactEdge, HardwareError, HardwareEvent, SoundCard
from hw.settings import BoardSettings, InputSettings

HOLD_S = 10.0
RELEASE_S = 20.0
FIRST_S = 15.0  # the line says its level within its debounce; a board at its busiest moment takes seconds to listen
BLINK_S = 0.4
TONE_S = 1.5
OVERWRITTEN_BYTES_MAX = 1 << 20  # a file of secrets is small; what is larger is recordings
FORGOTTEN = ("config", "portero", "ssh")
LINE = "reset"


class Places(NamedTuple):
    """Where things lie. A test has its own."""

    data: Path = Path("/data")
    files: tuple[Path, ...] = (Path("/boot/firmware/portero.toml"), Path("/etc/portero/portero.toml"))
    device: Device = Device()


def reset(places: Places, build: Callable[[BoardSettings], Board], sound: Callable[[SoundCard], None]) -> int:
    """Look at the line, and do it when it is held; also go on with what a power cut has interrupted. The exit code."""
    settings = _settings(places)
    if not (places.data / LINE).exists():
        gpio = settings.system.reset_gpio
        if gpio is None:
            return 0
        try:
            if not _held(settings, gpio, build, lambda: _begin(places), sound):
                return 0
        except HardwareError as error:
            print(f"portero appliance reset: {error}", file=sys.stderr)
            return 1
    forget(places)
    print("the device has forgotten everything but its boot partition")
    return 0


def _settings(places: Places) -> Settings:
    """The file that an installer sees, else the device's own; without one that can be read there is no line to look at."""
    with tempfile.TemporaryDirectory(prefix="portero-") as private:
        for file in (_whole(places, Path(private)), *places.files):
            try:
                return load(file, outside_service=True)
            except PorteroError:
                continue
    return Settings()


def _whole(places: Places, folder: Path) -> Path:
    """A copy of the installer's file in `folder`, with the secrets that have moved off it; no file when either cannot be read."""
    whole = folder / "portero.toml"
    with contextlib.suppress(OSError, ValueError, PorteroError):
        given, kept = (file.read_text() for file in places.files)
        whole.write_text(move(given, kept).device)
    return whole


def _held(
    settings: Settings,
    gpio: int,
    build: Callable[[BoardSettings], Board],
    begin: Callable[[], None],
    sound: Callable[[SoundCard], None],
) -> bool:
    """Whether the line is held from now on for HOLD_S, and then let go; `begin` is called at that moment. The relays are not touched.

    Raises HardwareError.
    """
    from firmware.app.wiring.board import board_settings

    whole = board_settings(settings)
    wires = BoardSettings(contacts=(InputSettings(name=LINE, gpio=gpio, debounce_ms=50),), lamps=whole.lamps, sound=whole.sound)
    events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()
    board = build(wires)
    try:
        board.start(events.put)
        if not _active(events, FIRST_S, otherwise=False):
            return False
        for lamp in whole.lamps:
            board.lamp(lamp.name).set(on=True, blink_period_s=BLINK_S)
        if not _active(events, HOLD_S, otherwise=True):
            return False
        for lamp in whole.lamps:
            board.lamp(lamp.name).set(on=True)
        print("the button inside the case was held: let go of it", flush=True)
        sound(board.sound)
        if _active(events, RELEASE_S, otherwise=True):
            print("nobody lets go of the button inside the case: is its wire shorted? Nothing is forgotten", file=sys.stderr)
            return False
        begin()
        return True
    finally:
        board.close()


def _active(events: queue.SimpleQueue[HardwareEvent], limit_s: float, *, otherwise: bool) -> bool:
    """What the line's next change says, or `otherwise` when there is none in time."""
    while True:
        try:
            event = events.get(timeout=limit_s)
        except queue.Empty:
            return otherwise
        if isinstance(event, ContactEdge):
            return event.active


def _begin(places: Places) -> None:
    """From here on it is done, whatever happens to the power."""
    handle = os.open(places.data / LINE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.close(handle)
    os.sync()


def forget(places: Places) -> None:
    """Empty the folders, files of secrets overwritten first. The folders stay: they are mounted elsewhere as well."""
    for name in FORGOTTEN:
        for path in sorted((places.data / name).rglob("*"), reverse=True):
            if path.is_file() and not path.is_symlink():
                _overwrite(path)
        for path in (places.data / name).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    device = places.device
    try:
        device.remember(device.ledger.telling(News("reset", device.version, "by the button inside the case")))
    except PorteroError as error:
        print(f"portero appliance reset: {error}", file=sys.stderr)
    (places.data / LINE).unlink(missing_ok=True)
    os.sync()


def _overwrite(path: Path) -> None:
    """Nothing of a small file stays in its blocks. (A card keeps old copies of what was overwritten, as flash memory does.)"""
    size = path.stat().st_size
    if size <= OVERWRITTEN_BYTES_MAX:
        with path.open("r+b") as file:
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())


def beep(card: SoundCard) -> None:
    """A tone at the panel; a card that is not there yet says nothing."""
    from firmware.app.acoustics.panel import tone

    try:
        tone(card, TONE_S)
    except HardwareError as error:
        print(f"portero appliance reset: {error}", file=sys.stderr)
