"""Letting go of the relays after the daemon is gone, however it went: the service manager's last step.

The configuration may have changed or broken since the daemon started, so the lines to release are those that it wrote down in its
runtime directory; the configuration is asked only when there is no such note.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from firmware.config.load import load
from firmware.config.schema import Settings
from firmware.errors import PorteroError
from hw.api import HardwareError
from hw.settings import BoardSettings, RelaySettings

NOTE = "relays.json"
NOTE_BYTES_MAX = 65_536  # a line of text a relay


def note_relays(relays: tuple[RelaySettings, ...], directory: Path) -> None:
    """Write down which lines this daemon drives. Raises OSError."""
    rows = [{"name": each.name, "gpio": each.gpio, "active_high": each.active_high} for each in relays]
    (directory / NOTE).write_text(json.dumps(rows))


def noted_relays(directory: Path) -> tuple[RelaySettings, ...] | None:
    """What `note_relays` wrote, or None when there is no usable note."""
    try:
        with (directory / NOTE).open() as file:
            rows = json.loads(file.read(NOTE_BYTES_MAX))
        return tuple(RelaySettings(name=str(row["name"]), gpio=int(row["gpio"]), active_high=bool(row["active_high"])) for row in rows)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def release(config: Path, runtime_directory: str | None) -> int:
    """`portero release-relays`; the exit code."""
    from hw.build import release_relays

    try:
        relays = None if runtime_directory is None else noted_relays(Path(runtime_directory))
        release_relays(BoardSettings(relays=_configured(load(config, outside_service=True)) if relays is None else relays))
    except (PorteroError, HardwareError) as error:
        print(f"portero release-relays: {error}", file=sys.stderr)
        return 1
    return 0


def _configured(settings: Settings) -> tuple[RelaySettings, ...]:
    from firmware.app.wiring.board import relay_settings

    return relay_settings(settings)
