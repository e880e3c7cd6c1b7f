"""A data partition that had to be made anew: /usr/lib/portero-image/data leaves a note on it, and the door's journal is told."""

from __future__ import annotations

import sys
from pathlib import Path

from firmware.app.update.device import Device
from firmware.app.update.ledger import News
from firmware.errors import UpdateError

NOTE = Path("/data/lost")
NOTE_BYTES_MAX = 300


def tell_loss(device: Device, note: Path = NOTE) -> None:
    """Hand the note over, once; it stays where that cannot be done. Nothing else depends on it: a failure is said, not raised."""
    try:
        with note.open("rb") as file:
            why = file.read(NOTE_BYTES_MAX).decode("utf-8", "replace").strip()
        device.remember(device.ledger.telling(News("data lost", device.version, why)))
        note.unlink()
    except FileNotFoundError:
        return
    except (OSError, UpdateError) as error:
        print(f"portero appliance settle: {note}: {error}", file=sys.stderr)
