"""Small files of the kernel, in which it says how the machine is."""

from __future__ import annotations

from pathlib import Path

LENGTH_MAX = 64  # characters: a number or two


def read(path: Path) -> str:
    """What stands in it; empty when it cannot be read: a sensor that is away is no illness."""
    try:
        with path.open() as file:
            return file.read(LENGTH_MAX)
    except (OSError, UnicodeDecodeError):
        return ""
